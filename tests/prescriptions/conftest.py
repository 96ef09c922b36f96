"""Rows, callers and files for the tests of the app.

S3 and Redis are the running stack's; the database is this process's.
"""

import io
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import register_initializer
from botocore.config import Config
from botocore.session import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.infra import per_process, plain_s3
from prescriptions.intake import accepting
from prescriptions.models import Document, Page, Prescription, Variant
from prescriptions.variants import claims
from prescriptions.variants.fairness.askers import Asker
from rxproject.local.stack.stack import Stack
from tests.prescriptions.customer import customer, link, originals  # noqa: F401
from tests.prescriptions.recorder import ranks, recorder, releases  # noqa: F401
from tests.prescriptions.staff import clock, make, seeded, seeds, staff  # noqa: F401
from transforms.function.s3 import S3Client
from transforms.request.spec import Stored

# Nothing listens on the port for TCP multiplexers; connections to it are refused at once.
CLOSED = "127.0.0.1:1"
# Who asks where it makes no difference who does; no two processes of a run share a quota.
SOMEBODY = Asker.client(f"tests-{os.getpid()}")
Upload = Callable[..., Prescription]


def fresh_address() -> str:
    """A network that nobody has asked from (RFC 3849 has them for documentation); one of IPv6 is a /64."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


def picture(width: int = 300, height: int = 400, form: str = "JPEG", **options: Any) -> bytes:
    """A small page with something on it."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("navy", (width // 8, height // 8, width // 2, height // 3))
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def file(name: str = "page.jpg", data: bytes | None = None, media_type: str = "image/jpeg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if data is None else data, media_type)


@pytest.fixture
def upload(servers: Stack, db: None) -> Upload:
    """Takes files in as the API does: rows here, originals in the stack's S3."""

    def take(*files: SimpleUploadedFile, client: str = "shop", **fields: str) -> Prescription:
        return accepting.accept(files or (file(),), client=client, **fields)

    return take


@pytest.fixture
def page(upload: Upload) -> Page:
    """The only page of an upload, 300 x 400."""
    return Page.objects.select_related("prescription", "document").get(prescription=upload())


@pytest.fixture
def row() -> Page:
    """A page that is only rows: no object is behind it."""
    prescription = Prescription.objects.create(client="shop")
    document = Document.objects.create(
        prescription=prescription, position=1, media_type="image/jpeg", size=1, sha256="0" * 64, name="page.jpg"
    )
    return Page.objects.create(prescription=prescription, document=document, number=1, index=1, width=300, height=400)


def claim(page: Page, stored: str = "full/150,200/0/default.webp", **fields: Any) -> Variant:
    """A claimed variant, its row changed as a test needs it."""
    variant, won = claims.insert(page, Stored.parse(stored), advertised=False)
    assert won
    Variant.objects.filter(pk=variant.pk).update(**fields)
    variant.refresh_from_db()
    variant.page = page
    return variant


@pytest.fixture
def bearer() -> Callable[..., dict[str, str]]:
    """Headers of a token's holder."""

    def headers(*scopes: str, client: str = "shop") -> dict[str, str]:
        _, text = tokens.make(
            name="test", client=client, scopes=list(scopes or ("rx:read", "rx:write", "orders:write"))
        )
        return {"Authorization": f"Bearer {text}"}

    return headers


@pytest.fixture
def http() -> Client:
    """A client that sees what a 500 would be, and checks CSRF as browsers' requests are checked."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def assert_problem(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """RFC 9457, kept by nobody, and saying what our answers always say."""
    assert response.status_code == status, response.content
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert "{" not in body["title"]
    if code is not None:
        assert body["type"] == f"/docs/problems#{code}"
    return body


@pytest.fixture
def no_redis(servers: Stack, settings: Settings) -> Iterator[None]:
    """Redis has gone away: its address refuses connections."""
    settings.RX_REDIS_URL = f"redis://{CLOSED}/0"
    with per_process.anew():
        yield


@pytest.fixture
def no_s3(servers: Stack, settings: Settings) -> Iterator[None]:
    """S3 has gone away: its address refuses connections. Asked once each time, to save the SDK's waiting."""
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(once)
    settings.RX_S3_ENDPOINT = f"http://{CLOSED}"
    with per_process.anew():
        yield


@pytest.fixture
def wrong_secret(servers: Stack, settings: Settings) -> Iterator[None]:
    """S3 refuses this process: 403."""
    settings.RX_S3_SECRET_KEY = "not-the-secret"
    with per_process.anew():
        yield


# Keys that this process has put into S3. Others use the same buckets at the same time.
_put: set[str] = set()


def _watch(session: Session) -> None:
    def remember(params: dict[str, Any], **_: object) -> None:
        _put.add(params["Key"])

    for operation in ("PutObject", "CreateMultipartUpload"):
        session.register(f"provide-client-params.s3.{operation}", remember)


register_initializer(_watch)


class _Watched(S3Client):
    """The client that goes without the SDK, watched alike."""

    def put(self, bucket: str, key: str, *arguments: Any, **named: Any) -> str:
        _put.add(key)
        return super().put(bucket, key, *arguments, **named)


plain_s3.S3Client = _Watched  # type: ignore[misc]


def objects(servers: Stack, bucket: str = "rx-originals", prefix: str = "") -> list[tuple[str, str]]:
    """Key and version of everything below a prefix, delete markers too; without one, of what this process has put."""
    pages = servers.s3_client("bootstrap").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    return [
        (item["Key"], item["VersionId"])
        for page in pages
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if prefix or item["Key"] in _put
    ]


def pytest_sessionfinish() -> None:
    """The listener for wake-ups outlives the servers; what it says about that has nowhere to go any more."""
    logging.getLogger("rx.wakeups").disabled = True
