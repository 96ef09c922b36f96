"""Brings every pixel layout of the accepted formats to plain grey or sRGB, and loses nothing written on the page."""

import io
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageStat

from transforms.formats import SourceType
from transforms.limits import LIMITS, Limits
from transforms.pixels import images

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile  # littleCMS is loaded for pictures with a profile only

_SCALABLE: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
_SPACES: Final = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_ICC_BYTES: Final = 4 * 1024 * 1024  # the largest press profiles take 2 MiB
_WHITE: Final = (255, 255, 255, 255)
_WILDLY: Final = 64  # levels of mean luminance; the two readings of a page of paper differ by 200


def scalable(image: Image.Image, alpha: Image.Image | None = None) -> Image.Image:
    """`image` in a mode that LANCZOS can average: palettes and single bits cannot be.

    `alpha` (mode L) is its transparency where `image.info` does not say it well enough.
    """
    if alpha is not None:
        shown = image.copy() if image.mode in _SCALABLE else _opaque(image)
        shown.info = {}
        shown.putalpha(alpha)
        return shown
    if image.has_transparency_data and image.mode not in ("LA", "RGBA"):
        return image.convert("RGBA")
    return image if image.mode in _SCALABLE else _opaque(image)


def _opaque(image: Image.Image) -> Image.Image:
    """`image` in mode L or RGB, whatever its mode."""
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        # A plain convert("L") clips: every grey above 255 of 65,535 turns white, and the page goes blank.
        return image.point(lambda level: level * (1 / 257) + 0.5).convert("L")
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGB")


def is_plain(page: Image.Image) -> bool:
    """True for a CMYK page without Adobe's marker whose values are stored as they are; `page` is it in small.

    Browsers take all of them for inverted, as Pillow does. Paper is light: where it would be dark, they are wrong.
    """
    inverted, plain = (
        ImageStat.Stat(reading.convert("RGB").convert("L")).mean[0] for reading in (page, ImageChops.invert(page))
    )
    return plain - inverted > _WILDLY


def reads_plain(image: Image.Image, data: bytes, *, limits: Limits = LIMITS) -> bool:
    """`is_plain` of `image`, opened from `data`: by the whole page, whatever was asked for, so that all tiles agree.

    Raises what the decoder raises: call it inside `images.decoding`.
    """
    if image.mode != "CMYK" or "adobe" in image.info:
        return False
    page = images.open_image(data, SourceType.JPEG, limits=limits)
    images.decode_small(page)
    return is_plain(page)


def flatten(image: Image.Image, icc: bytes | None, *, plain: bool = False) -> Image.Image:
    """Grey or sRGB on white paper, from any mode of `scalable`. Cheap on small images only: call it after scaling.

    `plain` is for CMYK that is not inverted, see `is_plain`.
    """
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, _WHITE)
        paper.alpha_composite(image)
        image = paper.convert("RGB")
    elif image.mode == "CMYK" and plain:
        image = ImageChops.invert(image)
    if icc:
        image = _to_srgb(image, icc)
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """`image` through its profile; unchanged where that is sRGB, damaged or for another colour space."""
    # Lazy: littleCMS takes 3 ms of a cold start, and most pictures have no profile or sRGB.
    from PIL import ImageCms

    try:
        profile = _profile(icc)
        if profile.profile.xcolor_space.strip() != _SPACES[image.mode] or _names_srgb(profile):
            return image
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image  # uncalibrated colours are worth more than no picture
    if converted is None:
        return image
    return converted.convert("L") if image.mode == "L" else converted


def is_srgb(icc: bytes | None) -> bool:
    """True if colours mean the same without this profile: there is none, or it is one called sRGB."""
    if not icc:
        return True
    # Lazy: as in `_to_srgb`.
    from PIL import ImageCms

    try:
        return _names_srgb(_profile(icc))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False


def _profile(icc: bytes) -> "ImageCmsProfile":
    # Lazy: as in `_to_srgb`.
    from PIL import ImageCms

    if len(icc) > _ICC_BYTES:
        raise ValueError("the colour profile is too large to be one")
    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


def _names_srgb(profile: "ImageCmsProfile") -> bool:
    name = (profile.profile.profile_description or "").lower()
    return "srgb" in name or name == "c2"  # c2 is the compact sRGB that some libraries write
