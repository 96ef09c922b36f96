"""The picture of a page, or of the sheet in it, for everyone who shows one: where it is and how large, turned the way
the reviewer set it.

Links are not minted here: whoever shows a picture has a token that was handed out to the reader (`links.hand_out`).
"""

from dataclasses import dataclass, replace

from prescriptions.models import Image
from prescriptions.variants import links
from transforms.request import presets
from transforms.request.spec import Stored


@dataclass(frozen=True, slots=True)
class Picture:
    """One image: its path, and its width and height in pixels after turning."""

    src: str
    width: int
    height: int


def picture(image: Image, preset: str, token: str) -> Picture:
    """The picture in the size of a preset. Raises KeyError if there is no such preset."""
    stored = preset_of(image, preset)
    shown = stored.size.rotated(stored.rotation)
    return Picture(f"{service_of(image, token)}/{stored}", shown.width, shown.height)


def service_of(image: Image, token: str) -> str:
    """Path of its IIIF image service."""
    return links.service_path(image.page.prescription_id, image.page.number, token, sheet=image.sheet_digest)


def preset_of(image: Image, preset: str) -> Stored:
    """The stored form of a preset of this image, turned. Raises KeyError if there is no such preset."""
    return replace(presets.preset(preset, image.size), rotation=image.turned)


def is_advertised(image: Image, stored: Stored) -> bool:
    """Presets, listed sizes and tiles, upright or turned the way this image is shown."""
    upright = replace(stored, rotation=0) if stored.rotation == image.turned else stored
    return presets.is_advertised(upright, image.size)
