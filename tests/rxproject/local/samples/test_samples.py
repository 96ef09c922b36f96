"""The generator of fictitious prescriptions: same seed, same pixels; files like those a customer uploads."""

import ast
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pypdfium2
import pytest
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageStat

from rxproject.local import samples
from rxproject.local.samples import __main__ as writer
from rxproject.local.samples import camera, content, ink, paper

pytestmark = pytest.mark.long

# In a photo of seed 1 this share of width and height lies on the clinic's round teal badge, top left.
BADGE = (0.157, 0.116)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes) -> str:
    """A digest of what the file shows, whatever its encoder wrote around it."""
    if data.startswith(b"%PDF"):
        with pypdfium2.PdfDocument(data) as pdf:
            shown = b"".join(page.render(scale=0.5).to_pil().tobytes() for page in pdf)
    elif data[4:8] == b"ftyp":
        shown = pillow_heif.open_heif(io.BytesIO(data)).to_pillow().tobytes()
    else:
        shown = opened(data).tobytes()
    return hashlib.sha256(shown).hexdigest()


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two images as grey thumbnails, 0 to 255."""
    small = [image.convert("L").resize((48, 64), Image.Resampling.BOX) for image in (a, b)]
    return ImageStat.Stat(ImageChops.difference(*small)).mean[0]


def on_badge(image: Image.Image) -> bool:
    red, _, blue = image.getpixel((int(BADGE[0] * image.width), int(BADGE[1] * image.height)))
    return blue > red + 40


def small_photo(seed: int) -> bytes:
    return samples.phone_photo(seed, megapixels=0.3)


def small_heic(seed: int) -> bytes:
    return samples.photo_heic(seed, megapixels=0.2)


@pytest.fixture(scope="module")
def scan() -> bytes:
    return samples.a4_scan(1)


@pytest.mark.parametrize(
    "make",
    [
        small_photo,
        samples.a4_scan,
        samples.three_page_pdf,
        small_heic,
        samples.as_png,
        samples.as_webp,
    ],
    ids=lambda make: make.__name__,
)
def test_the_same_seed_shows_the_same_pixels_and_another_seed_shows_others(
    make: Callable[[int], bytes],
) -> None:
    first, again, other = (pixels(make(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_phone_photo_is_stored_turned_and_carries_the_tags_that_must_be_stripped() -> None:
    data = samples.phone_photo(1)

    photo = opened(data)
    exif = photo.getexif()
    assert photo.format == "JPEG"
    assert photo.size == (4000, 3000)
    assert ImageOps.exif_transpose(photo).size == (3000, 4000)
    assert 1_500_000 <= len(data) <= 5_000_000
    assert exif[ExifTags.Base.Orientation] == 6
    assert (exif[ExifTags.Base.Make], exif[ExifTags.Base.Model]) == (camera.MAKE, camera.MODEL)
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert gps[ExifTags.GPS.GPSLatitude] == camera.LATITUDE
    assert gps[ExifTags.GPS.GPSLongitude] == camera.LONGITUDE
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2026:01:05 09:30:00"
    assert content.NOTICE.encode() in photo.info["comment"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_shows_the_same_upright_page(orientation: int) -> None:
    upright = opened(samples.phone_photo(1, megapixels=0.3, orientation=1))

    photo = opened(samples.phone_photo(1, megapixels=0.3, orientation=orientation))

    shown = ImageOps.exif_transpose(photo)
    assert shown.size == upright.size == (474, 632)
    assert on_badge(shown)
    assert difference(shown, upright) < 1
    if orientation != 1:
        stored = photo.resize(upright.size)
        assert difference(stored, upright) > 10


def test_a_heic_photo_keeps_its_turn_in_the_container_and_in_the_exif() -> None:
    image = pillow_heif.open_heif(io.BytesIO(samples.photo_heic(1))).to_pillow()

    assert image.info["original_orientation"] == 6
    assert image.size == (750, 1000)
    assert on_badge(image)
    assert image.getexif().get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == camera.LATITUDE


def test_a_scan_is_an_a4_page_at_300_dpi_in_colour_or_grey(scan: bytes) -> None:
    grey = samples.a4_scan(1, grey=True, image_format="PNG")

    for data, kind, mode in ((scan, "JPEG", "RGB"), (grey, "PNG", "L")):
        image = opened(data)
        assert (image.format, image.mode, image.size) == (kind, mode, (2480, 3508))
        assert [round(dpi) for dpi in image.info["dpi"]] == [300, 300]
        assert len(data) <= 5_000_000
    assert difference(opened(scan), opened(grey)) < 1


def test_the_stamp_on_a_scan_is_in_blue_ink(scan: bytes) -> None:
    x, y = (side * samples.SCAN_DPI / ink.MM_PER_INCH for side in paper.STAMP_AT)
    around = opened(scan).crop((round(x) - 250, round(y) - 250, round(x) + 250, round(y) + 250))

    red, _, blue = around.split()

    blue_pixels = ImageChops.subtract(blue, red).histogram()[80:]
    assert 5_000 < sum(blue_pixels) < 100_000


def test_the_pdf_has_three_a4_pages_whose_text_can_be_read() -> None:
    data = samples.three_page_pdf(1)

    prescription = content.content(1, medicines=samples.PDF_MEDICINES)
    with pypdfium2.PdfDocument(data) as pdf:
        sizes = [tuple(round(side) for side in page.get_size()) for page in pdf]
        texts = [page.get_textpage().get_text_bounded() for page in pdf]
    assert sizes == [(595, 842)] * 3
    assert [text.count(content.NOTICE) for text in texts] == [2, 2, 2]
    for number, text in enumerate(texts, 1):
        assert f"Sheet {number} of 3" in text
        assert prescription.patient in text
    assert [m.name for m in prescription.medicines if m.name not in "".join(texts)] == []
    assert [prescription.advice[0] in text for text in texts] == [False, False, True]
    assert data == samples.three_page_pdf(1)


def test_small_images_show_one_page_in_two_formats() -> None:
    png, webp = opened(samples.as_png(1)), opened(samples.as_webp(1))

    assert (png.format, webp.format) == ("PNG", "WEBP")
    assert png.size == webp.size == (424, 600)
    assert difference(png, webp) < 2


def test_everything_the_word_lists_can_say_fits_its_place() -> None:
    brush = ink.PixelBrush(dpi=150)
    bold = 1.05  # the stroke that makes bold adds a little
    column = paper.COLUMNS[2][0] - paper.COLUMNS[1][0] - 5

    assert [name for name, _ in content.CLINICS if brush.width(name, 23) * bold > paper.RIGHT - 43] == []
    assert [name for name, _, _ in content.MEDICINES if brush.width(name, 14) * bold > column] == []
    assert [name for name, _ in content.PATIENTS if brush.width(name, 15) * bold > 92 - 18 - 3] == []
    assert [text for text in content.ADVICE if brush.width(text, 12) > paper.RIGHT - paper.LEFT - 6] == []


def test_neighbouring_seeds_are_different_people_and_names_say_they_are_invented() -> None:
    patients = [content.content(seed).patient for seed in (1, 2, 3)]

    assert patients == ["Asha Example", "Ravi Sample", "Meera Madeup"]
    assert content.content(1).registration.startswith("SPECIMEN-")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: samples.phone_photo(1, orientation=9), "orientation is 9; EXIF knows 1 to 8"),
        (
            lambda: samples.phone_photo(1, megapixels=100),
            "megapixels is 100; a phone photo can have 0.1 to 64",
        ),
        (lambda: samples.as_png(1, height=5000), "height is 5000; 1 to 2000 pixels are allowed"),
        (lambda: content.content(1, medicines=0), "medicines is 0; the list can fill 1 to 14 lines"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_range(call: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError) as refusal:
        call()
    assert str(refusal.value).startswith(told)


def test_the_writer_makes_one_file_of_each_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outdir = tmp_path / "new" / "folder"

    assert writer.main([str(outdir), "--seed", "2"]) == 0

    heads = {file.name: file.read_bytes()[:12] for file in outdir.iterdir()}
    assert sorted(heads) == [
        "page-2.png",
        "page-2.webp",
        "photo-2.heic",
        "photo-2.jpg",
        "scan-2.jpg",
        "three-pages-2.pdf",
    ]
    assert heads["photo-2.jpg"][:3] == heads["scan-2.jpg"][:3] == b"\xff\xd8\xff"
    assert heads["photo-2.heic"][4:] == b"ftypheic"
    assert heads["three-pages-2.pdf"].startswith(b"%PDF-")
    assert capsys.readouterr().out.count(" bytes\n") == 6


def test_the_generator_knows_nothing_of_django() -> None:
    for file in Path(samples.__file__).parent.glob("*.py"):
        if file.name in ("load.py", "stories.py"):
            continue  # these put what the generator made into the site
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert [name for name in names if name.split(".")[0] in ("django", "prescriptions")] == []
