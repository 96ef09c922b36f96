"""What decodes whole is taken, and is the same picture in every variant; half a picture is refused, however it is
filled up.

"Whole" is proved against the file before it was cut: where intake takes a cut file, no pixel may differ.
"""

import io
import itertools
import random
import struct
from collections.abc import Callable

import pikepdf
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tests.transforms import fixtures
from tests.transforms.rendering import near, pixels, variant
from transforms import jpeg
from transforms.errors import SourceDamaged
from transforms.formats import SourceType, sniff
from transforms.geometry import Box, Size
from transforms.measure.probe import probe
from transforms.pixels import mending

EOI = b"\xff\xd9"
WIDTH, HEIGHT = 150, 117  # no multiple of a block


def noise(mode: str = "RGB") -> Image.Image:
    """The same in every process and every run."""
    grey = Image.frombytes("L", (WIDTH, HEIGHT), random.Random(1).randbytes(WIDTH * HEIGHT))
    return grey.filter(ImageFilter.GaussianBlur(1)).convert(mode)


def paper(mode: str = "RGB") -> Image.Image:
    """White down to its last row: what is missing there is seen least."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    ImageDraw.Draw(page).text((8, 8), "Rp. Amoxicillin 500", fill="navy")
    return page.convert(mode)


JPEGS = {
    "baseline": {},
    "4:2:0": {"subsampling": "4:2:0"},
    "optimised": {"optimize": True, "quality": 40},
    "progressive": {"progressive": True, "subsampling": "4:2:0"},
    "restarts": {"restart_marker_blocks": 3},
    "restarts by row": {"restart_marker_rows": 1, "subsampling": "4:2:0"},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
}
SOURCES: dict[str, bytes] = {
    f"{kind}, {options}": fixtures.jpeg(page(), **JPEGS[options])
    for kind, page in (("noise", noise), ("paper", paper))
    for options in JPEGS
} | {
    "grey": fixtures.jpeg(paper("L"), optimize=True),
    "cmyk": fixtures.jpeg(noise("CMYK")),
    "png": fixtures.png(noise()),
    "png of stored bytes": fixtures.png(noise(), compress_level=0),
    "png, interlaced": fixtures.interlaced(),
    "webp": fixtures.webp(noise()),
    "webp of paper": fixtures.webp(paper()),
    "webp with alpha": fixtures.webp(paper("RGBA")),
    "webp, lossless": fixtures.webp(paper(), lossless=True),
    "avif": fixtures.avif(noise()),
    "heic": fixtures.heic(noise()),
}


@pytest.mark.parametrize("data", SOURCES.values(), ids=SOURCES)
def test_a_cut_file_is_taken_only_if_no_pixel_of_it_differs(data: bytes) -> None:
    whole = pixels(data, "full/max/0/default.png")
    chance = random.Random(len(data))
    cuts = {1, 2, *range(4, 12), *(chance.randrange(12, len(data) - 40) for _ in range(6))}
    # Not 3: whether the last byte before an end of two bytes was zero cannot be told from zeros that fill its place.
    for cut, fill in itertools.product(sorted(cuts), (b"", b"\0" * 400, b"\xff" * 400)):
        try:
            found = pixels(data[:-cut] + fill, "full/max/0/default.png")
        except SourceDamaged:
            continue
        assert ImageChops.difference(whole, found).getbbox() is None, (cut, fill[:1])


def boundaries(data: bytes) -> list[int]:
    """Where a part of the picture has ended and the next one has not begun: nothing that is read is missing there."""
    found, at = [], data.find(b"\xff\xda")
    while (at := data.find(b"\xff", at + 2)) >= 0:
        if data[at + 1] in (*range(0xD0, 0xD8), 0xC4, 0xDA):
            found.append(at)
    return found


@pytest.mark.parametrize("name", ["restarts", "restarts by row", "progressive", "progressive with restarts"])
@pytest.mark.parametrize("page", ["noise", "paper"])
def test_a_jpeg_cut_between_two_parts_is_not_whole(name: str, page: str) -> None:
    data = SOURCES[f"{page}, {name}"]
    cuts = boundaries(data)
    assert len(cuts) > 4
    for cut in cuts[:: max(1, len(cuts) // 12)] + cuts[-2:]:
        for end in (b"", b"\0" * 64):
            with pytest.raises(SourceDamaged):
                probe(data[:cut] + end)


HALVES = {"baseline": "noise, baseline", "progressive": "paper, progressive", "webp": "webp", "avif": "avif"}


@pytest.mark.parametrize("name", [*HALVES.values(), "heic", "png"])
@pytest.mark.parametrize("fill", [b"", b"\0", b"\xff"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_half_a_picture_is_refused_even_if_it_is_filled_up(name: str, fill: bytes, kept: float) -> None:
    data = SOURCES[name]
    end = int(len(data) * kept)
    with pytest.raises(SourceDamaged, match="damaged or incomplete"):
        probe(data[:end] + fill * (len(data) - end))


@pytest.mark.parametrize("name", ["noise, baseline", "paper, restarts", "webp", "avif", "heic", "png"])
@pytest.mark.parametrize("fill", [b"\0" * 5000, b"\xff" * 5000, b"\0" * 3])
def test_a_whole_picture_may_be_followed_by_fill(name: str, fill: bytes) -> None:
    assert probe(SOURCES[name] + fill).pages == (Size(WIDTH, HEIGHT),)


@pytest.mark.parametrize("data", [data for name, data in SOURCES.items() if "interlaced" not in name])
def test_a_sound_file_gives_no_reason_to_doubt_it(data: bytes) -> None:
    assert not mending.is_suspect(data, sniff(data))


# JPEG.

ENDS: dict[str, Callable[[bytes], bytes]] = {
    "no marker": lambda data: data.removesuffix(EOI),
    "half a marker": lambda data: data[:-1],
    "zeros": lambda data: data.removesuffix(EOI) + b"\0" * 100,
    "ones": lambda data: data.removesuffix(EOI) + b"\xff" * 100,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("name", [name for name, data in SOURCES.items() if data.startswith(b"\xff\xd8")])
def test_a_jpeg_without_its_end_is_taken(name: str, end: Callable[[bytes], bytes]) -> None:
    assert probe(end(SOURCES[name])).pages == (Size(WIDTH, HEIGHT),)


SPECS = [
    *(f"full/max/0/{quality}.{form}" for quality in ("default", "gray", "enhanced", "bitonal", "redacted")
      for form in ("jpg", "png", "webp", "avif", "pdf")),
    *(f"full/{size}/0/default.jpg" for size in ("75,", "38,", "19,", "!100,100", "149,")),
    *(f"{region}/max/90/default.png" for region in ("0,0,64,64", "64,64,64,53", "square", "pct:50,50,50,50")),
    "64,0,64,64/32,32/0/enhanced.webp",
]  # fmt: skip


@pytest.mark.parametrize("name", ["noise, 4:2:0", "paper, progressive", "paper, restarts by row", "cmyk"])
def test_every_variant_is_that_of_the_whole_file(name: str) -> None:
    data = SOURCES[name]
    for spec in SPECS:
        expected = variant(data, spec, redactions=(Box(0, 0, 20, 20),))
        found = variant(data.removesuffix(EOI), spec, redactions=(Box(0, 0, 20, 20),))
        assert found.data == expected.data, spec


def test_what_is_embedded_for_print_has_its_end_and_is_not_coded_anew() -> None:
    data = SOURCES["noise, 4:2:0"]
    for cut in (data.removesuffix(EOI), data.removesuffix(EOI) + b"\0" * 64):
        made = variant(cut, "full/max/0/default.pdf").data
        with pikepdf.open(io.BytesIO(made)) as document:
            [picture] = [item for item in document.objects if isinstance(item, pikepdf.Stream) and "/Width" in item]
            embedded = picture.read_raw_bytes()
        assert embedded.endswith(EOI)
        if not cut.endswith(b"\0"):
            assert embedded == jpeg.bare(data)


def test_the_end_of_a_preview_is_not_the_end_of_the_picture() -> None:
    preview = b"Exif\0\0" + fixtures.jpeg(paper().resize((32, 24)))
    data = fixtures.with_segment(SOURCES["noise, baseline"], 0xE1, preview)
    assert probe(data.removesuffix(EOI)).pages == (Size(WIDTH, HEIGHT),)
    with pytest.raises(SourceDamaged):
        probe(data[: len(data) * 3 // 4] + b"\0" * 3000)


def test_an_end_in_front_of_something_else_is_an_end() -> None:
    data = SOURCES["noise, baseline"]
    assert not mending.is_suspect(data + b"ftypmp42" * 100, SourceType.JPEG)
    assert probe(data + data[:-200]).pages == (Size(WIDTH, HEIGHT),)


# PNG.


def damaged(name: bytes, body: bytes) -> bytes:
    """A chunk with a wrong checksum."""
    made = fixtures.chunk(name, body)
    return made[:-1] + bytes((made[-1] ^ 1,))


NOTES = {
    b"eXIf": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",  # turned by a quarter
    b"tEXt": b"Comment\0hello",
    b"iCCP": b"profile\0\0x",
    b"tIME": b"\x07\xea\x0b\x1d\x07\x09\x07",
    b"gAMA": b"\0\0",
    b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='6'/>",
    b"vpAg": b"\0" * 9,
}


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize("name", NOTES)
def test_a_note_with_a_wrong_checksum_is_dropped(name: bytes, where: str) -> None:
    data = SOURCES["png"]
    at = 33 if where == "before" else len(data) - 12
    noted = data[:at] + damaged(name, NOTES[name]) + data[at:]

    assert probe(noted).pages == (Size(WIDTH, HEIGHT),)
    for spec in ("full/max/0/default.png", "full/75,/0/gray.jpg", "full/max/0/default.pdf"):
        assert variant(noted, spec).data == variant(data, spec).data
    # a sound one is read, wherever it lies
    if name == b"eXIf":
        sound = data[:at] + fixtures.chunk(name, NOTES[name]) + data[at:]
        assert probe(sound).pages == (Size(HEIGHT, WIDTH),)
        assert probe(sound[:-12]).pages == (Size(HEIGHT, WIDTH),)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT"])
def test_a_wrong_checksum_of_what_is_shown_is_not_forgiven(name: bytes) -> None:
    data = bytearray(fixtures.png(paper("P")))
    at = data.index(name)
    data[at + 4 + int.from_bytes(data[at - 4 : at], "big") + 3] ^= 1
    for end in (len(data), len(data) - 12):
        with pytest.raises(SourceDamaged):
            probe(bytes(data[:end]))


@pytest.mark.parametrize("make", [lambda: SOURCES["png"], fixtures.interlaced, fixtures.gray16])
def test_a_png_without_its_last_chunk_or_checksum_is_taken(make: Callable[[], bytes]) -> None:
    data = make()
    for cut in (1, 6, 8, 12, 14, 16):
        assert probe(data[:-cut]) == probe(data)
        assert variant(data[:-cut], "full/48,/0/default.png").data == variant(data, "full/48,/0/default.png").data


def test_an_animation_whose_later_frames_are_cut_shows_its_first() -> None:
    data = fixtures.save(paper(), "PNG", save_all=True, append_images=[noise(), noise()])
    assert variant(data[:-3000], "full/max/0/default.png").data == variant(data, "full/max/0/default.png").data


# WebP.


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112], made[0x010E] = orientation, "a page, and what there is to say of it"
    return made


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_a_webp_is_taken_if_only_its_container_is_wrong(options: dict[str, bool]) -> None:
    data = fixtures.webp(noise(), exif=exif(6), **options)
    upright, stored = (Size(HEIGHT, WIDTH),), (Size(WIDTH, HEIGHT),)
    length = len(data) - 8

    assert probe(data).pages == upright
    assert probe(data[:-20]).pages == stored  # without the note that was cut
    for wrong in (length + 1000, length - 50):
        assert probe(data[:4] + struct.pack("<I", wrong) + data[8:]).pages == upright


def test_an_animated_webp_whose_later_frames_are_cut_shows_its_first() -> None:
    data = fixtures.save(paper(), "WEBP", save_all=True, append_images=[noise(), noise()], quality=90)
    found = pixels(data[:-2000], "full/max/0/default.png")
    assert ImageChops.difference(found, pixels(data, "full/max/0/default.png")).getbbox() is None


# AVIF, HEIC.


def seen_through() -> Image.Image:
    """Paper with a hole."""
    page = noise("RGBA")
    alpha = Image.new("L", page.size, 255)
    alpha.paste(0, (30, 20, 90, 80))
    page.putalpha(alpha)
    return page


def without_size(data: bytes) -> bytes:
    """A transparency that does not say how large it is: its `ispe` becomes free space, the number of its properties
    stays. Items are 1 and 2 here, each with a list of its properties.
    """
    at = data.index(b"ipma") + 4 + 4
    count, at, changed = int.from_bytes(data[at : at + 4], "big"), at + 4, bytearray(data)
    boxes = data[data.index(b"ipco") + 4 : data.index(b"ipma") - 4]
    kinds, start = [b""], 0
    while start < len(boxes):
        kinds.append(boxes[start + 4 : start + 8])
        start += int.from_bytes(boxes[start : start + 4], "big")
    for _ in range(count):
        item, have = int.from_bytes(data[at : at + 2], "big"), data[at + 2]
        for place in range(at + 3, at + 3 + have):
            if item > 1 and kinds[data[place] & 127] == b"ispe":
                changed[place] = kinds.index(b"pixi")  # one that both may have
        at += 3 + have
    assert changed != data
    return bytes(changed)


@pytest.mark.parametrize("make", [fixtures.avif, fixtures.heic])
@pytest.mark.parametrize("open_ended", [False, True])
def test_a_transparency_without_a_size_has_that_of_its_picture(
    make: Callable[[Image.Image], bytes], open_ended: bool
) -> None:
    data = make(seen_through())
    old = without_size(data)
    if open_ended:
        at = old.index(b"mdat") - 4
        old = old[:at] + bytes(4) + old[at + 4 :]

    assert probe(old) == probe(data)
    shown = pixels(old, "full/max/0/default.png").convert("RGB")
    assert near(shown.getpixel((60, 50)), (255, 255, 255)), "through a hole, the paper beneath is seen"
    assert not near(shown.getpixel((20, 50)), (255, 255, 255), tolerance=0)
    for spec in ("full/max/0/default.png", "20,10,80,80/40,40/90/gray.webp", "full/max/0/default.pdf"):
        assert variant(old, spec).data == variant(data, spec).data


@pytest.mark.parametrize("cut", [40, 200, 300])
def test_a_damaged_list_of_properties_is_refused_not_guessed_at(cut: int) -> None:
    data = without_size(fixtures.avif(seen_through()))
    at = data.index(b"ipma")
    for broken in (data[:cut], data[: at + 4] + b"\xff" * 40 + data[at + 44 :], data[:at] + b"free" + data[at + 4 :]):
        with pytest.raises(SourceDamaged):
            probe(broken)
