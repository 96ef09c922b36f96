"""The messages between whoever wants a variant and the renderer in Lambda: the one module that writes and reads them.

The caller is signed, and trusted to ask, not to be right: every field is checked before anything is fetched, and only
keys of one prescription can be named.
"""

import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from typing import Any, ClassVar, Final, TypeVar

from transforms import redaction, version
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.keys import page_identifier, parse_original_key, parse_variant_key
from transforms.limits import LIMITS
from transforms.make import MadeVariant, VariantTask
from transforms.pixels.qualities import is_redacted
from transforms.render import PHASES, RenderJob
from transforms.request.paper import CornersRefused, Paper
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
_SHEET: Final = "sheet"  # there for sheets only
_PHASES: Final = frozenset({"fetch", "render", "put", "total", *(f"render.{phase}" for phase in PHASES)})
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SIDE: Final = 65_535  # beyond any page this service knows; keeps the arithmetic small
_Found = TypeVar("_Found")


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


# --- what is asked ----------------------------------------------------------------------------------------------------


def to_body(task: VariantTask) -> bytes:
    """The JSON body of the call that asks for a variant."""
    job = task.job
    fields = {
        "source": task.source,
        "source_sha256": task.sha256,
        "target": task.target,
        "media_type": job.media_type,
        "page": job.page,
        "page_width": job.page_size.width,
        "page_height": job.page_size.height,
        "canonical": task.canonical,
        "redactions": [[box.x, box.y, box.width, box.height] for box in job.redactions],
    }
    if job.paper:
        fields[_SHEET] = job.paper.as_fields()
    return json.dumps(fields).encode()


def from_event(event: Mapping[str, Any]) -> VariantTask:
    """The task in a proxy event of API Gateway (REST). Raises EventRefused, PipelineDiffers, SpecError."""
    fields = _fields(event)
    source = _formed(parse_original_key(fields["source"]), "source")
    target = _formed(parse_variant_key(fields["target"]), "target")
    _formed(_SHA256.fullmatch(fields["source_sha256"]), "source_sha256")
    if source.rx != target.rx:
        raise EventRefused("target must be of the same prescription as source.")
    if target.pipeline != version.PIPELINE:
        raise PipelineDiffers(f"target has {target.pipeline}; this renderer makes {version.PIPELINE}.")
    page = Size(_number(fields, "page_width", 1, _SIDE), _number(fields, "page_height", 1, _SIDE))
    paper = _paper(fields[_SHEET], page) if _SHEET in fields else None
    if target.sheet != (paper.digest if paper else ""):
        raise EventRefused("target must be of the sheet with these corners, or of the page where there are none.")
    stored = Stored.parse(target.stored)
    stored.fits(paper.size if paper else page)
    task = VariantTask(
        rx=source.rx,
        document=source.document,
        sha256=fields["source_sha256"],
        number=target.number,
        pipeline=target.pipeline,
        job=RenderJob(
            media_type=_media_type(fields["media_type"]),
            page=_number(fields, "page", 1, LIMITS.pdf_pages),
            stored=stored,
            page_size=page,
            redactions=_redactions(fields["redactions"], page),
            paper=paper,
        ),
    )
    if fields["canonical"] != task.canonical:
        raise EventRefused(f"canonical must be {task.canonical}.")
    _check_redactions(task)
    return task


def _fields(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        body = event.get("body") or ""
        text = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body
        fields = json.loads(text)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise EventRefused("The body must be JSON.") from None
    if not isinstance(fields, dict) or fields.keys() - {_SHEET} != _FIELDS.keys():
        raise EventRefused(f"The body must be an object with exactly {', '.join(_FIELDS)}, and sheet for one.")
    for name, kind in _FIELDS.items():
        if type(fields[name]) is not kind:  # not isinstance: True is an int
            raise EventRefused(f"{name} must be of type {kind.__name__}.")
    return fields


def _formed(found: _Found | None, name: str) -> _Found:
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


def _paper(sheet: Any, page: Size) -> Paper:
    """Its size is taken as it is: what it follows from may be rounded otherwise on another machine."""
    match sheet:
        case [corners, [int(width), int(height)]] if 1 <= width <= _SIDE and 1 <= height <= _SIDE:
            size = Size(width, height)
            with suppress(CornersRefused):
                if size.area <= LIMITS.source_pixels:
                    return Paper(Paper.of(corners, page).corners, size)
    raise EventRefused("sheet must be the corners of one in the page, and its size.")


def _redactions(items: list[Any], page: Size) -> tuple[Box, ...]:
    if len(items) > LIMITS.redactions:
        raise EventRefused(f"redactions must be at most {LIMITS.redactions}.")
    return tuple(_redaction(item, page) for item in items)


def _redaction(item: Any, page: Size) -> Box:
    if isinstance(item, list) and len(item) == 4 and all(type(number) is int for number in item):
        box = Box(*item)
        if box.x >= 0 and box.y >= 0 and box.width > 0 and box.height > 0 and box.clipped(page) == box:
            return box
    # A box that is not wholly on the page was drawn on another one: the variant would show what it hides.
    raise EventRefused("Each redaction must be [x, y, width, height] in whole pixels, inside the page.")


def _check_redactions(task: VariantTask) -> None:
    """Under another name the key would promise to hide what these boxes do not, for as long as it is stored."""
    quality, boxes = task.job.stored.quality, task.job.redactions
    if is_redacted(quality) != bool(boxes):
        raise EventRefused("redactions are for a redacted quality, which must have at least one.")
    if not boxes:
        return
    named = redaction.PREFIX + redaction.digest(page_identifier(task.rx, task.number), boxes)
    if quality != named:
        raise EventRefused(f"The quality of these redactions is {named}.")


# --- what is answered -------------------------------------------------------------------------------------------------


def to_answer(task: VariantTask, made: MadeVariant, ms: Mapping[str, float]) -> dict[str, Any]:
    """The JSON object of a 200: about the variant, never its bytes. `ms` holds milliseconds by phase."""
    return {
        "key": task.target,
        "bytes": made.size,
        "width": made.width,
        "height": made.height,
        "etag": made.etag,
        "created": made.created,
        "ms": ms,
    }


def from_answer(answer: Any) -> tuple[MadeVariant, dict[str, float]]:
    """What was made, and milliseconds by phase, from the JSON of a 200. Raises ValueError for any other JSON.

    Phases that this release does not know are left out: their names would reach people.
    """
    try:
        made = MadeVariant(
            size=int(answer["bytes"]),
            width=int(answer["width"]),
            height=int(answer["height"]),
            etag=str(answer["etag"]),
            created=bool(answer["created"]),
        )
        ms = {phase: float(took) for phase, took in answer["ms"].items() if phase in _PHASES}
        return made, {phase: took for phase, took in ms.items() if 0 <= took < inf}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ValueError("the answer does not say what was made") from None
