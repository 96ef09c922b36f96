"""What leaves: nothing of the source but its pixels, in the asked format; and PDF pages fit to print."""

import io
import os

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageStat, PngImagePlugin

from tests.transforms import fixtures
from tests.transforms.fixtures import CORNERS, SCRIPT
from tests.transforms.rendering import CORPUS, opened, pixels, shows, variant
from transforms import jpeg
from transforms.geometry import Box, Size
from transforms.pdf import write

SECRETS = (
    SCRIPT,
    b"alert(1)",
    b"PK\x05\x06",
    b"Dr. Author",
    b"Exif",
    b"ICC_PROFILE",
    b"xpacket",
    b"JavaScript",
    b"GPS",
)


def planted() -> dict[str, bytes]:
    """One source of each format with something in every slot that its format has."""
    exif = Image.Exif()
    exif[0x013B] = exif[0x010E] = "Dr. Author " + SCRIPT.decode()
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0), 29: SCRIPT.decode()}
    xmp = b"<?xpacket begin?>" + SCRIPT
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SCRIPT.decode())
    text.add_text("Zipped", SCRIPT.decode(), zip=True)
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    profile = _profile()
    with_all = fixtures.jpeg(exif=exif, comment=SCRIPT, xmp=xmp, icc_profile=profile)
    for marker in (0xE3, 0xED, 0xEF, 0xFE):
        with_all = fixtures.with_segment(with_all, marker, SCRIPT)
    return {
        "jpeg": with_all + b"PK\x05\x06" + SCRIPT,
        "jpeg-bare-profile": fixtures.with_segment(fixtures.jpeg(exif=exif, comment=SCRIPT, xmp=xmp), 0xEC, SCRIPT),
        "png": fixtures.png(exif=exif, pnginfo=text, icc_profile=profile) + SCRIPT,
        "png-palette": fixtures.png(fixtures.page(mode="P"), exif=exif, pnginfo=text),
        "webp": fixtures.webp(exif=exif, xmp=xmp, icc_profile=profile),
        "avif": fixtures.avif(exif=exif, xmp=xmp, icc_profile=profile),
        "heic": fixtures.heic(exif=exif, xmp=xmp),
        "pdf": planted_pdf(),
    }


def _profile() -> bytes:
    """Large enough to hold the script in a description that nobody checks."""
    from PIL import ImageCms

    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data + SCRIPT


def planted_pdf() -> bytes:
    """A scanned page whose picture, page and document carry everything that PDF can carry along."""
    name, dictionary, out = pikepdf.Name, pikepdf.Dictionary, io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "Dr. Author " + SCRIPT.decode()
    with pikepdf.open(io.BytesIO(fixtures.scanned_pdf())) as document:
        (picture,) = document.pages[0].obj.Resources.XObject.values()
        picture.write(
            fixtures.with_segment(fixtures.jpeg(fixtures.page(4), exif=exif), 0xFE, SCRIPT), filter=name.DCTDecode
        )
        picture.Metadata = document.make_stream(SCRIPT)
        script = dictionary(S=name.JavaScript, JS=SCRIPT.decode())
        page = document.pages[0].obj
        page.Metadata = document.make_stream(SCRIPT)
        page.PieceInfo = dictionary(App=dictionary(Private=SCRIPT.decode()))
        page.AA = dictionary(O=script)
        page.Annots = pikepdf.Array(
            [document.make_indirect(dictionary(Type=name.Annot, Subtype=name.Link, Rect=[0, 0, 9, 9], A=script))]
        )
        document.Root.OpenAction = script
        document.Root.Metadata = document.make_stream(SCRIPT)
        document.docinfo["/Author"] = "Dr. Author"
        document.attachments["note.txt"] = SCRIPT
        document.save(out)
    return out.getvalue()


PLANTED = planted()


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize(
    "spec",
    [
        f"{size}/{quality}.{form}"
        for size in ("full/max/0", "full/24,16/90")
        for quality in ("default", "gray")
        for form in ("jpg", "png", "webp", "avif", "pdf")
    ],
)
def test_nothing_but_pixels_comes_through(name, spec):
    assert any(secret in PLANTED[name] for secret in SECRETS), "the fixture must hold something to find"
    rendered = variant(PLANTED[name], spec)
    for secret in SECRETS:
        assert secret not in rendered.data
    if rendered.media_type == "application/pdf":
        _has_nothing_hidden(rendered.data)
    else:
        assert not {"exif", "icc_profile", "xmp", "comment"} & opened(rendered).info.keys()


def _has_nothing_hidden(data: bytes) -> None:
    """The same inside compressed streams."""
    with pikepdf.open(io.BytesIO(data)) as document:
        assert set(document.Root.keys()) <= {"/Type", "/Pages", "/PageMode", "/PageLayout", "/ViewerPreferences"}
        assert len(document.pages) == 1
        for item in document.objects:
            assert not any(secret in bytes(item.unparse(resolved=True)) for secret in SECRETS)
            if isinstance(item, pikepdf.Stream):
                decodable = item.get("/Filter") != pikepdf.Name.DCTDecode
                body = item.read_bytes() if decodable else item.read_raw_bytes()
                assert not any(secret in body for secret in SECRETS)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the collection of other projects' test files is not here")
@pytest.mark.parametrize(
    "file",
    ["jpeg_html_polyglot.jpg", "jpeg_zip_polyglot.jpg", "png_text_xss.png", "rx_gps.jpg", "pdf_embedded_file.pdf"],
)
@pytest.mark.parametrize("form", ["jpg", "png", "webp", "avif", "pdf"])
def test_collected_polyglots_are_disarmed(file, form):
    data = variant((CORPUS / "synthetic" / file).read_bytes(), f"full/max/0/default.{form}").data
    for secret in (b"<script", b"<html", b"PK\x05\x06", b"GPS", b"Exif", b"EmbeddedFile"):
        assert secret not in data


@pytest.mark.parametrize(
    ("form", "media_type", "kind"),
    [
        ("jpg", "image/jpeg", "JPEG"),
        ("png", "image/png", "PNG"),
        ("webp", "image/webp", "WEBP"),
        ("avif", "image/avif", "AVIF"),
    ],
)
def test_formats(form, media_type, kind):
    rendered = variant(fixtures.png(fixtures.page(4)), f"full/200,/90/default.{form}")
    image = opened(rendered)
    assert (rendered.media_type, image.format) == (media_type, kind)
    assert (rendered.width, rendered.height) == image.size == (133, 200)


def test_the_same_request_gives_the_same_bytes():
    for form in ("jpg", "png", "webp", "avif", "pdf"):
        for data in (fixtures.jpeg(), fixtures.vector_pdf()):
            first, second = (variant(data, f"full/max/0/default.{form}").data for _ in range(2))
            assert first == second


# PDF pages.


def drawn(pdf: bytes, width: int = 192) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    page = document[0]
    image = page.render(scale=width / page.get_width()).to_pil()
    document.close()
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_jpeg_as_pdf_is_upright_and_without_loss_where_pdf_can_show_it(orientation, rotation):
    source = fixtures.oriented(orientation)
    rendered = variant(source, f"full/max/{rotation}/default.pdf")
    image = drawn(rendered.data)
    wanted = pixels(source, f"full/max/{rotation}/default.png")
    assert (image.width > image.height) == (wanted.width > wanted.height) == (rendered.width > rendered.height)
    assert max(ImageStat.Stat(ImageChops.difference(image.resize(wanted.size), wanted)).mean) < 6
    mirrored = orientation in (2, 4, 5, 7)
    assert (_coded(source) in rendered.data) != mirrored


def _coded(data: bytes) -> bytes:
    """The entropy-coded part of a JPEG, which must come through bit for bit."""
    bare = jpeg.bare(data)
    return bare[bare.find(b"\xff\xda") :]


@pytest.mark.parametrize("form", ["pdf", "jpg"])
def test_noise_is_encoded_as_well(form):
    noise = Image.frombytes("RGB", (600, 600), os.urandom(600 * 600 * 3)).point(lambda level: 255 * (level > 127))
    rendered = variant(fixtures.png(noise), f"full/max/0/default.{form}")
    assert (rendered.width, rendered.height) == (600, 600)
    assert len(rendered.data) > 200_000


def test_a_lossless_page_takes_hardly_more_than_its_picture():
    source = fixtures.jpeg(fixtures.page(20))
    assert len(variant(source, "full/max/0/default.pdf").data) < len(source) + 2048


@pytest.mark.parametrize("source", [fixtures.cmyk(), fixtures.png(), fixtures.webp(), fixtures.heic()])
def test_other_images_as_pdf(source):
    assert shows(drawn(variant(source, "full/max/0/default.pdf").data), CORNERS, tolerance=25)


@pytest.mark.parametrize("quality", ["gray", "bitonal", "enhanced", "redacted"])
@pytest.mark.parametrize("source", [fixtures.jpeg(), fixtures.vector_pdf()])
def test_qualities_as_pdf_are_pictures(quality, source):
    data = variant(source, f"full/max/0/{quality}.pdf", redactions=(Box(0, 0, 400, 60),)).data
    with pikepdf.open(io.BytesIO(data)) as document:
        assert len(document.pages[0].obj.Resources.XObject) == 1
        assert "/Font" not in document.pages[0].obj.Resources
    if quality == "redacted":
        assert drawn(data).crop((2, 2, 190, 25)).getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize(
    ("size", "points"),
    [
        (Size(3000, 4000), (595.276, 793.701)),  # upright photo: the width of A4
        (Size(4000, 3000), (793.701, 595.276)),  # lying: the same sheet, turned
        (Size(2480, 3508), (595.178, 841.89)),
        (Size(96, 64), (72, 48)),  # a stamp stays a stamp
    ],
)
def test_pages_fit_on_a4(size, points):
    assert write.page_size(size) == pytest.approx(points, abs=0.001)
    data = variant(fixtures.png(Image.new("L", (size.width, size.height), 255)), "full/max/0/default.pdf").data
    with pikepdf.open(io.BytesIO(data)) as document:
        page = document.pages[0]
        assert [float(side) for side in page.mediabox[2:]] == pytest.approx(points, abs=0.01)
        assert page.trimbox == page.cropbox == page.mediabox


def test_a_page_of_a_pdf_is_lifted_out_as_it_is():
    data = variant(fixtures.vector_pdf(3), "full/max/0/default.pdf", page=2).data
    document = pypdfium2.PdfDocument(data)
    assert len(document) == 1
    assert document[0].get_textpage().get_text_bounded().strip() == "2"
    assert document[0].get_size() == (96, 64)
    document.close()
    assert shows(drawn(data), CORNERS)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("rotation", [0, 90])
def test_a_lifted_page_keeps_its_rotation_and_crop_box(rotate, rotation):
    source = fixtures.edited(fixtures.vector_pdf(), Rotate=rotate, CropBox=[0, 0, 48, 64])
    wanted = pixels(source, f"full/max/{rotation}/default.png")
    data = variant(source, f"full/max/{rotation}/default.pdf").data
    image = drawn(data, wanted.width)
    assert image.size == pytest.approx(wanted.size, abs=1)
    assert max(ImageStat.Stat(ImageChops.difference(image.resize(wanted.size), wanted)).mean) < 4
    with pikepdf.open(io.BytesIO(data)) as document:
        page = document.pages[0]
        assert page.trimbox == page.cropbox == page.mediabox


def test_a_lifted_page_still_shows_what_was_typed_into_its_form():
    source = fixtures.form_pdf()
    data = variant(source, "full/max/0/default.pdf").data
    wanted = pixels(source, "full/max/0/default.png")
    assert max(ImageStat.Stat(ImageChops.difference(drawn(data, 400), wanted)).mean) < 2
    with pikepdf.open(io.BytesIO(data)) as document:
        assert "/AcroForm" not in document.Root
        assert "/Annots" not in document.pages[0].obj


def test_a_pdf_with_layers_is_drawn_so_that_hidden_ones_stay_hidden():
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(fixtures.vector_pdf())) as document:
        layer = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="hidden"))
        document.Root.OCProperties = pikepdf.Dictionary(OCGs=[layer], D=pikepdf.Dictionary(OFF=[layer], Order=[layer]))
        document.pages[0].obj.Resources.Properties = pikepdf.Dictionary(L=layer)
        document.pages[0].contents_add(b"/OC /L BDC 0 0 96 64 re f EMC")
        document.save(out)
    data = variant(out.getvalue(), "full/max/0/default.pdf").data
    assert shows(drawn(data), CORNERS)
    assert b"OCG" not in data


def test_a_password_to_change_a_pdf_does_not_follow_its_page():
    data = variant(fixtures.locked_pdf(), "full/max/0/default.pdf").data
    with pikepdf.open(io.BytesIO(data)) as document:
        assert not document.is_encrypted


# JPEG segments.


@pytest.mark.parametrize(
    "source",
    [
        fixtures.jpeg(),
        fixtures.jpeg(progressive=True),
        fixtures.jpeg(fixtures.page(mode="L")),
        fixtures.jpeg(restart_marker_blocks=2),
        fixtures.cmyk(),
        fixtures.jpeg(keep_rgb=True),
        PLANTED["jpeg"],
    ],
)
def test_a_bare_jpeg_has_the_same_pixels(source):
    bare = jpeg.bare(source)
    assert len(bare) <= len(source) + 18
    before, after = (Image.open(io.BytesIO(data)) for data in (source, bare))
    assert before.mode == after.mode
    assert before.tobytes() == after.tobytes()
    assert jpeg.bare(bare) == bare


@pytest.mark.parametrize("cut", [3, 20, 100, -2])
def test_a_cut_jpeg_is_not_plain(cut):
    with pytest.raises(jpeg.NotPlainError):
        jpeg.bare(fixtures.jpeg()[:cut])
