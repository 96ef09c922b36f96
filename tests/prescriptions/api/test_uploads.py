"""Files in pieces (tus 1.0) by token: what is kept, what is refused, and what becomes of it."""

import base64
import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from PIL import Image

from prescriptions.api import uploads as uploads_of_the_api
from prescriptions.intake import loose
from prescriptions.intake.tus import pieces, uploads
from prescriptions.models import Document, Incoming, Prescription
from prescriptions.upkeep import erasure
from rxproject.local.stack.stack import Stack
from tests.databases import on_each_database
from tests.prescriptions.conftest import assert_problem, picture
from transforms.limits import LIMITS

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db(transaction=True)]
UPLOADS, LIST = "/api/v1/uploads", "/api/v1/prescriptions"
PIECE = "application/offset+octet-stream"
Bearer = Callable[..., dict[str, str]]


def noise(side: int) -> bytes:
    """A PNG that cannot be packed: three bytes a pixel."""
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(out, "PNG", compress_level=0)
    return out.getvalue()


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}".strip() for key, value in values.items())


class Shop:
    """A client that speaks tus, with a token."""

    def __init__(self, http: Client, headers: dict[str, str]) -> None:
        self.http, self.headers = http, {**headers, "Tus-Resumable": "1.0.0"}

    def begin(self, length: int, **values: str) -> Any:
        headers = {"Upload-Length": str(length), "Upload-Metadata": metadata(**values)}
        return self.http.post(UPLOADS, headers={**self.headers, **headers})

    def patch(self, path: str, offset: int, data: bytes, **more: str) -> Any:
        headers = {**self.headers, "Upload-Offset": str(offset), **more}
        return self.http.patch(path, data, content_type=PIECE, headers=headers)

    def head(self, path: str) -> Any:
        return self.http.head(path, headers=self.headers)

    def send(self, data: bytes, **values: str) -> Any:
        """In two pieces; the last answer, with the path."""
        path = self.begin(len(data), **values)["Location"].removeprefix("http://testserver")
        half = len(data) // 2
        assert self.patch(path, 0, data[:half])["Upload-Offset"] == str(half)
        answer = self.patch(path, half, data[half:])
        answer.path = path
        return answer


@pytest.fixture
def shop(http: Client, bearer: Bearer) -> Shop:
    return Shop(http, bearer())


@pytest.fixture
def kept(servers: Stack) -> Callable[[str], list[str]]:
    """All that S3 has of a file in pieces: versions of objects, and multipart uploads under way."""

    def listing(path: str) -> list[str]:
        where = {"Bucket": "rx-originals", "Prefix": f"incoming/{path.rpartition('/')[2]}/"}
        s3 = servers.s3_client("bootstrap")
        objects, under_way = s3.list_object_versions(**where), s3.list_multipart_uploads(**where)
        return [item["Key"] for item in (*objects.get("Versions", []), *under_way.get("Uploads", []))]

    return listing


def test_what_it_can_do_is_told(http: Client, bearer: Bearer) -> None:
    response = http.options(UPLOADS, headers=bearer())

    assert response.status_code == 204
    told = {name: response[name] for name in response.headers if name.startswith("Tus-")}
    assert told == {
        "Tus-Resumable": "1.0.0",
        "Tus-Version": "1.0.0",
        "Tus-Extension": "creation,termination,checksum,expiration",
        "Tus-Max-Size": str(LIMITS.pdf_bytes),
        "Tus-Checksum-Algorithm": "sha1,sha256",
    }


def test_a_large_file_in_small_pieces_becomes_a_prescription_by_itself(shop: Shop, kept: Any) -> None:
    # given a file that is two parts for S3, and pieces that are none
    data, step = noise(1500), 700_000
    path = shop.begin(len(data), filename="Rezept Müller.png", prescription="", order_ref="O-1")["Location"]
    offset = 0
    while offset + step < len(data):
        answer = shop.patch(path, offset, data[offset : offset + step])
        offset += step
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(offset))
        assert "Location" not in answer
    assert len(kept(path)) <= 8

    # when the last one comes
    answer = shop.patch(path, offset, data[offset:])

    # then there is a prescription of exactly these bytes, told now and whenever it is asked for
    assert (answer.status_code, answer["Upload-Offset"]) == (204, str(len(data)))
    rx = Prescription.objects.get()
    assert answer["Location"] == f"http://testserver{LIST}/{rx.pk}" == shop.head(path)["Location"]
    assert (rx.order_ref, rx.client, rx.review.status) == ("O-1", "shop", "queued")
    document = Document.objects.get()
    assert (document.name, document.size) == ("Rezept Müller.png", len(data))
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    # and nothing is left of the pieces, nor of what it was called
    assert kept(path) == []
    assert Incoming.objects.values_list("name", "wants").get() == (None, None)


def test_several_files_are_named_in_one_prescription_which_is_made_once(shop: Shop, kept: Any) -> None:
    sent = [shop.send(picture(300, 400 + n), filename=f"{n}.jpg") for n in range(2)]
    ids = [answer.path.rpartition("/")[2] for answer in sent]
    body = {"uploads": ids[::-1], "order_ref": "O-2"}
    headers = {**shop.headers, "Idempotency-Key": "k1"}

    first, again = (shop.http.post(LIST, body, content_type="application/json", headers=headers) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201), first.content
    assert [document["name"] for document in first.json()["documents"]] == ["1.jpg", "0.jpg"]
    assert (again["Location"], again["Idempotency-Replayed"]) == (first["Location"], "true")
    assert shop.head(sent[0].path)["Location"] == first["Location"]
    assert [kept(answer.path) for answer in sent] == [[], []]
    # and no file is used twice
    twice = shop.http.post(LIST, {"uploads": ids[:1]}, content_type="application/json", headers=shop.headers)
    assert assert_problem(twice, 422, "upload-used")["errors"][0]["pointer"] == "/uploads/0"
    assert Prescription.objects.count() == 1


def test_a_file_that_intake_refuses_is_named_and_the_others_stay(shop: Shop) -> None:
    good, bad = shop.send(picture()).path[-32:], shop.send(b"no picture at all").path[-32:]
    half = shop.begin(9)["Location"][-32:]

    def post(*ids: str) -> Any:
        return shop.http.post(LIST, {"uploads": ids}, content_type="application/json", headers=shop.headers)

    errors = assert_problem(post(good, bad), 415, "unsupported-media-type")["errors"]
    assert [error["pointer"] for error in errors] == ["/uploads/1"]
    assert_problem(post(good, half), 422, "upload-incomplete")
    assert_problem(post(good, "0" * 32), 422, "not-found")
    assert_problem(post(good, good), 400, "invalid")
    assert Prescription.objects.count() == 0
    assert post(good).status_code == 201


def test_one_that_should_become_a_prescription_and_cannot_is_over(shop: Shop, kept: Any) -> None:
    answer = shop.send(b"%PDF-1.4 no", prescription="")

    assert_problem(answer, 422, "source-damaged")
    assert shop.head(answer.path).status_code == 410
    assert kept(answer.path) == []
    assert Prescription.objects.count() == 0


def test_the_offset_is_what_is_kept(shop: Shop, kept: Any) -> None:
    data = picture()
    path = shop.begin(len(data))["Location"]

    body = assert_problem(shop.patch(path, 5, data[5:]), 409, "offset-mismatch")
    assert body["detail"] == "0 bytes are kept: go on there."
    wrong = {"Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
    assert_problem(shop.patch(path, 0, data, **wrong), 460, "checksum-mismatch")
    assert_problem(shop.patch(path, 0, data + b"more"), 413, "source-too-large")
    assert (shop.head(path)["Upload-Offset"], kept(path)) == ("0", [])

    right = base64.b64encode(hashlib.sha256(data[:9]).digest()).decode()
    assert shop.patch(path, 0, data[:9], **{"Upload-Checksum": f"sha256 {right}"}).status_code == 204
    head = shop.head(path)
    assert (head.status_code, head["Upload-Offset"], head["Upload-Length"]) == (200, "9", str(len(data)))
    assert head["Upload-Expires"].endswith("GMT")
    told = shop.http.get(path, headers=shop.headers).json()
    assert (told["offset"], told["length"], told["prescription"]) == (9, len(data), None)


@on_each_database
def test_of_two_pieces_at_once_one_is_kept(shop: Shop) -> None:
    data = picture(900, 900)
    path = shop.begin(len(data))["Location"]

    def patch(_n: int) -> int:
        try:
            return int(shop.patch(path, 0, data[:1000]).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(patch, range(4)))

    assert statuses[0] == 204
    assert set(statuses[1:]) <= {409, 423}
    assert shop.head(path)["Upload-Offset"] == "1000"
    assert shop.patch(path, 1000, data[1000:]).status_code == 204
    used = {"uploads": [path[-32:]]}
    assert shop.http.post(LIST, used, content_type="application/json", headers=shop.headers).status_code == 201
    assert Document.objects.get().sha256 == hashlib.sha256(data).hexdigest()


def test_who_is_late_loses_nothing_of_who_was_faster(shop: Shop, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The faster one has put the pieces together, and removed what it was made of, while the other was about to."""
    data = picture(900, 900)
    path = shop.begin(len(data))["Location"]
    assert shop.patch(path, 0, data[:10]).status_code == 204
    monkeypatch.setattr(pieces, "LOOSE", 1)
    keep, faster = pieces.keep, list[int]()

    def overtaken(row: Incoming, number: int, content: bytes) -> dict[str, object]:
        if not faster:
            faster.append(0)
            faster[0] = shop.patch(path, 10, data[10:20]).status_code
        return keep(row, number, content)

    monkeypatch.setattr(pieces, "keep", overtaken)

    late = shop.patch(path, 10, data[10:30])

    assert (faster, late.status_code, late["Upload-Offset"]) == ([204], 409, "20")
    assert len(kept(path)) == 1, "of who was late nothing stays"
    assert shop.patch(path, 20, data[20:]).status_code == 204
    assert shop.head(path)["Upload-Offset"] == str(len(data))


def test_a_piece_that_fits_nowhere_is_not_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shop.begin(1000)["Location"]
    monkeypatch.setattr(HttpRequest, "read", lambda *_: pytest.fail("it was read"))

    assert [shop.patch(path, offset, b"x" * 2000).status_code for offset in (0, 7)] == [413, 409]


def test_whoever_died_before_the_prescription_was_made_leaves_it_to_whoever_asks_next(shop: Shop) -> None:
    data = picture()
    path = shop.begin(len(data), prescription="")["Location"]
    row = Incoming.objects.get()
    uploads.append(row, 0, data)
    assert Prescription.objects.count() == 0

    answer = shop.head(path)

    assert answer["Location"] == f"http://testserver{LIST}/{Prescription.objects.get().pk}"


def test_whoever_asks_while_the_prescription_is_being_made_is_told_of_it(shop: Shop) -> None:
    """They have seen the file whole; when they come to read it, its pieces have gone where they belong."""
    data = picture()
    shop.begin(len(data), prescription="")
    seen = uploads.append(Incoming.objects.get(), 0, data)

    rxs = {uploads_of_the_api.finished(seen).rx for _both in range(2)}

    assert rxs == {Prescription.objects.get().pk}


def test_whoever_names_a_file_that_was_used_meanwhile_is_told_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture()
    path = shop.begin(len(data))["Location"]
    shop.patch(path, 0, data)
    used = {"uploads": [path[-32:]]}
    read, faster = pieces.read, list[int]()

    def overtaken(row: Incoming) -> bytes:
        if not faster:
            faster.append(0)
            faster[0] = shop.http.post(LIST, used, content_type="application/json", headers=shop.headers).status_code
        return read(row)

    monkeypatch.setattr(pieces, "read", overtaken)

    late = shop.http.post(LIST, used, content_type="application/json", headers=shop.headers)

    assert faster == [201]
    assert_problem(late, 409, "upload-used")
    assert Prescription.objects.count() == 1


def test_one_whose_bytes_are_lost_is_over(shop: Shop) -> None:
    data = picture()
    path = shop.begin(len(data), prescription="")["Location"]
    uploads.append(Incoming.objects.get(), 0, data)
    pieces.delete(path[-32:])

    assert [shop.head(path).status_code for _twice in range(2)] == [410, 410]
    assert (Prescription.objects.count(), Incoming.objects.get().closed) == (0, True)


@pytest.mark.parametrize(
    ("status", "code", "headers"),
    [
        (412, "tus-version", {"Tus-Resumable": "0.2.2"}),
        (400, "invalid", {"Upload-Length": ""}),
        (400, "invalid", {"Upload-Length": "0"}),
        (400, "invalid", {"Upload-Length": "-1"}),
        (400, "invalid", {"Upload-Length": "٣"}),
        (413, "source-too-large", {"Upload-Length": str(LIMITS.pdf_bytes + 1)}),
        (400, "invalid", {"Upload-Defer-Length": "1"}),
        (400, "invalid", {"Upload-Metadata": "filename !"}),
        (400, "invalid", {"Upload-Metadata": "a,a"}),
        (400, "invalid", {"Upload-Metadata": metadata(order_ref="O-1")}),
        (400, "invalid", {"Upload-Metadata": metadata(prescription="", order_ref="a b")}),
    ],
)
def test_what_cannot_be_begun(shop: Shop, status: int, code: str, headers: dict[str, str]) -> None:
    response = shop.http.post(UPLOADS, headers={**shop.headers, "Upload-Length": "9", **headers})

    assert_problem(response, status, code)
    assert response["Tus-Resumable"] == "1.0.0"
    assert Incoming.objects.count() == 0


def test_it_is_nobody_elses(shop: Shop, http: Client, bearer: Bearer) -> None:
    path = shop.begin(9)["Location"]
    rival, reader = Shop(http, bearer(client="rival")), Shop(http, bearer("rx:read"))

    assert [rival.head(path).status_code, reader.head(path).status_code] == [404, 403]
    assert_problem(rival.patch(path, 0, b"x"), 404)
    assert_problem(http.delete(path, headers=rival.headers), 404)
    assert shop.head(path)["Upload-Offset"] == "0"


def test_one_that_was_ended_is_over_at_once(shop: Shop, kept: Any) -> None:
    path = shop.begin(20)["Location"]
    shop.patch(path, 0, b"123")
    assert len(kept(path)) == 1

    assert shop.http.delete(path, headers=shop.headers).status_code == 204

    assert kept(path) == []
    assert shop.head(path).status_code == 410
    assert_problem(shop.patch(path, 3, b"4"), 410, "upload-gone")


def test_what_is_over_is_swept_with_its_rows_and_parts(shop: Shop, kept: Any) -> None:
    # given one with a part in a multipart upload, and one that goes on
    data = os.urandom(6 * 2**20)
    old, new = shop.begin(len(data) + 1)["Location"], shop.begin(9)["Location"]
    shop.patch(old, 0, data)
    shop.patch(new, 0, b"123")
    assert len(kept(old)) == 1
    over = timezone.now() - loose.LEFT_AFTER
    Incoming.objects.filter(pk=old[-32:]).update(expires_at=over)
    assert shop.head(old).status_code == 410

    assert uploads.sweep() == 1

    assert (kept(old), len(kept(new))) == ([], 1)
    assert Incoming.objects.get().pk == new[-32:]


@pytest.mark.parametrize(("count", "closed"), [(100, False), (1000, True)])
def test_no_more_than_so_many_are_under_way_or_given_up(shop: Shop, count: int, closed: bool) -> None:
    kept_until = timezone.now() + uploads.KEPT
    Incoming.objects.bulk_create(
        Incoming(owner="client:shop", client="shop", length=1, closed=closed, expires_at=kept_until)
        for _ in range(count)
    )

    assert_problem(shop.begin(9), 429, "too-many-uploads")
    Incoming.objects.first().delete()  # type: ignore[union-attr]
    assert shop.begin(9).status_code == 201


def test_an_erasure_takes_what_is_known_of_its_files(shop: Shop) -> None:
    answer = shop.send(picture(), prescription="")
    rx = Prescription.objects.get()
    Prescription.objects.update(retain_until=None)

    erasure.bury(rx.pk, condition=erasure.Q(), actor=erasure.SYSTEM, data={})
    erasure.purge(rx.pk)

    assert Incoming.objects.count() == 0
    assert shop.head(answer.path).status_code == 404


@on_each_database
def test_an_erasure_of_an_order_takes_what_is_on_its_way_for_it(shop: Shop, bearer: Bearer, kept: Any) -> None:
    shop.send(picture(), prescription="", order_ref="O-7")
    ours, other = (shop.begin(9, prescription="", order_ref=ref)["Location"] for ref in ("O-7", "O-8"))
    shop.patch(ours, 0, b"123")

    erased = {"data": {"order_ref": "O-7"}, "content_type": "application/json"}
    answer = shop.http.post("/api/v1/erasures", headers=bearer("rx:erase"), **erased)

    assert answer.status_code == 200, answer.content
    assert [shop.head(path).status_code for path in (ours, other)] == [410, 200]
    assert kept(ours) == []


def test_what_a_file_is_called_is_sealed(shop: Shop) -> None:
    shop.begin(9, filename="KANARIENVOGEL.jpg", relativePath="KANARIENVOGEL")

    row = Incoming.objects.values().get()
    assert "KANARIENVOGEL" not in str({**row, "name": bytes(row["name"]).decode("latin-1")})
    assert uploads.name_of(Incoming.objects.get()) == "KANARIENVOGEL.jpg"


def test_the_same_key_begins_one_file(shop: Shop) -> None:
    headers = {**shop.headers, "Idempotency-Key": "k", "Upload-Length": "9"}

    first, again = (shop.http.post(UPLOADS, headers=headers) for _ in range(2))
    other = shop.http.post(UPLOADS, headers={**headers, "Upload-Length": "8"})

    assert (first.status_code, again["Location"]) == (201, first["Location"])
    assert first["Location"].endswith(first.json()["id"])
    assert_problem(other, 422, "idempotency-key-reused")
    del headers["Tus-Resumable"]
    assert_problem(shop.http.post(UPLOADS, headers=headers), 412, "tus-version")
    assert Incoming.objects.count() == 1
