"""What papers lie on, and the light that falls on them: drawn, the same for the same state of the generator."""

import math
import random
from collections.abc import Callable, Collection
from functools import cache
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from rxproject.local.samples.ink import Ink

Size = tuple[int, int]
TINTS: Final = ((255, 255, 255), (255, 247, 230), (255, 240, 204), (242, 250, 255))


@cache
def font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)


def _noise(rng: random.Random, size: Size, across: float, down: float) -> Image.Image:
    """Smooth noise (L); a cell is `across` by `down` thousandths of the picture's width."""
    unit = size[0] / 1000
    cells = (max(2, int(size[0] / (across * unit))), max(2, int(size[1] / (down * unit))))
    return Image.frombytes("L", cells, rng.randbytes(cells[0] * cells[1])).resize(size, Image.Resampling.BICUBIC)


def _ink(rng: random.Random, low: int = 30, high: int = 240) -> Ink:
    return rng.randrange(low, high), rng.randrange(low, high), rng.randrange(low, high)


def _grain(rng: random.Random, size: Size) -> Image.Image:
    def lengthwise(size: Size) -> Image.Image:
        return Image.blend(_noise(rng, size, 400, 40), _noise(rng, size, 260, 4), 0.55)

    if rng.random() < 0.5:
        return lengthwise((size[1], size[0])).transpose(Image.Transpose.ROTATE_90)
    return lengthwise(size)


def _wood(rng: random.Random, size: Size, dark: Ink, bright: Ink) -> Image.Image:
    wood = ImageOps.colorize(_grain(rng, size), dark, bright)
    if rng.random() < 0.4:  # joints between boards
        draw, step = ImageDraw.Draw(wood), int(rng.uniform(0.2, 0.4) * size[0])
        for x in range(0, size[0], step):
            draw.line((x, 0, x + rng.randrange(-20, 20), size[1]), (40, 25, 15), max(1, 3 * size[0] // 1000))
    return wood


def _white(rng: random.Random, size: Size) -> Image.Image:
    base = rng.randrange(205, 249)
    return ImageOps.colorize(_noise(rng, size, 200, 200), (base - 8,) * 3, (base + 4, base + 3, base))


def _dark(rng: random.Random, size: Size) -> Image.Image:
    return ImageOps.colorize(_noise(rng, size, 90, 90), (22, 22, 26), (48, 48, 52))


def _grey(rng: random.Random, size: Size) -> Image.Image:
    grain = Image.blend(_noise(rng, size, 2, 2), _noise(rng, size, 100, 100), 0.5)
    return ImageOps.colorize(grain, (105, 105, 108), (170, 168, 165))


def _cloth(rng: random.Random, size: Size) -> Image.Image:
    """Checked, at any angle."""
    period, side = rng.uniform(30, 120) * size[0] / 1000, math.ceil(math.hypot(*size))
    checks = []
    for axis in (0, 1):
        stripes = Image.new("L", (side, side))
        draw = ImageDraw.Draw(stripes)
        for step in range(int(side / period) + 1):
            low, high = step * period, (step + 0.5) * period
            draw.rectangle((low, 0, high, side) if axis else (0, low, side, high), 255)
        checks.append(stripes)
    turned = Image.blend(*checks, 0.5).rotate(math.degrees(rng.uniform(0, 1.5)), Image.Resampling.BILINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    cloth = turned.crop((left, top, left + size[0], top + size[1]))
    grain = _noise(rng, size, 1, 1).point([118 + level * 20 // 255 for level in range(256)])
    return ImageChops.add(
        ImageOps.colorize(cloth, _ink(rng), _ink(rng)), Image.merge("RGB", (grain, grain, grain)), 1, -128
    )


def _tiles(rng: random.Random, size: Size) -> Image.Image:
    floor = ImageOps.colorize(_noise(rng, size, 60, 60), (150, 140, 130), (195, 185, 172))
    draw, step, lean = ImageDraw.Draw(floor), int(rng.uniform(0.25, 0.5) * size[0]), rng.uniform(-0.15, 0.15)
    for row in range(-3, 8):
        at, wide = row * step, max(2, 6 * size[0] // 1000)
        draw.line((at, 0, at + lean * size[1], size[1]), (90, 85, 80), wide)
        draw.line((0, at, size[0], at - lean * size[0]), (90, 85, 80), wide)
    return floor


def _carpet(rng: random.Random, size: Size) -> Image.Image:
    pile = Image.blend(_noise(rng, size, 6, 6), _noise(rng, size, 1, 1), 0.6)
    return ImageOps.colorize(pile, _ink(rng, 20, 110), _ink(rng, 110, 220))


def _room(rng: random.Random, size: Size) -> Image.Image:
    """The paper is held up; what is behind is out of focus."""
    small = (size[0] // 4, size[1] // 4)
    room = ImageOps.colorize(_noise(rng, small, 250, 250), (60, 60, 70), (180, 170, 160))
    draw, unit = ImageDraw.Draw(room), small[0] / 1000
    for _ in range(6):
        x, y = rng.randrange(small[0]), rng.randrange(small[1])
        draw.rectangle((x, y, x + rng.randrange(50, 500) * unit, y + rng.randrange(50, 500) * unit), _ink(rng))
    return room.filter(ImageFilter.GaussianBlur(14 * unit)).resize(size, Image.Resampling.BICUBIC)


def _clutter(rng: random.Random, size: Size) -> Image.Image:
    desk = ImageOps.colorize(_noise(rng, size, 80, 80), (120, 100, 80), (180, 160, 140))
    draw, unit = ImageDraw.Draw(desk), size[0] / 1000
    for _ in range(10):
        at, turn = (rng.randrange(size[0]), rng.randrange(size[1])), rng.uniform(0, math.pi / 2)
        wide, high = rng.randrange(60, 400) * unit / 2, rng.randrange(60, 500) * unit / 2
        cos, sin = math.cos(turn), math.sin(turn)
        around = ((-wide, -high), (wide, -high), (wide, high), (-wide, high))
        draw.polygon([(at[0] + x * cos - y * sin, at[1] + x * sin + y * cos) for x, y in around], _ink(rng, 10, 250))
    return desk


_DRAW: Final[dict[str, Callable[[random.Random, Size], Image.Image]]] = {
    "wood": lambda rng, size: _wood(rng, size, (60, 36, 22), (160, 110, 70)),
    "light wood": lambda rng, size: _wood(rng, size, (170, 130, 90), (225, 190, 145)),
    "white": _white,
    "dark": _dark,
    "grey": _grey,
    "cloth": _cloth,
    "tiles": _tiles,
    "carpet": _carpet,
    "room": _room,
    "clutter": _clutter,
}
# In what order they are taken; those that are common, or hard, twice.
TURNS: Final = (
    "wood", "wood", "light wood", "white", "white", "dark", "grey", "cloth", "cloth", "tiles", "carpet", "room",
    "clutter",
)  # fmt: skip


def draw(kind: str, rng: random.Random, size: Size) -> Image.Image:
    """A table of one of the kinds in `TURNS`."""
    return _DRAW[kind](rng, size)


def light(scene: Image.Image, rng: random.Random, effects: Collection[str]) -> Image.Image:
    """`scene` in the light of a room: falling off, with a hand's shadow, or too little, as `effects` say."""
    size = (72, 96)
    angle, fall = rng.uniform(0, 6.28), 0.5 if "falling" in effects else 0.12
    cos, sin = math.cos(angle), math.sin(angle)
    level = rng.uniform(0.25, 0.45) if "dark" in effects else rng.uniform(0.7, 1)
    lit = Image.new("L", size)
    lit.putdata([
        min(255, int(255 * level * (1 - fall * ((x / 72 - 0.5) * cos + (y / 96 - 0.5) * sin + 0.6))))
        for y in range(96) for x in range(72)
    ])  # fmt: skip
    if "shadow" in effects:
        depth, edge = rng.uniform(0.35, 0.6), rng.uniform(0.8, 4)
        hand = Image.new("L", size, 255)
        x, y = rng.randrange(15, 60), rng.randrange(20, 70)
        outline = [
            (x, y), (x + rng.randrange(10, 40), y - rng.randrange(5, 25)), (90, rng.randrange(30, 96)),
            (80, 130), (x - rng.randrange(0, 25), 130),
        ]  # fmt: skip
        ImageDraw.Draw(hand).polygon(outline, round(255 * (1 - depth)))
        lit = ImageChops.multiply(lit, hand.filter(ImageFilter.GaussianBlur(edge)))
    full, tint = lit.resize(scene.size, Image.Resampling.BICUBIC), rng.choice(TINTS)
    return ImageChops.multiply(
        scene, Image.merge("RGB", [full.point([v * t // 255 for v in range(256)]) for t in tint])
    )
