"""IIIF qualities (Image API 3.0 §4.4), applied to the scaled picture. Must never change geometry.

Those that go by the whole page take what intake has measured of it, or measure its proxy: so all its tiles match.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from transforms import redaction
from transforms.errors import RedactionMissing
from transforms.geometry import Box
from transforms.pixels import enhance
from transforms.pixels.enhance import Frame


@dataclass(frozen=True, slots=True)
class Measured:
    """`light`: an encoded `enhance.Look`, or nothing. `proxy` makes the whole page in about a megapixel.

    `parts` gives such boxes of the page at full size, or none of them where it was not decoded at full size.
    """

    light: bytes
    proxy: Callable[[], Image.Image]
    parts: Callable[[Iterable[Box]], Iterable[tuple[Image.Image, Box]]]

    def look(self, mode: str) -> enhance.Look:
        """For pictures of this mode. What is stored counts if this release has measured it; the rest is made anew."""
        known = enhance.decode(self.light)
        return known if known and known.light.mode == mode else enhance.measure(self.proxy())


def is_redacted(quality: str) -> bool:
    """True for redacted-<digest>."""
    return quality.startswith(redaction.PREFIX)


def goes_by_light(quality: str) -> bool:
    """True for those that make use of `RenderJob.light`."""
    return quality in _BY_LIGHT


def check(quality: str, redactions: tuple[Box, ...]) -> None:
    """Raises RedactionMissing for a redacted picture without rectangles: it would show everything."""
    if is_redacted(quality) and not redactions:
        raise RedactionMissing


def halo(quality: str, frame: Frame, width: int) -> int:
    """How many pixels around the picture of `width` pixels of `frame` matter to those in it."""
    return enhance.HALO if goes_by_light(quality) and enhance.needs_halo(frame, width) else 0


def apply(quality: str, image: Image.Image, frame: Frame, page: Measured) -> Image.Image:
    """`image` (mode L or RGB, the scaled pixels of `frame`, not yet turned) in the asked quality."""
    step = _STEPS.get(quality)
    return step(image, frame, page) if step else image


def _gray(image: Image.Image, _: Frame, __: Measured) -> Image.Image:
    return image.convert("L")


def _enhanced(image: Image.Image, frame: Frame, page: Measured) -> Image.Image:
    look = page.look(image.mode)
    if not enhance.needs_halo(frame, image.width):
        return enhance.apply(image, frame, look)
    return enhance.apply(image, frame, look, enhance.fault(page.parts(enhance.windows(frame.page)), frame.page, look))


def _bitonal(image: Image.Image, frame: Frame, page: Measured) -> Image.Image:
    """Black ink on white paper, not dithered: measured against the paper nearby, or a shadow would hide the ink."""
    even = _enhanced(image, frame, page).convert("L")
    return even.point([0] * _HALF + [255] * (256 - _HALF), mode="1")


_BY_LIGHT: Final = frozenset({"enhanced", "bitonal"})
_HALF: Final = 170  # between ink and paper at 255; nearer to the paper, so that thin strokes stay whole
_STEPS: Final[dict[str, Callable[[Image.Image, Frame, Measured], Image.Image]]] = {
    "gray": _gray,
    "bitonal": _bitonal,
    "enhanced": _enhanced,
}
