"""IIIF qualities (Image API 3.0 §4.4), applied to the scaled picture. Must never change geometry.

Those that measure the page first call `proxy` for it: the whole page in about a megapixel, so that all its tiles match.
"""

from collections.abc import Callable
from typing import Final

from PIL import Image

from transforms import redaction
from transforms.errors import RedactionMissing
from transforms.geometry import Box
from transforms.pixels import enhance
from transforms.pixels.plan import Plan

Proxy = Callable[[], Image.Image]


def is_redacted(quality: str) -> bool:
    """True for redacted-<digest>."""
    return quality.startswith(redaction.PREFIX)


def check(quality: str, redactions: tuple[Box, ...]) -> None:
    """Raises RedactionMissing for a redacted picture without rectangles: it would show everything."""
    if is_redacted(quality) and not redactions:
        raise RedactionMissing


def apply(quality: str, image: Image.Image, plan: Plan, proxy: Proxy) -> Image.Image:
    """`image` (mode L or RGB, the scaled crop of `plan`, not yet turned) in the asked quality."""
    step = _STEPS.get(quality)
    return step(image, plan, proxy) if step else image


def _gray(image: Image.Image, _: Plan, __: Proxy) -> Image.Image:
    return image.convert("L")


def _enhanced(image: Image.Image, plan: Plan, proxy: Proxy) -> Image.Image:
    return enhance.apply(image, enhance.measure(proxy()), plan)


def _bitonal(image: Image.Image, plan: Plan, proxy: Proxy) -> Image.Image:
    """Black ink on white paper, not dithered: measured against the paper nearby, or a shadow would hide the ink."""
    even = _enhanced(image, plan, proxy).convert("L")
    return even.point([0] * _HALF + [255] * (256 - _HALF), mode="1")


_HALF: Final = 140  # between ink at 0 and paper at 255; above the middle, so that thin strokes stay whole
_STEPS: Final[dict[str, Callable[[Image.Image, Plan, Proxy], Image.Image]]] = {
    "gray": _gray,
    "bitonal": _bitonal,
    "enhanced": _enhanced,
}
