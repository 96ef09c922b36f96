"""What a renderer in Lambda is asked: a call's JSON body, checked field by field before anything is fetched.

The caller is signed, and trusted to ask, not to be right: only keys of one prescription can be named.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from transforms import redaction, version
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.limits import LIMITS
from transforms.pixels.qualities import is_redacted
from transforms.render import RenderJob
from transforms.request.spec import Stored

_FIELDS: Final[Mapping[str, type]] = {
    "source": str,
    "source_sha256": str,
    "target": str,
    "media_type": str,
    "page": int,
    "page_width": int,
    "page_height": int,
    "canonical": str,
    "redactions": list,
}
_SOURCE: Final = re.compile(r"(?P<rx>[0-9a-f]{32})/[0-9a-f]{32}")
_TARGET: Final = re.compile(
    r"(?P<rx>[0-9a-f]{32})/(?P<number>[1-9][0-9]{0,2})/(?P<pipeline>p[1-9][0-9]{0,3})/(?P<stored>.+)"
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SIDE: Final = 65_535  # beyond any page this service knows; keeps the arithmetic small
_REDACTIONS: Final = 500


class EventRefused(TransformError):
    """The caller has a bug, or is not ours."""

    code: ClassVar[str] = "bad-event"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The call to the renderer is not valid."


class PipelineDiffers(TransformError):
    """Caller and renderer are of different releases: what this one makes must not get the other one's key."""

    code: ClassVar[str] = "pipeline-differs"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The renderer is of another release."
    permanent: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class RenderCall:
    """Keys of the original and of the variant, the original's SHA-256 (hex), and what to make."""

    source: str
    source_sha256: str
    target: str
    job: RenderJob

    @property
    def canonical(self) -> str:
        """The canonical tail, which the edge cannot compute and reads from the object's metadata."""
        return self.job.stored.canonical(self.job.page_size)

    @classmethod
    def from_proxy_event(cls, event: Mapping[str, Any]) -> Self:
        """From a REST API's proxy integration. Raises EventRefused, PipelineDiffers, SpecError."""
        fields = _fields(event)
        source = _match(_SOURCE, fields, "source")
        target = _match(_TARGET, fields, "target")
        _match(_SHA256, fields, "source_sha256")
        if source["rx"] != target["rx"]:
            raise EventRefused("target must be of the same prescription as source.")
        if target["pipeline"] != version.PIPELINE:
            raise PipelineDiffers(f"target has {target['pipeline']}; this renderer makes {version.PIPELINE}.")
        page = Size(_number(fields, "page_width", 1, _SIDE), _number(fields, "page_height", 1, _SIDE))
        stored = Stored.parse(target["stored"])
        stored.fits(page)
        job = RenderJob(
            media_type=_media_type(fields["media_type"]),
            page=_number(fields, "page", 1, LIMITS.pdf_pages),
            stored=stored,
            page_size=page,
            redactions=_redactions(fields["redactions"], page),
        )
        call = cls(fields["source"], fields["source_sha256"], fields["target"], job)
        if fields["canonical"] != call.canonical:
            raise EventRefused(f"canonical must be {call.canonical}.")
        if is_redacted(stored.quality) != bool(job.redactions):
            raise EventRefused("redactions are for a redacted quality, which must have at least one.")
        if job.redactions:
            # Under another name the key would promise to hide what these boxes do not, for as long as it is stored.
            named = redaction.PREFIX + redaction.digest(f"{target['rx']}_{target['number']}", job.redactions)
            if stored.quality != named:
                raise EventRefused(f"The quality of these redactions is {named}.")
        return call


def _fields(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        body = event.get("body") or ""
        text = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body
        fields = json.loads(text)
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise EventRefused("The body must be JSON.") from None
    if not isinstance(fields, dict) or fields.keys() != _FIELDS.keys():
        raise EventRefused(f"The body must be an object with exactly {', '.join(_FIELDS)}.")
    for name, kind in _FIELDS.items():
        if type(fields[name]) is not kind:  # not isinstance: True is an int
            raise EventRefused(f"{name} must be of type {kind.__name__}.")
    return fields


def _match(pattern: re.Pattern[str], fields: Mapping[str, str], name: str) -> re.Match[str]:
    found = pattern.fullmatch(fields[name])
    if found is None:
        raise EventRefused(f"{name} does not have the form of one.")
    return found


def _number(fields: Mapping[str, int], name: str, least: int, most: int) -> int:
    value = fields[name]
    if not least <= value <= most:
        raise EventRefused(f"{name} must be from {least} to {most}.")
    return value


def _media_type(text: str) -> SourceType:
    try:
        return SourceType(text)
    except ValueError:
        raise EventRefused(f"media_type must be one of {', '.join(SourceType)}.") from None


def _redactions(items: list[Any], page: Size) -> tuple[Box, ...]:
    if len(items) > _REDACTIONS:
        raise EventRefused(f"redactions must be at most {_REDACTIONS}.")
    return tuple(_redaction(item, page) for item in items)


def _redaction(item: Any, page: Size) -> Box:
    if isinstance(item, list) and len(item) == 4 and all(type(number) is int for number in item):
        box = Box(*item)
        if box.x >= 0 and box.y >= 0 and box.width > 0 and box.height > 0 and box.clipped(page) == box:
            return box
    # A box that is not wholly on the page was drawn on another one: the variant would show what it hides.
    raise EventRefused("Each redaction must be [x, y, width, height] in whole pixels, inside the page.")
