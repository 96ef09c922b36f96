"""Making one claimed variant: the real sandbox, the real S3, and what the row says afterwards."""

import contextlib
import io
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from PIL import Image

from prescriptions.infra import storage
from prescriptions.models import Page, Prescription, Variant
from prescriptions.variants import claims, making
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import claim, objects
from transforms.errors import RendererBusy, RendererUnavailable, RenderTimeout, SourceDamaged
from transforms.function import handler
from transforms.function.event import to_body
from transforms.keys import original_key
from transforms.version import PIPELINE

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db(transaction=True)]


def stored_of(servers: Stack, page: Page) -> list[str]:
    return [key for key, _ in objects(servers, "rx-variants", page.prescription_id)]


def test_a_claim_becomes_an_object_and_a_ready_row(page: Page, servers: Stack) -> None:
    variant = claim(page)

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    described, chunks = storage.open_variant(variant.key)
    data = b"".join(chunks)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("WEBP", (150, 200))
    assert (variant.state, variant.size, variant.width, variant.height) == ("ready", len(data), 150, 200)
    assert (variant.etag, variant.attempts) == (described.etag, 1)
    assert {"queue", "fetch", "render", "put"} <= set(variant.timings)
    assert dict(described.metadata) == {
        "stored": "full/150,200/0/default.webp",
        "pipeline": PIPELINE,
        "source": page.document.sha256,
        "canonical": "full/150,200/0/default.webp",
    }


def test_the_whole_page_has_max_as_its_canonical_size(page: Page) -> None:
    variant = claim(page, "full/300,400/0/default.pdf")

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    described = storage.head_variant(variant.key)
    assert described.media_type == "application/pdf"
    assert described.metadata["canonical"] == "full/max/0/default.pdf"


@pytest.mark.parametrize("form", ["webp", "pdf"])
def test_lambda_stores_the_same_object(form: str, page: Page, servers: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # given what a worker stored, and the environment of a function
    variant = claim(page, f"full/300,400/0/default.{form}")
    making.make(variant.id, variant.owner)
    by_worker = object_of(servers, variant)
    env = servers.env_for("worker")
    for name, value in {
        "AWS_ACCESS_KEY_ID": env["RX_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": env["RX_S3_SECRET_KEY"],
        "AWS_REGION": env["RX_S3_REGION"],
        "RX_S3_ENDPOINT": env["RX_S3_ENDPOINT"],
    }.items():
        monkeypatch.setenv(name, value)
    storage.delete_variant(variant.key)

    # when the function is asked for it
    with contextlib.closing(handler.s3_client()):
        answer = handler.handler({"body": to_body(making.task_of(variant)).decode()}, Context())
    handler.s3_client.cache_clear()

    # then it is the same to the byte
    assert answer["statusCode"] == 200
    assert object_of(servers, variant) == by_worker


class Context:
    aws_request_id = "aws-request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def object_of(servers: Stack, variant: Variant) -> dict[str, Any]:
    """Everything that S3 tells of it and keeps."""
    told = servers.s3_client("bootstrap").get_object(Bucket="rx-variants", Key=variant.key, ChecksumMode="ENABLED")
    names = ("ETag", "ContentLength", "ContentType", "ContentDisposition", "CacheControl", "ChecksumSHA256", "Metadata")
    return {"data": told["Body"].read(), **{name: told.get(name) for name in names}}


def test_a_stale_owner_makes_nothing(page: Page, servers: Stack) -> None:
    variant = claim(page)

    making.make(variant.id, "somebody else")
    making.make("f" * 32, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.attempts) == ("queued", 0)
    assert stored_of(servers, page) == []


def test_a_task_given_twice_makes_it_once(page: Page, servers: Stack) -> None:
    variant = claim(page)

    making.make(variant.id, variant.owner)
    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.attempts) == ("ready", 1)
    assert len(stored_of(servers, page)) == 1


def test_an_object_of_the_same_source_that_is_there_already_is_as_good(page: Page, servers: Stack) -> None:
    # given a worker that died between its put and the row
    first = claim(page)
    making.make(first.id, first.owner)
    first.refresh_from_db()
    Variant.objects.update(state="queued", owner="next", attempts=1, etag="")

    making.make(first.id, "next")

    again = Variant.objects.get()
    assert (again.state, again.attempts, again.etag) == ("ready", 2, first.etag)
    assert len(stored_of(servers, page)) == 1


def test_nothing_is_made_behind_a_tombstone(page: Page, servers: Stack) -> None:
    variant = claim(page)
    Prescription.objects.update(erased_at=timezone.now())

    making.make(variant.id, variant.owner)

    assert stored_of(servers, page) == []
    assert Variant.objects.get().state == "queued"


@pytest.mark.parametrize("moment", ["fetched", "rendered", "put"])
def test_an_erasure_in_mid_render_wins(
    moment: str, page: Page, servers: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a tombstone that is set right after one of the steps
    def then_erase(step):
        def both(*args, **kwargs):
            result = step(*args, **kwargs)
            Prescription.objects.update(erased_at=timezone.now())
            return result

        return both

    match moment:
        case "fetched":
            monkeypatch.setattr(storage, "get_original", then_erase(storage.get_original))
        case "rendered":
            sandbox = making.sandbox.default()
            monkeypatch.setattr(sandbox, "render", then_erase(sandbox.render))
        case "put":
            monkeypatch.setattr(storage, "put_variant", then_erase(storage.put_variant))
    variant = claim(page)

    making.make(variant.id, variant.owner)

    assert stored_of(servers, page) == []
    assert Variant.objects.get().state in ("rendering", "retry")
    assert claims.due(10) == []


def test_nothing_comes_back_when_links_are_cut_in_mid_render(
    page: Page, servers: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given links that are cut right after the put: an old one would open what is there now
    put = storage.put_variant

    def then_cut(*args: Any, **kwargs: Any) -> str:
        etag = put(*args, **kwargs)
        Prescription.objects.update(links_cut_at=timezone.now())
        return etag

    monkeypatch.setattr(storage, "put_variant", then_cut)
    variant = claim(page)

    making.make(variant.id, variant.owner)

    assert stored_of(servers, page) == []
    assert not Variant.objects.exists()


def test_a_damaged_original_fails_for_good(page: Page, servers: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an original that the sandbox cannot decode
    real = storage.get_original
    monkeypatch.setattr(storage, "get_original", lambda *a, **k: real(*a, **k)[:300])
    variant = claim(page)

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.error_code) == ("failed", SourceDamaged.code)
    assert stored_of(servers, page) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RenderTimeout(), "render-timeout"),
        (RendererUnavailable(), claims.TROUBLE),
        (RendererBusy(), claims.TROUBLE),
    ],
)
def test_trouble_is_postponed(error: Exception, code: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(making.sandbox.default(), "render", refuse)
    variant = claim(page)

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.error_code, variant.attempts) == ("retry", code, 1)


def test_an_original_that_is_gone_is_trouble_and_no_verdict(page: Page, servers: Stack) -> None:
    key = original_key(page.prescription_id, page.document_id)
    servers.s3_client("bootstrap").delete_object(Bucket="rx-originals", Key=key)
    variant = claim(page)

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.error_code) == ("retry", claims.TROUBLE)


def test_storage_that_does_not_answer_is_trouble(page: Page, no_s3: None) -> None:
    variant = claim(page)

    making.make(variant.id, variant.owner)

    variant.refresh_from_db()
    assert (variant.state, variant.error_code, variant.attempts) == ("retry", claims.TROUBLE, 1)


def test_no_transaction_is_held_while_rendering(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = []
    sandbox = making.sandbox.default()
    real = sandbox.render

    def watch(*args, **kwargs):
        inside.append(connection.in_atomic_block)
        return real(*args, **kwargs)

    monkeypatch.setattr(sandbox, "render", watch)
    variant = claim(page)

    making.make(variant.id, variant.owner)

    assert inside == [False]
