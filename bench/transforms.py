"""Transforms against the ways others make thumbnails, all in turn.

    python -m bench.transforms [--rounds 7] [--quick]

Each way has a process of its own, as it would have in a service: ours with the heap of our renderers, which keep their
memory, the others with the C library's defaults. CPU times are medians, interleaved, so that a busy machine disturbs
all alike. Memory is the peak of a fresh process. SSIM compares with a full decode and LANCZOS. Trust ratios.
"""

import argparse
import io
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from bench import transform_rows
from bench.drawn import Case, cases, source
from bench.rows import record
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.pdf import poppler
from transforms.render import RenderJob, render

OURS: Final = ("ours", "pillow")
WAYS: Final = {
    SourceType.JPEG: (*OURS, "naive", "thumbnail", "vips"),
    SourceType.PDF: ("ours", *(("pdf2image",) if poppler.available() else ())),
}
COLUMNS: Final = (*WAYS[SourceType.JPEG], "pdf2image")
Ask = subprocess.Popen[str]


@contextmanager
def process(way: str, *, keep: bool) -> Iterator[Ask]:
    command = [sys.executable, "-m", "bench.thumbnailers", way, *(("keep",) if keep else ())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asked:
        yield asked
        assert asked.stdin is not None
        asked.stdin.close()


def ask(asked: Ask, case: Case, path: Path) -> tuple[float, float]:
    """CPU milliseconds of making `case`, and the process's peak of megabytes so far."""
    assert asked.stdin is not None
    assert asked.stdout is not None
    stored = str(case.stored("jpg"))
    task = {"path": str(path), "kind": case.kind, "page": case.page, "box": case.box, "stored": stored}
    asked.stdin.write(json.dumps({**task, "size": case.size, "full": case.full}) + "\n")
    asked.stdin.flush()
    milliseconds, megabytes = json.loads(asked.stdout.readline())
    return milliseconds, megabytes


def times(case: Case, rounds: int, path: Path) -> dict[str, float]:
    """Median CPU milliseconds by way."""
    spent: dict[str, list[float]] = {way: [] for way in WAYS[case.kind]}
    with ExitStack() as stack:
        asked = {way: stack.enter_context(process(way, keep=way in OURS)) for way in spent}
        for _ in range(rounds + 1):
            for way, found in spent.items():
                found.append(ask(asked[way], case, path)[0])
    return {way: statistics.median(found[1:]) for way, found in spent.items()}  # the first is for warming up


def peak(case: Case, way: str, path: Path) -> float:
    """Peak resident megabytes of a fresh process that makes one variant."""
    with process(way, keep=False) as asked:
        return ask(asked, case, path)[1]


def ssim(case: Case) -> float:
    """Structural similarity of our pixels, before JPEG, to a full decode scaled by LANCZOS; mean over 8 x 8 windows."""
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
    return float(value.mean())


def measured(rounds: int, *, quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Each case's milliseconds by way, and SSIM; and megabytes by way of 48 MP to 1080."""
    details, memory = [], {}
    print(f"{'CPU ms':16}" + "".join(f"{way:>11}" for way in (*COLUMNS, "SSIM")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "source")
        for case in cases(quick):
            path.write_bytes(source(case))
            found: dict[str, Any] = {"case": case.name, "cpu_ms": times(case, rounds, path)}
            if case.kind is not SourceType.PDF:
                found["ssim"] = ssim(case)
            details.append(found)
            spent = "".join(f"{found['cpu_ms'].get(way, math.nan):11.1f}" for way in COLUMNS)
            print(f"{case.name:16}{spent}{found.get('ssim', math.nan):11.4f}", flush=True)
        case = next(case for case in cases(quick=False) if case.name == "48MP 1080")
        path.write_bytes(source(case))
        memory = {way: peak(case, way, path) for way in WAYS[SourceType.JPEG]}
    return details, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="a third of the cases, for a look; nothing is kept")
    options = parser.parse_args()
    details, memory = measured(options.rounds, quick=options.quick)
    if not options.quick:
        record("transforms", transform_rows.rows(details, memory), details)


if __name__ == "__main__":
    main()
