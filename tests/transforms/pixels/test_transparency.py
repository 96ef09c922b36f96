"""PNG of every depth and colour type with one transparent colour: what libpng shows on white paper, by hand."""

import io
import itertools
import struct
import zlib

import pytest
from PIL import Image, ImageChops

from tests.transforms import fixtures
from tests.transforms.fixtures import chunk
from tests.transforms.rendering import pixels
from transforms.geometry import Box

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
SIDE = 32
Sample = tuple[int, ...]


def png(samples: list[list[Sample]], depth: int, colour: int, key: Sample | None, *, frames: int = 1) -> bytes:
    """As the specification says: samples in their own depth, packed to bytes, rows unfiltered."""
    rows = b"".join(b"\0" + packed([one for pixel in row for one in pixel], depth) for row in samples)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0))]
    if frames > 1:
        parts += [
            (b"acTL", struct.pack(">II", frames, 0)),
            (b"fcTL", struct.pack(">IIIIIHHBB", 0, SIDE, SIDE, 0, 0, 1, 1, 0, 0)),
        ]
    if key is not None:
        parts.append((b"tRNS", struct.pack(f">{len(key)}H", *key)))
    parts.append((b"IDAT", zlib.compress(rows)))
    if frames > 1:
        parts += [
            (b"fcTL", struct.pack(">IIIIIHHBB", 1, SIDE, SIDE, 0, 0, 1, 1, 0, 0)),
            (b"fdAT", struct.pack(">I", 2) + zlib.compress(bytes(len(rows)))),
        ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, part) for name, part in (*parts, (b"IEND", b"")))


def packed(samples: list[int], depth: int) -> bytes:
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    per = 8 // depth
    groups = (samples[at : at + per] for at in range(0, len(samples), per))
    return bytes(sum(one << (8 - depth * (at + 1)) for at, one in enumerate(group)) for group in groups)


def shown(pixel: Sample, depth: int, colour: int, key: Sample | None) -> tuple[int, ...]:
    """On white paper, 8 bits. The low bits of a key beyond the depth do not count."""
    most = (1 << depth) - 1
    if key is not None and pixel == tuple(one & most for one in key):
        return (255, 255, 255)
    alpha = pixel[-1] / most if colour in (GREY_ALPHA, RGBA) else 1
    seen = pixel[:-1] if colour in (GREY_ALPHA, RGBA) else pixel
    on_paper = [round(255 * (one / most * alpha + 1 - alpha)) for one in seen]
    return tuple(on_paper * (3 if len(on_paper) == 1 else 1))


def pattern(depth: int, colour: int, seed: int) -> list[list[Sample]]:
    """Many values close to each other: those that differ in the low byte alone, and the extremes."""
    most, width = (1 << depth) - 1, {GREY: 1, RGB: 3, GREY_ALPHA: 2, RGBA: 4}[colour]
    values = [0, 1, 2, 3, 128, 255, 256, 257, most // 2, most - 256, most - 255, most - 1, most]
    return [
        [
            tuple(values[(x * 7 + y * 3 + part * (y + seed)) % len(values)] & most for part in range(width))
            for x in range(SIDE)
        ]
        for y in range(SIDE)
    ]


CASES = [
    (depth, colour, keyed)
    for colour, depths in {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), GREY_ALPHA: (8, 16), RGBA: (8, 16)}.items()
    for depth in depths
    for keyed in ((False, True) if colour in (GREY, RGB) else (False,))
]


@pytest.mark.parametrize(("depth", "colour", "keyed"), CASES)
@pytest.mark.parametrize("frames", [1, 2])
def test_every_pixel_is_as_libpng_shows_it(depth: int, colour: int, keyed: bool, frames: int) -> None:
    for seed in range(3 if keyed else 1):
        samples = pattern(depth, colour, seed)
        key = samples[seed + 2][seed + 3] if keyed else None
        expected = Image.new("RGB", (SIDE, SIDE))
        for x, y in itertools.product(range(SIDE), range(SIDE)):
            expected.putpixel((x, y), shown(samples[y][x], depth, colour, key))

        found = pixels(png(samples, depth, colour, key, frames=frames), "full/max/0/default.png").convert("RGB")

        assert (
            max(high for _, high in ImageChops.difference(found, expected).getextrema()) <= 2
        )  # of 16 bits, 8 are kept


def test_a_key_with_more_bits_than_the_picture_counts_in_its_lower_ones() -> None:
    black = [[(0,)] * SIDE] * SIDE
    for depth in (2, 4, 8):
        found = pixels(png(black, depth, GREY, (0x100,)), "full/max/0/default.png")
        assert found.convert("L").getextrema() == (255, 255)


@pytest.mark.parametrize("quality", ["default", "gray", "enhanced", "bitonal", "redacted"])
@pytest.mark.parametrize(("colour", "ink", "paper"), [(GREY, (300,), (65535,)), (RGB, (2, 1, 3), (0, 0, 0))])
def test_ink_next_to_a_transparent_paper_stays_in_every_quality_and_tile(
    quality: str, colour: int, ink: Sample, paper: Sample
) -> None:
    samples = [[ink if 8 <= x < 24 and 8 <= y < 24 else paper for x in range(SIDE)] for y in range(SIDE)]
    data = png(samples, 16, colour, paper)

    whole = pixels(data, f"full/max/0/{quality}.png", redactions=(Box(0, 0, 4, 4),)).convert("L")
    tile = pixels(data, f"16,16,16,16/8,8/0/{quality}.png", redactions=(Box(0, 0, 4, 4),)).convert("L")

    assert (whole.getpixel((16, 16)), whole.getpixel((28, 28))) == (pytest.approx(0, abs=20), 255)
    assert (tile.getpixel((1, 1)), tile.getpixel((7, 7))) == (pytest.approx(0, abs=20), 255)


def test_a_palette_keeps_its_transparency() -> None:
    page = fixtures.page().quantize(8)
    data = fixtures.png(page, transparency=bytes([0, 128] + [255] * 6))
    expected = Image.new("RGBA", page.size, "white")
    with Image.open(io.BytesIO(data)) as image:
        expected.alpha_composite(image.convert("RGBA"))

    found = pixels(data, "full/max/0/default.png").convert("RGB")

    assert max(high for _, high in ImageChops.difference(found, expected.convert("RGB")).getextrema()) <= 1
