"""Images: upright, right colours, the right region at the right size."""

import itertools

import pytest
from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageStat

from tests.transforms import fixtures
from tests.transforms.fixtures import BLACK, BLUE, CORNERS, GREEN, PAGE, RED, WHITE
from tests.transforms.rendering import corners, near, opened, pixels, shows, variant
from transforms.errors import PageMissing, RedactionMissing, RendererBusy, RenderTimeout, SourceDamaged, SpecError
from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.limits import Limits
from transforms.pixels.plan import make, outward
from transforms.render import RenderJob, render
from transforms.request.spec import Stored

CLOCKWISE = (BLUE, RED, BLACK, GREEN)  # the corners after a quarter turn clockwise


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("spec", ["full/max/0/default.png", "full/48,32/0/default.png", "full/24,16/0/default.png"])
def test_every_orientation_comes_out_upright(orientation, form, spec):
    image = pixels(fixtures.oriented(orientation, form), spec)
    assert image.width * 2 == image.height * 3
    assert shows(image, CORNERS, tolerance=40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_is_clockwise_on_top_of_the_orientation(orientation):
    data = fixtures.oriented(orientation)
    assert shows(pixels(data, "full/max/90/default.png"), CLOCKWISE)
    assert shows(pixels(data, "full/max/180/default.png"), CORNERS[::-1])
    assert shows(pixels(data, "full/max/270/default.png"), CLOCKWISE[::-1])
    assert pixels(data, "full/max/90/default.png").size == (PAGE.height, PAGE.width)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("region", "colour"),
    [("0,0,16,16", RED), ("80,0,16,16", GREEN), ("0,48,16,16", BLUE), ("80,48,16,16", BLACK), ("16,16,64,32", WHITE)],
)
def test_a_region_is_cut_from_the_upright_page(orientation, region, colour):
    image = pixels(fixtures.oriented(orientation), f"{region}/max/0/default.png")
    assert image.size == tuple(map(int, region.split(",")[2:]))
    assert near(ImageStat.Stat(image.convert("RGB")).mean, colour, tolerance=3)


@pytest.mark.parametrize(("width", "height"), list(itertools.product((1, 7, 8, 9, 31, 64, 113), (1, 5, 16, 33, 97))))
def test_every_size_is_met_exactly(width, height):
    source = fixtures.jpeg(Image.new("RGB", (113, 97), RED))
    stored = Stored.parse(f"full/{width},{height}/0/default.png")
    image = opened(render(source, RenderJob(SourceType.JPEG, 1, stored, Size(113, 97))))
    assert image.size == (width, height)
    assert near(ImageStat.Stat(image).mean, RED, tolerance=3)


@pytest.mark.parametrize("source", [(4000, 3000), (3999, 3001), (8, 8), (15, 7), (3, 1000)])
@pytest.mark.parametrize("target", [(2000, 1500), (1999, 1500), (500, 375), (1, 1), (4, 4)])
def test_shrinking_leaves_well_over_the_asked_pixels_or_exactly_those(source, target):
    plan = make(Stored.parse(f"full/{target[0]},{target[1]}/0/default.jpg"), source=Size(*source))
    left = Size(-(-source[0] // plan.shrink), -(-source[1] // plan.shrink))
    enough = left.width * 5 >= target[0] * 9 and left.height * 5 >= target[1] * 9
    assert enough or left == Size(*target) or plan.shrink == 1


@pytest.mark.parametrize(
    ("source", "width", "factor"),
    [
        ("4000,3000", 1440, 1),  # 2.8 times as wide: half of it would be too few
        ("4000,3000", 1080, 2),  # 3.7 times: 1.85 are left, and whole it is 12 megapixels
        ("4000,3000", 200, 4),  # 20 times: 1/8 would do, but 1/4 is still small, and sharper
        ("1632,1224", 480, 1),  # 3.4 times: 1.7 are left, and whole it is still small
    ],
)
def test_small_decodes_are_generous_and_large_ones_sparing(source, width, factor):
    size = Size(*map(int, source.split(",")))
    height = width * size.height // size.width
    assert make(Stored.parse(f"full/{width},{height}/0/default.jpg"), source=size).shrink == factor


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_sizes_at_exact_fractions_are_decoded_without_resizing(factor):
    plan = make(Stored.parse(f"full/{-(-4001 // factor)},{-(-3001 // factor)}/0/default.jpg"), source=Size(4001, 3001))
    assert plan.shrink == factor
    assert plan.is_exact(factor)


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("level", [1, 2, 4])
@pytest.mark.parametrize("make_source", [fixtures.jpeg, fixtures.png])
def test_tiles_join_to_the_picture_of_the_whole_page(level, make_source):
    noise = Image.effect_noise((256, 256), 80).filter(ImageFilter.GaussianBlur(2)).convert("RGB")
    source = make_source(noise)
    whole = pixels(source, f"full/{256 // level},{256 // level}/0/default.png")
    joined = Image.new(whole.mode, whole.size)
    tile = 64 * level
    for x, y in itertools.product(range(0, 256, tile), range(0, 256, tile)):
        part = pixels(source, f"{x},{y},{tile},{tile}/64,64/0/default.png")
        joined.paste(part, (x // level, y // level))
    low, high = zip(*ImageChops.difference(whole, joined).getextrema(), strict=True)
    assert max(high) <= (0 if level == 1 or make_source is fixtures.jpeg else 12), (low, high)


def test_sixteen_bit_grey_keeps_its_middle():
    image = pixels(fixtures.gray16(), "full/max/0/default.png")
    assert [image.getpixel((x, 32)) for x in (8, 48, 88)] == [0, 128, 255]


@pytest.mark.parametrize(
    "source",
    [
        fixtures.cmyk(adobe=True),
        fixtures.cmyk(adobe=False),
        fixtures.png(fixtures.page(mode="P")),
        fixtures.png(fixtures.page().quantize(8)),
        fixtures.png(fixtures.page(mode="RGBA")),
        fixtures.jpeg(progressive=True),
        fixtures.jpeg(subsampling="4:2:0", quality=100),
        fixtures.interlaced(),
        fixtures.webp(lossless=True),
        fixtures.webp(fixtures.page(mode="RGBA")),
        fixtures.avif(),
        fixtures.heic(),
    ],
    ids=[
        "cmyk-adobe", "cmyk", "palette", "adaptive-palette", "rgba", "progressive", "4:2:0", "interlaced",
        "webp-lossless", "webp-alpha", "avif", "heic",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["jpg", "png", "webp", "avif"])
def test_colours_survive_every_way_of_storing_them(source, form):
    image = pixels(source, f"full/48,32/0/default.{form}")
    assert shows(image, CORNERS, tolerance=25)
    assert near(image.convert("RGB").getpixel((24, 16)), WHITE, tolerance=6)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_and_one_bit_sources(mode):
    image = pixels(
        fixtures.png(fixtures.page(mode="L").point(lambda v: 255 * (v > 200)).convert(mode)), "full/48,32/0/default.png"
    )
    assert image.mode == "L"
    assert corners(image) == (BLACK,) * 4
    assert image.getpixel((24, 16)) == 255


def test_transparency_is_flattened_on_white():
    clear = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
    half = Image.new("RGBA", (96, 64), (255, 0, 0, 128))
    assert pixels(fixtures.png(clear), "full/48,32/0/default.jpg").getpixel((24, 16)) == WHITE
    assert near(pixels(fixtures.png(half), "full/48,32/0/default.png").getpixel((24, 16)), (255, 127, 127), 2)
    assert near(pixels(fixtures.webp(half), "full/48,32/0/default.png").getpixel((24, 16)), (255, 127, 127), 4)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_transparent_colour_is_flattened_on_white(mode):
    page = fixtures.page().convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else fixtures.page(mode=mode)
    black = page.getpixel((90, 60))
    image = pixels(fixtures.png(page, transparency=black), "full/max/0/default.png").convert("RGB")
    assert image.getpixel((88, 56)) == WHITE
    assert near(image.getpixel((8, 8)), RED if mode != "L" else (76, 76, 76), 2)


def test_a_colour_profile_is_applied_and_dropped():
    profile = _swapping_profile()
    image = pixels(fixtures.png(icc_profile=profile), "full/max/0/default.png")
    assert "icc_profile" not in image.info
    red, green, blue = image.getpixel((8, 8))
    assert green > 200 > 60 > max(red, blue), "a profile whose red is green was ignored"


@pytest.mark.parametrize("profile", [b"", b"not a profile", b"\0" * 5_000_000])
def test_a_damaged_colour_profile_costs_nothing_but_calibration(profile):
    assert shows(pixels(fixtures.webp(icc_profile=profile), "full/max/0/default.png"), CORNERS)


def test_animations_show_their_first_frame():
    frames = [fixtures.page(), Image.new("RGB", (96, 64), BLACK)]
    for form in ("WEBP", "PNG"):
        data = fixtures.save(frames[0], form, save_all=True, append_images=frames[1:])
        assert shows(pixels(data, "full/max/0/default.png"), CORNERS)


# Qualities.


# Redaction.


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("spec", "hidden"),
    [
        ("full/max/0", (0, 0, 16, 16)),
        ("full/48,32/0", (0, 0, 8, 8)),
        ("full/max/90", (48, 0, 64, 16)),
        ("0,0,48,64/24,32/0", (0, 0, 8, 8)),
    ],
)
def test_redacted_rectangles_are_black_and_the_rest_is_as_before(orientation, spec, hidden):
    data, boxes = fixtures.oriented(orientation, "PNG"), (Box(0, 0, 16, 16),)
    clear = pixels(data, f"{spec}/default.png")
    image = pixels(data, f"{spec}/redacted.png", redactions=boxes)
    assert image.crop(hidden).getextrema() == ((0, 0),) * 3
    # Next to the rectangle, LANCZOS rings; three pixels further, nothing may have changed.
    left, top, right, bottom = hidden
    image.paste(clear.crop(around := (left - 3, top - 3, right + 3, bottom + 3)), around)
    assert ImageChops.difference(clear, image).getbbox() is None


@pytest.mark.usefixtures("either_resizer")
def test_nothing_of_what_is_redacted_bleeds_over_the_edge_when_scaling():
    secret = Image.new("RGB", (960, 640), WHITE)
    secret.paste(RED, (100, 100, 300, 200))
    image = pixels(fixtures.png(secret), "full/96,64/0/redacted.png", redactions=(Box(100, 100, 200, 100),))
    # LANCZOS rings around the black box, in grey; any colour would be the secret's.
    assert all(r == g == b for r, g, b in image.get_flattened_data())


def test_a_redacted_variant_without_rectangles_is_refused():
    with pytest.raises(RedactionMissing):
        variant(fixtures.jpeg(), "full/max/0/redacted.png")


def test_rectangles_do_nothing_to_other_qualities():
    assert shows(pixels(fixtures.png(), "full/max/0/default.png", redactions=(Box(0, 0, 96, 64),)), CORNERS)


# Refusals.


def test_an_image_has_one_page():
    job = RenderJob(SourceType.PNG, 2, Stored.parse("full/96,64/0/default.png"), PAGE)
    with pytest.raises(PageMissing):
        render(fixtures.png(), job)


def test_a_region_outside_the_page_is_refused():
    job = RenderJob(SourceType.PNG, 1, Stored.parse("90,0,10,10/10,10/0/default.png"), PAGE)
    with pytest.raises(SpecError):
        render(fixtures.png(), job)


def test_a_file_of_another_size_than_measured_is_refused():
    job = RenderJob(SourceType.PNG, 1, Stored.parse("full/48,32/0/default.png"), Size(192, 128))
    with pytest.raises(SourceDamaged):
        render(fixtures.png(), job)


def test_a_deadline_in_the_past_ends_the_render():
    with pytest.raises(RendererBusy):
        variant(fixtures.png(), "full/max/0/default.png", deadline=0.0)


def test_a_render_that_computes_too_long_is_told_from_one_that_is_late():
    with pytest.raises(RenderTimeout):
        variant(fixtures.png(), "full/max/0/default.png", deadline=0.0, limits=Limits(child_cpu_seconds=0))


def test_timings_name_the_phases():
    assert list(variant(fixtures.jpeg(), "full/max/0/default.jpg").timings) == [
        "open", "decode", "scale", "quality", "encode",
    ]  # fmt: skip


def test_boxes_are_rounded_outwards():
    from fractions import Fraction

    assert outward(Box(5, 5, 5, 6), across=Fraction(1, 2), down=Fraction(1, 4)) == Box(2, 1, 3, 2)


def _swapping_profile() -> bytes:
    """sRGB with the red and green primaries exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for number in range(int.from_bytes(data[128:132], "big")):
        at = 132 + 12 * number
        tags[bytes(data[at : at + 4])] = at
    for a, b in ((b"rXYZ", b"gXYZ"),):
        data[tags[a] + 4 : tags[a] + 12], data[tags[b] + 4 : tags[b] + 12] = (
            data[tags[b] + 4 : tags[b] + 12],
            data[tags[a] + 4 : tags[a] + 12],
        )
    return bytes(data).replace(b"s\0R\0G\0B", b"x\0R\0G\0B").replace(b"sRGB", b"xRGB")
