"""The picture of a page, for everyone who shows one: where it is and how large, turned the way the reviewer set it.

Links are not minted here: whoever shows a picture has a token that was handed out to the reader (`links.hand_out`).
"""

from dataclasses import dataclass, replace

from prescriptions.models import Page
from prescriptions.variants import links
from transforms.request import presets
from transforms.request.spec import Stored


@dataclass(frozen=True, slots=True)
class Picture:
    """One image: its path, and its width and height in pixels after turning."""

    src: str
    width: int
    height: int


def picture(page: Page, preset: str, token: str) -> Picture:
    """The picture of a page in the size of a preset. Raises KeyError if there is no such preset."""
    stored = preset_of(page, preset)
    shown = stored.size.rotated(stored.rotation)
    return Picture(links.variant_path(page.prescription_id, page.number, stored, token), shown.width, shown.height)


def preset_of(page: Page, preset: str) -> Stored:
    """The stored form of a preset of this page, turned. Raises KeyError if there is no such preset."""
    return replace(presets.preset(preset, page.size), rotation=page.rotation)


def is_advertised(page: Page, stored: Stored) -> bool:
    """Presets, listed sizes and tiles, upright or turned the way this page is shown."""
    upright = replace(stored, rotation=0) if stored.rotation == page.rotation else stored
    return presets.is_advertised(upright, page.size)
