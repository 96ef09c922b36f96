"""The size of a request (IIIF Image API 3.0 §4.2): parsed as asked, resolved against a region and limits.

Nothing is ever enlarged. Sizes are those before rotation, as the specification counts.
"""

from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from typing import Final, Literal, Self, TypeVar

from transforms.errors import SpecError, UpscaleRefused
from transforms.geometry import Size, fit
from transforms.limits import Limits
from transforms.request.grammar import NUMBER_RULES, decimal, decimal_text, quoted, whole_number

ALLOWED: Final = f"max, w, or ,h or w,h or !w,h in pixels, or pct:n; each may follow a ^ ({NUMBER_RULES})"

Oversize = Literal["fit", "reject"]
Number = TypeVar("Number", int, Fraction)


class SizeKind(Enum):
    """The six ways to write a size: max; w, ; ,h ; pct:n ; w,h ; !w,h."""

    MAX = auto()
    WIDTH = auto()
    HEIGHT = auto()
    PERCENT = auto()
    EXACT = auto()
    CONFINED = auto()


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """One `size` segment. `upscale` is the leading `^`; numbers that the kind does not use are zero."""

    kind: SizeKind
    upscale: bool = False
    width: int = 0
    height: int = 0
    percent: Fraction = Fraction(0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises SpecError for anything outside the grammar, and for a size of zero."""
        upscale = text.startswith("^")
        body = text.removeprefix("^")
        if body == "max":
            return cls(SizeKind.MAX, upscale)
        if body.startswith("pct:"):
            percent = decimal(body.removeprefix("pct:"))
            if percent is not None:
                return cls(SizeKind.PERCENT, upscale, percent=_above_zero(percent, text))
        elif body.count(",") == 1:
            confined = body.startswith("!")
            left, right = body.removeprefix("!").split(",")
            width, height = whole_number(left), whole_number(right)
            if width is not None and height is not None:
                kind = SizeKind.CONFINED if confined else SizeKind.EXACT
                return cls(kind, upscale, _above_zero(width, text), _above_zero(height, text))
            if width is not None and not right and not confined:
                return cls(SizeKind.WIDTH, upscale, width=_above_zero(width, text))
            if height is not None and not left and not confined:
                return cls(SizeKind.HEIGHT, upscale, height=_above_zero(height, text))
        raise SpecError(f"The size {quoted(text)} is not valid. Allowed are {ALLOWED}.")

    def __str__(self) -> str:
        match self.kind:
            case SizeKind.MAX:
                body = "max"
            case SizeKind.WIDTH:
                body = f"{self.width},"
            case SizeKind.HEIGHT:
                body = f",{self.height}"
            case SizeKind.PERCENT:
                body = f"pct:{decimal_text(self.percent)}"
            case SizeKind.EXACT:
                body = f"{self.width},{self.height}"
            case SizeKind.CONFINED:
                body = f"!{self.width},{self.height}"
        return f"^{body}" if self.upscale else body

    def resolve(self, region: Size, *, page: Size, oversize: Oversize, limits: Limits) -> Size:
        """The output size in pixels for a region of `page`.

        Raises UpscaleRefused where `^` would enlarge; SpecError where the size is larger than the region
        without `^`, beyond the limits, or under one pixel both ways. `max` and `!w,h` clamp instead. A region
        at its own scale is never beyond the limits.
        """
        if self.kind is SizeKind.MAX:
            if self.upscale and _could_grow(region, ceilings(page, limits)):
                raise self._enlarges(region)
            return region
        if self.kind is SizeKind.CONFINED:
            return self._confined(region, page, oversize, limits)
        wanted = self._wanted(region)
        if wanted.exceeds(region) or (self.percent > 100 and not self.upscale):
            raise self._enlarges(region)
        if wanted != region and _beyond(wanted, limits):
            raise SpecError(
                f"The size {quoted(str(self))} is too large. Allowed are {limits.output_side} pixels a side "
                f"and {limits.output_pixels} in all, or exactly {region}, this region's own size (max)."
            )
        return wanted

    def _wanted(self, region: Size) -> Size:
        """What the segment says, whether it is allowed or not."""
        match self.kind:
            case SizeKind.WIDTH:
                return Size(self.width, region.scaled(Fraction(self.width, region.width)).height)
            case SizeKind.HEIGHT:
                return Size(region.scaled(Fraction(self.height, region.height)).width, self.height)
            case SizeKind.PERCENT:
                factor = self.percent / 100
                # A strip keeps its last pixel, but an image that vanishes both ways is not an image (§4.2).
                if max(region.width, region.height) * factor * 2 < 1:
                    raise SpecError(f"The size {quoted(str(self))} of {region} pixels is less than one pixel.")
                return region.scaled(factor)
            case _:
                return Size(self.width, self.height)

    def _confined(self, region: Size, page: Size, oversize: Oversize, limits: Limits) -> Size:
        box = Size(self.width, self.height)
        if box.width > region.width and box.height > region.height:
            # §4.2: "as large as possible but not larger than the extracted region". The conformance
            # validators want a refusal instead, hence the switch.
            if _could_grow(region, ceilings(page, limits)) if self.upscale else oversize == "reject":
                raise self._enlarges(region)
            return region
        fitted = fit(region, box)
        if fitted == region or not _beyond(fitted, limits):
            return fitted
        # Smaller than `fitted`, hence inside the box as well.
        return fit(region, Size(limits.output_side, limits.output_side), area=limits.output_pixels)

    def _enlarges(self, region: Size) -> SpecError | UpscaleRefused:
        if self.upscale:
            return UpscaleRefused(f"The size {quoted(str(self))} would enlarge: at most {region} pixels are there.")
        return SpecError(f"The size {quoted(str(self))} is larger than the region: at most {region} pixels (or max).")


def ceilings(page: Size, limits: Limits) -> tuple[int, int, int]:
    """maxWidth, maxHeight and maxArea of info.json (§5.2): the limits, or the page where that is larger."""
    return (
        max(limits.output_side, page.width),
        max(limits.output_side, page.height),
        max(limits.output_pixels, page.area),
    )


def _could_grow(region: Size, maximum: tuple[int, int, int]) -> bool:
    """True if `^max` would be larger than the region."""
    width, height, area = maximum
    return region.width < width and region.height < height and region.area < area


def _beyond(size: Size, limits: Limits) -> bool:
    return max(size.width, size.height) > limits.output_side or size.area > limits.output_pixels


def _above_zero(number: Number, text: str) -> Number:
    if not number:
        raise SpecError(f"The size {quoted(text)} is empty: every number must be above zero.")
    return number
