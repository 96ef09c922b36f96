"""Files made to overwhelm whoever opens them: each is small, and asks for a great deal of memory or time."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Final

import pikepdf
from PIL import Image

from tests.transforms.fixtures import chunk, vector_pdf
from transforms.limits import LIMITS


def pixel_flood() -> bytes:
    """400 megapixels of one bit each, in some ten kilobytes."""
    side = 20_000
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compressobj(9)
    body = b"".join([*(rows.compress(bytes(1 + side // 8)) for _ in range(side)), rows.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def row_flood() -> bytes:
    """A small picture by its header, and 100 MB of rows behind it."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def strip(width: int, height: int) -> bytes:
    """As long as a picture can be, and one pixel high."""
    out = io.BytesIO()
    Image.new("L", (width, height), 200).save(out, "PNG")
    return out.getvalue()


def page_flood() -> bytes:
    """More pages than may be, all of them the same object."""
    with pikepdf.new() as document:
        page = document.add_blank_page()
        for _ in range(LIMITS.pdf_pages):
            document.pages.append(page)
        return _saved(document)


def nested_forms() -> bytes:
    """Drawings inside drawings, ten of each: 10^9 rectangles in two kilobytes."""
    return _with_content(b"/F0 Do", forms=9)


def huge_box() -> bytes:
    """A page of five kilometres."""
    return _with_content(b"0 0 9 9 re f", box=14_400_000)


def deflate_bomb() -> bytes:
    """Half a gigabyte of drawing, compressed twice."""
    once, block = zlib.compressobj(9), b" " * 1_000_000
    packed = b"".join([*(once.compress(block) for _ in range(512)), once.flush()])
    with pikepdf.open(io.BytesIO(vector_pdf())) as document:
        stream = document.make_stream(b"")
        stream.write(
            zlib.compress(packed, 9), filter=pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.FlateDecode])
        )
        document.pages[0].obj.Contents = stream
        return _saved(document)


def endless_form() -> bytes:
    """A drawing that draws itself."""
    return _with_content(b"/F0 Do", forms=1, last=b"/F0 Do")


def _with_content(content: bytes, *, box: int = 600, forms: int = 0, last: bytes = b"0 0 9 9 re f") -> bytes:
    with pikepdf.new() as document:
        page = document.add_blank_page()
        page.mediabox = [0, 0, box, box]
        names = pikepdf.Dictionary()
        for level in range(forms):
            inner = b"/F%d Do " % (level + 1) * 10 if level + 1 < forms else last
            form = document.make_stream(inner, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
            form.BBox = [0, 0, box, box]
            names[f"/F{level}"] = form
        for form in list(names.values()):  # type: ignore[call-overload]  # a PDF dictionary
            form.Resources = pikepdf.Dictionary(XObject=names)
        page.obj.Resources = pikepdf.Dictionary(XObject=names)
        page.obj.Contents = document.make_stream(content)
        return _saved(document)


def _saved(document: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


# How each ends: refused at the door with this code, or taken in and then either drawn or refused with one of these.
REFUSED: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "pixel flood": (pixel_flood, "too-many-pixels"),
    "page flood": (page_flood, "too-many-pages"),
    "30,000 x 1": (lambda: strip(30_000, 1), "too-many-pixels"),
    "1 x 30,000": (lambda: strip(1, 30_000), "too-many-pixels"),
}
SURVIVED: Final[dict[str, Callable[[], bytes]]] = {
    "row flood": row_flood,
    "nested forms": nested_forms,
    "endless form": endless_form,
    "huge page": huge_box,
    "deflate bomb": deflate_bomb,
    "16,000 x 1": lambda: strip(16_000, 1),
}
