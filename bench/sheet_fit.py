"""Fits what `transforms.measure.sheet` weighs its evidence with, to drawn photos of the tuning seeds alone.

    python -m bench.sheet_fit [--photos 650] [--negatives 60]

Writes transforms/measure/weights.py. The proxies are kept in build/bench/papers/, so a second run takes minutes.
"""

import argparse
import json
import math
import random
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from bench import no_papers, papers
from bench.overlap import iou, proxy_of
from bench.rows import RESULTS, ROOT
from transforms.measure import sheet, weights
from transforms.measure.quads import Corners

KEPT: Final = RESULTS / "papers"
WRITTEN: Final = ROOT / "transforms" / "measure" / "weights.py"
HIDDEN: Final = 8
NEAR: Final = 0.012  # of the longer side: a side that close to the true one is right
GOOD: Final = 0.94  # overlap of a figure that has not been traced yet
TRACED: Final = 0.955  # and of one that has
Array = np.ndarray[Any, Any]


# --- Pictures -------------------------------------------------------------------------------------------------------


def photos(count: int) -> Iterator[tuple[Image.Image, Corners | None]]:
    """Proxies with true corners, in pixels of the proxy."""
    for seed in papers.TUNING[:count]:
        path = KEPT / f"{seed:05d}.png"
        if not path.with_suffix(".json").exists():
            photo = papers.photo(seed)
            proxy = proxy_of(photo.image, seed)
            scale = proxy.width / photo.image.width
            proxy.save(path, compress_level=1)
            path.with_suffix(".json").write_text(json.dumps([(x * scale, y * scale) for x, y in photo.corners]))
        a, b, c, d = (tuple(corner) for corner in json.loads(path.with_suffix(".json").read_text()))
        yield Image.open(path).convert("RGB"), (a, b, c, d)


def halves(count: int) -> Iterator[tuple[Image.Image, None]]:
    """The photos again, each without one side of its paper."""
    for number, (proxy, corners) in enumerate(photos(count)):
        assert corners
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        if min(xs) < 0 or min(ys) < 0 or max(xs) > proxy.width or max(ys) > proxy.height:
            continue
        rng = random.Random(number)
        share, side = rng.uniform(0.15, 0.5), rng.randrange(4)
        left, top = min(xs) + share * (max(xs) - min(xs)), min(ys) + share * (max(ys) - min(ys))
        right, bottom = max(xs) - share * (max(xs) - min(xs)), max(ys) - share * (max(ys) - min(ys))
        width, height = proxy.size
        box = ((left, 0, width, height), (0, top, width, height), (0, 0, right, height), (0, 0, width, bottom))[side]
        yield proxy.crop((int(box[0]), int(box[1]), int(box[2]), int(box[3]))), None


def negatives(count: int) -> Iterator[tuple[Image.Image, None]]:
    """No sheets; those that show by themselves that no sensor has seen them are left out."""
    for seed in no_papers.TUNING[:count]:
        for kind in no_papers.KINDS:
            if kind in ("screen", "PDF page"):
                continue
            path = KEPT / f"{kind}-{seed:05d}.png"
            if not path.exists():
                proxy_of(no_papers.picture(kind, seed), seed).save(path, compress_level=1)
            yield Image.open(path).convert("RGB"), None


# --- Fitting --------------------------------------------------------------------------------------------------------


def logistic(features: Array, right: Array, weight: Array | None = None) -> list[float]:
    """By Newton's method, a little drawn to zero: the threshold, then one number a feature."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    scaled = np.c_[(features - mean) / spread, np.ones(len(features))]
    weight = np.ones(len(right)) if weight is None else weight
    found = np.zeros(scaled.shape[1])
    pull = np.r_[np.ones(len(found) - 1), 1e-6]
    for _ in range(40):
        share = 1 / (1 + np.exp(-np.clip(scaled @ found, -30, 30)))
        slope = scaled.T @ (weight * (share - right)) + pull * found
        bend = (scaled.T * (weight * share * (1 - share))) @ scaled + np.diag(pull)
        found -= np.linalg.solve(bend, slope)
    numbers = found[:-1] / spread
    return [float(found[-1] - numbers @ mean), *map(float, numbers)]


def network(features: Array, right: Array) -> list[list[float]]:
    """One hidden layer, by Adam, from a fixed start; as `sheet._network` reads it."""
    rng, (count, width) = np.random.default_rng(0), features.shape
    mean, spread = features.mean(0), features.std(0) + 1e-6
    scaled = (features - mean) / spread
    parts = [
        rng.normal(0, width**-0.5, (width, HIDDEN)),
        np.zeros(HIDDEN),
        rng.normal(0, HIDDEN**-0.5, HIDDEN),
        np.zeros(1),
    ]
    first, second, steps = [np.zeros_like(part) for part in parts], [np.zeros_like(part) for part in parts], 3000
    for step in range(1, steps + 1):
        some = rng.integers(0, count, 2048)
        inputs, goal = scaled[some], right[some]
        hidden = np.tanh(inputs @ parts[0] + parts[1])
        share = 1 / (1 + np.exp(-np.clip(hidden @ parts[2] + parts[3], -30, 30)))
        off = (share - goal) / len(some)
        back = np.outer(off, parts[2]) * (1 - hidden**2)
        slopes = [
            inputs.T @ back + 1e-4 * parts[0],
            back.sum(0),
            hidden.T @ off + 1e-4 * parts[2],
            np.array([off.sum()]),
        ]
        for at, slope in enumerate(slopes):
            first[at] = 0.9 * first[at] + 0.1 * slope
            second[at] = 0.99 * second[at] + 0.01 * slope**2
            pace = 0.02 * min(1, 2 * (1 - step / steps))
            parts[at] -= pace * (first[at] / (1 - 0.9**step)) / (np.sqrt(second[at] / (1 - 0.99**step)) + 1e-8)
    inner = parts[0] / spread[:, None]
    thresholds = parts[1] - mean @ inner
    units = [[float(parts[2][at]), float(thresholds[at]), *map(float, inner[:, at])] for at in range(HIDDEN)]
    return [[float(parts[3][0])], *units]


def right_sides(corners: Corners, true: Corners | None, side: int) -> list[float]:
    """1 for each side of a figure that lies on a true one, else 0."""
    if true is None:
        return [0.0] * 4
    found = []
    for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
        on = False
        for (x, y), to in zip(true, (*true[1:], true[0]), strict=True):
            length = math.dist((x, y), to)
            along, across = (to[0] - x) / length, (to[1] - y) / length
            off = max(abs(along * (py - y) - across * (px - x)) for px, py in (start, end))
            shares = sorted((along * (px - x) + across * (py - y)) / length for px, py in (start, end))
            on = on or (off < NEAR * side and min(1, shares[1]) - max(0, shares[0]) > 0.5)
        found.append(float(on))
    return found


def fit(count: int, others: int) -> dict[str, Any]:
    """All weights, stage by stage: each goes by what those before it say."""
    sets = [*photos(count), *negatives(others), *halves(count)]
    seen = []
    for proxy, true in sets:
        picture = sheet.small(proxy)
        scale = picture.width / proxy.width
        corners = true and tuple((x * scale, y * scale) for x, y in true)
        found = [one for calm in (True, False) for one in sheet.candidates(picture, calm=calm)]
        shares = [iou(one.corners, corners, picture.size) if corners else 0.0 for one in found]
        seen.append((proxy, true, picture, corners, found, shares))
    print(f"{len(seen)} pictures, {sum(len(one[4]) for one in seen)} figures", flush=True)
    each, right = [], []
    for _, _, picture, corners, found, _ in seen:
        for one in found:
            if len(one.each) == 4:
                each += one.each
                right += right_sides(one.corners, corners, max(picture.size))
    weights.SIDE = network(np.array(each), np.array(right))  # type: ignore[misc]
    features, right = [], []
    for *_, found, shares in seen:
        best = max(shares, default=0.0)
        for one, share in zip(found, shares, strict=True):
            near = share > best - 0.02 if share < GOOD else best - 0.035 < share < best - 0.02
            if share > 0.88 and near:
                continue  # neither right nor wrong
            features.append(sheet.signs(one.each, one.whole))
            right.append(float(share >= GOOD and share > best - 0.03))
    weights.RANK = logistic(np.array(features), np.array(right))  # type: ignore[misc]
    features, right, weight = [], [], []
    for proxy, true, picture, _, found, _ in seen:
        evidence = sheet.weigh(proxy, picture, found)
        if evidence:
            share = iou(evidence.corners, true, proxy.size) if true else 0.0
            features.append(evidence.features)
            right.append(float(share >= TRACED))
            weight.append(0.3 if 0.94 < share < 0.965 else 1.0)
    weights.CONFIDENCE = logistic(np.array(features), np.array(right), np.array(weight))  # type: ignore[misc]
    return {"SIDE": weights.SIDE, "RANK": weights.RANK, "CONFIDENCE": weights.CONFIDENCE}


def write(found: dict[str, Any]) -> None:
    """As a module that linters leave alone."""
    title = "How much each sign of a sheet weighs. Made by `python -m bench.sheet_fit`; not to be edited."

    def row(numbers: Sequence[float], indent: str) -> str:
        return textwrap.fill(
            ", ".join(f"{number:.4g}" for number in numbers) + ",", 110, initial_indent=indent, subsequent_indent=indent
        )

    units = "\n".join(f"    (\n{row(unit, ' ' * 8)}\n    )," for unit in found["SIDE"])
    WRITTEN.write_text(f'''"""{title}"""

from typing import Final

# A network for one side: the start, then of each unit its weight, its threshold and a number for each feature.
SIDE: Final[tuple[tuple[float, ...], ...]] = (
{units}
)  # fmt: skip
# To compare figures of one picture: the threshold, then a number for each sign.
RANK: Final[tuple[float, ...]] = (
{row(found["RANK"], " " * 4)}
)  # fmt: skip
# Of the best one, in the same way, on a logistic scale.
CONFIDENCE: Final[tuple[float, ...]] = (
{row(found["CONFIDENCE"], " " * 4)}
)  # fmt: skip
''')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=650)
    parser.add_argument("--negatives", type=int, default=60, help="of each kind")
    options = parser.parse_args()
    Path(KEPT).mkdir(parents=True, exist_ok=True)
    write(fit(options.photos, options.negatives))


if __name__ == "__main__":
    main()
