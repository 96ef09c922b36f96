"""Intake: everything of an upload or nothing of it."""

import random
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection

from prescriptions.infra import storage
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.intake import accepting
from prescriptions.models import Document, IdempotencyKey, Page, Prescription
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, file, objects, picture
from tests.transforms.fixtures import header_only_jpeg, locked_pdf, vector_pdf
from transforms.keys import original_key, parse_original_key, parse_receipt_key
from transforms.limits import LIMITS

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def rows() -> list[int]:
    return [model.objects.count() for model in (Prescription, Document, Page, IdempotencyKey)]


@pytest.fixture
def nothing_left(servers: Stack, db: None) -> Iterator[None]:
    """After the test: neither a row nor an object, of any version, that was not there before."""
    before = objects(servers)
    yield
    assert rows() == [0, 0, 0, 0]
    assert objects(servers) == before


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"", 422, "source-empty", id="zero bytes"),
        pytest.param(b"This is a letter.", 415, "unsupported-media-type", id="text"),
        pytest.param(SVG, 415, "unsupported-media-type", id="svg"),
        pytest.param(b"GIF89a" + bytes(100), 415, "unsupported-media-type", id="gif"),
        pytest.param(b"MZ" + bytes(200), 415, "unsupported-media-type", id="program"),
        pytest.param(b"<p>" + vector_pdf(), 415, "unsupported-media-type", id="a page of the web and a pdf"),
        pytest.param(picture()[:-200], 422, "source-damaged", id="truncated jpeg"),
        pytest.param(picture(form="PNG")[:-40], 422, "source-damaged", id="truncated png"),
        pytest.param(b"\xff\xd8\xff" + bytes(500), 422, "source-damaged", id="a jpeg's first bytes"),
        pytest.param(b"%PDF-1.7\n" + random.Random(1).randbytes(500), 422, "source-damaged", id="noise in a pdf"),
        pytest.param(locked_pdf(user="secret"), 422, "source-locked", id="password"),
        pytest.param(header_only_jpeg(16_000, 16_000), 422, "too-many-pixels", id="bomb"),
        pytest.param(picture() + bytes(LIMITS.image_bytes), 413, "source-too-large", id="16 MiB image"),
        pytest.param(b"%PDF-1.7\n" + bytes(LIMITS.pdf_bytes), 413, "source-too-large", id="21 MiB pdf"),
        pytest.param(vector_pdf(51), 422, "too-many-pages", id="51 pages"),
    ],
)
def test_a_refused_file_leaves_nothing(data: bytes, status: int, code: str, upload: Upload, nothing_left: None) -> None:
    with pytest.raises(Problem) as refused:
        upload(file("scan.jpg", data), idempotency_key="once")

    problem = refused.value
    assert (problem.status, problem.code) == (status, code)
    assert problem.errors == [{"pointer": "/files/0", "file": "scan.jpg", "code": code, "detail": problem.detail}]


def test_an_unsupported_type_is_told_the_supported_ones(upload: Upload, nothing_left: None) -> None:
    with pytest.raises(Problem) as refused:
        upload(file("x.gif", b"GIF89a"))

    assert "JPEG, PNG, WebP, HEIF/AVIF, PDF" in refused.value.body()["detail"]


def test_one_bad_file_refuses_all_and_every_bad_one_is_named(upload: Upload, nothing_left: None) -> None:
    with pytest.raises(Problem) as refused:
        upload(file("good.jpg"), file("empty.jpg", b""), file("good2.jpg"), file("text.jpg", b"text"))

    assert refused.value.status == 422
    assert [(error["pointer"], error["file"], error["code"]) for error in refused.value.errors or []] == [
        ("/files/1", "empty.jpg", "source-empty"),
        ("/files/3", "text.jpg", "unsupported-media-type"),
    ]


def test_pages_are_limited_over_all_files(upload: Upload, nothing_left: None) -> None:
    with pytest.raises(Problem) as refused:
        upload(file("a.pdf", vector_pdf(30)), file("b.pdf", vector_pdf(21)))

    assert (refused.value.status, refused.value.code) == (422, "too-many-pages")
    assert "51 pages" in refused.value.detail


@pytest.mark.parametrize(
    ("files", "fields", "place"),
    [
        (0, {}, "/files"),
        (11, {}, "/files"),
        (1, {"order_ref": "../etc"}, "/order_ref"),
        (1, {"order_ref": "x" * 65}, "/order_ref"),
        (1, {"order_ref": "A\x00"}, "/order_ref"),
        (1, {"patient_ref": "John Doe"}, "/patient_ref"),
        (1, {"patient_ref": "A\n"}, "/patient_ref"),
        (1, {"idempotency_key": "x" * 101}, "Idempotency-Key"),
        (1, {"idempotency_key": "a b"}, "Idempotency-Key"),
        (1, {"idempotency_key": "é"}, "Idempotency-Key"),
    ],
)
def test_a_refused_request_leaves_nothing(files: int, fields: dict[str, str], place: str, nothing_left: None) -> None:
    with pytest.raises(Problem) as refused:
        accepting.accept([file() for _ in range(files)], client="shop", **fields)

    assert (refused.value.status, refused.value.code) == (400, "invalid")
    assert [error.get("pointer", error.get("header")) for error in refused.value.errors or []] == [place]


def test_the_declared_type_and_the_name_count_for_nothing(upload: Upload) -> None:
    prescription = upload(file("invoice.exe", picture(form="PNG"), "text/html"))

    document = prescription.documents.get()
    assert (document.media_type, document.name) == ("image/png", "invoice.exe")


def test_a_pdf_behind_the_headers_of_its_message_is_kept_as_it_came(upload: Upload) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n" + b"\n" * 900 + vector_pdf(2)

    document = upload(file("scan.pdf", data)).documents.get()

    assert (document.media_type, document.pages.count()) == ("application/pdf", 2)
    key = original_key(document.prescription_id, document.id)
    assert storage.get_original(key, sha256=document.sha256) == data


def test_the_keys_hold_ids_only(upload: Upload, servers: Stack) -> None:
    prescription = upload(file("ZZCANARY.jpg"), order_ref="ORDER-1", patient_ref="P-1")

    document = prescription.documents.get()
    keys = [key for key, _ in objects(servers, prefix=prescription.id)]
    assert sorted(filter(parse_original_key, keys)) == [f"{prescription.id}/{document.id}"]
    assert [key for key in keys if not parse_original_key(key)] == list(filter(parse_receipt_key, keys))
    assert (prescription.order_ref, prescription.patient_ref, prescription.client) == ("ORDER-1", "P-1", "shop")


def test_a_database_that_fails_leaves_no_object(upload: Upload, nothing_left: None) -> None:
    # given a database that goes away once the originals are in S3
    def refuse(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "prescriptions_prescription"'):
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        upload()


def test_storage_that_does_not_answer_leaves_no_row(no_s3: None, db: None) -> None:
    with pytest.raises(StorageUnavailable):
        accepting.accept([file()], client="shop", idempotency_key="k")

    assert rows() == [0, 0, 0, 0]


def test_sixteen_pages_in_order(upload: Upload) -> None:
    prescription = upload(file("a.pdf", vector_pdf(3)), file("b.jpg", picture(50, 60)), file("c.pdf", vector_pdf(2)))

    assert list(prescription.pages.values_list("number", "document__position", "index")) == [
        (1, 1, 1),
        (2, 1, 2),
        (3, 1, 3),
        (4, 2, 1),
        (5, 3, 1),
        (6, 3, 2),
    ]
    fourth = prescription.pages.get(number=4)
    assert (fourth.width, fourth.height) == (50, 60)


def test_a_name_never_decides_where_bytes_go(upload: Upload) -> None:
    uploaded = SimpleUploadedFile("x", picture())
    uploaded._name = "../../../../etc/passwd"  # past Django's own cleaning

    assert upload(uploaded).documents.get().name == "passwd"
