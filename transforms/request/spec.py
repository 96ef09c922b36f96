"""One image request (IIIF Image API 3.0 §2.1) as asked, `Spec`, and as made and stored, `Stored`.

Pure: a page's size goes in, a key comes out. Two requests for the same image get the same `Stored`.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from transforms.errors import RedactionMissing, SpecError
from transforms.formats import OutputFormat
from transforms.geometry import Box, Size
from transforms.limits import LIMITS, Limits
from transforms.request.grammar import decimal, quoted
from transforms.request.region import Region
from transforms.request.size import Oversize, SizeRequest

MAX_LENGTH: Final = 256  # the longest legal request, four percentages of 21 characters, is well below

QUALITIES: Final = ("default", "color", "gray", "bitonal", "enhanced", "redacted")
_REDACTED: Final = re.compile(r"redacted-[0-9a-f]{8}")

# §4.3 allows 0 to 360, so 360 is a legal way to say 0. Nothing between the quarter turns is offered.
_ROTATIONS: Final = {0: 0, 90: 90, 180: 180, 270: 270, 360: 0}

_WHOLE: Final = r"(?:0|[1-9][0-9]{0,9})"
_SIDE: Final = r"[1-9][0-9]{0,9}"
# The stored form, for every other place that has to recognise it (the edge, the URL patterns).
STORED_FORM: Final = (
    rf"(?:full|{_WHOLE},{_WHOLE},{_SIDE},{_SIDE})/{_SIDE},{_SIDE}/(?:0|90|180|270)/"
    rf"(?:default|gray|bitonal|enhanced|redacted-[0-9a-f]{{8}})\.(?:{'|'.join(OutputFormat)})"
)
_STORED: Final = re.compile(STORED_FORM)


@dataclass(frozen=True, slots=True)
class Stored:
    """A variant exactly as its key names it: `{region}/{w},{h}/{rotation}/{quality}.{format}`.

    `region` None is the full page; `size` is before rotation; `rotation` is 0, 90, 180 or 270 degrees
    clockwise. `quality` is default, gray, bitonal, enhanced or redacted-<8 hex>. It is never `color`: that is
    `default` here.
    """

    region: Box | None
    size: Size
    rotation: int
    quality: str
    format: OutputFormat

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the exact stored form and nothing else; raises SpecError."""
        if not _STORED.fullmatch(text):
            raise SpecError(
                f"{quoted(text)} is not a stored form: region/w,h/rotation/quality.format with the region "
                "full or x,y,w,h, a quarter turn, a stored quality, and plain numbers."
            )
        region, size, rotation, file = text.split("/")
        quality, extension = file.split(".")
        box = None if region == "full" else Box(*map(int, region.split(",")))
        return cls(box, Size(*map(int, size.split(","))), int(rotation), quality, OutputFormat(extension))

    def __str__(self) -> str:
        return f"{self.region or 'full'}/{self.size}/{self.rotation}/{self.quality}.{self.format}"

    def fits(self, page: Size, limits: Limits = LIMITS) -> None:
        """Returns if `Spec.resolve` could have made this for `page`; raises SpecError if not.

        Anybody with a link can write a stored form: without this proof, storage could be filled with forms
        that no request leads to.
        """
        expected = Spec.parse(str(self)).resolve(page, limits=limits)
        if expected != self:
            raise SpecError(f"{quoted(str(self))} is not how this variant is stored: ask for {expected}.")

    def canonical(self, page: Size) -> str:
        """The canonical tail of the image's URI (§4.8): as stored, but `max` for the region's own size."""
        own = self.region.size if self.region else page
        size = "max" if self.size == own else str(self.size)
        return f"{self.region or 'full'}/{size}/{self.rotation}/{self.quality}.{self.format}"


@dataclass(frozen=True, slots=True)
class Spec:
    """One request as asked. `str` gives it back, in the shortest spelling of its numbers."""

    region: Region
    size: SizeRequest
    rotation: int
    quality: str
    format: OutputFormat

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `{region}/{size}/{rotation}/{quality}.{format}`, percent-decoded once by the caller.

        Raises SpecError with the name of the segment, what was wrong and what is allowed.
        """
        if len(text) > MAX_LENGTH:
            raise SpecError(f"The image request has {len(text)} characters. At most {MAX_LENGTH} are allowed.")
        parts = text.split("/")
        if len(parts) != 4 or not all(parts):
            raise SpecError(
                f"The image request {quoted(text)} must have four parts, none of them empty: "
                "region/size/rotation/quality.format."
            )
        region, size, rotation, file = parts
        quality, _, extension = file.rpartition(".")
        return cls(
            Region.parse(region),
            SizeRequest.parse(size),
            _parse_rotation(rotation),
            _parse_quality(quality),
            _parse_format(extension),
        )

    def __str__(self) -> str:
        return f"{self.region}/{self.size}/{self.rotation}/{self.quality}.{self.format}"

    def resolve(
        self,
        page: Size,
        *,
        oversize: Oversize = "fit",
        limits: Limits = LIMITS,
        redaction: str | None = None,
    ) -> Stored:
        """The one stored form of this request for a page of `page` upright pixels.

        `redaction` is the digest (8 hex) of the page's confirmed redaction, used where the quality is
        `redacted`. Raises SpecError, UpscaleRefused, or RedactionMissing where there is no such digest.
        """
        region = self.region.resolve(page)
        own = region.size if region else page
        size = self.size.resolve(own, page=page, oversize=oversize, limits=limits)
        return Stored(region, size, self.rotation, self._stored_quality(redaction), self.format)

    def _stored_quality(self, redaction: str | None) -> str:
        if self.quality == "color":
            # §4.4: all colour the image has, which is what `default` shows. One image, one key.
            return "default"
        if self.quality != "redacted":
            return self.quality
        if redaction is None:
            raise RedactionMissing
        quality = f"redacted-{redaction}"
        if not _REDACTED.fullmatch(quality):
            raise ValueError("a redaction's digest must be eight lower-case hexadecimal digits")
        return quality


def _parse_rotation(text: str) -> int:
    if text.startswith("!"):
        raise SpecError(
            f"The rotation {quoted(text)} asks for a mirror image, which is not offered: a mirrored "
            "prescription can be misread. Allowed are 0, 90, 180 and 270."
        )
    degrees = decimal(text)
    if degrees is None or degrees not in _ROTATIONS:
        raise SpecError(f"The rotation {quoted(text)} is not valid. Allowed are 0, 90, 180 and 270.")
    return _ROTATIONS[int(degrees)]


def _parse_quality(text: str) -> str:
    if text not in QUALITIES and not _REDACTED.fullmatch(text):
        raise SpecError(f"The quality {quoted(text)} is not valid. Allowed are {', '.join(QUALITIES)}.")
    return text


def _parse_format(text: str) -> OutputFormat:
    try:
        return OutputFormat(text)
    except ValueError:
        raise SpecError(f"The format {quoted(text)} is not valid. Allowed are {', '.join(OutputFormat)}.") from None
