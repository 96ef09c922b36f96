"""The rows of `bench.transforms`: what all its cases come to."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bench.rows import Row, against

COMMAND: Final = "python -m bench.transforms"
# Ours / peer: 4.5 times as fast as a full decode, 12 and 4 times as fast as pdf2image.
GOAL_NAIVE, GOAL_VIPS, GOAL_WORST, GOAL_SSIM, GOAL_MEMORY = "<= 0.222", "<= 0.7", "<= 1.0", ">= 0.995", "<= 0.13"
GOALS_PDF: Final = {"vector": "<= 0.0833", "scanned": "<= 0.25"}
GOAL_LAST_PAGE: Final = "<= 1.1"
Case = Mapping[str, Any]  # "case", "cpu_ms" by peer and, of images, "ssim"


def _geomean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def rows(cases: Sequence[Case], peak_mb: Mapping[str, float]) -> list[Row]:
    """What was measured of it: a quick run has fewer."""
    images = [case for case in cases if "ssim" in case]
    pages = {case["case"]: case["cpu_ms"] for case in cases if "ssim" not in case}
    return [*_images(images), *_memory(peak_mb), *_pages(pages)]


def _images(images: Sequence[Case]) -> Iterator[Row]:
    for peer, goal in (("naive", GOAL_NAIVE), ("thumbnail", ""), ("vips", GOAL_VIPS)):
        both = [(case["cpu_ms"]["ours"], case["cpu_ms"][peer]) for case in images if peer in case["cpu_ms"]]
        if not both:
            yield Row(name=f"CPU, geometric mean, {peer}", ours=None, unit="ms", note="the peer is not installed")
            continue
        ours, theirs = (_geomean(values) for values in zip(*both, strict=True))
        name = f"CPU, geometric mean, {peer}"
        yield against(name, ours, theirs, peer, unit="ms", goal=goal, command=COMMAND, note=f"{len(both)} cases")
        if peer == "vips":
            worst = max(both, key=lambda pair: pair[0] / pair[1])
            yield against("CPU, worst case, vips", *worst, peer, unit="ms", goal=GOAL_WORST, command=COMMAND)
    worst_case = min(images, key=lambda case: float(case["ssim"]))
    below = sum(case["ssim"] < float(GOAL_SSIM.split()[1]) for case in images)
    note = f"{worst_case['case']}; {below} of {len(images)} below"
    yield Row(name="SSIM, worst case", ours=worst_case["ssim"], unit="", goal=GOAL_SSIM, command=COMMAND, note=note)


def _memory(peak_mb: Mapping[str, float]) -> Iterator[Row]:
    for peer in ("naive", "thumbnail", "vips"):
        if peer in peak_mb:
            name, goal = f"peak memory, 48 MP to 1080, {peer}", GOAL_MEMORY if peer == "naive" else ""
            yield against(name, peak_mb["ours"], peak_mb[peer], peer, unit="MB", goal=goal, command=COMMAND)


def _pages(pages: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    for kind, goal in GOALS_PDF.items():
        found = {name: cpu for name, cpu in pages.items() if name.startswith(kind)}
        for name, cpu in found.items():
            peer = cpu.get("pdf2image")
            yield against(
                f"PDF page to 1080, {name}", cpu["ours"], peer, "pdf2image", unit="ms", goal=goal, command=COMMAND
            )
        if len(found) > 1:
            first, *_, last = (cpu["ours"] for cpu in found.values())
            name = f"PDF, last page / first, {kind}"
            yield against(name, last, first, "first page", unit="ms", goal=GOAL_LAST_PAGE, command=COMMAND)
