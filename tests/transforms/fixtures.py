"""Sources of every kind, made in code: what they show is known to the pixel, so tests can assert on it.

The upright page is 96 x 64 (or a multiple), white, with a coloured square in each corner: red top left, green top
right, blue bottom left, black bottom right, and nothing in the middle.
"""

import io
import struct
import zlib
from typing import Any, Final

import fpdf
import pikepdf
import pillow_heif
from PIL import Image, ImageChops, ImageDraw

from transforms.geometry import Size

PAGE: Final = Size(96, 64)
CORNER: Final = 16
RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 160, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)
CORNERS: Final = (RED, GREEN, BLUE, BLACK)  # top left, top right, bottom left, bottom right
SCRIPT: Final = b"<script>alert(1)</script>"

# What has to be done to the upright picture so that the EXIF orientation undoes it.
_STORED_AS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photo(times: int = 8) -> Image.Image:
    """A page in blue and red ink, photographed under a lamp at the top left, in warm light."""
    image = Image.new("RGB", (96 * times, 64 * times), (235, 230, 220))
    draw = ImageDraw.Draw(image)
    for row in range(4, 60, 6):
        colour = (40, 50, 130) if row // 6 % 2 else (150, 40, 40)
        for x in range(8, 88, 5):
            draw.line((x * times, row * times, (x + 3) * times, (row + 2) * times), fill=colour, width=times // 3)
    light = Image.linear_gradient("L").resize(image.size).point(lambda v: 255 - v // 2)
    side = Image.linear_gradient("L").rotate(90).resize(image.size).point(lambda v: 255 - v // 4)
    shade = ImageChops.multiply(light, side)
    return ImageChops.multiply(image, Image.merge("RGB", (shade,) * 3))


def page(times: int = 1, *, mode: str = "RGB") -> Image.Image:
    """The upright page, `times` as large."""
    image = Image.new("RGB", (PAGE.width * times, PAGE.height * times), WHITE)
    draw = ImageDraw.Draw(image)
    side, (width, height) = CORNER * times, image.size
    for (x, y), colour in zip(
        ((0, 0), (width - side, 0), (0, height - side), (width - side, height - side)), CORNERS, strict=True
    ):
        draw.rectangle((x, y, x + side - 1, y + side - 1), fill=colour)
    return image.convert(mode)


def save(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    return save(image or page(), "JPEG", **{"quality": 95, "subsampling": "4:4:4", **options})


def png(image: Image.Image | None = None, **options: Any) -> bytes:
    return save(image or page(), "PNG", **options)


def webp(image: Image.Image | None = None, **options: Any) -> bytes:
    return save(image or page(), "WEBP", **{"quality": 95, **options})


def avif(image: Image.Image | None = None, **options: Any) -> bytes:
    return save(image or page(), "AVIF", **{"quality": 95, "subsampling": "4:4:4", **options})


def heic(image: Image.Image | None = None, **options: Any) -> bytes:
    pillow_heif.register_heif_opener()
    return save(image or page(), "HEIF", **{"quality": 95, "chroma": 444, **options})


def oriented(orientation: int, form: str = "JPEG", times: int = 1) -> bytes:
    """The page, stored as a phone held another way stores it."""
    image = page(times)
    if orientation != 1:
        image = image.transpose(_STORED_AS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    make = {"JPEG": jpeg, "PNG": png, "WEBP": webp}[form]
    return make(image, exif=exif)


def cmyk(*, adobe: bool = True) -> bytes:
    """With Photoshop's marker, values are stored inverted; without it, they are stored as they are."""
    image = page(mode="CMYK")
    if adobe:
        return with_segment(jpeg(image), 0xEE, b"Adobe\0\x64\0\0\0\0\0")
    return without_segment(jpeg(ImageChops.invert(image)), 0xEE)


def gray16() -> bytes:
    """Sixteen bits of grey: left third black, middle at one half, right third white."""
    row = struct.pack("<32H", *[0] * 32) + struct.pack("<32H", *[32896] * 32) + struct.pack("<32H", *[65535] * 32)
    return png(Image.frombytes("I;16", (PAGE.width, PAGE.height), row * PAGE.height))


def interlaced() -> bytes:
    """Adam7, which Pillow reads but does not write."""
    image = page()
    raw = bytearray()
    for x0, y0, dx, dy in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ):  # fmt: skip
        for y in range(y0, image.height, dy):
            raw.append(0)
            for x in range(x0, image.width, dx):
                raw += bytes(image.getpixel((x, y)))  # type: ignore[arg-type]
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(raw))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in chunks)


def chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_segment(data: bytes, marker: int, payload: bytes) -> bytes:
    """A JPEG with one more segment right after its start."""
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def without_segment(data: bytes, marker: int) -> bytes:
    at = data.find(bytes((0xFF, marker)))
    if at < 0:
        return data
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def header_only_png(width: int, height: int) -> bytes:
    """A few bytes that claim a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def header_only_jpeg(width: int, height: int) -> bytes:
    """A real JPEG whose frame header claims another size."""
    data = bytearray(jpeg())
    frame = data.find(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


# Documents. Their pages are 96 x 64 points, which is 400 x 267 pixels at 300 dpi, with the same corners.


def _corners(document: fpdf.FPDF) -> None:
    for (x, y), colour in zip(((0, 0), (80, 0), (0, 48), (80, 48)), CORNERS, strict=True):
        document.set_fill_color(*colour)
        document.rect(x, y, 16, 16, style="F")


def vector_pdf(pages: int = 1, *, text: str = "Rp") -> bytes:
    """Rectangles in the corners and text in the middle, as programs write it."""
    document = fpdf.FPDF(unit="pt", format=(PAGE.width, PAGE.height))
    document.set_auto_page_break(False)
    document.set_font("helvetica", size=12)
    for number in range(1, pages + 1):
        document.add_page()
        _corners(document)
        document.text(40, 36, text if pages == 1 else str(number))
    return bytes(document.output())


def scanned_pdf() -> bytes:
    """One JPEG that fills the page, as scanners and phone apps write it."""
    document = fpdf.FPDF(unit="pt", format=(PAGE.width, PAGE.height))
    document.add_page()
    document.image(io.BytesIO(jpeg(page(4))), 0, 0, PAGE.width, PAGE.height)
    return bytes(document.output())


def edited(data: bytes, **keys: Any) -> bytes:
    """A PDF with entries of its first page replaced: edited(data, Rotate=90, CropBox=[0, 0, 48, 32])."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as document:
        for key, value in keys.items():
            document.pages[0].obj[f"/{key}"] = value
        document.save(out)
    return out.getvalue()


def locked_pdf(*, user: str = "", owner: str = "owner") -> bytes:
    """Needs a password to open if `user` is given; only to change it otherwise."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(vector_pdf())) as document:
        document.save(out, encryption=pikepdf.Encryption(user=user, owner=owner, R=6))
    return out.getvalue()


def form_pdf(value: str = "XXXXXXXX") -> bytes:
    """A text field whose value is in the form alone: no appearance stream shows it. It asks for scripts, too."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(vector_pdf(text=""))) as document:
        name, dictionary = pikepdf.Name, pikepdf.Dictionary
        font = document.make_indirect(dictionary(Type=name.Font, Subtype=name.Type1, BaseFont=name("/Helvetica-Bold")))
        script = dictionary(
            S=name.JavaScript, JS="this.getField('drug').value = ''; app.launchURL('http://127.0.0.1/');"
        )
        field = document.make_indirect(
            dictionary(
                Type=name.Annot, Subtype=name.Widget, FT=name.Tx, T="drug", V=value, F=4,
                Rect=[20, 20, 76, 44], DA="/Helv 18 Tf 0 g", AA=dictionary(C=script, F=script),
            )
        )  # fmt: skip
        document.pages[0].obj.Annots = pikepdf.Array([field])
        document.Root.OpenAction = script
        document.Root.AcroForm = dictionary(
            Fields=[field], NeedAppearances=True, DR=dictionary(Font=dictionary(Helv=font)), DA="/Helv 0 Tf 0 g"
        )
        document.save(out)
    return out.getvalue()


def xfa_pdf(*, told: bool, fields: bool = False) -> bytes:
    """A form whose XML another program would draw; `told` that its page only stands in, or with `fields` of its own."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(form_pdf() if fields else vector_pdf(text="Please wait"))) as document:
        form = document.Root.get("/AcroForm", pikepdf.Dictionary(Fields=pikepdf.Array()))
        form.XFA = document.make_stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
        document.Root.AcroForm = form
        if told:
            document.Root.NeedsRendering = True
        document.save(out)
    return out.getvalue()


def carrier_pdf(*, portfolio: bool) -> bytes:
    """A document with a file in it: as an attachment, or as what it is about."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(vector_pdf(2))) as document:
        document.attachments["prescription.txt"] = b"Rp"
        if portfolio:
            document.Root.Collection = pikepdf.Dictionary(Type=pikepdf.Name.Collection, View=pikepdf.Name.D)
        document.save(out)
    return out.getvalue()


def cut_pdf() -> bytes:
    """Without its last bytes: PDFium refuses it, although nothing that is drawn is missing."""
    return vector_pdf(3)[:-60]
