"""What the service advertises: named presets, the sizes they come to, and the tile grid of zooming viewers.

These are stored for every page that is looked at, so they never count against a page's quota.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from transforms.formats import OutputFormat
from transforms.geometry import Box, Size
from transforms.limits import LIMITS, Limits
from transforms.request.spec import Spec, Stored

PRESETS: Final[dict[str, str]] = {
    "thumb": "full/!200,200/0/default.webp",
    "card": "full/!400,400/0/default.webp",
    "preview": "full/!1080,1080/0/default.webp",
    "review": "full/!2048,2048/0/default.webp",
    "print": "full/max/0/default.pdf",
}

# What viewers ask for: our own choice first, then the format that every IIIF server must have.
PREFERRED_FORMATS: Final = (OutputFormat.WEBP, OutputFormat.JPG)


# Each miss asks several times, always for pages of a few usual sizes.
@lru_cache(maxsize=512)
def preset(name: str, page: Size, limits: Limits = LIMITS) -> Stored:
    """The stored form of a preset for one page; a smaller page is used as it is. KeyError if unknown."""
    return Spec.parse(PRESETS[name]).resolve(page, oversize="fit", limits=limits)


@lru_cache(maxsize=1024)
def names(page: Size, rotation: int) -> dict[Stored, str]:
    """Stored forms of the presets of a page that is shown turned; where two are the same (a small page), the first
    one's name counts.
    """
    return {replace(preset(name, page), rotation=rotation): name for name in reversed(PRESETS)}


def advertised_sizes(page: Size, limits: Limits = LIMITS) -> tuple[Size, ...]:
    """Sizes of the full page for info.json (IIIF Image API 3.0 §5.3), smallest first, the page's own last."""
    sizes = {preset(name, page, limits).size for name in PRESETS}
    return tuple(sorted(sizes, key=lambda size: size.area))


def scale_factors(page: Size, limits: Limits = LIMITS) -> tuple[int, ...]:
    """1, 2 and further powers of two until one tile shows the whole page."""
    factors = [1, 2]
    while max(page.width, page.height) > limits.tile_side * factors[-1]:
        factors.append(factors[-1] * 2)
    return tuple(factors)


def tiles(page: Size, limits: Limits = LIMITS) -> Iterator[tuple[Box | None, Size]]:
    """Region and size of each tile that viewers build from info.json (§5.4 and the implementation notes)."""
    for factor in scale_factors(page, limits):
        step = limits.tile_side * factor
        for y in range(0, page.height, step):
            for x in range(0, page.width, step):
                box = Box(x, y, min(step, page.width - x), min(step, page.height - y))
                size = Size(-(-box.width // factor), -(-box.height // factor))
                yield (None if box.size == page else box), size


@lru_cache(maxsize=512)
def is_advertised(stored: Stored, page: Size, limits: Limits = LIMITS) -> bool:
    """True if we ourselves invite viewers to ask for this: a preset, a listed size or a tile, any quality."""
    if stored.rotation:
        return False
    if stored.format not in PREFERRED_FORMATS:
        return str(stored) in {str(preset(name, page, limits)) for name in PRESETS}
    if stored.region is None and stored.size in advertised_sizes(page, limits):
        return True
    return (stored.region, stored.size) in tiles(page, limits)
