"""The region of a request (IIIF Image API 3.0 §4.1): parsed as asked, resolved to whole pixels of a page."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, Self

from transforms.errors import SpecError
from transforms.geometry import Box, Size, half_up
from transforms.request.grammar import NUMBER_RULES, decimal, decimal_text, quoted, whole_number

ALLOWED: Final = f"full, square, x,y,w,h in pixels or pct:x,y,w,h in percent ({NUMBER_RULES})"


class RegionKind(StrEnum):
    """The four ways to write a region; the value is what comes before the numbers."""

    FULL = "full"
    SQUARE = "square"
    PIXELS = ""
    PERCENT = "pct:"


@dataclass(frozen=True, slots=True)
class Region:
    """One `region` segment. `numbers`: x, y, width, height in pixels or percent; none for full, square."""

    kind: RegionKind
    numbers: tuple[Fraction, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises SpecError for anything outside the grammar, and for a region without width or height."""
        if text in (RegionKind.FULL, RegionKind.SQUARE):
            return cls(RegionKind(text))
        percent = text.startswith(RegionKind.PERCENT)
        parts = text.removeprefix(RegionKind.PERCENT).split(",")
        numbers = [decimal(part) if percent else whole_number(part) for part in parts]
        known = tuple(Fraction(number) for number in numbers if number is not None)
        if len(numbers) != 4 or len(known) != 4:
            raise SpecError(f"The region {quoted(text)} is not valid. Allowed are {ALLOWED}.")
        if not (known[2] and known[3]):
            raise SpecError(f"The region {quoted(text)} is empty: its width and height must be above zero.")
        return cls(RegionKind.PERCENT if percent else RegionKind.PIXELS, known)

    def __str__(self) -> str:
        return self.kind + ",".join(decimal_text(number) for number in self.numbers)

    def resolve(self, page: Size) -> Box | None:
        """The box of pixels, clipped at the page's edges; None means the full page.

        `square` is centred, half a pixel to the left or top where that is uneven. Percentages are rounded
        half up, each number by itself. Raises SpecError where nothing of the page is left.
        """
        match self.kind:
            case RegionKind.FULL:
                return None
            case RegionKind.SQUARE:
                side = min(page.width, page.height)
                box = Box((page.width - side) // 2, (page.height - side) // 2, side, side)
            case RegionKind.PIXELS:
                box = Box(*map(half_up, self.numbers))
            case RegionKind.PERCENT:
                sides = (page.width, page.height) * 2
                box = Box(*(half_up(n * side / 100) for n, side in zip(self.numbers, sides, strict=True)))
        clipped = box.clipped(page)
        if clipped is None:
            raise SpecError(f"The region {quoted(str(self))} holds no pixel of the page, which is {page} pixels.")
        return None if clipped.size == page else clipped
