"""Sizes and boxes in whole pixels, and the only rounding rule of the service: half up, in exact arithmetic.

Never uses a float: two machines must come to the same key.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt


def half_up(value: Fraction | int) -> int:
    """The nearest integer; a half goes up. For values of zero or more."""
    exact = Fraction(value)
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, both at least 1 wherever it describes an image."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width},{self.height}"

    @property
    def area(self) -> int:
        """Pixels in all."""
        return self.width * self.height

    def exceeds(self, other: "Size") -> bool:
        """True if either side is longer than the other's."""
        return self.width > other.width or self.height > other.height

    def rotated(self, degrees: int) -> "Size":
        """The size after a clockwise turn by a multiple of 90 degrees."""
        return Size(self.height, self.width) if degrees % 180 else self

    def scaled(self, factor: Fraction) -> "Size":
        """Both sides times `factor`, half up, each at least one pixel: a long strip never vanishes."""
        return Size(max(1, half_up(self.width * factor)), max(1, half_up(self.height * factor)))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; x and y count from the top left corner."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.width, self.height)

    @property
    def right(self) -> int:
        """The first column beyond the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row beyond the box."""
        return self.y + self.height

    def intersection(self, other: "Box") -> "Box | None":
        """What both cover; None where that is nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width, height = min(self.right, other.right) - x, min(self.bottom, other.bottom) - y
        return Box(x, y, width, height) if width > 0 and height > 0 else None

    def clipped(self, page: Size) -> "Box | None":
        """The part inside the page; None where there is none."""
        return self.intersection(Box(0, 0, page.width, page.height))


def fit(size: Size, within: Size, *, area: int | None = None) -> Size:
    """The largest size of the same shape inside `within` and `area` pixels, never enlarged (IIIF `!w,h`)."""
    factor = min(Fraction(1), Fraction(within.width, size.width), Fraction(within.height, size.height))
    fitted = size.scaled(factor)
    if area is None or fitted.area <= area:
        return fitted
    # The exact factor is a square root, hence irrational: take its floor along the longer side, then step
    # down past the rounding of the shorter one.
    long, short = max(size.width, size.height), min(size.width, size.height)
    side = min(isqrt(area * long // short), area)
    while side > 1 and size.scaled(Fraction(side, long)).area > area:
        side -= 1
    return size.scaled(Fraction(side, long))
