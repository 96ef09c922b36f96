"""Files that ask for far more memory or time than their size lets expect, written byte by byte.

Each is made in a moment: what repeats when it is unpacked repeats in the file as well.
"""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Final

from PIL import Image

from tests.transforms import fixtures
from tests.transforms.fixtures import chunk
from transforms.limits import LIMITS, MIB

GIB: Final = 1024 * MIB


def zeros(size: int) -> bytes:
    """A zlib stream of so many zero bytes, a multiple of a MiB, without compressing them one by one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    adler = (size % 65_521) << 16 | 1
    return b"\x78\xda" + block * (size // MIB) + end + struct.pack(">I", adler)


# Pictures.


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, body: bytes = b"") -> bytes:
    """A PNG of this header with `chunks` before its pixels, which are `body` as it stands."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", body), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def one_bit_png(width: int, height: int) -> bytes:
    """A whole and valid one, black, of a few bytes."""
    rows = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    body = b"".join([*(rows.compress(row) for _ in range(height)), rows.flush()])
    return png(width, height, depth=1, colour=0, body=body)


def idat_bomb() -> bytes:
    return png(64, 64, body=zeros(GIB))


def ztxt_bomb() -> bytes:
    return png(64, 64, chunk(b"zTXt", b"Comment\0\0" + zeros(GIB)), body=zlib.compress(bytes(64 * 193)))


def itxt_bomb() -> bytes:
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(GIB)
    return png(64, 64, chunk(b"iTXt", text), body=zlib.compress(bytes(64 * 193)))


def iccp_bomb() -> bytes:
    return png(64, 64, chunk(b"iCCP", b"profile\0\0" + zeros(GIB)), body=zlib.compress(bytes(64 * 193)))


def chunk_storm() -> bytes:
    """As many chunks as an upload can hold."""
    storm = chunk(b"tEXt", b"a\0b") * (LIMITS.image_bytes // 16)
    return png(64, 64, storm, body=zlib.compress(bytes(64 * 193)))


def webp_header(width: int, height: int) -> bytes:
    """An animation by its header, which is all there is of it."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    picture = fixtures.webp(fixtures.page(), lossless=True)[12:]
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + canvas + picture
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animation(form: str, frames: int, side: int) -> bytes:
    """Frames of one colour each, hardly any bytes."""
    pictures = [Image.new("RGB", (side, side), (index % 256, 0, 0)) for index in range(frames)]
    options = {"WEBP": {"lossless": True, "method": 0}, "AVIF": {"speed": 10, "max_threads": 1}}[form]
    return fixtures.save(pictures[0], form, save_all=True, append_images=pictures[1:], duration=40, **options)


def webp_animation() -> bytes:
    """Ten thousand frames, all but the first copies of the second."""
    data = animation("WEBP", 2, 2048)
    at = data.rindex(b"ANMF")
    frame = data[at : at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")]
    body = data[8:] + frame * 10_000
    return b"RIFF" + struct.pack("<I", len(body)) + body


def scans(count: int) -> bytes:
    """A progressive JPEG of 16 megapixels whose last scan comes again and again."""
    data = fixtures.jpeg(Image.new("L", (4000, 4000), 90), progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:-2] + data[at:-2] * count + data[-2:]


def comments() -> bytes:
    """A small JPEG after 200 comments of the largest size."""
    data = fixtures.jpeg()
    comment = b"\xff\xfe\xff\xff" + b"<" * 65_533
    return data[:2] + comment * 200 + data[2:]


def side_lie(data: bytes, side: int) -> bytes:
    """An AVIF or HEIC whose picture is said to be a square of `side`."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", side, side) + data[at + 8 :]


def heif_grid(rows: int, columns: int, *, tile: int, size: tuple[int, int]) -> bytes:
    """A picture of `size` put together from item number `tile`: 2 is one of 96 x 64, 1 is the grid itself."""
    source = fixtures.heic()
    config = source.index(b"hvcC") - 4
    config_box = source[config : config + int.from_bytes(source[config : config + 4], "big")]
    coded = source[source.index(b"mdat") + 4 :]
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)  # flags 1: 32-bit sizes

    def box(kind: bytes, *body: bytes) -> bytes:
        content = b"".join(body)
        return struct.pack(">I", 8 + len(content)) + kind + content

    def full(kind: bytes, version: int, *body: bytes) -> bytes:
        return box(kind, bytes([version, 0, 0, 0]), *body)

    def item(number: int, kind: bytes) -> bytes:
        return full(b"infe", 2, struct.pack(">HH", number, 0), kind, b"\0")

    def extents(start: int) -> bytes:
        places = ((1, start, len(grid)), (2, start + len(grid), len(coded)))
        entries = b"".join(struct.pack(">HHHII", number, 0, 1, at, length) for number, at, length in places)
        return full(b"iloc", 0, b"\x44\x00", struct.pack(">H", 2), entries)

    def sides(width: int, height: int) -> bytes:
        return full(b"ispe", 0, struct.pack(">II", width, height))

    count = rows * columns
    references = struct.pack(">HH", 1, count) + struct.pack(">H", tile) * count
    properties = box(
        b"iprp",
        box(b"ipco", config_box, sides(96, 64), sides(*size)),
        full(b"ipma", 0, struct.pack(">I", 2), b"\0\x01\x01\x03", b"\0\x02\x02\x81\x02"),
    )
    head = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(start: int) -> bytes:
        return full(
            b"meta", 0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            extents(start),
            full(b"iinf", 0, struct.pack(">H", 2), item(1, b"grid"), item(2, b"hvc1")),
            properties,
            full(b"iref", 0, box(b"dimg", references)),
        )  # fmt: skip

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", grid, coded)


# Documents.


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.7\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    out.write(b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table))
    out.write(b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, start))
    return out.getvalue()


def stream(body: bytes, keys: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(body), keys, body)


def one_page(content: bytes, *more: bytes, box: bytes = b"0 0 600 600", page: bytes = b"", root: bytes = b"") -> bytes:
    """One page that draws `content`, a stream and object 4; `more` are objects from 5."""
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R%s>>" % root,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R%s>>" % (box, page),
        content,
        *more,
    )


SQUARE: Final = stream(b"0 0 300 300 re f")


def page_tree(levels: int, count: int) -> bytes:
    """10^levels pages, all the same one, by nodes that name the next one ten times."""
    nodes = [
        b"<</Type/Pages/Kids[%s]/Count %d%s>>"
        % (b"%d 0 R " % (level + 3) * 10, count // 10**level, b"/Parent %d 0 R" % (level + 1) if level else b"")
        for level in range(levels)
    ]
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        *nodes,
        b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 99 99]>>" % (levels + 1),
    )


def many_pages() -> bytes:
    """100,000 pages of their own."""
    count = 100_000
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>"
    return pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids), *[page] * count)


def cyclic_pages() -> bytes:
    return pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 9>>",
        b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R 3 0 R]/Count 9>>",
    )


def forms(depth: int, fan: int) -> bytes:
    """Drawings inside drawings: each draws the next one `fan` times."""

    def form(level: int) -> bytes:
        inner = b"/X Do " * fan if level < depth else b"0 0 9 9 re f"
        below = b"/Resources<</XObject<</X %d 0 R>>>>" % (level + 5) if level < depth else b""
        return stream(inner, b"/Type/XObject/Subtype/Form/BBox[0 0 600 600]" + below)

    return one_page(
        stream(b"/X Do"),
        *(form(level) for level in range(1, depth + 1)),
        page=b"/Resources<</XObject<</X 5 0 R>>>>",
    )


def endless_form() -> bytes:
    """A drawing that draws itself."""
    itself = b"/Type/XObject/Subtype/Form/BBox[0 0 600 600]/Resources<</XObject<</X 5 0 R>>>>"
    return one_page(stream(b"/X Do"), stream(b"/X Do", itself), page=b"/Resources<</XObject<</X 5 0 R>>>>")


def flate_content() -> bytes:
    """A GiB of white space to draw, compressed twice."""
    return one_page(stream(zlib.compress(zeros(GIB), 9), b"/Filter[/FlateDecode/FlateDecode]"))


def flate_image(side: int) -> bytes:
    """A picture of one bit a pixel that unpacks to some hundred megabytes."""
    body = zeros(-(-side // 8) * side // MIB * MIB + MIB)
    keys = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 1/ColorSpace/DeviceGray" % (side, side)
    return one_page(
        stream(b"600 0 0 600 0 0 cm /X Do"),
        stream(body, keys + b"/Filter/FlateDecode"),
        page=b"/Resources<</XObject<</X 5 0 R>>>>",
    )


def active() -> bytes:
    """Every way of a PDF to do something by itself, and a file inside."""
    script = b"<</S/JavaScript/JS(app.launchURL\\('http://127.0.0.1/'\\); while\\(true\\);)>>"
    launch = b"<</S/Launch/F(/bin/sh)/Win<</F(cmd.exe)>>>>"
    file = b"<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>"
    return one_page(
        SQUARE,
        stream(b"MZ" + b"<script>alert(1)</script>" * 99, b"/Type/EmbeddedFile"),
        page=b"/AA<</O %s/C %s>>/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A %s>>]" % (script, launch, launch),
        root=b"/OpenAction %s/Names<</JavaScript<</Names[(a)%s]>>/EmbeddedFiles<</Names[(a)%s]>>>>"
        % (script, script, file),
    )


BIG: Final = 60_000
# Ended by a limit, whatever the machine.
ENDLESS: Final = frozenset({"forms for 10^9 squares"})
# Refused at the door, with this code.
REFUSED: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "PNG header of 3.6 gigapixels": (lambda: fixtures.header_only_png(BIG, BIG), "too-many-pixels"),
    "JPEG header of 3.6 gigapixels": (lambda: fixtures.header_only_jpeg(BIG, BIG), "too-many-pixels"),
    "a row of pixels too many": (lambda: one_bit_png(8125, 8001), "too-many-pixels"),
    "30,000 x 1": (lambda: one_bit_png(30_000, 1), "too-many-pixels"),
    "1 x 30,000": (lambda: one_bit_png(1, 30_000), "too-many-pixels"),
    "HEIC that says a gigapixel": (lambda: side_lie(fixtures.heic(), 32_768), "too-many-pixels"),
    "AVIF that says a gigapixel": (lambda: side_lie(fixtures.avif(), 32_768), "source-damaged"),
    "100,000 pages": (many_pages, "too-many-pages"),
    "a page tree without end": (cyclic_pages, "source-damaged"),
}
# Refused for what they are, or shown.
SURVIVED: Final[dict[str, Callable[[], bytes]]] = {
    "the most pixels there may be": lambda: one_bit_png(8125, 8000),
    "16,000 x 1": lambda: one_bit_png(16_000, 1),
    "WebP header of 3.6 gigapixels": lambda: webp_header(BIG, BIG),
    "AVIF of 96 x 64 that says 8,000": lambda: side_lie(fixtures.avif(), 8_000),
    "HEIC of 96 x 64 that says 8,000": lambda: side_lie(fixtures.heic(), 8_000),
    "HEIC grid of itself": lambda: heif_grid(1, 1, tile=1, size=(96, 64)),
    "HEIC grid of 961 tiles": lambda: heif_grid(31, 31, tile=2, size=(31 * 96, 31 * 64)),
    "HEIC grid of ten thousand tiles": lambda: heif_grid(125, 84, tile=2, size=(84 * 96, 125 * 64)),
    "HEIC grid beyond all limits": lambda: heif_grid(255, 255, tile=2, size=(2**31, 2**31)),
    "WebP of ten thousand frames": webp_animation,
    "AVIF of a hundred frames": lambda: animation("AVIF", 100, 512),
    "IDAT of a GiB": idat_bomb,
    "zTXt of a GiB": ztxt_bomb,
    "iTXt of a GiB": itxt_bomb,
    "iCCP of a GiB": iccp_bomb,
    "a million chunks": chunk_storm,
    "ten thousand scans": lambda: scans(10_000),
    "13 MB of comments": comments,
    "10^5 pages in six nodes": lambda: page_tree(5, 100_000),
    "10^5 pages that say they are one": lambda: page_tree(5, 1),
    "forms a thousand deep": lambda: forms(1000, 1),
    "forms for 10^9 squares": lambda: forms(9, 10),
    "a form that draws itself": endless_form,
    "page of 10^9 points": lambda: one_page(SQUARE, box=b"0 0 1000000000 1000000000"),
    "page of 10^9 by 1": lambda: one_page(SQUARE, box=b"0 0 1000000000 1"),
    "page of negative size": lambda: one_page(SQUARE, box=b"0 0 -600 -600"),
    "page of no size": lambda: one_page(SQUARE, box=b"0 0 0 0"),
    "page of no numbers": lambda: one_page(SQUARE, box=b"0 0 nan inf"),
    "page of numbers that overflow": lambda: one_page(SQUARE, box=b"0 0 1e400 99999999999999999999999999"),
    "page in units of 75,000": lambda: one_page(SQUARE, page=b"/UserUnit 75000"),
    "content of a GiB": flate_content,
    "image of 900 megapixels in a page": lambda: flate_image(30_000),
    "scripts, programs and files": active,
}
