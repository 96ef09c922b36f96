"""How well a figure that was found covers the true one, and the proxy of a photo as the product has it."""

import io
import random
from collections.abc import Sequence

from PIL import Image

from transforms.geometry import Size
from transforms.pixels import proxy

Points = Sequence[tuple[float, float]]


def proxy_of(image: Image.Image, seed: int) -> Image.Image:
    """After a JPEG such as phones and messengers make."""
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=random.Random(seed).choice((75, 85, 92)))
    source = Image.open(stored)
    assert isinstance(source, Image.Image)
    shrunk = proxy.decode(source)
    return proxy.reduced(source, Size(*image.size), shrunk=shrunk)


def iou(one: Points, other: Points, size: tuple[int, int]) -> float:
    """Intersection over union of two convex figures, of what is in a picture of that size."""
    width, height = size
    frame = ((0, 0), (width, 0), (width, height), (0, height))
    one, other = _cut(one, frame), _cut(other, frame)
    if not one or not other:
        return 0.0
    both = _cut(one, other)
    shared = abs(_area(both)) if both else 0.0
    return shared / (abs(_area(one)) + abs(_area(other)) - shared)


def _area(points: Points) -> float:
    return sum(points[at - 1][0] * points[at][1] - points[at][0] * points[at - 1][1] for at in range(len(points))) / 2


def _cut(points: Points, by: Points) -> Points:
    """Sutherland and Hodgman's: the part of one convex figure that is in another."""
    kept = list(points) if _area(points) > 0 else list(points)[::-1]
    edge = list(by) if _area(by) > 0 else list(by)[::-1]
    for at in range(len(edge)):
        (ax, ay), (bx, by_) = edge[at - 1], edge[at]
        before, kept = kept, []
        sides = [(bx - ax) * (y - ay) - (by_ - ay) * (x - ax) for x, y in before]
        for number, point in enumerate(before):
            last, side, last_side = before[number - 1], sides[number], sides[number - 1]
            if (side < 0) != (last_side < 0):
                share = last_side / (last_side - side)
                kept.append((last[0] + (point[0] - last[0]) * share, last[1] + (point[1] - last[1]) * share))
            if side >= 0:
                kept.append(point)
        if not kept:
            return []
    return kept
