"""Uploading and reading prescriptions over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.http import content_disposition_header

from prescriptions.intake.notices import WORDS
from prescriptions.models import AuditEvent, Prescription
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, assert_problem, file, objects, picture
from tests.transforms.fixtures import vector_pdf
from tests.transforms.unembedded import by_glyphs, document
from transforms.keys import original_key
from transforms.measure.notices import Notice

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
LIST = "/api/v1/prescriptions"
Bearer = Callable[..., dict[str, str]]


def post(http: Client, headers: dict[str, str], *files: Any, **fields: str) -> Any:
    return http.post(LIST, {"files": list(files), **fields}, headers=headers)


def test_an_upload_answers_with_all_that_a_client_needs(http: Client, bearer: Bearer) -> None:
    response = post(http, bearer(), file("a.jpg"), file("b.pdf", vector_pdf(2)), order_ref="O-1", patient_ref="P-1")

    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    body = response.json()
    assert response["Location"] == f"http://testserver{LIST}/{body['id']}"
    assert (body["status"], body["order_ref"], body["patient_ref"]) == ("queued", "O-1", "P-1")
    assert [page["id"] for page in body["pages"]] == [f"{body['id']}_{n}" for n in (1, 2, 3)]
    assert [document["name"] for document in body["documents"]] == ["a.jpg", "b.pdf"]
    first = body["pages"][0]
    assert (first["number"], first["width"], first["height"], first["rotation"]) == (1, 300, 400, 0)
    assert set(first["variants"]) == {"thumb", "card", "preview", "review", "print"}
    token = first["info"].split("/")[5]
    service = f"http://testserver/iiif/3/{token}/{body['id']}_1"
    assert first["info"] == f"{service}/info.json"
    assert first["variants"]["thumb"] == f"{service}/full/150,200/0/default.webp"
    assert first["variants"]["preview"] == f"{service}/full/300,400/0/default.webp"
    assert body["manifest"] == f"http://testserver/iiif/presentation/3/{token}/{body['id']}/manifest"


def test_a_page_tells_what_it_does_not_show(http: Client, bearer: Bearer) -> None:
    hindi = document(*by_glyphs("ArialMT", "नमस्ते"))

    response = post(http, bearer(), file("a.jpg"), file("b.pdf", hindi))

    assert response.status_code == 201
    first, second = (page["notices"] for page in response.json()["pages"])
    assert first == []
    assert second == [{"code": "missing-glyphs", "text": str(WORDS[Notice.MISSING_GLYPHS].customer)}]
    again = http.get(f"{LIST}/{response.json()['id']}", headers=bearer()).json()
    assert again["pages"][1]["notices"] == second


def test_a_repeated_upload_gives_the_same_answer(http: Client, bearer: Bearer) -> None:
    headers = {**bearer(), "Idempotency-Key": "once"}

    first, again = post(http, headers, file()), post(http, headers, file())

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert_problem(post(http, headers, file(data=picture(9, 9))), 422, "idempotency-key-reused")
    assert Prescription.objects.count() == 1


def test_whoever_wants_no_body_is_told_where_it_is_and_handed_no_link(http: Client, bearer: Bearer) -> None:
    answer = post(http, {**bearer(), "Prefer": "return=minimal"}, file())

    assert (answer.status_code, answer.content, answer["Preference-Applied"]) == (201, b"", "return=minimal")
    assert answer["Location"].rpartition("/")[2] == Prescription.objects.get().pk
    assert not AuditEvent.objects.filter(verb="link.minted").exists()


def test_a_refused_file_is_a_problem_that_names_it(http: Client, bearer: Bearer, servers: Stack) -> None:
    before = objects(servers)

    response = post(http, bearer(), file(), file("letter.jpg", b"Dear doctor"))

    body = assert_problem(response, 415, "unsupported-media-type")
    assert body["errors"] == [
        {"pointer": "/files/1", "file": "letter.jpg", "code": "unsupported-media-type", "detail": body["detail"]}
    ]
    assert "JPEG, PNG, WebP, HEIF/AVIF, PDF" in body["detail"]
    assert (Prescription.objects.count(), objects(servers)) == (0, before)


@pytest.mark.parametrize("name", ["order_ref", "patient_ref"])
def test_a_reference_sent_twice_is_refused_and_not_chosen_from(
    name: str, http: Client, bearer: Bearer, servers: Stack
) -> None:
    before = objects(servers)

    body = assert_problem(post(http, bearer(), file(), **{name: ["A-1", "A-2"]}), 400, "invalid")

    assert [(error["pointer"], error["detail"]) for error in body["errors"]] == [(f"/{name}", "Send it once.")]
    assert (Prescription.objects.count(), objects(servers)) == (0, before)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"x", "text/plain", 415),
        (b"abc", "multipart/form-data", 400),
        (b"abc", "multipart/form-data; boundary=", 400),
        (b"abc", "multipart/form-data; boundary=B", 400),
        (b"--B\r\n\r\n\r\n--B--\r\n", "multipart/form-data; boundary=B", 400),
        (
            b'--B\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--B--',
            "multipart/form-data; boundary=B",
            400,
        ),
        (b"\x00" * 500, "multipart/form-data; boundary=B", 400),
    ],
)
def test_a_body_that_is_no_upload(
    body: bytes, content_type: str, status: int, http: Client, bearer: Bearer, servers: Stack
) -> None:
    before = objects(servers)

    assert_problem(http.post(LIST, body, content_type=content_type, headers=bearer()), status)

    assert (Prescription.objects.count(), objects(servers)) == (0, before)


@pytest.mark.parametrize(
    "fields",
    [
        {"order_ref": "../x"},
        {"order_ref": "x" * 65},
        {"patient_ref": "a b"},
        {"patient_ref": "\x00"},
        {"order_ref": "x" * 300_000},
        {f"field{n}": "x" for n in range(260)},
    ],
    ids=["path", "long", "space", "nul", "huge", "many"],
)
def test_fields_out_of_bounds(fields: dict[str, str], http: Client, bearer: Bearer) -> None:
    response = post(http, bearer(), file(), **fields)

    assert_problem(response, 413 if len(str(fields)) > 300_000 or len(fields) > 50 else 400)
    assert Prescription.objects.count() == 0


def test_too_many_parts(http: Client, bearer: Bearer) -> None:
    assert_problem(post(http, bearer(), *(file() for _ in range(11))), 400, "invalid")
    assert_problem(post(http, bearer(), *(file() for _ in range(21))), 413, "too-much")


def test_a_file_is_not_a_field(http: Client, bearer: Bearer) -> None:
    response = http.post(LIST, {"files": file(), "order_ref": file("ORDER-9", b"x")}, headers=bearer())

    assert response.status_code == 201
    assert response.json()["order_ref"] == ""


def test_a_detail_has_an_etag(http: Client, bearer: Bearer, upload: Upload) -> None:
    headers, path = bearer(), f"{LIST}/{upload().id}"

    first = http.get(path, headers=headers)
    etag = first["ETag"]

    assert first["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= {name.strip() for name in first["Vary"].split(",")}
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        unchanged = http.get(path, headers={**headers, "If-None-Match": known})
        assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
    for unknown in ('"x"', "nonsense", "", etag.strip('"')):
        assert http.get(path, headers={**headers, "If-None-Match": unknown}).status_code == 200


def test_an_erased_prescription_is_gone_through_every_route(http: Client, bearer: Bearer, upload: Upload) -> None:
    prescription = upload()
    headers = bearer()
    etag = http.get(f"{LIST}/{prescription.id}", headers=headers)["ETag"]
    Prescription.objects.update(erased_at=timezone.now())

    for tail in ("", "/original", "/pages/1/variants/thumb"):
        response = http.get(f"{LIST}/{prescription.id}{tail}", headers={**headers, "If-None-Match": etag})
        assert_problem(response, 410, "erased")
    assert http.get(LIST, headers=headers).json()["results"] == []


def test_an_original_comes_back_byte_for_byte_as_an_attachment(http: Client, bearer: Bearer, upload: Upload) -> None:
    data, name = picture(), 'Rezept "März"\u202e.jpg'
    prescription = upload(file(name, data), file("b.pdf", vector_pdf()))
    path = f"{LIST}/{prescription.id}/original"

    response = http.get(path, headers={**bearer(), "Accept": "image/jpeg"})

    assert b"".join(response.streaming_content) == data
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == content_disposition_header(
        as_attachment=True, filename='Rezept "März".jpg'
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
    assert response["Cache-Control"] == "private, no-store"
    second = http.get(path, {"document": "2"}, headers=bearer())
    assert second["Content-Type"] == "application/pdf"
    second.close()


def test_a_document_that_is_not_there(http: Client, bearer: Bearer, upload: Upload) -> None:
    path, headers = f"{LIST}/{upload().id}/original", bearer()

    assert_problem(http.get(path, {"document": "2"}, headers=headers), 404, "not-found")
    for number in ("0", "-1", "1.0", "01", "9" * 5000, "١", "x", "", "\x00", "1 OR 1=1"):
        body = assert_problem(http.get(path, {"document": number}, headers=headers), 400, "invalid")
        assert body["errors"][0]["parameter"] == "document", number


def test_storage_that_is_down(http: Client, bearer: Bearer, upload: Upload, request: pytest.FixtureRequest) -> None:
    prescription = upload()
    request.getfixturevalue("no_s3")

    for response in (
        http.get(f"{LIST}/{prescription.id}/original", headers=bearer()),
        post(http, bearer(), file()),
    ):
        assert_problem(response, 503, "storage-unavailable")
        assert response["Retry-After"] == "5"
    assert Prescription.objects.count() == 1


def test_an_original_that_is_lost_is_trouble_and_no_500(
    http: Client, bearer: Bearer, upload: Upload, servers: Stack
) -> None:
    prescription = upload()
    key = original_key(prescription.id, prescription.documents.get().id)
    servers.s3_client("bootstrap").delete_object(Bucket="rx-originals", Key=key)

    assert_problem(http.get(f"{LIST}/{prescription.id}/original", headers=bearer()), 503, "storage-unavailable")


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("tail", ["original", "document.pdf"])
def test_a_download_goes_on_where_it_broke_off(tail: str, http: Client, bearer: Bearer, upload: Upload) -> None:
    path, caller = f"{LIST}/{upload().id}/{tail}", bearer()

    def ask(method: str = "get", **more: str) -> Any:
        return getattr(http, method)(path, headers={**caller, **{k.replace("_", "-"): v for k, v in more.items()}})

    whole = ask()
    data, etag = body_of(whole), whole["ETag"]
    size = len(data)
    assert (whole.status_code, whole["Accept-Ranges"], whole["Content-Length"]) == (200, "bytes", str(size))
    assert etag[0] == etag[-1] == '"'
    head = ask("head", Range="bytes=0-1")
    assert (head.status_code, body_of(head), head["Content-Length"], head["ETag"]) == (200, b"", str(size), etag)

    for asked, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=10-", 10, size - 1),
        ("bytes=10-999999999", 10, size - 1),
        ("bytes=-7", size - 7, size - 1),
        ("bytes=-99999999", 0, size - 1),
    ):
        part = ask(Range=asked)
        assert (part.status_code, body_of(part)) == (206, data[first : last + 1]), asked
        assert part["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert part["Content-Length"] == str(last - first + 1)
    assert body_of(ask(Range="bytes=1-2", If_Range=etag)) == data[1:3]
    # what asks for several, for a part of another file, or makes no sense, gets all of it
    for more in (
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=5-2"},
        {"Range": "bytes=-"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=a-b"},
        {"Range": "bytes=0-1", "If_Range": '"another"'},
        {"Range": "bytes=0-1", "If_Range": f"W/{etag}"},
        {"Range": "bytes=0-1", "If_Range": "Thu, 01 Jan 1998 00:00:00 GMT"},
    ):
        answer = ask(**more)
        assert (answer.status_code, body_of(answer)) == (200, data), more
    for beyond in (f"bytes={size}-", "bytes=-0"):
        refused = ask(Range=beyond)
        assert_problem(refused, 416, "no-such-range")
        assert refused["Content-Range"] == f"bytes */{size}"
    # who has it gets nothing; who wants another one is told so
    same = ask(If_None_Match=f'"x", W/{etag}', Range="bytes=0-1")
    assert (same.status_code, body_of(same), same["ETag"]) == (304, b"", etag)
    assert_problem(ask(If_Match='"0123"'), 412, "precondition-failed")
    assert body_of(ask(If_Match=etag)) == data


def test_an_upload_sent_twice_with_its_key_is_told_so(http: Client, bearer: Bearer) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = (post(http, {**bearer(), **key}, file()) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
