"""No slot of any source reaches any output: a mark of its own in each, and only what a picture needs comes out.

Outputs are looked through byte by byte, inside compressed streams as well.
"""

import io
import struct
import zlib
from contextlib import suppress
from typing import Final

import pikepdf
import pytest
from PIL import Image, PngImagePlugin

from tests.transforms import fixtures
from tests.transforms.pdf.test_assemble import assembled
from tests.transforms.rendering import variant
from transforms.formats import OutputFormat
from transforms.geometry import Box

# Pillow says so of the mark in its place; the service ignores what decoders say of metadata.
pytestmark = pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file")

# What metadata cannot do without, whatever it says.
SIGNS: Final = (
    b"Exif", b"GPS", b"http://ns.adobe.com", b"xpacket", b"8BIM", b"ICC_PROFILE", b"MakerNote", b"<script",
    b"JavaScript", b"EmbeddedFile", b"PK\x05\x06",
)  # fmt: skip


def mark(slot: str) -> str:
    return f"MARK-{slot}<script>alert('{slot}')</script>"


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010E], made[0x013B], made[0x8298] = mark("description"), mark("artist"), mark("copyright")
    made.get_ifd(0x8769)[0x927C] = mark("maker").encode()
    made.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + mark("comment").encode()
    made.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 15.0), 3: "E", 4: (11.0, 34.0, 30.0), 29: mark("gps")})
    return made


def xmp(slot: str = "xmp") -> bytes:
    return (
        f"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/' "
        f"xmlns:xap='http://ns.adobe.com/xap/1.0/'>{mark(slot)}</x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + mark("profile").encode()


def jpeg(*, with_profile: bool = True) -> bytes:
    icc = {"icc_profile": profile()} if with_profile else {}
    data = fixtures.jpeg(exif=exif(), xmp=xmp(), comment=mark("com").encode(), **icc)
    resource = mark("iptc").encode()
    iptc = b"\x1c\x02\x78" + struct.pack(">H", len(resource)) + resource
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    for marker, body in [
        (0xED, photoshop),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + mark("extended").encode()),
        (0xE2, b"MPF\0" + mark("mpf").encode()),
        *((0xE0 + number, mark(f"app{number}").encode()) for number in range(3, 16) if number not in (13, 14)),
        (0xEE, b"Ducky" + mark("app14").encode()),
    ]:
        data = fixtures.with_segment(data, marker, body)
    return data + b"PK\x05\x06" + mark("tail").encode()


def png() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", mark("text"))
    text.add_text("Author", mark("ztxt"), zip=True)
    text.add_itxt("Title", mark("itxt"), lang=mark("lang")[:79], tkey=mark("tkey"))
    text.add_itxt("XML:com.adobe.xmp", xmp().decode(), zip=True)
    text.add(b"zzZz", mark("private").encode(), after_idat=True)
    return fixtures.png(pnginfo=text, exif=exif(), icc_profile=profile()) + mark("tail").encode()


def webp() -> bytes:
    data = fixtures.webp(exif=exif(), xmp=xmp(), icc_profile=profile())
    body = mark("unknown").encode()
    body += b" " * (len(body) % 2)
    data += b"ZZZZ" + struct.pack("<I", len(body)) + body
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:] + mark("tail").encode()


def pdf(page: bytes) -> bytes:
    name, dictionary, text, out = pikepdf.Name, pikepdf.Dictionary, pikepdf.String, io.BytesIO()
    with pikepdf.open(io.BytesIO(page)) as document:

        def stream(slot: str) -> pikepdf.Stream:
            return document.make_stream(xmp(slot), Type=name.Metadata, Subtype=name.XML)

        for picture in dict(document.pages[0].obj.Resources.get("/XObject", {})).values():
            picture.write(jpeg(with_profile=False), filter=name.DCTDecode)
            picture.Metadata = stream("picture")
        obj = document.pages[0].obj
        obj.Metadata, obj.LastModified = stream("page"), text(mark("modified"))
        obj.PieceInfo = dictionary(App=dictionary(Private=text(mark("piece"))))
        script = dictionary(S=name.JavaScript, JS=text(mark("script")))
        note = dictionary(
            Type=name.Annot, Subtype=name.Text, Rect=[40, 30, 50, 40], F=0, T=text(mark("author")),
            Contents=text(mark("contents")), RC=text(mark("rich")), NM=text(mark("name")), Subj=text(mark("subject")),
        )  # fmt: skip
        link = dictionary(Type=name.Annot, Subtype=name.Link, Rect=[0, 0, 9, 9], A=script)
        obj.Annots = pikepdf.Array([document.make_indirect(item) for item in (note, link)])
        obj.Contents.Comment = text(mark("stream"))
        document.Root.OpenAction, document.Root.Metadata = script, stream("document")
        document.Root.Outlines = document.make_indirect(
            dictionary(First=document.make_indirect(dictionary(Title=text(mark("outline")))), Count=1)
        )
        document.Root.Lang = text(mark("lang"))
        for key in ("Author", "Title", "Producer", "Subject", "Keywords", "Own"):
            document.docinfo[f"/{key}"] = text(mark(key.lower()))
        document.attachments[mark("file")] = mark("attached").encode()
        document.save(out, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue() + b"\n%" + mark("tail").encode()


SOURCES: Final = {
    "jpeg": jpeg(),
    "jpeg to be lifted": jpeg(with_profile=False),
    "png": png(),
    "webp": webp(),
    "avif": fixtures.avif(exif=exif(), xmp=xmp(), icc_profile=profile()),
    "heic": fixtures.heic(exif=exif(), xmp=xmp()),
    "vector pdf": pdf(fixtures.vector_pdf()),
    "scanned pdf": pdf(fixtures.scanned_pdf()),
}
MARKS: Final = {"jpeg": 24, "jpeg to be lifted": 23, "png": 12, "webp": 9, "vector pdf": 20, "scanned pdf": 30}


def layers(data: bytes) -> bytes:
    """The bytes, and whatever in them is a zlib stream, unpacked; UTF-16 read as text."""
    found, at = [data], 0
    while (at := data.find(b"\x78", at)) >= 0:
        with suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(data[at:], 1 << 22))
        at += 1
    everything = b"\n".join(found)
    return everything + everything.replace(b"\0", b"")


def clean(data: bytes) -> None:
    seen = layers(data)
    assert b"MARK-" not in seen
    assert not [sign for sign in SIGNS if sign in seen]


def png_chunks(data: bytes) -> set[bytes]:
    at, found = 8, set()
    while at < len(data):
        found.add(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    assert at == len(data)
    return found


def webp_chunks(data: bytes) -> set[bytes]:
    at, found = 12, set()
    while at < len(data):
        found.add(data[at : at + 4])
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    assert at == len(data)
    return found


def jpeg_markers(data: bytes) -> set[int]:
    at, found = 2, set()
    while data[at + 1] != 0xDA:
        found.add(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    assert data.find(b"\xff\xd9") == len(data) - 2  # and nothing behind the end
    return found


def test_every_mark_is_in_its_source() -> None:
    counts = {name: len(set(layers(data).split(b"MARK-")[1:])) for name, data in SOURCES.items()}

    assert all(counts[name] >= count for name, count in MARKS.items()), counts
    assert all(b"MARK-gps" in layers(SOURCES[name]) for name in ("jpeg", "png", "webp", "avif", "heic"))
    assert all(b"MARK-xmp" in layers(SOURCES[name]) for name in ("jpeg", "png", "webp", "avif", "heic"))


@pytest.mark.parametrize("spec", ["full/max/0/default", "full/60,/90/default", "square/max/0/enhanced"])
@pytest.mark.parametrize("form", OutputFormat)
@pytest.mark.parametrize("name", SOURCES)
def test_no_mark_comes_out(name: str, form: OutputFormat, spec: str) -> None:
    data = variant(SOURCES[name], f"{spec}.{form}").data

    clean(data)
    match form:
        case OutputFormat.PNG:
            assert png_chunks(data) == {b"IHDR", b"IDAT", b"IEND"}
        case OutputFormat.WEBP:
            assert webp_chunks(data) <= {b"VP8 ", b"VP8L"}
        case OutputFormat.JPG:
            assert jpeg_markers(data) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDD}
        case OutputFormat.AVIF:
            assert not {b"mime", b"prof", b"rICC"} & {data[at : at + 4] for at in range(len(data) - 4)}
        case OutputFormat.PDF:
            with pikepdf.open(io.BytesIO(data)) as document:
                assert not {"/Info", "/Encrypt"} & set(document.trailer.keys()) or not dict(document.docinfo)
                assert set(document.Root.keys()) <= {"/Type", "/Pages", "/PageMode", "/PageLayout"}


@pytest.mark.parametrize("name", SOURCES)
def test_none_is_behind_a_redaction_either(name: str) -> None:
    for form in OutputFormat:
        clean(variant(SOURCES[name], f"full/max/0/redacted.{form}", redactions=(Box(0, 0, 20, 20),)).data)


@pytest.mark.parametrize("a4", [False, True])
def test_none_is_in_the_whole_document(a4: bool) -> None:
    pages = [variant(data, "full/max/0/default.pdf").data for data in SOURCES.values()]

    made = assembled(*pages, a4=a4)

    clean(made)
    with pikepdf.open(io.BytesIO(made)) as document:
        assert len(document.pages) == len(SOURCES)
        assert "/Info" not in document.trailer
        for item in document.objects:
            if isinstance(item, pikepdf.Stream):
                clean(item.read_raw_bytes())
            assert b"MARK-" not in item.unparse(resolved=True)
