"""Pictures in which no sheet must be found: scans, screens, PDF pages, textures, close-ups, halves of papers; and
cartons of medicine, which are flat and have four sides, so that only their colours tell. They follow from seeds."""

import random
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw

from bench import pages, papers, tables
from rxproject.local.samples import camera

TUNING: Final = range(60)
CHECK: Final = (*range(1000, 1050), *range(2000, 2050))
HELD_OUT: Final = range(3000, 3050)  # of each kind


def _scan(rng: random.Random) -> Image.Image:
    return camera.scan(pages.page(rng.randrange(1, 9))[0], rng)


def _screen(rng: random.Random) -> Image.Image:
    """A screenshot: cards, a dialog over a page, a document in a viewer, or a chat."""
    width, height = rng.choice(((1080, 2340), (1920, 1080), (1440, 900), (1170, 2532)))
    dark = rng.random() < 0.3
    ground, ink, card = (
        ((24, 24, 28), (230, 230, 230), (44, 44, 50)) if dark else ((243, 244, 246), (30, 30, 30), (255, 255, 255))
    )
    image, letters = Image.new("RGB", (width, height), ground), width // 40 if height > width else height // 36
    font = tables.font(letters)
    draw, bar = ImageDraw.Draw(image), rng.choice(((0, 95, 110), (30, 60, 160), card))
    draw.rectangle((0, 0, width, height // 14), fill=bar)
    style = rng.choice(("cards", "dialog", "viewer", "chat"))
    if style == "cards":
        y = height // 10
        while y < height - 60:
            tall = rng.randrange(height // 14, height // 6)
            draw.rounded_rectangle((width // 24, y, width - width // 24, y + tall), 14, card, (200, 200, 205))
            for row in range(3):
                draw.text((width // 16, y + 10 + row * letters * 1.4), "Take one tablet daily after food", ink, font)
            y += tall + height // 60
    elif style == "viewer":
        draw.rectangle((0, height // 14, width, height), fill=(82, 86, 89))
        wide = int(min(width * 0.9, height * 0.86 / 1.414))
        shown = pages.page(rng.randrange(1, 9))[0].resize((wide, int(wide * 1.414)))
        image.paste(shown, ((width - wide) // 2, int(height * 0.09)))
    else:
        for y in range(height // 10, height - 50, letters * 2):
            draw.text((30, y), "message " * rng.randrange(1, 8), ink, font)
    if style == "dialog":
        image = image.point(lambda level: level // 2)
        draw = ImageDraw.Draw(image)
        draw.rectangle((width * 0.12, height * 0.2, width * 0.88, height * 0.8), fill=card)
        draw.text((width * 0.2, height * 0.3), "Are you sure?", ink, font)
        draw.rectangle((width * 0.55, height * 0.7, width * 0.8, height * 0.76), fill=(0, 95, 110))
    return image


def _texture(rng: random.Random) -> Image.Image:
    """A table, and nothing on it."""
    table = tables.draw(rng.choice(tables.TURNS), rng, (900, 1200))
    return camera.noisy(tables.light(table, rng, {"shadow", "falling"}), rng, sigma=3)


def _middle_and_reach(photo: papers.Photo) -> tuple[float, float, float]:
    xs, ys = ([point[axis] for point in photo.corners] for axis in (0, 1))
    return sum(xs) / 4, sum(ys) / 4, min(max(xs) - min(xs), max(ys) - min(ys))


def _close_up(rng: random.Random) -> Image.Image:
    """The paper is larger than the picture."""
    effects = frozenset({"shadow"}) if rng.random() < 0.5 else frozenset()
    photo = papers.photo(rng.randrange(100_000, 200_000), effects=effects)
    x, y, reach = _middle_and_reach(photo)
    half = reach * rng.uniform(0.3, 0.55) / 2
    box = (int(x - half), int(y - half), int(x + half), int(y + half))
    return photo.image.crop(box).resize((1000, 1000), Image.Resampling.BICUBIC)


def _half(rng: random.Random) -> Image.Image:
    """A third of the paper is outside, along one side."""
    photo = papers.photo(rng.randrange(100_000, 200_000), effects=frozenset())
    xs, ys = ([point[axis] for point in photo.corners] for axis in (0, 1))
    left, top, width, height = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    right, bottom = photo.image.size
    boxes = (
        (left + 0.35 * width, 0, right, bottom), (0, 0, left + 0.65 * width, bottom),
        (0, top + 0.35 * height, right, bottom), (0, 0, right, top + 0.65 * height),
    )  # fmt: skip
    a, b, c, d = (int(number) for number in rng.choice(boxes))
    return photo.image.crop((max(0, a), max(0, b), c, d))


def _carton(rng: random.Random) -> Image.Image:
    size = (900, 1200)
    scene = tables.draw(rng.choice(tables.TURNS), rng, size)
    red, green, blue = (rng.randrange(30, 250) for _ in range(3))
    carton, ink = Image.new("RGB", (900, 500), (red, green, blue)), (255 - red, 255 - green, 255 - blue)
    draw = ImageDraw.Draw(carton)
    draw.rectangle((0, 0, 900, 120), fill=(rng.randrange(255), rng.randrange(255), rng.randrange(255)))
    draw.text((60, 200), "Specimencillin 500 mg", ink, tables.font(64))
    draw.text((60, 340), "20 capsules", ink, tables.font(44))
    view = papers.View(rng.uniform(0, 0.35), rng.uniform(0, 6.28), rng.uniform(-0.5, 0.5), rng.uniform(0.4, 0.7))
    papers.lay(scene, carton, view.project((150, 83), size, (0, 0)), rng)
    return camera.noisy(tables.light(scene, rng, ()), rng, sigma=3)


_MAKE: Final[dict[str, Callable[[random.Random], Image.Image]]] = {
    "scan": _scan,
    "screen": _screen,
    "PDF page": lambda rng: papers.page(rng).image,
    "texture": _texture,
    "close-up": _close_up,
    "half": _half,
    "carton": _carton,
}
KINDS: Final = tuple(_MAKE)


def picture(kind: str, seed: int) -> Image.Image:
    """One of `KINDS`."""
    return _MAKE[kind](random.Random(f"{kind} {seed}"))
