"""What `enhanced` is worth: words that OCR programs read on generated prescriptions, before and after.

    python -m bench.legibility [--pages 30] [--megapixels 12] [--kinds shadow,blur] [--peers] [--fresh]
    python -m bench.legibility --pictures FOLDER

Each page is drawn, damaged in one way (or in all), stored as a phone would, and rendered. What was read is kept in
build/bench/legibility.jsonl, so that a run goes on where the last one stopped; another pipeline begins anew. `back`: of
the words that the damage cost, the share that `enhanced` brought back. Goals are shown, never asserted. Three pages of
each kind take about ten minutes, thirty about two hours.
"""

import argparse
import io
import json
import math
import random
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from PIL import Image

from bench import pages, reading
from bench.rows import RESULTS, Row, against, record
from transforms.formats import SourceType
from transforms.measure.probe import probe
from transforms.render import RenderJob, render
from transforms.request.spec import Spec
from transforms.version import PIPELINE

COMMAND: Final = "python -m bench.legibility"
KEPT: Final = RESULTS / "legibility.jsonl"
OURS: Final = ("default", "enhanced")
PEER_PAGES: Final = 10
# What bends a page is the sheet's business; `enhanced` must only do no harm there.
FLAT: Final = frozenset(reading.DAMAGE) - {"clean", *reading.BENT}
GOALS: Final = {
    "shadow and uneven light, back": ">= 0.97",
    "all kinds of a flat page, back": ">= 0.93",
    "worst kind, lost against default": "<= 0.005",
}
A4_INCHES: Final = (8.27, 11.69)
RESAMPLED: Final = 2000  # times, for an interval


@dataclass(frozen=True, slots=True)
class Case:
    """One page, damaged in one way."""

    kind: str
    seed: int
    megapixels: float

    @property
    def dpi(self) -> float:
        return math.sqrt(self.megapixels * 1e6 / (A4_INCHES[0] * A4_INCHES[1]))

    @property
    def lettering(self) -> str:
        return pages.lettering(self.seed)

    def photo(self) -> tuple[bytes, Counter[str]]:
        """A JPEG as a phone stores it, and the words on it."""
        drawn, known = pages.page(self.seed, self.dpi, self.lettering)
        damaged = reading.DAMAGE[self.kind](drawn, random.Random(f"{self.kind} {self.seed}"))
        out = io.BytesIO()
        damaged.save(out, "JPEG", quality=reading.JPEG_QUALITY.get(self.kind, 88))
        return out.getvalue(), known

    def key(self, made_by: str) -> str:
        return f"{PIPELINE if made_by in OURS else ''}/{self.kind}/{self.seed}/{self.megapixels:g}/{made_by}"


# --- What makes pictures of a photo ---------------------------------------------------------------------------------


def variant(photo: bytes, quality: str, size: str = "max", form: str = "png") -> bytes:
    """As the service makes it: with what intake has measured."""
    found = probe(photo)
    measured = found.measures[0]
    job = RenderJob(
        SourceType.JPEG,
        1,
        Spec.parse(f"full/{size}/0/{quality}.{form}").resolve(found.pages[0]),
        found.pages[0],
        light=measured.light if measured else b"",
    )
    return render(photo, job).data


def _unpaper(photo: bytes) -> bytes:
    """As OCRmyPDF's --clean calls it."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "a.pnm"), Path(folder, "b.pnm")
        Image.open(io.BytesIO(photo)).save(before)
        options = ("--layout", "none", "--mask-scan-size", "100", "--no-border-align", "--no-mask-center",
                   "--no-grayfilter", "--no-blackfilter", "--no-deskew")  # fmt: skip
        subprocess.run([shutil.which("unpaper") or "unpaper", *options, before, after], check=True, capture_output=True)
        out = io.BytesIO()
        Image.open(after).save(out, "PNG")
        return out.getvalue()


def _imagemagick(photo: bytes) -> bytes:
    """The recipe for shadows that its users pass on: divided by a blurred copy, then stretched."""
    command = shutil.which("convert") or "convert"
    steps = ["(", "+clone", "-blur", "0x40", ")", "-compose", "Divide_Src", "-composite", "-normalize"]
    return subprocess.run([command, "jpeg:-", *steps, "png:-"], input=photo, check=True, capture_output=True).stdout


PEERS: Final[dict[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "unpaper": ("unpaper", _unpaper),
    "ImageMagick": ("convert", _imagemagick),
}


# --- Reading, once for each page, kind and program ------------------------------------------------------------------


@lru_cache(maxsize=4)
def _photo(case: Case) -> tuple[bytes, Counter[str]]:
    return case.photo()


def _share(case: Case, made_by: str) -> float:
    """Of the words on the page, what is read on the picture."""
    photo, known = _photo(case)
    picture = PEERS[made_by][1](photo) if made_by in PEERS else variant(photo, made_by)
    return (known & reading.read(picture, case.dpi, case.lettering)).total() / known.total()


def _known() -> dict[str, float]:
    if not KEPT.exists():
        return {}
    return dict(json.loads(line) for line in KEPT.read_text().splitlines())


def read_all(cases: Sequence[Case], makers: Sequence[str]) -> dict[str, float]:
    """Shares of words by `Case.key`. Two at a time: tesseract takes one processor each."""
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    known = _known()
    left = [(case, maker) for case in cases for maker in makers if case.key(maker) not in known]
    with ThreadPoolExecutor(2) as pool, KEPT.open("a") as kept:
        for (case, maker), share in zip(left, pool.map(lambda one: _share(*one), left), strict=True):
            known[case.key(maker)] = share
            kept.write(json.dumps([case.key(maker), share]) + "\n")
            kept.flush()
    return known


# --- What came out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """The same pages, page by page: undamaged, damaged, and made readable."""

    name: str
    clean: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]

    def gain(self) -> tuple[float, float]:
        """Mean of what each page gained, and half of its 95 % interval."""
        gains = [b - a for a, b in zip(self.before, self.after, strict=True)]
        spread = 1.96 * statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
        return statistics.fmean(gains), spread

    def picked(self, pages: Sequence[int]) -> "Kind":
        chosen = (tuple(shares[i] for i in pages) for shares in (self.clean, self.before, self.after))
        return Kind(self.name, *chosen)


def back(kinds: Sequence[Kind]) -> float:
    """Words are counted together, so that a kind which costs few words weighs little."""
    lost = sum(max(0.0, statistics.fmean(kind.clean) - statistics.fmean(kind.before)) for kind in kinds)
    return sum(kind.gain()[0] for kind in kinds) / lost if lost else math.nan


def interval(kinds: Sequence[Kind]) -> tuple[float, float]:
    """Of `back`, 95 %: pages are drawn again, as if others had been made."""
    source, count = random.Random(1), len(kinds[0].clean)
    found = []
    for _ in range(RESAMPLED):
        pages = source.choices(range(count), k=count)
        found.append(back([kind.picked(pages) for kind in kinds]))
    found.sort()
    return found[RESAMPLED // 40], found[-RESAMPLED // 40]


def kinds_of(names: Sequence[str], seeds: Sequence[int], megapixels: float, maker: str) -> Iterator[Kind]:
    """Reads what has not been read yet. The undamaged page is what could be read at best."""
    for name in names:
        cases = [Case(name, seed, megapixels) for seed in seeds]
        clean = [Case("clean", seed, megapixels) for seed in seeds]
        shares = read_all([*clean, *cases], ("default", maker))
        columns = (
            [shares[case.key("default")] for case in clean],
            [shares[case.key("default")] for case in cases],
            [shares[case.key(maker)] for case in cases],
        )
        yield Kind(name, *(tuple(column) for column in columns))


def show(kinds: Sequence[Kind], maker: str) -> None:
    print(f"\n{'damage':16}{'default':>9}{maker:>12}{'gain':>8}{'+-':>7}{'back':>7}{'worst page':>12}")
    for kind in kinds:
        gain, spread = kind.gain()
        worst = min(b - a for a, b in zip(kind.before, kind.after, strict=True))
        shares = (statistics.fmean(kind.before), statistics.fmean(kind.after))
        lost = statistics.fmean(kind.clean) - shares[0]
        returned = f"{gain / lost:7.2f}" if lost > 0.02 else f"{'':7}"
        print(
            f"{kind.name:16}{shares[0]:9.3f}{shares[1]:12.3f}{gain:8.3f}{spread:7.3f}{returned}{worst:12.3f}",
            flush=True,
        )
    flat = [kind for kind in kinds if kind.name in FLAT]
    if flat:
        low, high = interval(flat)
        print(f"{'back, flat':16}{back(flat):9.3f}   ({low:.3f} to {high:.3f}: 95 %)")


def rows_of(kinds: Sequence[Kind]) -> Iterator[Row]:
    flat = [kind for kind in kinds if kind.name in FLAT]
    shaded = [kind for kind in kinds if kind.name in reading.SHADED]
    worst = min(kinds, key=lambda kind: kind.gain()[0])
    pages = f"{len(kinds[0].clean)} pages of each of {len(kinds)} kinds"
    for name, some in (("shadow and uneven light, back", shaded), ("all kinds of a flat page, back", flat)):
        if some:
            low, high = interval(some)
            note = f"{low:.3f} to {high:.3f} (95 %), {pages}"
            yield Row(name=name, ours=back(some), unit="of the words", goal=GOALS[name], note=note, command=COMMAND)
    name = "worst kind, lost against default"
    note = f"{worst.name}, +- {worst.gain()[1]:.3f}"
    yield Row(name=name, ours=-worst.gain()[0], unit="of the words", goal=GOALS[name], note=note, command=COMMAND)
    for kind in kinds:
        shares = (statistics.fmean(kind.after), statistics.fmean(kind.before))
        yield against(f"words read, {kind.name}: enhanced", *shares, "default", unit="of the words", command=COMMAND)


def compare(names: Sequence[str], megapixels: float) -> Iterator[Row]:
    """Ours beside other programs' cleaning, on the same pages."""
    seeds = range(1, PEER_PAGES + 1)
    ours = list(kinds_of(names, seeds, megapixels, "enhanced"))
    for peer, (command, _) in PEERS.items():
        if not shutil.which(command):
            print(f"\n{peer} is not installed")
            continue
        theirs = list(kinds_of(names, seeds, megapixels, peer))
        show(theirs, peer)
        shares = [statistics.fmean(share for kind in some for share in kind.after) for some in (ours, theirs)]
        yield against("words read, all kinds", shares[0], shares[1], peer, unit="of the words", command=COMMAND)


def pictures(folder: Path) -> None:
    """Before and after, side by side, small."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in (*reading.SHADED, "all of them"):
        photo, _ = Case(kind, 1, 4).photo()
        both = [Image.open(io.BytesIO(variant(photo, quality, "420,"))) for quality in OURS]
        sheet = Image.new("RGB", (2 * 420 + 12, both[0].height), "white")
        for x, image in zip((0, 432), both, strict=True):
            sheet.paste(image, (x, 0))
        path = folder / f"enhanced-{kind.replace(' ', '-')}.webp"
        sheet.save(path, quality=60, method=6)
        print(f"{path}  {path.stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=3, help="how many of each kind")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--kinds", default=",".join(reading.DAMAGE), help="names, with commas")
    parser.add_argument("--peers", action="store_true", help="also what other programs make of ten pages of each kind")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs have read")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="only write before/after pictures there")
    options = parser.parse_args()
    if options.pictures:
        pictures(options.pictures)
        return
    missing = {"eng", "hin"} - reading.languages()
    if missing:
        note = f"tesseract lacks {', '.join(sorted(missing))} (on Debian: apt install tesseract-ocr tesseract-ocr-hin)"
        record("legibility", [Row(name=name, ours=None, unit="", note=note, command=COMMAND) for name in GOALS])
        return
    if options.fresh:
        KEPT.unlink(missing_ok=True)
    names = options.kinds.split(",")
    kinds = list(kinds_of(names, range(1, options.pages + 1), options.megapixels, "enhanced"))
    show(kinds, "enhanced")
    made = list(rows_of(kinds))
    if options.peers:
        made.extend(compare(names, options.megapixels))
    details: list[dict[str, Any]] = [
        {"damage": kind.name, "before": kind.before, "after": kind.after} for kind in kinds
    ]
    record("legibility", made, details)


if __name__ == "__main__":
    main()
