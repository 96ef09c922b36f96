"""A file is taken whatever it is called, and however its name was encoded: through the real views, byte by byte."""

import io
from collections.abc import Iterator
from itertools import count

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from prescriptions.api import tokens
from prescriptions.intake.multipart import Readable
from prescriptions.models import Document, DraftFile
from tests.prescriptions.customer import picture

BOUNDARY = "rx-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
LARGE = picture() + b"\0" * 2**20  # goes to a file on disk on its way
# As sent, and as kept.
NAMES = {
    b"page.png": "page.png",
    b".": "file",
    b"..": "file",
    b"/": "file",
    b"scans/": "file",
    b"\xe2\x80\xae": "file",  # nothing but a direction
    "Rezept März.png".encode(): "Rezept März.png",
    "Rezept März.png".encode("latin-1"): "Rezept März.png",
    "10 €.png".encode("cp1252"): "10 €.png",
    b"\x81\x8d.png": "\N{REPLACEMENT CHARACTER}" * 2 + ".png",
    b"n" * 300 + b".png": "n" * 146 + ".png",
    b"n" * 300: "n" * 150,
    b"a." + b"x" * 300: "." + "x" * 149,
    "é".encode() * 200 + b".jpeg": "é" * 145 + ".jpeg",
    b"a." + "😀".encode() * 120: "a." + "😀" * 120,
}


def body(name: bytes, field: bytes, data: bytes) -> bytes:
    head = b'Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: image/png' % (field, name)
    return b"--%(b)s\r\n%(head)s\r\n\r\n%(data)s\r\n--%(b)s--\r\n" % {
        b"b": BOUNDARY.encode(), b"head": head, b"data": data
    }  # fmt: skip


@pytest.mark.usefixtures("servers", "db")
@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=count())
def test_the_api_takes_a_file_of_any_name(name: bytes, shown: str) -> None:
    _, token = tokens.make(name="test", client="shop", scopes=["rx:read", "rx:write"])
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})

    answer = client.post("/api/v1/prescriptions", body(name, b"files", picture()), content_type=TYPE)

    assert answer.status_code == 201, answer.content
    document = Document.objects.get()
    assert (document.name, document.size) == (shown, len(picture()))


@pytest.mark.parametrize("name", [b".", b"..", "Rezept März.png".encode("latin-1"), b"a." + b"x" * 300], ids=ascii)
@pytest.mark.parametrize(
    ("path", "field", "status"),
    # the form still wants its consent
    [("", b"files", 400), ("/files", b"file", 201)],
    ids=["form", "script"],
)
def test_the_customers_page_takes_a_file_of_any_name(
    customer: Client, path: str, field: bytes, status: int, name: bytes
) -> None:
    answer = customer.post(f"/orders/A-1/prescription{path}", body(name, field, LARGE), content_type=TYPE)

    assert answer.status_code == status, answer.content
    assert DraftFile.objects.get().name == NAMES[name]


@pytest.mark.usefixtures("servers", "db")
def test_a_field_left_empty_is_no_file() -> None:
    _, token = tokens.make(name="test", client="shop", scopes=["rx:read", "rx:write"])
    client = Client(headers={"Authorization": f"Bearer {token}"})

    answer = client.post("/api/v1/prescriptions", body(b"", b"files", b""), content_type=TYPE)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Send at least one file."


class Slow:
    """Gives a body in pieces of the sizes it is told."""

    def __init__(self, data: bytes, sizes: Iterator[int]) -> None:
        self._data, self._sizes = io.BytesIO(data), sizes

    def read(self, _size: int) -> bytes:
        return self._data.read(next(self._sizes, 1 << 20))


@given(
    parts=st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)), max_size=4),
    tail=st.binary(max_size=40),
    sizes=st.lists(st.integers(1, 60)),
)
def test_only_headers_that_are_not_utf_8_are_changed(
    parts: list[tuple[bytes, bytes]], tail: bytes, sizes: list[int]
) -> None:
    clean = [(head.replace(b"\r", b"").replace(b"-", b""), data.replace(b"-", b"")) for head, data in parts]
    end = b"--x--" + tail.replace(b"-", b"").replace(b"\r", b"")

    def body(*, readable: bool) -> bytes:
        heads = [in_utf8(head) if readable else head for head, _ in clean]
        return (
            b"".join(b"--x\r\n" + head + b"\r\n\r\n" + data for head, (_, data) in zip(heads, clean, strict=True)) + end
        )

    readable = Readable(Slow(body(readable=False), iter(sizes)), b"x")

    assert b"".join(iter(readable.read, b"")) == body(readable=True)


def in_utf8(head: bytes) -> bytes:
    try:
        return head.decode().encode()
    except UnicodeDecodeError:
        return head.decode("cp1252", "replace").encode()
