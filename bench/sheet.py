"""How well sheets are found in photos of seeds that the finder was not made with, table by table.

    python -m bench.sheet [--check] [--photos 100] [--negatives 50]

`--check` takes other seeds, by which the two thresholds may be chosen. Figures are about drawn photos.
"""

import argparse
import io
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image

from bench import no_papers, papers
from bench.overlap import iou, proxy_of
from bench.rows import Row, record
from rxproject.local import samples
from transforms.geometry import Size
from transforms.measure import sheet
from transforms.measure.probe import probe
from transforms.measure.sheet import Verdict
from transforms.render import RenderJob, render
from transforms.request.paper import Paper
from transforms.request.presets import preset

COMMAND: Final = "python -m bench.sheet"
LARGE: Final = 10  # every so manieth photo has 12 megapixels, the others 3
TURNS: Final = 15
RUNS: Final = 3  # of which the quickest counts: the others shared their core with someone
DEMO: Final = range(101, 121)  # photos of the demo's own camera, beside the others


class Found:
    """Of one picture: the share of the true sheet, 0 without one, what was said, and milliseconds of processor time."""

    def __init__(self, kind: str, picture: Image.Image, seed: int, corners: papers.Quad | None = None) -> None:
        proxy, page = proxy_of(picture, seed), Size(*picture.size)
        spent = []
        for _ in range(RUNS):
            before = time.process_time()
            found = sheet.find(proxy, page)
            spent.append((time.process_time() - before) * 1000)
        self.cpu = min(spent)
        self.kind, self.seed, self.verdict = kind, seed, found and found.verdict
        self.confidence = found.confidence if found else 0.0
        self.share = iou(found.corners, corners, picture.size) if found and corners else 0.0


def photos(seeds: Sequence[int]) -> Iterator[Found]:
    for number, seed in enumerate(seeds):
        photo = papers.photo(seed, 12 if number % LARGE == LARGE - 1 else 3)
        yield Found(photo.table, photo.image, seed, photo.corners)


def demo() -> Iterator[Found]:
    for seed in DEMO:
        photo = Image.open(io.BytesIO(samples.phone_photo(seed, megapixels=3, orientation=1)))
        yield Found("demo camera", photo, seed, samples.paper_corners(seed, megapixels=3))


def without(seeds: Sequence[int]) -> Iterator[Found]:
    for kind in no_papers.KINDS:
        for seed in seeds:
            yield Found(kind, no_papers.picture(kind, seed), seed)


def cost() -> Row:
    """Processor time of a preview of the sheet in a phone's photo, beside one of the page: the same file, in turns."""
    data = samples.phone_photo(DEMO[0])
    seen = probe(data)
    (page,), (measures,) = seen.pages, seen.measures
    assert measures is not None
    assert measures.sheet is not None
    paper = Paper.of(measures.sheet.corners, page)
    jobs = [
        RenderJob(seen.media_type, 1, preset("preview", paper.size), page, paper=paper),
        RenderJob(seen.media_type, 1, preset("preview", page), page),
    ]
    spent: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for job, times in zip(jobs, spent, strict=True):
            before = time.process_time()
            render(data, job)
            times.append((time.process_time() - before) * 1000)
    ours, peer = map(statistics.median, spent)
    name = "preview of a 12-megapixel photo, CPU, sheet against page"
    return Row(
        name=name, ours=ours, unit="ms", goal="<= 1.5", peer=peer, peer_name="page", ratio=ours / peer, command=COMMAND
    )


def summary(name: str, found: Sequence[Found]) -> None:
    sure = [one for one in found if one.verdict is Verdict.SURE]
    likely = [one for one in found if one.verdict is Verdict.LIKELY]
    line = f"{name:14}{len(found):5}{len(sure):6}{len(likely):8}"
    if any(one.share for one in found):
        shares = [one.share for one in sure] or [0.0]
        good = sum(share >= 0.95 for share in shares) / len(shares)
        maybe = statistics.fmean(one.share for one in likely) if likely else 0.0
        line += f"{statistics.fmean(shares):12.4f}{good:9.3f}{min(shares):9.3f}{maybe:13.3f}"
    print(line, flush=True)


def by_kind(found: Sequence[Found]) -> dict[str, list[Found]]:
    kinds = dict.fromkeys(one.kind for one in found)
    return {kind: [one for one in found if one.kind == kind] for kind in kinds}


def run(seeds: Sequence[int], negatives: Sequence[int]) -> None:
    """Prints tables, and keeps the figures that have goals."""
    print(f"{'table':14}{'n':>5}{'sure':>6}{'likely':>8}{'mean IoU':>12}{'>= .95':>9}{'least':>9}{'likely, mean':>13}")
    positive = list(photos(seeds))
    for kind, some in sorted(by_kind(positive).items()):
        summary(kind, some)
    summary("all", positive)
    shown = list(demo())
    summary("demo camera", shown)
    print(f"\n{'no sheet':14}{'n':>5}{'sure':>6}{'likely':>8}")
    negative = list(without(negatives))
    for kind, some in by_kind(negative).items():
        summary(kind, some)
    for one in positive:
        if one.verdict is Verdict.SURE and one.share < 0.95:
            print(f"poor: {one.kind} {one.seed}: {one.share:.3f}, confidence {one.confidence}")
    for one in negative:
        if one.verdict:
            print(f"false: {one.kind} {one.seed}: {one.verdict}, confidence {one.confidence}")
    sure = [one.share for one in positive if one.verdict is Verdict.SURE] or [0.0]
    likely = sum(one.verdict is Verdict.LIKELY for one in positive)
    false = sum(one.verdict is Verdict.SURE for one in negative if one.kind != "carton")
    cartons = sum(one.verdict is Verdict.SURE for one in negative if one.kind == "carton")
    cpu = [one.cpu for one in (*positive, *negative)]
    rows = (
        ("sure, of 100 photos", 100 * len(sure) / len(positive), "", ">= 80"),
        ("likely besides, of 100 photos", 100 * likely / len(positive), "", ">= 10"),
        ("sure: mean overlap (IoU)", statistics.fmean(sure), "", ">= 0.985"),
        ("sure: share with an overlap of 0.95", sum(share >= 0.95 for share in sure) / len(sure), "", ">= 0.97"),
        ("sure: least overlap", min(sure), "", ">= 0.9"),
        ("sheets that are none, of 300", false, "", "<= 0"),
        ("cartons taken for sheets, of 50", cartons, "", "<= 2"),
        ("CPU beyond the decode, median", statistics.median(cpu), "ms", "<= 50"),
        ("CPU beyond the decode, maximum", max(cpu), "ms", "<= 100"),
    )
    made = [Row(name=name, ours=ours, unit=unit, goal=goal, command=COMMAND) for name, ours, unit, goal in rows]
    made.append(cost())
    print(f"\npreview, sheet against page: {made[-1].ours:.1f} ms, {made[-1].peer:.1f} ms, {made[-1].ratio:.2f}")
    record("sheet", made, [vars(one) for one in (*positive, *shown, *negative)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="seeds to choose thresholds by")
    parser.add_argument("--photos", type=int, default=100, help="at most")
    parser.add_argument("--negatives", type=int, default=50, help="of each kind")
    options = parser.parse_args()
    taken = (papers.CHECK, no_papers.CHECK) if options.check else (papers.HELD_OUT, no_papers.HELD_OUT)
    run(taken[0][: options.photos], taken[1][: options.negatives])


if __name__ == "__main__":
    main()
