"""What `enhanced` is worth: words that an OCR program reads on generated prescriptions, before and after.

    python -m bench.ocr [--seeds 3] [--pictures FOLDER]

Each page is drawn, damaged in one way (or in all), stored as a phone would, and rendered in `default` and `enhanced`.
`back`: of the words that the damage cost, the share that `enhanced` brought back. Goals are shown, never asserted.
"""

import argparse
import io
import math
import os
import random
import re
import shutil
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bench.rows import Row, against, record
from rxproject.local.samples import paper
from rxproject.local.samples.content import content
from rxproject.local.samples.ink import PixelBrush
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.render import RenderJob, render
from transforms.request.spec import Spec

DPI: Final = 200  # what a 12 MP photo of A4 comes to, less the desk around it
SHADED: Final = ("shadow", "uneven light")
COMMAND: Final = "python -m bench.ocr"
GOALS: Final = {"shadow and uneven light, back": 0.80, "all kinds, back": 0.60, "clean, lost": 0.01}
_WORD: Final = re.compile(r"[A-Za-z0-9]{2,}")


# --- pages ----------------------------------------------------------------------------------------------------------


class Words:
    """A brush that notes what it is asked to write level; stamps and watermarks are turned and do not count."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def width(self, text: str, size: float) -> float:
        return len(text) * size / 6

    def text(self, at: Any, text: str, size: float, ink: Any, *, angle: float = 0.0, **_: Any) -> None:
        if not angle:
            self.found.update(words(text))

    def fill(self, points: Any, ink: Any) -> None: ...

    def line(self, points: Any, width: float, ink: Any) -> None: ...


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def page(seed: int) -> tuple[Image.Image, Counter[str]]:
    """A stamped and signed prescription, and the words on it."""
    prescription, printed, written, noted = content(seed), PixelBrush(DPI), PixelBrush(DPI), Words()
    paper.draw_print(printed, prescription, 1)
    paper.draw_ink(written, prescription)
    paper.draw_print(noted, prescription, 1)
    return ImageChops.multiply(printed.image, written.image), noted.found


# --- damage. Light falls off smoothly, so it is drawn small. --------------------------------------------------------


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
    return image.filter(ImageFilter.GaussianBlur(1.5))


def noise(image: Image.Image, rng: random.Random) -> Image.Image:
    """A sensor in the dark: the picture is dim and grainy."""
    dim = image.point(lambda level: 20 + level * 100 // 255)
    return _grainy(dim, rng, 12)


def _grainy(image: Image.Image, rng: random.Random, sigma: float) -> Image.Image:
    grain = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height))
    normal = grain.point([round(128 + statistics.NormalDist(0, sigma).inv_cdf((i + 0.5) / 256)) for i in range(256)])
    channels = (normal, ImageChops.offset(normal, 7, 3), ImageChops.offset(normal, 3, 11))
    return ImageChops.add(image, Image.merge("RGB", channels), 1, -128)


def skew(image: Image.Image, rng: random.Random) -> Image.Image:
    return image.rotate(rng.choice((-2, 2)), Image.Resampling.BICUBIC, fillcolor="white")


def everything(image: Image.Image, rng: random.Random) -> Image.Image:
    """A little of each, as on a bad photo."""
    turned = image.rotate(rng.choice((-1, 1)), Image.Resampling.BICUBIC, fillcolor="white")
    lit = uneven_light(shadow(turned.filter(ImageFilter.GaussianBlur(0.8)), rng, depth=120), rng, fall=110)
    return _grainy(lit, rng, 6)


DAMAGE: Final[dict[str, Callable[[Image.Image, random.Random], Image.Image]]] = {
    "clean": lambda image, _rng: image,
    "shadow": shadow,
    "uneven light": uneven_light,
    "blur": blur,
    "noise": noise,
    "skew": skew,
    "all of them": everything,
}


# --- reading --------------------------------------------------------------------------------------------------------


def variant(photo: Image.Image, quality: str, size: str = "max", form: str = "png") -> bytes:
    """As the service makes it of the photo's JPEG."""
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=88)
    full = Size(*photo.size)
    stored = Spec.parse(f"full/{size}/0/{quality}.{form}").resolve(full)
    return render(out.getvalue(), RenderJob(SourceType.JPEG, 1, stored, full)).data


def _tesseract() -> str:
    return shutil.which("tesseract") or ""


def read(picture: bytes) -> Counter[str]:
    """The words that tesseract finds."""
    ran = subprocess.run(
        [_tesseract(), "stdin", "stdout", "--dpi", str(DPI)],
        input=picture,
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    )
    return Counter(words(ran.stdout.decode()))


def run(seeds: int) -> dict[str, dict[str, float]]:
    """Kind by kind the share of words read, mean of the pages, and the share of the lost ones that came back."""
    rows: dict[str, dict[str, float]] = {}
    print(f"{'damage':16}{'default':>9}{'enhanced':>10}{'back':>8}   (share of the words on the page, {seeds} pages)")
    for kind, damage in DAMAGE.items():
        shares: dict[str, list[float]] = {"default": [], "enhanced": []}
        for seed in range(1, seeds + 1):
            drawn, wanted = page(seed)
            photo = damage(drawn, random.Random(f"{kind} {seed}"))
            for quality, found in shares.items():
                read_words = read(variant(photo, quality))
                found.append((wanted & read_words).total() / wanted.total())
        row = {quality: statistics.fmean(found) for quality, found in shares.items()}
        rows[kind] = row
        lost = rows["clean"]["default"] - row["default"]
        row["back"] = (row["enhanced"] - row["default"]) / lost if lost > 0.02 else math.nan
        print(f"{kind:16}{row['default']:9.3f}{row['enhanced']:10.3f}{row['back']:8.2f}", flush=True)
    return rows


def summary(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """The goals' figures. Words are counted together, so that a kind which costs few words weighs little."""

    def back(kinds: list[str]) -> float:
        clean = rows["clean"]["default"]
        lost = sum(max(0.0, clean - rows[kind]["default"]) for kind in kinds)
        return sum(rows[kind]["enhanced"] - rows[kind]["default"] for kind in kinds) / lost

    return {
        "shadow and uneven light, back": back(list(SHADED)),
        "all kinds, back": back([kind for kind in rows if kind != "clean"]),
        "clean, lost": rows["clean"]["default"] - rows["clean"]["enhanced"],
    }


def pictures(folder: Path) -> None:
    """Before and after, side by side, small."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in (*SHADED, "all of them"):
        photo = DAMAGE[kind](page(1)[0], random.Random(f"{kind} 1"))
        both = [Image.open(io.BytesIO(variant(photo, quality, "420,"))) for quality in ("default", "enhanced")]
        sheet = Image.new("RGB", (2 * 420 + 12, both[0].height), "white")
        for x, image in zip((0, 432), both, strict=True):
            sheet.paste(image, (x, 0))
        path = folder / f"enhanced-{kind.replace(' ', '-')}.webp"
        sheet.save(path, quality=60, method=6)
        print(f"{path}  {path.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many pages of each kind")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="only write before/after pictures there")
    options = parser.parse_args()
    if options.pictures:
        pictures(options.pictures)
        return
    if not _tesseract():
        note = "tesseract is not installed (on Debian: apt install tesseract-ocr)"
        record("ocr", [Row(name=name, ours=None, unit="", note=note, command=COMMAND) for name in GOALS])
        return
    rows = run(options.seeds)
    found = summary(rows)
    made = []
    for name, bound in GOALS.items():
        goal = f"{'<=' if name == 'clean, lost' else '>='} {bound:.2f}"
        made.append(Row(name=name, ours=found[name], unit="of the words", goal=goal, command=COMMAND))
    for kind, row in rows.items():
        name, shares = f"words read, {kind}: enhanced", (row["enhanced"], row["default"])
        made.append(against(name, *shares, "default", unit="of the words", command=COMMAND))
    record("ocr", made, [{"damage": kind, **row} for kind, row in rows.items()])


if __name__ == "__main__":
    main()
