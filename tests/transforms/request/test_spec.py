"""The IIIF request grammar and its resolution, case by case."""

import json
from pathlib import Path

import pytest

from transforms.errors import RedactionMissing, SpecError, UpscaleRefused
from transforms.formats import OutputFormat
from transforms.geometry import Size
from transforms.request.spec import MAX_LENGTH, Spec

A4 = Size(2480, 3508)
PHOTO = Size(4032, 3024)  # what phones call 12 MP: 12.19 million
LARGE = Size(8192, 6144)
STRIP = Size(8000, 2)


SPEC_EXAMPLE = Size(300, 200)  # the image of the examples in IIIF Image API 3.0 §4.1 and §4.2


def resolve(text: str, page: Size, **options: object) -> str:
    return str(Spec.parse(text).resolve(page, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("region", "stored"),
    [
        ("full", "full"),
        ("square", "50,0,200,200"),
        ("125,15,120,140", "125,15,120,140"),
        ("pct:41.6,7.5,40,70", "125,15,120,140"),
        ("125,15,200,200", "125,15,175,185"),
        ("pct:41.6,7.5,66.6,100", "125,15,175,185"),
        ("0,0,300,200", "full"),
        ("0,0,9999,9999", "full"),
        ("pct:0,0,100,100", "full"),
        ("299,199,1,1", "299,199,1,1"),
        ("pct:0.5,0.25,1,1", "2,1,3,2"),  # 1.5 and 0.5 go up
        ("pct:99.8,99.7,50,50", "299,199,1,1"),
    ],
)
def test_regions_of_the_specification_and_its_edges(region, stored):
    assert resolve(f"{region}/max/0/default.jpg", SPEC_EXAMPLE).split("/")[0] == stored


@pytest.mark.parametrize(
    ("page", "region"),
    [
        (Size(200, 300), "0,50,200,200"),
        (Size(301, 200), "50,0,200,200"),
        (Size(200, 200), "full"),
        (Size(1, 9), "0,4,1,1"),
    ],
)
def test_a_square_is_centred_and_a_square_page_is_full(page, region):
    assert resolve("square/max/0/default.jpg", page).split("/")[0] == region


@pytest.mark.parametrize(
    "region",
    ["300,0,1,1", "0,200,1,1", "300,200,10,10", "pct:100,0,1,1", "pct:0,0,0.1,100", "pct:99.9,0,10,10"],
)
def test_a_region_without_a_pixel_of_the_page_is_refused(region):
    with pytest.raises(SpecError, match="holds no pixel of the page, which is 300,200 pixels"):
        resolve(f"{region}/max/0/default.jpg", SPEC_EXAMPLE)


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ("max", "300,200"),
        ("150,", "150,100"),
        (",150", "225,150"),
        ("pct:50", "150,100"),
        ("225,100", "225,100"),  # distorted, as level 2 demands
        ("!225,100", "150,100"),
        ("300,200", "300,200"),
        ("!300,200", "300,200"),
        ("!300,9999", "300,200"),
        ("pct:100", "300,200"),
        ("pct:33.333", "100,67"),
        ("^150,", "150,100"),
        ("^,150", "225,150"),
        ("^pct:50", "150,100"),
        ("^225,100", "225,100"),
        ("^!225,100", "150,100"),
        ("1,1", "1,1"),
    ],
)
def test_sizes_of_the_specification_and_their_edges(size, stored):
    assert resolve(f"full/{size}/0/default.jpg", SPEC_EXAMPLE) == f"full/{stored}/0/default.jpg"


@pytest.mark.parametrize("size", ["301,", ",201", "301,200", "300,201", "pct:100.001", "pct:101", "9999999999,"])
def test_enlarging_without_a_caret_is_a_bad_request(size):
    with pytest.raises(SpecError, match="is larger than the region: at most 300,200 pixels"):
        resolve(f"full/{size}/0/default.jpg", SPEC_EXAMPLE)


@pytest.mark.parametrize("size", ["^max", "^301,", "^,201", "^301,200", "^300,201", "^pct:120", "^!360,360"])
def test_enlarging_with_a_caret_is_not_implemented(size):
    with pytest.raises(UpscaleRefused) as caught:
        resolve(f"full/{size}/0/default.jpg", SPEC_EXAMPLE)
    assert caught.value.status == 501


def test_enlarging_is_measured_against_the_region_and_not_the_page():
    with pytest.raises(SpecError, match="at most 100,100 pixels"):
        resolve("0,0,100,100/101,/0/default.jpg", SPEC_EXAMPLE)


@pytest.mark.parametrize("size", ["^max", "^!9000,9000"])
def test_a_caret_that_the_limits_leave_no_room_for_is_without_effect(size):
    assert resolve(f"full/{size}/0/default.jpg", LARGE) == "full/8192,6144/0/default.jpg"


@pytest.mark.parametrize(("page", "size"), [(Size(600, 400), "!1080,1080"), (Size(1000, 1000), "!2000,3000")])
def test_a_confined_size_beyond_the_page_returns_the_page(page, size):
    assert resolve(f"full/{size}/0/default.webp", page) == f"full/{page}/0/default.webp"


def test_a_confined_size_beyond_the_page_can_be_refused_for_the_validators():
    with pytest.raises(SpecError, match="larger than the region"):
        resolve("full/!2000,3000/0/default.jpg", Size(1000, 1000), oversize="reject")
    # Not larger on one side is no enlargement.
    stored = resolve("full/!1000,3000/0/default.jpg", Size(1000, 1000), oversize="reject")
    assert stored == "full/1000,1000/0/default.jpg"


@pytest.mark.parametrize(
    ("size", "stored"),
    [("!200,200", "200,1"), ("200,", "200,1"), ("pct:10", "800,1"), (",1", "4000,1"), ("max", "8000,2")],
)
def test_a_long_strip_keeps_its_last_pixel(size, stored):
    assert resolve(f"full/{size}/0/default.webp", STRIP) == f"full/{stored}/0/default.webp"


def test_an_image_that_vanishes_both_ways_is_refused():
    with pytest.raises(SpecError, match="less than one pixel"):
        resolve("full/pct:0.01/0/default.jpg", SPEC_EXAMPLE)
    assert resolve("full/pct:0.2/0/default.jpg", SPEC_EXAMPLE) == "full/1,1/0/default.jpg"


@pytest.mark.parametrize(
    ("page", "size", "stored"),
    [
        (LARGE, "max", "8192,6144"),
        (LARGE, "pct:100", "8192,6144"),
        (LARGE, "8192,6144", "8192,6144"),
        (LARGE, "!9999,9999", "8192,6144"),
        (LARGE, "!8192,6144", "8192,6144"),
        (LARGE, "!8191,9999", "4000,3000"),
        (LARGE, "!5000,5000", "4000,3000"),
        (LARGE, "!4000,4000", "4000,3000"),
        (LARGE, "4000,", "4000,3000"),
        (PHOTO, "max", "4032,3024"),
        (PHOTO, "!4031,9999", "4000,3000"),
        (Size(16_383, 200), "!9000,9000", "4096,50"),
    ],
)
def test_max_and_confined_sizes_keep_to_the_limits_and_the_own_size_is_always_allowed(page, size, stored):
    assert resolve(f"full/{size}/0/default.jpg", page) == f"full/{stored}/0/default.jpg"


@pytest.mark.parametrize(
    ("page", "size"),
    [
        (LARGE, "4097,"),
        (LARGE, "4096,4096"),
        (LARGE, "pct:99"),
        (LARGE, ",3001"),
        (Size(16_383, 200), "4097,1"),
    ],
)
def test_other_sizes_beyond_the_limits_are_refused(page, size):
    with pytest.raises(SpecError, match="Allowed are 4096 pixels a side and 12000000 in all, or exactly"):
        resolve(f"full/{size}/0/default.jpg", page)


def test_a_region_at_its_own_scale_may_exceed_the_limits():
    assert resolve("0,0,5000,5000/max/0/default.jpg", LARGE) == "0,0,5000,5000/5000,5000/0/default.jpg"
    with pytest.raises(SpecError, match="or exactly 5000,5000"):
        resolve("0,0,5000,5000/4999,/0/default.jpg", LARGE)


def test_size_is_counted_before_rotation():
    assert resolve("full/!200,200/90/default.webp", A4) == "full/141,200/90/default.webp"


@pytest.mark.parametrize(
    ("asked", "stored"),
    [("0", 0), ("90", 90), ("180", 180), ("270", 270), ("360", 0), ("90.0", 90), ("360.00", 0)],
)
def test_rotations(asked, stored):
    assert Spec.parse(f"full/max/{asked}/default.jpg").rotation == stored


@pytest.mark.parametrize("rotation", ["!0", "!90", "!180", "!"])
def test_mirroring_is_refused_with_the_reason(rotation):
    with pytest.raises(SpecError, match="a mirrored prescription can be misread"):
        Spec.parse(f"full/max/{rotation}/default.jpg")


def test_color_is_default_and_other_qualities_stay():
    assert resolve("full/max/0/color.jpg", SPEC_EXAMPLE) == "full/300,200/0/default.jpg"
    for quality in ("default", "gray", "bitonal", "enhanced", "redacted-0123abcd"):
        assert resolve(f"full/max/0/{quality}.jpg", SPEC_EXAMPLE) == f"full/300,200/0/{quality}.jpg"


def test_redacted_takes_the_digest_of_the_confirmed_redaction():
    stored = resolve("full/max/0/redacted.jpg", SPEC_EXAMPLE, redaction="0123abcd")

    assert stored == "full/300,200/0/redacted-0123abcd.jpg"


def test_redacted_without_a_confirmed_redaction_is_missing_and_never_the_clear_page():
    with pytest.raises(RedactionMissing) as caught:
        resolve("full/max/0/redacted.jpg", SPEC_EXAMPLE)
    assert (caught.value.status, caught.value.code) == (404, "redaction-missing")


@pytest.mark.parametrize("digest", ["", "0123ABCD", "0123abc", "0123abcde", "0123abcd\n", "../../..", "ééééeeee"])
def test_a_digest_of_another_shape_is_a_programming_error(digest):
    with pytest.raises(ValueError, match="eight lower-case hexadecimal digits"):
        resolve("full/max/0/redacted.jpg", SPEC_EXAMPLE, redaction=digest)


@pytest.mark.parametrize("name", list(OutputFormat))
def test_formats(name):
    assert resolve(f"full/max/0/default.{name}", SPEC_EXAMPLE).endswith(f"default.{name}")


REGIONS = [
    "FULL", "Full", "full ", " full", "max", "1,2,3", "1,2,3,4,5", "1,2,3,", ",,,", "-1,0,10,10",
    "+1,0,10,10", "1.5,0,10,10", "01,0,10,10", "0,0,010,10", "1e2,0,10,10", "0x1,0,10,10",
    "1_0,0,10,10", "٣,0,10,10", "1²,0,10,10", "０,0,10,10", "0, 0,10,10", "0,0,10,10\n", "0,0,0,10",
    "0,0,10,0", "0,0,00,10", "0,0,10,12345678901", "pct:", "pct:0,0,10", "pct:0,0,0,10",
    "pct:0,0,10,0.0", "pct:-1,0,10,10", "pct:.5,0,10,10", "pct:5.,0,10,10", "pct:1e1,0,10,10",
    "pct:00.5,0,10,10", "pct:1.2.3,0,10,10", "pct:0,0,10,1.12345678901", "pct:nan,0,10,10",
    "pct:inf,0,10,10", "pct:٣,0,10,10", "PCT:0,0,10,10", "pct:pct:0,0,1,1", "%66ull",
]  # fmt: skip
SIZES = [
    "MAX", "full", "^full", "^", "^^max", "!max", "max,", "200", "200,200,200", ",", "!,", "^,",
    "!200,", "!,200", "!200", "!!200,200", "!^200,200", "^!200,", "0,", ",0", "0,0", "0,100",
    "100,0", "!0,100", "^0,", "pct:0", "pct:0.0", "^pct:0", "pct:", "pct:-1", "pct:+1", "pct:.5",
    "pct:5.", "pct:05", "pct:1e1", "pct:5,5", "!pct:50", "-1,", "+1,", "01,", "007,7", "1.5,",
    "1e9,", "0x10,", "1_0,", "٣,", "１,", "²,", " 1,", "1 ,", "1,\n", "12345678901,",
    "99999999999999999999,", "w,h", "200x200", "nan,", "inf,",
]  # fmt: skip
ROTATIONS = [
    "-90",
    "+90",
    "090",
    "00",
    "45",
    "22.5",
    "361",
    "450",
    "720",
    "90.",
    ".0",
    "9e1",
    "٩٠",
    "x",
    "0x0",
    "90 ",
]
FILES = [
    "default", "default.", ".jpg", "jpg", "Default.jpg", "default.JPG", "default.jpeg",
    "default.gif", "default.tif", "default.jp2", "default.jpg.webp", "native.jpg", "grey.jpg",
    "default..jpg", "default.jpg\n", "default.jpg\0", "default .jpg", "redacted-.jpg",
    "redacted-0123ABCD.jpg", "redacted-0123abc.jpg", "redacted-0123abcde.jpg",
    "redacted-0123abcd\n.jpg", "original.pdf", "default.svg", "default.html", "default.jpg?x=1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "text"),
    [("region", f"{region}/max/0/default.jpg") for region in REGIONS]
    + [("size", f"full/{size}/0/default.jpg") for size in SIZES]
    + [("rotation", f"full/max/{rotation}/default.jpg") for rotation in ROTATIONS]
    + [("quality|format", f"full/max/0/{file}") for file in FILES],
    ids=ascii,
)
def test_anything_outside_the_grammar_names_its_part_and_what_is_allowed(part, text):
    with pytest.raises(SpecError, match=f"^The ({part}) .*(Allowed are|must be above zero)") as caught:
        Spec.parse(text)
    assert caught.value.status == 400
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "///", "full", "full/max/0", "full/max/0/", "/full/max/0/default.jpg",
        "full/max/0/default.jpg/", "full//max/0/default.jpg", "full/max//default.jpg",
        "/max/0/default.jpg", "full/max/0/default.jpg/..", "full\\max\\0\\default.jpg",
        "full%2Fmax%2F0%2Fdefault.jpg",
    ],
)  # fmt: skip
def test_a_request_has_exactly_four_parts(text):
    with pytest.raises(SpecError, match="must have four parts, none of them empty"):
        Spec.parse(text)


def test_a_request_is_refused_by_its_length_before_it_is_read():
    with pytest.raises(SpecError, match=f"At most {MAX_LENGTH} are allowed"):
        Spec.parse("full/max/0/" + "d" * 10_000_000 + ".jpg")


def test_the_longest_legal_request_is_within_the_length():
    number = "1234567890.0123456789"
    text = f"pct:{number},{number},{number},{number}/^!1234567890,1234567890/270/redacted-0123abcd.webp"

    assert str(Spec.parse(text)) == text
    assert len(text) < MAX_LENGTH


def test_naughty_strings_in_any_place_are_refused():
    path = Path(__file__).parents[3] / "../shared/corpus/blns.json"
    if not path.exists():
        pytest.skip("the corpus of naughty strings is not on this machine")
    plain = Spec.parse("full/max/0/default.jpg")
    for naughty in json.loads(path.read_text(encoding="utf-8")):
        for place in range(4):
            parts = ["full", "max", "0", "default.jpg"]
            parts[place] = naughty
            try:
                spec = Spec.parse("/".join(parts))
            except SpecError:
                continue
            assert spec == plain, naughty  # "0.00" is a legal, if clumsy, rotation
