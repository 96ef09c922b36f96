"""What parent, zygote and children say to each other: small messages; pixels and files go by memfd.

JSON because a child may have been taken over by the file it renders: its answer is data to check. Never pickle.
"""

import json
import logging
import struct
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from transforms.errors import TransformError, from_code
from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Box, Size
from transforms.limits import Limits
from transforms.measure.notices import Notice
from transforms.measure.probe import Probe
from transforms.render import Rendered, RenderJob
from transforms.request.spec import Stored

log = logging.getLogger(__name__)

# To the zygote.
FORK: Final = b"F"  # with two descriptors: the child's channel, and the pipe on which its end is reported
FORK_WITH_EXEC: Final = b"E"
KILL: Final = b"K"  # followed by a pid
EXIT_REPORT: Final = struct.Struct("=iq")  # from it: wait status, peak resident kilobytes

# To a child and back.
MESSAGE_BYTES: Final = 64 * 1024
STARTED: Final = b"started"  # a child has taken the job: from here on the job is to blame
_DETAIL_CHARACTERS: Final = 300
_MAGIC: Final[dict[OutputFormat, Callable[[bytes], bool]]] = {
    OutputFormat.JPG: lambda head: head.startswith(b"\xff\xd8\xff"),
    OutputFormat.PNG: lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    OutputFormat.WEBP: lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    OutputFormat.AVIF: lambda head: head[4:12] in (b"ftypavif", b"ftypavis"),
    OutputFormat.PDF: lambda head: head.startswith(b"%PDF-"),
}

Fields: TypeAlias = dict[str, Any]


class WireError(Exception):
    """The other side's message is not one we send: it is broken, or lies."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Single-page PDFs of so many bytes each, back to back, are to become one document. `a4`: on sheets of A4."""

    sizes: tuple[int, ...]
    a4: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One job for a child; `job` None means probe. `engine` is the PDF engine (`transforms.pdf.engines`).

    `deadline` is a time.monotonic() value in seconds, a clock that both share.
    """

    owner: str
    job: RenderJob | Assembly | None
    engine: str
    deadline: float

    def encode(self) -> bytes:
        """The message, at most `MESSAGE_BYTES`."""
        message: Fields = {"owner": self.owner, "engine": self.engine, "deadline": self.deadline}
        if isinstance(self.job, Assembly):
            message["assembly"] = {"sizes": self.job.sizes, "a4": self.job.a4}
        elif self.job is not None:
            message["job"] = {
                "media_type": self.job.media_type.value,
                "page": self.job.page,
                "stored": str(self.job.stored),
                "page_size": [self.job.page_size.width, self.job.page_size.height],
                "redactions": [[box.x, box.y, box.width, box.height] for box in self.job.redactions],
            }
        return json.dumps(message, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, message: bytes) -> Self:
        """Trusts its input: only the parent writes to a child."""
        fields = json.loads(message)
        job, assembly = fields.pop("job", None), fields.pop("assembly", None)
        if assembly:
            return cls(job=Assembly(tuple(assembly["sizes"]), assembly["a4"]), **fields)
        return cls(job=_job(job) if job else None, **fields)


def _job(fields: Fields) -> RenderJob:
    return RenderJob(
        media_type=SourceType(fields["media_type"]),
        page=fields["page"],
        stored=Stored.parse(fields["stored"]),
        page_size=Size(*fields["page_size"]),
        redactions=tuple(Box(*box) for box in fields["redactions"]),
    )


def encode_failure(error: TransformError, *, cause: Exception | None = None) -> bytes:
    """`cause`, an error nobody foresaw, is logged by type and place. Its words stay out: they may quote the file."""
    message = {"code": error.code, "detail": error.detail[:_DETAIL_CHARACTERS]}
    if cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)[-3:]
        places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
        message["cause"] = f"{type(cause).__name__} at {places}"
    return json.dumps(message).encode()


def encode_probe(probe: Probe) -> bytes:
    """A child's answer to a probe."""
    pages = [[page.width, page.height] for page in probe.pages]
    return json.dumps({"media_type": probe.media_type.value, "pages": pages, "notices": probe.notices}).encode()


def encode_rendered(rendered: Rendered) -> bytes:
    """A child's answer to a render. The variant itself is in the result's file."""
    return json.dumps(
        {
            "media_type": rendered.media_type,
            "width": rendered.width,
            "height": rendered.height,
            "bytes": len(rendered.data),
            "timings": rendered.timings,
        }
    ).encode()


def encode_assembled(size: int) -> bytes:
    """A child's answer to an assembly: so many bytes are in the result's file."""
    return json.dumps({"bytes": size}).encode()


def fields_of(message: bytes) -> Fields:
    """The answer's fields. Raises the TransformError it reports, or WireError."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise WireError("the answer is not JSON") from error
    if not isinstance(fields, dict):
        raise WireError("the answer is not an object")
    code = fields.get("code")
    if code is None:
        return fields
    detail = fields.get("detail")
    if not isinstance(code, str) or not isinstance(detail, str):
        raise WireError("the failure has no code or detail")
    if cause := fields.get("cause"):
        log.error("A renderer met an error that is not handled: %s", _line(str(cause)))
    raise from_code(code, _line(detail))


def _line(text: str) -> str:
    """One line of bounded length for people and logs, whatever the child wrote."""
    return "".join(character for character in text if character.isprintable())[:_DETAIL_CHARACTERS]


def decode_probe(fields: Fields, limits: Limits) -> Probe:
    """Raises WireError for anything that a probe cannot find."""
    pages = fields.get("pages")
    if not isinstance(pages, list) or not 1 <= len(pages) <= limits.pdf_pages:
        raise WireError("the number of pages is out of range")
    sizes = tuple(map(_size, pages))
    if any(max(size.width, size.height) > limits.source_side for size in sizes):
        raise WireError("a page is larger than any may be")
    try:
        media_type = SourceType(str(fields.get("media_type")))
    except ValueError as error:
        raise WireError("unknown media type") from error
    if media_type is not SourceType.PDF and len(sizes) != 1:
        raise WireError("an image has one page")
    return Probe(media_type=media_type, pages=sizes, notices=_notices(fields.get("notices"), len(sizes)))


def _notices(of_pages: object, pages: int) -> tuple[tuple[Notice, ...], ...]:
    """Of each page, none twice. Raises WireError for any but ours."""
    if not isinstance(of_pages, list) or len(of_pages) != pages:
        raise WireError("the notices are not one list for each page")
    if any(not isinstance(page, list) or len(page) > len(Notice) for page in of_pages):
        raise WireError("the notices of a page are not a short list")
    try:
        return tuple(tuple(dict.fromkeys(Notice(str(code)) for code in page)) for page in of_pages)
    except ValueError as error:
        raise WireError("unknown notice") from error


def decode_rendered(fields: Fields, data: bytes, *, asked: Stored) -> Rendered:
    """Raises WireError unless the answer is the asked format and size, and `data` starts like that format."""
    if fields.get("bytes") != len(data) or not data:
        raise WireError("the length of the result differs from what was announced")
    if fields.get("media_type") != asked.format.media_type or not _MAGIC[asked.format](data[:16]):
        raise WireError(f"the result is not {asked.format.media_type}")
    wanted = asked.size.rotated(asked.rotation)
    size = _size([fields.get("width"), fields.get("height")])
    if size != wanted:
        raise WireError(f"the result is {size} pixels instead of {wanted}")
    timings = fields.get("timings")
    if not isinstance(timings, dict) or not all(_is_number(value) for value in timings.values()):
        raise WireError("the timings are not numbers")
    return Rendered(
        data=data, media_type=asked.format.media_type, width=size.width, height=size.height, timings=timings
    )


def check_assembled(fields: Fields, size: int, head: bytes) -> None:
    """Raises WireError unless a PDF of `size` bytes was announced and `head` starts like one."""
    if fields.get("bytes") != size:
        raise WireError("the length of the document differs from what was announced")
    if not _MAGIC[OutputFormat.PDF](head):
        raise WireError("the result is not application/pdf")


def _size(sides: object) -> Size:
    """Width and height. Raises WireError unless both are whole numbers above zero: True and 160.0 are none."""
    if not isinstance(sides, list) or [type(side) for side in sides] != [int, int] or min(sides) < 1:
        raise WireError("a size is not two whole numbers above zero")
    return Size(*sides)


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
