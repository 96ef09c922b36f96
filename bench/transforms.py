"""Transforms against the ways others make thumbnails, in one interleaved run.

    python -m bench.transforms [--rounds 7] [--quick]

CPU times are medians of this process, all peers in turn, so that a busy machine disturbs them alike. Memory is the
peak of a fresh process per peer. SSIM compares with a full decode and LANCZOS. Trust ratios, not milliseconds.
"""

import argparse
import io
import math
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageOps

from bench import transform_rows
from bench.rows import record
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.pixels import resize
from transforms.render import RenderJob, render
from transforms.request.spec import Spec
from transforms.sandbox import heap

Make = Callable[[bytes, int, int], bytes]
PAGES: Final = LIMITS.pdf_pages
JPEG_BOXES: Final = (200, 480, 1080, 2048)
SOURCES: Final = {"12MP": (4000, 3000, 6), "48MP": (8000, 6000, 6), "2MP": (1632, 1224, 1), "scan": (2480, 3508, 1)}


@dataclass(frozen=True, slots=True)
class Case:
    """One source in one box (pixels a side). `full` is its upright size."""

    name: str
    kind: SourceType
    full: tuple[int, int]
    box: int
    page: int = 1

    @property
    def size(self) -> tuple[int, int]:
        stored = self.stored("jpg")
        return stored.size.width, stored.size.height

    def stored(self, form: str) -> Any:
        return Spec.parse(f"full/!{self.box},{self.box}/0/default.{form}").resolve(Size(*self.full))


# Sources: noise like a sensor's, paper, strokes and small print. Nothing random, so every run has the same.


@cache
def photo(name: str) -> bytes:
    from PIL import ImageDraw, ImageFilter, ImageFont  # not in the processes whose memory is weighed

    width, height, orientation = SOURCES[name]
    tile = Image.effect_noise((512, 512), 6).filter(ImageFilter.GaussianBlur(0.7))
    grain = Image.new("L", (width, height))
    for x in range(0, width, 512):
        for y in range(0, height, 512):
            grain.paste(tile, (x, y))
    image = grain.point(lambda v: min(255, v + 95))
    if name != "scan":
        image = Image.merge("RGB", (image, image.point(lambda v: v - 6), image.point(lambda v: v - 18)))
    font = ImageFont.load_default(size=max(width, height) // 110)  # 8 points on A4
    draw, ink = ImageDraw.Draw(image), (30, 40, 110) if name != "scan" else 40
    for row in range(60, height - 60, height // 30):
        for x in range(60, width - 200, 90):
            draw.line((x, row, x + 60, row + (x * 7 + row) % 29), fill=ink, width=max(2, width // 900))
        draw.text((60, row + 12), "Tab. Amoxicillin 500 mg 1-0-1 x 5 days " * 3, fill=ink, font=font)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88, exif=exif)
    return out.getvalue()


@cache
def document(name: str) -> bytes:
    import fpdf

    pdf = fpdf.FPDF(unit="pt", format="A4")
    pdf.set_font("helvetica", size=9)
    scanned = io.BytesIO(photo("scan"))
    for number in range(1, PAGES + 1):
        pdf.add_page()
        if name == "scanned":
            pdf.image(scanned, 0, 0, pdf.w, pdf.h)
        else:
            for row in range(70):
                pdf.text(30, 40 + row * 11, f"{number}.{row} Amoxicillin 500 mg capsules, one three times daily " * 2)
    return bytes(pdf.output())


def source(case: Case) -> bytes:
    name = case.name.split(" ")[0]
    return document(name) if case.kind is SourceType.PDF else photo(name)


def cases(quick: bool) -> list[Case]:
    found = []
    for name, (width, height, orientation) in SOURCES.items():
        full = (height, width) if orientation == 6 else (width, height)
        found += [Case(f"{name} {box}", SourceType.JPEG, full, box) for box in JPEG_BOXES]
    for name in ("vector", "scanned"):
        for page in (1, PAGES):
            found.append(Case(f"{name} p{page}", SourceType.PDF, (2480, 3508), 1080, page))
    return found[::3] if quick else found


# Peers: each takes source bytes to JPEG q80 in the asked size.


def ours(case: Case, data: bytes) -> bytes:
    return render(data, RenderJob(case.kind, case.page, case.stored("jpg"), Size(*case.full))).data


def pillow(case: Case, data: bytes) -> bytes:
    """Ours where there is no wheel of the fast resizer."""
    fast = resize.fast
    resize.fast = lambda: None
    try:
        return ours(case, data)
    finally:
        resize.fast = fast


def naive(case: Case, data: bytes) -> bytes:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return _jpeg(image.resize(case.size, Image.Resampling.LANCZOS))


def thumbnail(case: Case, data: bytes) -> bytes:
    image = Image.open(io.BytesIO(data))
    image.thumbnail((case.box, case.box), Image.Resampling.LANCZOS)
    return _jpeg(ImageOps.exif_transpose(image))


def vips(case: Case, data: bytes) -> bytes:
    import pyvips

    width, height = case.size
    image = pyvips.Image.thumbnail_buffer(data, width, height=height, size="force")
    return bytes(image.jpegsave_buffer(Q=80, keep="none"))


def pdf2image_default(case: Case, data: bytes) -> bytes:
    import pdf2image

    (image,) = pdf2image.convert_from_bytes(data, first_page=case.page, last_page=case.page)
    return _jpeg(image.resize(case.size, Image.Resampling.LANCZOS))


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def peers(kind: SourceType) -> dict[str, Callable[[Case, bytes], bytes]]:
    if kind is SourceType.PDF:
        from transforms.pdf import poppler

        return {"ours": ours, **({"pdf2image": pdf2image_default} if poppler.available() else {})}
    found = {"ours": ours, "pillow": pillow, "naive": naive, "thumbnail": thumbnail}
    try:
        import pyvips

        pyvips.cache_set_max(0)
        pyvips.concurrency_set(1)
        found["vips"] = vips
    except (ImportError, OSError):
        pass
    return found


# Measuring.


def cpu() -> float:
    """Seconds of this process and its ended children (pdftoppm)."""
    usage = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in usage)


def times(case: Case, rounds: int) -> dict[str, float]:
    """Median CPU milliseconds by peer, in a process that keeps its memory, as our renderers do."""
    heap.keep()
    data, found = source(case), peers(case.kind)
    spent: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(rounds + 1):
        for name, make in found.items():
            began = cpu()
            make(case, data)
            if turn:  # the first is for warming up
                spent[name].append((cpu() - began) * 1000)
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def peak(case: Case, peer: str) -> float:
    """Peak resident megabytes of a fresh process that makes one variant."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(source(case))
        file.flush()
        command = [sys.executable, "-m", "bench.transforms", "--child", peer, case.name, file.name]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def child(peer: str, name: str, path: str) -> None:
    case = next(case for case in cases(quick=False) if case.name == name)
    data = Path(path).read_bytes()
    {"ours": ours, "pillow": pillow, "naive": naive, "thumbnail": thumbnail, "vips": vips}[peer](case, data)
    # Not ru_maxrss: that is inherited from the process that started this one.
    (peak_line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak_line.split()[1]) / 1024)


def ssim(case: Case) -> float:
    """Structural similarity of our pixels, before JPEG, to a full decode scaled by LANCZOS; mean over 8 x 8 windows."""
    import numpy as np

    data = source(case)
    job = RenderJob(case.kind, case.page, case.stored("png"), Size(*case.full))
    found = Image.open(io.BytesIO(render(data, job).data)).convert("L")
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).resize(case.size, Image.Resampling.LANCZOS)

    def windows(array: Any) -> Any:
        total = np.pad(array.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return (total[8:, 8:] - total[:-8, 8:] - total[8:, :-8] + total[:-8, :-8]) / 64

    a, b = (np.asarray(image.convert("L"), dtype=np.float64) for image in (found, wanted))
    mean_a, mean_b = windows(a), windows(b)
    var_a, var_b = windows(a * a) - mean_a**2, windows(b * b) - mean_b**2
    both = windows(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    value = ((2 * mean_a * mean_b + c1) * (2 * both + c2)) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return round(float(value.mean()), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="a third of the cases, for a look")
    parser.add_argument("--child", nargs=3, metavar=("PEER", "CASE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    rows = []
    print("CPU milliseconds, medians")
    print(f"{'case':14}{'ours':>9}{'pillow':>9}{'naive':>9}{'thumb':>9}{'vips':>9}{'pdf2img':>9}{'SSIM':>8}")
    for case in cases(options.quick):
        found = times(case, options.rounds)
        row = {"case": case.name, "cpu_ms": found}
        if case.kind is not SourceType.PDF:
            row["ssim"] = ssim(case)
        rows.append(row)
        cells = "".join(
            f"{found.get(name, math.nan):9.1f}"
            for name in ("ours", "pillow", "naive", "thumbnail", "vips", "pdf2image")
        )
        print(f"{case.name:14}{cells}{row.get('ssim', math.nan):8.4f}", flush=True)
    memory_case = next(case for case in cases(quick=False) if case.name == "48MP 1080")
    memory = {name: peak(memory_case, name) for name in peers(SourceType.JPEG)}
    record("transforms", transform_rows.rows(rows, memory), rows)


if __name__ == "__main__":
    main()
