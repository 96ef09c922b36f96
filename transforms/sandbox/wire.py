"""What parent, zygote and children say to each other: small messages; pixels and files go by memfd.

JSON because a child may have been taken over by the file it renders: its answer is data to check. Never pickle.
"""

import base64
import builtins
import json
import logging
import struct
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from transforms.errors import CODES, Detail, TransformError, from_code
from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Box, Size
from transforms.limits import MIB, Limits
from transforms.measure.notices import Notice
from transforms.measure.page import Measures
from transforms.measure.probe import Probe
from transforms.pdf.engines import POPPLER
from transforms.render import PHASES, Rendered, RenderJob
from transforms.request.paper import Paper
from transforms.request.spec import Stored

log = logging.getLogger(__name__)

# To the zygote.
FORK: Final = b"F"  # with two descriptors: the child's channel, and the pipe on which its end is reported
FORK_WITH_EXEC: Final = b"E"
KILL: Final = b"K"  # followed by a pid
EXIT_REPORT: Final = struct.Struct("=iq")  # from it: wait status, peak resident kilobytes

# To a child and back.
_FOLDER: Final = f"{Path(__file__).parents[1]}/"
MESSAGE_BYTES: Final = 64 * 1024
MEASURED: Final = b"{}"  # the result's file says what
STARTED: Final = b"started"  # a child has taken the job: from here on the job is to blame
_MOST_MS: Final = 1e6  # of a phase; no call takes as long
_LINES: Final = 1000  # of a file of ours
_RESULT_BYTES: Final = 4 * MIB  # what was measured of 50 pages, and a thumbnail
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
class Probing:
    """What the source is. `first_only`: no other page is to be drawn. `thumbnail`: it is wanted, too."""

    thumbnail: bool = False
    first_only: bool = False


@dataclass(frozen=True, slots=True)
class Measuring:
    """Some `pages` of the source (number, size), which intake has not measured."""

    media_type: SourceType
    pages: tuple[tuple[int, Size], ...]


@dataclass(frozen=True, slots=True)
class Assembly:
    """Single-page PDFs of so many bytes each, back to back, are to become one document. `a4`: on sheets of A4."""

    sizes: tuple[int, ...]
    a4: bool


Job: TypeAlias = RenderJob | Probing | Measuring | Assembly


@dataclass(frozen=True, slots=True)
class Request:
    """One job for a child. `engine` is the PDF engine (`transforms.pdf.engines`).

    `deadline` is a time.monotonic() value in seconds, a clock that both share.
    """

    owner: str
    job: Job
    engine: str
    deadline: float

    @property
    def kind(self) -> str:
        """Of the job, in a word."""
        return _NAMES[type(self.job)]

    @property
    def keeps_child(self) -> bool:
        """May the child have another job? Not where it could keep a result that somebody reads, or has run programs."""
        return self.engine != POPPLER and not isinstance(self.job, Assembly)

    def encode(self) -> bytes:
        """The message, at most `MESSAGE_BYTES`."""
        message: Fields = {"owner": self.owner, "engine": self.engine, "deadline": self.deadline}
        message[self.kind] = _fields(self.job)
        return json.dumps(message, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, message: bytes) -> Self:
        """Trusts its input: only the parent writes to a child."""
        fields = json.loads(message)
        (name,) = _JOBS.keys() & fields.keys()
        return cls(job=_JOBS[name](fields.pop(name)), **fields)


def _fields(job: Job) -> Fields:
    match job:
        case Probing():
            return {"thumbnail": job.thumbnail, "first_only": job.first_only}
        case Measuring():
            pages = [[number, size.width, size.height] for number, size in job.pages]
            return {"media_type": job.media_type.value, "pages": pages}
        case Assembly():
            return {"sizes": job.sizes, "a4": job.a4}
        case RenderJob():
            return {
                "media_type": job.media_type.value,
                "page": job.page,
                "stored": str(job.stored),
                "page_size": [job.page_size.width, job.page_size.height],
                "redactions": [[box.x, box.y, box.width, box.height] for box in job.redactions],
                "light": base64.b64encode(job.light).decode(),
                "paper": job.paper and job.paper.as_fields(),
            }


def _render(fields: Fields) -> RenderJob:
    return RenderJob(
        media_type=SourceType(fields["media_type"]),
        page=fields["page"],
        stored=Stored.parse(fields["stored"]),
        page_size=Size(*fields["page_size"]),
        redactions=tuple(Box(*box) for box in fields["redactions"]),
        light=base64.b64decode(fields["light"]),
        paper=fields["paper"] and Paper.of_fields(fields["paper"]),
    )


def _measuring(fields: Fields) -> Measuring:
    pages = ((number, Size(width, height)) for number, width, height in fields["pages"])
    return Measuring(SourceType(fields["media_type"]), tuple(pages))


def _assembly(fields: Fields) -> Assembly:
    return Assembly(tuple(fields["sizes"]), fields["a4"])


_NAMES: Final[dict[type, str]] = {Probing: "probe", Measuring: "measure", Assembly: "assembly", RenderJob: "render"}
_JOBS: Final[dict[str, Callable[[Fields], Job]]] = {
    "probe": lambda fields: Probing(**fields),
    "measure": _measuring,
    "assembly": _assembly,
    "render": _render,
}


def encode_failure(error: TransformError, *, cause: Exception | None = None) -> bytes:
    """By names out of fixed lists, no words: what a child writes may quote the file, or be meant for whoever reads it.

    `cause`, an error nobody foresaw, goes by its type and the last place in our code.
    """
    message: Fields = {"code": error.code}
    if isinstance(error.detail, Detail):
        message["detail"] = error.detail.name
    if cause is not None:
        name = next(kind.__name__ for kind in type(cause).__mro__ if kind.__module__ == "builtins")
        steps = [(step.f_code.co_filename, line) for step, line in traceback.walk_tb(cause.__traceback__)]
        ours = [[file.removeprefix(_FOLDER), line] for file, line in steps if file.startswith(_FOLDER)]
        message["cause"] = [name, *(ours[-1] if ours else ("", 0))]
    return json.dumps(message).encode()


def encode_probe(probe: Probe) -> bytes:
    """A child's answer to a probe. What was measured is in the result's file, see `encode_measures`."""
    pages = [[page.width, page.height] for page in probe.pages]
    return json.dumps({"media_type": probe.media_type.value, "pages": pages, "notices": probe.notices}).encode()


def encode_measures(measures: Sequence[Measures | None], thumbnail: bytes = b"") -> bytes:
    """What a child writes into the result's file when it has probed or measured."""
    of_pages = [found and found.as_fields() for found in measures]
    return json.dumps({"measures": of_pages, "thumbnail": base64.b64encode(thumbnail).decode()}).encode()


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
    detail = fields.get("detail", "")
    if not isinstance(code, str) or code not in CODES or detail not in ("", *Detail.__members__):
        raise WireError("the failure is none that a renderer tells")
    if "cause" in fields:
        log.error("A renderer met an error that is not handled: %s", _cause(fields["cause"]))
    raise from_code(code, Detail[detail] if detail else "")


def _cause(fields: object) -> str:
    """The type of an error and a line of our own code. Raises WireError for anything else."""
    match fields:
        case [str(name), str(file), int(line)] if 0 <= line <= _LINES and file in _files() and _is_error(name):
            return f"{name} at {file}:{line}"
    raise WireError("the cause is no error in a file of ours")


def _is_error(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)


@cache
def _files() -> frozenset[str]:
    return frozenset({"", *(str(path).removeprefix(_FOLDER) for path in Path(_FOLDER).rglob("*.py"))})


def decode_probe(fields: Fields, result: bytes, kind: SourceType, limits: Limits) -> Probe:
    """Of a source that begins like a `kind`. Raises WireError for anything that a probe cannot find in one."""
    pages = fields.get("pages")
    if not isinstance(pages, list) or not 1 <= len(pages) <= limits.pdf_pages:
        raise WireError("the number of pages is out of range")
    sizes = tuple(map(_size, pages))
    if any(max(size.width, size.height) > limits.source_side or size.area > limits.source_pixels for size in sizes):
        raise WireError("a page is larger than any may be")
    if fields.get("media_type") != kind:
        raise WireError("the media type is not that of the source")
    if kind is not SourceType.PDF and len(sizes) != 1:
        raise WireError("an image has one page")
    notices = _notices(fields.get("notices"), len(sizes))
    measures, thumbnail = _measures(result)
    if len(measures) != len(sizes):
        raise WireError("the measures are not as many as the pages")
    return Probe(kind, sizes, notices, measures, thumbnail)


def decode_measures(result: bytes, most: int) -> tuple[Measures, ...]:
    """Of the first of `most` pages, one at least. Raises WireError for anything else."""
    measures, _ = _measures(result)
    found = tuple(page for page in measures if page is not None)
    if not 1 <= len(found) == len(measures) <= most:
        raise WireError("the measures are not those of the pages")
    return found


def _measures(result: bytes) -> tuple[tuple[Measures | None, ...], bytes]:
    if len(result) > _RESULT_BYTES:
        raise WireError("the measures are too long")
    try:
        fields = json.loads(result)
        thumbnail = base64.b64decode(fields["thumbnail"], validate=True)
        measures = tuple(page if page is None else Measures.of_fields(page) for page in fields["measures"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError("the measures are not acceptable") from error
    if thumbnail and not _MAGIC[OutputFormat.WEBP](thumbnail[:16]):
        raise WireError("the thumbnail is not image/webp")
    return measures, thumbnail


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
        raise WireError("the result is of another size than was asked for")
    timings = fields.get("timings")
    if not isinstance(timings, dict) or not timings.keys() <= PHASES or not all(map(_is_time, timings.values())):
        raise WireError("the timings are not milliseconds of a render's phases")
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


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and 0 <= value < _MOST_MS
