"""Addresses of a page's pictures, as the review page and its viewer use them: always stored forms, turned as saved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prescriptions.models import Page
from prescriptions.variants import asking, links
from transforms.limits import LIMITS


@dataclass(frozen=True, slots=True)
class Picture:
    """One image: path and the pixels that it takes on the screen, after turning."""

    src: str
    width: int
    height: int


def tokens(rxs: Iterable[str]) -> dict[str, str]:
    """A link for each prescription. Whoever hands them out has to audit that."""
    return {rx: links.mint(rx) for rx in rxs}


def picture(page: Page, preset: str, token: str) -> Picture:
    stored = asking.preset_of(page, preset)
    width, height = stored.size.width, stored.size.height
    if stored.rotation % 180:
        width, height = height, width
    return Picture(links.variant_path(page.prescription_id, page.number, stored, token), width, height)


def viewer_page(page: Page, token: str, boxes: Mapping[int, list[list[int]]] | None = None) -> dict[str, Any]:
    """What the viewer needs of one page; sizes and boxes are in upright pixels, before `rotation`."""
    first = picture(page, "review", token)
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "tile": LIMITS.tile_side,
        "rotation": page.rotation,
        "skew": page.skew or None,  # 0: nothing to straighten
        "service": links.service_path(page.prescription_id, page.number, token),
        "first": first.src,
        "boxes": (boxes or {}).get(page.pk),
    }
