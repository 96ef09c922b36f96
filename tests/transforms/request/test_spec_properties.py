"""What holds for every request and every page: one image, one key, and links that lead back to it."""

import re
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.depth import examples
from transforms.errors import SpecError, UpscaleRefused
from transforms.formats import OutputFormat
from transforms.geometry import Box, Size
from transforms.limits import LIMITS
from transforms.request.spec import Spec, Stored

unhurried = settings(deadline=None)
# Most random requests ask for something larger than their region: they are dropped, and many are drawn.
thorough = settings(deadline=None, max_examples=examples(80), suppress_health_check=[HealthCheck.filter_too_much])

SIDE = LIMITS.source_side

pages = (
    st.builds(Size, st.integers(1, SIDE), st.integers(1, SIDE))
    | st.sampled_from([Size(2480, 3508), Size(4032, 3024), Size(8192, 6144), Size(8000, 2), Size(1, 1), Size(SIDE, 1)])
).filter(lambda page: page.area <= LIMITS.source_pixels)

whole = st.integers(0, 20_000) | st.integers(0, 12)
percents = st.decimals(0, 150, places=3, allow_nan=False, allow_infinity=False).map(
    lambda value: f"{value:f}".rstrip("0").rstrip(".")
)
percents = percents.filter(bool)

regions = st.one_of(
    st.sampled_from(["full", "square"]),
    st.tuples(whole, whole, whole, whole).map(lambda box: "{},{},{},{}".format(*box)),
    st.tuples(percents, percents, percents, percents).map(lambda box: "pct:{},{},{},{}".format(*box)),
)
sizes = st.builds(
    "{}{}".format,
    st.sampled_from(["", "", "^"]),
    st.one_of(
        st.just("max"),
        whole.map("{},".format),
        whole.map(",{}".format),
        percents.map("pct:{}".format),
        st.builds("{},{}".format, whole, whole),
        st.builds("!{},{}".format, whole, whole),
    ),
)
rotations = st.sampled_from(["0", "90", "180", "270", "360"])
qualities = st.sampled_from(["default", "color", "gray", "bitonal", "enhanced", "redacted-0123abcd"])
formats = st.sampled_from([str(name) for name in OutputFormat])
requests = st.builds("{}/{}/{}/{}.{}".format, regions, sizes, rotations, qualities, formats)

numbers = st.integers(1, SIDE) | st.integers(1, 9)
boxes = st.builds(Box, st.integers(0, SIDE) | st.just(0), st.integers(0, SIDE) | st.just(0), numbers, numbers)
stored_forms = st.builds(
    Stored,
    st.none() | boxes,
    st.builds(Size, numbers, numbers),
    st.sampled_from([0, 90, 180, 270]),
    st.sampled_from(["default", "gray", "bitonal", "enhanced", "redacted-0123abcd"]),
    st.sampled_from(list(OutputFormat)),
)


@st.composite
def legal_forms(draw: st.DrawFn) -> tuple[Stored, Size]:
    """A page and one of its stored forms."""
    page = draw(pages)
    x, y = draw(st.integers(0, page.width - 1)), draw(st.integers(0, page.height - 1))
    box = Box(x, y, draw(st.integers(1, page.width - x)), draw(st.integers(1, page.height - y)))
    region = None if box.size == page else draw(st.none() | st.just(box))
    own = region.size if region else page
    smaller = st.builds(Size, st.integers(1, min(own.width, 3464)), st.integers(1, min(own.height, 3464)))
    size = draw(st.just(own) | smaller)  # 3464 x 3464 is just under 12 million
    return draw(stored_forms.map(lambda form: replace(form, region=region, size=size))), page


def own_size(stored: Stored, page: Size) -> Size:
    return stored.region.size if stored.region else page


def is_legal(stored: Stored, page: Size) -> bool:
    """The rules of a stored form, written a second time and without the code under test."""
    if stored.region is not None:
        box = stored.region
        if box.x + box.width > page.width or box.y + box.height > page.height or box.size == page:
            return False
    own, size = own_size(stored, page), stored.size
    if size.width > own.width or size.height > own.height:
        return False
    return size == own or (max(size.width, size.height) <= 4096 and size.width * size.height <= 12_000_000)


def resolved(text: str, page: Size) -> Stored:
    """The outcome of a legal request; other examples are dropped."""
    try:
        return Spec.parse(text).resolve(page)
    except (SpecError, UpscaleRefused):
        assume(False)
        raise


@unhurried
@given(st.text(max_size=60) | st.builds("{}/{}/{}/{}".format, *[st.text(max_size=12)] * 4))
def test_any_text_is_a_request_or_a_bad_request(text):
    for read in (Spec.parse, Stored.parse):
        try:
            value = read(text)
        except SpecError:
            continue
        assert read(str(value)) == value


@unhurried
@given(requests)
def test_a_request_reads_back_as_written(text):
    try:
        spec = Spec.parse(text)
    except SpecError:
        assume(False)
    assert Spec.parse(str(spec)) == spec
    assert str(spec) == text.replace("/360/", "/0/")


@thorough
@given(requests, pages)
def test_every_outcome_is_legal_for_its_page(text, page):
    stored = resolved(text, page)

    assert is_legal(stored, page)
    stored.fits(page)
    assert Stored.parse(str(stored)) == stored


@thorough
@given(requests, pages)
def test_the_stored_and_the_canonical_form_lead_back_to_the_same_key(text, page):
    stored = resolved(text, page)
    canonical = stored.canonical(page)

    assert Spec.parse(str(stored)).resolve(page) == stored
    assert Spec.parse(str(stored)).resolve(page, oversize="reject") == stored
    assert Spec.parse(canonical).resolve(page) == stored
    assert Spec.parse(canonical).resolve(page).canonical(page) == canonical
    assert ("/max/" in canonical) == (stored.size == own_size(stored, page))


# Image API 3.0 §4.8, written down once more: what each part of a canonical address may look like.
CANONICAL = re.compile(
    r"(full|[0-9]+,[0-9]+,[0-9]+,[0-9]+)/(max|[0-9]+,[0-9]+)/(0|90|180|270)/"
    r"(default|gray|bitonal|enhanced|redacted-[0-9a-f]{8})\.(jpg|png|webp|avif|pdf)"
)


@thorough
@given(requests, pages)
@example("square/max/0/color.jpg", Size(300, 300))
@example("pct:0,0,100,100/pct:100/360/default.png", Size(1, 1))
@example("full/!99999,99999/0/default.webp", Size(8192, 6144))
@example("full/^max/0/default.pdf", Size(9248, 6936))
def test_the_canonical_form_is_spelt_as_the_specification_says(text, page):
    stored = resolved(text, page)

    found = CANONICAL.fullmatch(stored.canonical(page))

    assert found is not None, stored.canonical(page)
    region, size, rotation, quality, extension = found.groups()
    # `full` where it is the whole image, x,y,w,h where it is not, inside the image
    x, y, width, height = (0, 0, page.width, page.height) if region == "full" else map(int, region.split(","))
    assert x + width <= page.width
    assert y + height <= page.height
    assert (region == "full") == ((width, height) == (page.width, page.height))
    # `max` where it is the size of what is shown, which is the largest there is, w,h where it is smaller
    wide, high = (width, height) if size == "max" else map(int, size.split(","))
    assert 1 <= wide <= width
    assert 1 <= high <= height
    assert (size == "max") == ((wide, high) == (width, height))
    # and it says what is stored
    assert (Size(wide, high), int(rotation), quality, extension) == (
        stored.size, stored.rotation, stored.quality, str(stored.format),
    )  # fmt: skip


@settings(thorough, max_examples=examples(60))
@given(requests, requests, pages)
@example("full/max/0/default.jpg", "0,0,9999,9999/300,/360/color.jpg", Size(300, 400))
@example("full/150,/0/default.jpg", "full/!150,200/0/color.jpg", Size(300, 400))
@example("full/max/0/default.jpg", "full/299,400/0/default.jpg", Size(300, 400))
def test_two_requests_have_one_canonical_form_exactly_if_they_have_one_key(one, other, page):
    first, second = resolved(one, page), resolved(other, page)

    assert (first == second) == (first.canonical(page) == second.canonical(page))
    assert (first == second) == (str(first) == str(second))


@thorough
@given(stored_forms, pages)
@example(Stored(None, Size(4096, 4096), 0, "default", OutputFormat.WEBP), Size(8000, 8000))
@example(Stored(Box(0, 0, 10, 10), Size(10, 10), 0, "default", OutputFormat.WEBP), Size(10, 10))
def test_fits_tells_exactly_the_legal_forms(stored, page):
    try:
        stored.fits(page)
    except SpecError:
        assert not is_legal(stored, page)
    else:
        assert is_legal(stored, page)


@unhurried
@given(legal_forms())
def test_all_spellings_of_one_image_give_one_key(form):
    stored, page = form
    own = own_size(stored, page)
    size, rotation = stored.size, stored.rotation
    spelt_regions = (
        [str(stored.region)] if stored.region else ["full", f"0,0,{page}", "0,0,99999,99999", "pct:0,0,100,100"]
    )
    if page.width == page.height and not stored.region:
        spelt_regions.append("square")
    if stored.region and (stored.region.right, stored.region.bottom) == (page.width, page.height):
        spelt_regions.append(f"{stored.region.x},{stored.region.y},99999,99999")
    spelt_sizes = [str(size), f"^{size}"]
    if size == own:
        spelt_sizes += [
            "max",
            "pct:100",
            "^pct:100",
            "pct:100.0",
            f"{own.width},",
            f",{own.height}",
            f"!{own}",
            f"!99999,{own.height}",
        ]
    spelt_rotations = [str(rotation)] + (["360"] if rotation == 0 else [])
    spelt_qualities = [stored.quality] + (["color"] if stored.quality == "default" else [])

    keys = {
        Spec.parse(f"{a}/{b}/{c}/{d}.{stored.format}").resolve(page)
        for a in spelt_regions
        for b in spelt_sizes
        for c in spelt_rotations
        for d in spelt_qualities
    }

    assert keys == {stored}


@unhurried
@given(stored_forms, stored_forms)
def test_different_images_never_share_a_key(one, other):
    assert (str(one) == str(other)) == (one == other)


@unhurried
@given(pages, st.integers(1, 5000), st.integers(1, 5000))
def test_a_confined_size_is_as_large_as_possible_and_in_proportion(page, width, height):
    size = Spec.parse(f"full/!{width},{height}/0/default.jpg").resolve(page).size

    assert size.width <= max(width, 1)
    assert size.height <= max(height, 1)
    if size != page and size.area < LIMITS.output_pixels * 0.99 and max(size.width, size.height) < LIMITS.output_side:
        assert size.width == width or size.height == height
    exact = min(Fraction(size.width, page.width), Fraction(size.height, page.height))
    larger = max(Fraction(size.width, page.width), Fraction(size.height, page.height))
    assert (larger - exact) * min(page.width, page.height) <= 1
