"""A sheet is flat, upright and seamless wherever it lies, and what is blacked out on the page cannot be seen on it."""

import io
import random
from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat

from rxproject.local.samples import camera
from tests.transforms import fixtures
from tests.transforms.rendering import opened, probe
from transforms.errors import SpecError
from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.measure import page as paging
from transforms.pixels import proxy
from transforms.render import RenderJob, render
from transforms.request.paper import Corners, CornersRefused, Paper, Point
from transforms.request.spec import Spec

PAGE = Size(900, 1200)
CORNERS: Corners = ((150.0, 120.0), (760.0, 180.0), (820.0, 1100.0), (80.0, 1000.0))
PAPER = Paper.of(CORNERS, PAGE)
TABLE = (90, 60, 40)
WRITING = Box(400, 500, 200, 60)  # on the page


@cache
def sheet() -> Image.Image:
    """What is on it: soft colours, so that a place is known by its colour, and lines."""
    ramps = Image.linear_gradient("L").resize((PAPER.size.width, PAPER.size.height))
    across = Image.linear_gradient("L").rotate(90).resize(ramps.size)
    image = Image.merge(
        "RGB",
        (
            ramps.point(lambda v: 150 + v // 3),
            across.point(lambda v: 150 + v // 3),
            ramps.point(lambda v: 240 - v // 3),
        ),
    )
    draw = ImageDraw.Draw(image)
    for at in range(1, 10):
        draw.line((0, at * ramps.height // 10, ramps.width, at * ramps.height // 10), fill=(30, 30, 60), width=6)
    draw.rectangle((20, 20, 120, 90), fill=(200, 30, 30))
    return image


@cache
def photo() -> Image.Image:
    """The sheet on a table: drawn by equations of its own."""
    coefficients = camera.perspective(CORNERS, sheet().size)
    laid = sheet().transform(
        (PAGE.width, PAGE.height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC
    )
    image = Image.new("RGB", laid.size, TABLE)
    mask = Image.new("L", laid.size, 0)
    ImageDraw.Draw(mask).polygon(CORNERS, fill=255)
    image.paste(laid, (0, 0), mask)
    return image


def png(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1, **options)
    return out.getvalue()


@cache
def stored(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return png(camera.stored_pixels(photo(), orientation), exif=exif.tobytes())


def made(
    data: bytes,
    spec: str,
    *,
    paper: Paper = PAPER,
    page: Size = PAGE,
    kind: SourceType = SourceType.PNG,
    boxes: tuple[Box, ...] = (),
    light: bytes = b"",
) -> Image.Image:
    form = Spec.parse(spec).resolve(paper.size, redaction="00000000")
    return opened(render(data, RenderJob(kind, 1, form, page, boxes, light, paper)))


def apart(one: Image.Image, other: Image.Image) -> float:
    """Mean difference, in levels, but for a rim where the table shines in."""
    assert one.size == other.size
    rim = max(2, one.width // 50)
    inner = (rim, rim, one.width - rim, one.height - rim)
    found = ImageChops.difference(one.convert("RGB").crop(inner), other.convert("RGB").crop(inner))
    return sum(ImageStat.Stat(found).mean) / 3


def furthest(one: Image.Image, other: Image.Image) -> int:
    return max(high for _low, high in ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getextrema())


@pytest.mark.parametrize("width", [40, 150, 333, 600])
@pytest.mark.parametrize("kind", [SourceType.PNG, SourceType.JPEG])
def test_what_lay_askew_is_flat_at_every_size(width: int, kind: SourceType) -> None:
    out = io.BytesIO()
    photo().save(out, "JPEG", quality=95)
    data = stored() if kind is SourceType.PNG else out.getvalue()

    found = made(data, f"full/{width},/0/default.png", kind=kind)

    assert apart(found, sheet().resize(found.size, Image.Resampling.BOX)) < 4


def test_however_the_photo_is_stored_its_sheet_is_the_same() -> None:
    upright = made(stored(), "full/300,/0/default.png")
    boxed = made(stored(), "full/300,/0/redacted.png", boxes=(WRITING,))

    for orientation in range(2, 9):
        assert furthest(made(stored(orientation), "full/300,/0/default.png"), upright) <= 1
        turned = made(stored(orientation), "full/300,/0/redacted.png", boxes=(WRITING,))
        assert furthest(turned, boxed) <= 1


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize(("quality", "levels"), [("default", 0), ("gray", 0), ("enhanced", 2)])
def test_tiles_join_without_a_seam(quality: str, levels: int, factor: int) -> None:
    whole = made(stored(), f"0,0,512,768/{512 // factor},/0/{quality}.png")
    put_together = Image.new(whole.mode, whole.size)
    step = 256
    for x, y in ((x, y) for x in (0, 256) for y in (0, 256, 512)):
        tile = made(stored(), f"{x},{y},{step},{step}/{step // factor},/0/{quality}.png")
        put_together.paste(tile, (x // factor, y // factor))

    assert furthest(put_together, whole) <= levels


def test_it_is_turned_by_its_corners_and_by_the_request_alike() -> None:
    a, b, c, d = CORNERS
    lying = Paper.of((d, a, b, c), PAGE)
    assert lying.size == PAPER.size.rotated(90)

    assert (
        furthest(made(stored(), "full/max/0/default.png", paper=lying), made(stored(), "full/max/90/default.png")) <= 1
    )


def test_beyond_the_edge_of_the_photo_the_paper_is_blank() -> None:
    paper = Paper.of([(-60, -50), (700, 100), (800, 1000), (-50, 1100)], PAGE)
    for kind, data in ((SourceType.PNG, stored()), (SourceType.JPEG, fixtures.jpeg(photo()))):
        found = made(data, "full/!200,200/0/default.png", paper=paper, kind=kind)

        assert found.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
        assert found.convert("RGB").getpixel((found.width // 2, found.height // 2)) != (255, 255, 255)


@pytest.mark.parametrize("quality", ["enhanced", "bitonal"])
def test_its_light_is_its_own_and_known_from_intake_or_measured_alike(quality: str) -> None:
    light = paging.sheet_light(proxy.reduced(photo(), PAGE, shrunk=1), PAGE, PAPER)

    known, measured = (made(stored(), f"full/200,/0/{quality}.png", light=given) for given in (light, b""))

    assert known.tobytes() == measured.tobytes()


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "avif", "pdf"])
@pytest.mark.parametrize("rotation", [0, 90])
def test_every_format_has_it(form: str, rotation: int) -> None:
    form_of = Spec.parse(f"full/100,/{rotation}/default.{form}").resolve(PAPER.size)

    found = render(stored(), RenderJob(SourceType.PNG, 1, form_of, PAGE, paper=PAPER))

    assert Size(found.width, found.height) == form_of.size.rotated(rotation)
    assert found.data


def test_the_sheet_in_a_page_of_a_pdf() -> None:
    data = fixtures.scanned_pdf()
    (page,) = probe(data).pages
    inset = page.width / 8
    paper = Paper.of(
        [(inset, inset), (page.width - inset, 0), (page.width, page.height - inset), (inset, page.height)], page
    )
    whole = opened(render(data, RenderJob(SourceType.PDF, 1, Spec.parse("full/max/0/default.png").resolve(page), page)))
    as_png = png(whole)

    drawn = made(data, "full/300,/0/default.png", paper=paper, page=page, kind=SourceType.PDF)
    expected = made(as_png, "full/300,/0/default.png", paper=paper, page=page)

    assert apart(drawn, expected) < 4
    box = Box(page.width // 3, page.height // 3, page.width // 6, page.height // 6)
    black = made(data, "full/300,/0/redacted.png", paper=paper, page=page, kind=SourceType.PDF, boxes=(box,))
    assert black.convert("RGB").getpixel((black.width * 2 // 5, black.height * 2 // 5)) == (0, 0, 0)


# --- What is blacked out ----------------------------------------------------------------------------------------------
SMALL = Size(63, 84)


def noise(seed: int) -> Image.Image:
    return Image.frombytes("RGB", (SMALL.width, SMALL.height), random.Random(seed).randbytes(SMALL.area * 3))


@st.composite
def papers(draw: st.DrawFn) -> Paper:
    def near(x: float, y: float) -> Point:
        return x + draw(st.integers(-8, 10)), y + draw(st.integers(-8, 10))

    corners = [near(6, 6), near(54, 6), near(54, 74), near(6, 74)]
    turn = draw(st.integers(0, 3))
    try:
        return Paper.of(corners[turn:] + corners[:turn], SMALL)
    except CornersRefused:
        assume(False)
        raise


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, SMALL.width - 1)), draw(st.integers(0, SMALL.height - 1))
    return Box(x, y, draw(st.integers(1, min(40, SMALL.width - x))), draw(st.integers(1, min(40, SMALL.height - y))))


@st.composite
def requests(draw: st.DrawFn, of: Size) -> str:
    x, y = draw(st.integers(0, of.width - 1)), draw(st.integers(0, of.height - 1))
    part = f"{x},{y},{draw(st.integers(1, of.width - x))},{draw(st.integers(1, of.height - y))}"
    size = draw(st.sampled_from(["max", "pct:50", "pct:30", "pct:12"]))
    return f"{draw(st.sampled_from(['full', part]))}/{size}/{draw(st.sampled_from([0, 90, 180, 270]))}/redacted.png"


@settings(deadline=None, max_examples=30)
@given(data=st.data(), paper=papers(), burnt=st.lists(boxes(), min_size=1, max_size=3), orientation=st.integers(1, 8))
def test_what_is_black_on_the_page_is_black_on_the_sheet_and_nothing_of_it_leaks(
    data: st.DataObject, paper: Paper, burnt: list[Box], orientation: int
) -> None:
    spec = data.draw(requests(paper.size))
    try:
        form = Spec.parse(spec).resolve(paper.size, redaction="00000000")
    except SpecError:  # less than a pixel
        assume(False)
        raise
    page, hidden = noise(1), noise(2)
    other = page.copy()
    for box in burnt:
        frame = (box.x, box.y, box.right, box.bottom)
        other.paste(hidden.crop(frame), frame)
    exif = Image.Exif()
    exif[0x0112] = orientation
    files = [png(camera.stored_pixels(image, orientation), exif=exif.tobytes()) for image in (page, other)]

    one, two = (made(file, spec, paper=paper, page=SMALL, boxes=tuple(burnt)) for file in files)

    assert one.tobytes() == two.tobytes(), "what the boxes hide can be told"
    region = form.region or Box(0, 0, paper.size.width, paper.size.height)
    back = {0: None, 90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
    turn = back[form.rotation]
    shown = (one if turn is None else one.transpose(turn)).convert("RGB")
    to_page = inverse(camera.perspective(paper.corners, (paper.size.width, paper.size.height)))
    for row in range(shown.height):
        for column in range(shown.width):
            # The middle of each pixel, and almost its corners.
            for across, down in ((0.5, 0.5), (0.01, 0.01), (0.99, 0.01), (0.01, 0.99), (0.99, 0.99)):
                x, y = to_page(
                    region.x + (column + across) * region.width / shown.width,
                    region.y + (row + down) * region.height / shown.height,
                )
                if any(box.x <= x <= box.right and box.y <= y <= box.bottom for box in burnt):
                    assert shown.getpixel((column, row)) == (0, 0, 0)


def inverse(coefficients: list[float]):  # type: ignore[no-untyped-def]
    a, b, c, d, e, f, g, h = coefficients

    def back(u: float, v: float) -> tuple[float, float]:
        x = (e - f * h) * u + (c * h - b) * v + (b * f - c * e)
        y = (f * g - d) * u + (a - c * g) * v + (c * d - a * f)
        w = (d * h - e * g) * u + (b * g - a * h) * v + (a * e - b * d)
        return x / w, y / w

    return back
