"""What goes wrong with photos of prescriptions, and a program that reads them."""

import math
import os
import random
import shutil
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bench import papers, tables
from bench.pages import words
from rxproject.local.samples.ink import A4_MM

Damage = Callable[[Image.Image, random.Random], Image.Image]

SHADED: Final = ("shadow", "uneven light")
BENT: Final = ("curl", "tilt 10", "tilt 20", "tilt 30")


# --- Damage. Light falls off smoothly, so it is drawn small. --------------------------------------------------------


def _lit(image: Image.Image, light: Image.Image, tint: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    full = light.resize(image.size, Image.Resampling.BICUBIC)
    channels = [full.point(lambda level, share=share: level * share // 255) for share in tint]
    return ImageChops.multiply(image, Image.merge("RGB", channels))


def shadow(image: Image.Image, rng: random.Random, depth: int = 85) -> Image.Image:
    """A hand and a phone between lamp and paper; `depth` is the light in it, of 255."""
    light = Image.new("L", (100, 141), 235)
    draw, left, top = ImageDraw.Draw(light), rng.randrange(20, 40), rng.randrange(40, 60)
    draw.polygon([(left, 141), (left + 5, top + 25), (left + 30, top), (100, top + 10), (100, 141)], fill=depth)
    return _lit(image, light.filter(ImageFilter.GaussianBlur(4)))


def uneven_light(image: Image.Image, rng: random.Random, fall: int = 200) -> Image.Image:
    """A warm lamp at one corner, dusk at the other: `fall`, of 255, darker."""
    at = rng.choice(((0, 0), (100, 0), (0, 141), (100, 141)))
    light = Image.new("L", (100, 141))
    light.putdata([255 - int(fall * (math.dist((x, y), at) / 173) ** 1.2) for y in range(141) for x in range(100)])
    return _lit(image, light, (255, 240, 205))


def blur(image: Image.Image, _rng: random.Random) -> Image.Image:
    """By a share of the page, as a hand that shakes does."""
    return image.filter(ImageFilter.GaussianBlur(image.width / 1100))


def noise(image: Image.Image, rng: random.Random) -> Image.Image:
    """A sensor in the dark: the picture is dim and grainy."""
    return grainy(image.point([20 + level * 100 // 255 for level in range(256)] * 3), rng, 12)


def low_light(image: Image.Image, rng: random.Random) -> Image.Image:
    """A lamp at the far end of the room, and the grain that comes with it."""
    return grainy(image.point([level * 55 // 255 for level in range(256)] * 3), rng, 4)


def grainy(image: Image.Image, rng: random.Random, sigma: float) -> Image.Image:
    grain = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height))
    normal = grain.point([round(128 + statistics.NormalDist(0, sigma).inv_cdf((i + 0.5) / 256)) for i in range(256)])
    channels = (normal, ImageChops.offset(normal, 7, 3), ImageChops.offset(normal, 3, 11))
    return ImageChops.add(image, Image.merge("RGB", channels), 1, -128)


def skew(image: Image.Image, rng: random.Random) -> Image.Image:
    return image.rotate(rng.choice((-2, 2)), Image.Resampling.BICUBIC, fillcolor="white")


def everything(image: Image.Image, rng: random.Random) -> Image.Image:
    """A little of each, as on a bad photo."""
    turned = image.rotate(rng.choice((-1, 1)), Image.Resampling.BICUBIC, fillcolor="white")
    lit = uneven_light(
        shadow(turned.filter(ImageFilter.GaussianBlur(image.width / 2100)), rng, depth=120), rng, fall=110
    )
    return grainy(lit, rng, 6)


def tilted(degrees: float, *, curl: float = 0.0) -> Damage:
    """The sheet on a table before a camera that is held aslant."""

    def damage(image: Image.Image, rng: random.Random) -> Image.Image:
        view = papers.View(math.radians(degrees), rng.uniform(0, 6.28), math.radians(rng.gauss(0, 2)), 0.93)
        scene = tables.draw("wood", rng, image.size)
        papers.lay(scene, image, view.project(A4_MM, image.size, (0, 0)), rng, curl=curl * rng.choice((-1, 1)))
        return scene

    return damage


DAMAGE: Final[dict[str, Damage]] = {
    "clean": lambda image, _rng: image,
    "shadow": shadow,
    "uneven light": uneven_light,
    "blur": blur,
    "noise": noise,
    "JPEG 40": lambda image, _rng: image,
    "skew": skew,
    "low light": low_light,
    "curl": tilted(5, curl=0.012),
    "tilt 10": tilted(10),
    "tilt 20": tilted(20),
    "tilt 30": tilted(30),
    "all of them": everything,
}
JPEG_QUALITY: Final = {"JPEG 40": 40}


# --- Readers --------------------------------------------------------------------------------------------------------


def tesseract() -> str:
    """Its path; empty where it is not installed."""
    return shutil.which("tesseract") or ""


def languages() -> frozenset[str]:
    """What the tesseract of this machine reads."""
    if not tesseract():
        return frozenset()
    listed = subprocess.run([tesseract(), "--list-langs"], capture_output=True, text=True, check=True)
    return frozenset(listed.stdout.split()[1:])


def read(picture: bytes, dpi: float = 200, kind: str = "print") -> Counter[str]:
    """The words that tesseract finds."""
    ran = subprocess.run(
        [tesseract(), "stdin", "stdout", "--dpi", str(round(dpi)), "-l", "hin" if kind == "hindi" else "eng"],
        input=picture,
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )
    return Counter(words(ran.stdout.decode(), kind))
