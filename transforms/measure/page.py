"""What is measured of one page, all of it on its proxy: once, when the page is decoded for the first time.

Runs only inside the sandbox; outside, `Measures` is data.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from PIL import Image, ImageStat
from PIL.Image import Transpose

from transforms.formats import OutputFormat
from transforms.geometry import Size
from transforms.limits import LIMITS, Limits
from transforms.measure import perceptual_hash, sheet, skew
from transforms.measure.sheet import LIGHT_BYTES, Sheet
from transforms.pixels import encode, enhance, flatten
from transforms.pixels.resize import resize
from transforms.request.paper import Paper
from transforms.request.presets import preset

_BITS: Final = re.compile(r"[0-9a-f]{64}|")
_DEGREES: Final = 90


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one page, upright. `likeness`: bits of the perceptual hash in hex, empty for a page too small to have one.

    `luminance`: mean, 0 black to 255 white. `skew`: degrees, as `skew.slope`. `light`: what `enhanced` goes by, for
    `RenderJob.light`. `sheet`: the paper in it, if it is a photo of one.
    """

    likeness: str
    luminance: int
    skew: float | None
    light: bytes
    sheet: Sheet | None = None

    def as_fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "likeness": self.likeness,
            "luminance": self.luminance,
            "skew": self.skew,
            "light": base64.b64encode(self.light).decode(),
            "sheet": self.sheet and self.sheet.as_fields(),
        }

    @classmethod
    def of_fields(cls, fields: object) -> Self:
        """What `as_fields` gave. Raises ValueError for what cannot have been measured."""
        if not isinstance(fields, Mapping):
            raise ValueError("the measures are not those of a page")
        fields = {"sheet": None, **fields}  # drafts of an older release have none
        if fields.keys() != cls.__dataclass_fields__.keys():
            raise ValueError("the measures are not those of a page")
        likeness, luminance, slope, light, found = (fields[name] for name in cls.__dataclass_fields__)
        if not isinstance(likeness, str) or not _BITS.fullmatch(likeness):
            raise ValueError("the likeness is not 256 bits in hex")
        if type(luminance) is not int or not 0 <= luminance <= 255:
            raise ValueError("the luminance is not a whole number from 0 to 255")
        if slope is not None and not (type(slope) in (int, float) and abs(slope) < _DEGREES):
            raise ValueError("the skew is not an angle")
        if not isinstance(light, str) or len(light) > LIGHT_BYTES * 4 // 3:
            raise ValueError("the light is too long")
        paper = None if found is None else Sheet.of_fields(found)
        return cls(likeness, luminance, slope, base64.b64decode(light, validate=True), paper)


def measure(proxy: Image.Image, page: Size, turn: Transpose | None = None) -> Measures:
    """Of a page of so many upright pixels whose whole is `proxy` (`pixels.proxy`; mode L or RGB), once turned."""
    grey = proxy.convert("L")
    upright = grey if turn is None else grey.transpose(turn)
    return Measures(
        likeness=perceptual_hash.measure(upright),
        luminance=int(ImageStat.Stat(grey).mean[0]),
        skew=skew.slope(upright),
        light=enhance.measure(proxy).encode(),
        sheet=_sheet(proxy, page, turn),
    )


def _sheet(proxy: Image.Image, page: Size, turn: Transpose | None) -> Sheet | None:
    try:
        found = sheet.find(proxy, page, turn)
        if found is None:
            return None
        whole = proxy if turn is None else proxy.transpose(turn)
        paper = Paper.of(found.corners, page)
        flat = flatten.proxy(whole, page, paper)
        paper = Paper.of(sheet.level(paper.corners, flat.convert("L")), page)
        return Sheet(paper.corners, found.confidence, sheet_light(whole, page, paper))
    except Exception:  # noqa: BLE001  # the page itself, and all else that is measured of it, is worth more
        return None


def sheet_light(upright: Image.Image, page: Size, paper: Paper) -> bytes:
    """What `enhanced` goes by for the sheet in a page of so many pixels whose whole, in small, is `upright`."""
    return enhance.measure(flatten.proxy(upright, page, paper)).encode()


def thumbnail(proxy: Image.Image, page: Size, turn: Transpose | None = None, *, limits: Limits = LIMITS) -> bytes:
    """The preset `thumb` of a `page` of so many upright pixels, as WebP, from its proxy."""
    size = preset("thumb", page, limits).size
    upright = proxy if turn is None else proxy.transpose(turn)
    small = resize(upright, (size.width, size.height))
    return encode.encode(small, OutputFormat.WEBP, limits=limits)
