"""An order's customer: a signed link, files, and a browser without JavaScript."""

import io
import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from prescriptions.intake import drafts, order_links, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Prescription, Review
from rxproject.local.stack.stack import Stack
from tests.prescriptions.staff import seed
from transforms.keys import parse_receipt_key

PAGE = "/orders/A-1/prescription"


def picture(shade: str = "navy", form: str = "PNG") -> bytes:
    """A small page; another shade is another file."""
    image = Image.new("RGB", (300, 400), "white")
    image.paste(shade, (40, 40, 200, 120))
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def file(name: str = "page.png", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if data is None else data)


@pytest.fixture
def link(servers: Stack, db: None) -> OrderLink:
    # Other tests, with real transactions, empty every table afterwards: the seeded ones too.
    seed()
    return order_links.mint(order_ref="A-1", client="shop", expires_in=600, patient_ref="P-1")


@pytest.fixture
def customer(link: OrderLink) -> Client:
    """Has opened the link of order A-1."""
    client = Client(raise_request_exception=False)
    assert client.get(order_links.page_path(link)).status_code == 303
    return client


@pytest.fixture
def originals(servers: Stack) -> Callable[[str], list[str]]:
    """Every version of every original under a prefix, asked of S3 itself; receipts left out."""

    def listing(prefix: str) -> list[str]:
        answer = servers.s3_client("bootstrap").list_object_versions(Bucket="rx-originals", Prefix=prefix)
        found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
        return sorted(item["Key"] for item in found if not parse_receipt_key(item["Key"]))

    return listing


def sent(link: OrderLink, **review: object) -> Prescription:
    """A prescription that was sent, its review as a test needs it."""
    prescription = submission.submit(link, [drafts.add(link, file()).pk])
    assert prescription is not None
    Review.objects.filter(pk=prescription.pk).update(**review)
    return prescription


def text(content: bytes) -> str:
    """What a reader sees, roughly."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content.decode()))
