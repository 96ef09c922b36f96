"""What a line of an edge's access log says about who looked: a picture that was sent by a link, or a refusal."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

# Addresses as deploy/nginx/nginx.conf.template logs them, the token masked. With a region it is a picture.
_PAGE: Final = re.compile(
    r"/(?:generate/)?iiif/3/\*/(?P<rx>[0-9a-f]{32})_(?P<page>[1-9][0-9]{0,2})(?:s(?:[0-9a-f]{8})?)?(?P<tail>/.*)?"
)
_PICTURE: Final = re.compile(r"(?:/[^/]+){3}/[^/]+\.[a-z]+")
_WHOLE: Final = re.compile(r"/iiif/presentation/3/\*/(?P<rx>[0-9a-f]{32})/.*")
_LINK: Final = re.compile(r"(?P<kid>[a-z0-9]{1,8})\.(?P<until>[0-9a-z]{1,9})\.(?P<scope>[fr])(?:[0-9a-f]{12})?")
_SHOWN: Final = (200, 206, 304)  # 304: it lies in the browser, and was looked at again
# `hit`: from the edge's own cache; `fetched`: from S3; `miss`: sent on to be made.
OUTCOMES: Final = ("hit", "fetched", "miss", "refused", "failed", "other")
_ADDRESS: Final = 45  # the longest that IPv6 can be written


@dataclass(frozen=True, slots=True)
class Picture:
    """A page's picture was sent to whoever holds the link. `until`: when that ends, in Unix seconds."""

    at: datetime
    rx: str
    page: int
    link: str
    until: int
    scope: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A link did not open anything: forged, expired or for another prescription. `rx` may not exist, or be empty."""

    at: datetime
    rx: str
    address: str
    what: str


class Malformed(ValueError):
    """Not a line as the edge writes them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered at the address of a variant (`variant`) or elsewhere. `size`: bytes of the body."""

    variant: bool
    status: int
    size: int
    cached: bool

    @property
    def outcome(self) -> str:
        """One of OUTCOMES."""
        if self.status >= 500:
            return "failed"
        if not self.variant:
            return "other"
        if self.status in (200, 206, 304):
            return "hit" if self.cached else "fetched"
        return {307: "miss", 403: "refused"}.get(self.status, "other")


def parse(line: bytes) -> tuple[datetime, Answer | None, Picture | Refusal | None]:
    """When it was, what was answered, if it says so, and the look that it tells of, if it is one. Raises Malformed."""
    said = _read(line)
    try:
        at = datetime.fromisoformat(said["time"]).astimezone(UTC)
        method, path, status = str(said["method"]), str(said["path"]), int(said["status"])
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Malformed from error
    answered = _answer(said) if {"bytes", "cache"} <= said.keys() else None
    return at, answered, _look(said, at, path, status) if method == "GET" else None


def answer(line: bytes) -> Answer:
    """The line, to be counted. Raises Malformed."""
    return _answer(_read(line))


def _answer(said: Any) -> Answer:
    try:
        path, status, size = str(said["path"]), int(said["status"]), int(said["bytes"])
        cached = said["cache"] == "HIT"
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Malformed from error
    page = None if path.startswith("/generate/") else _PAGE.fullmatch(path)
    return Answer(bool(page and _PICTURE.fullmatch(page["tail"] or "")), status, size, cached)


def _read(line: bytes) -> Any:
    try:
        return json.loads(line.decode(errors="replace"))  # an address may have been sent with any bytes in it
    except (ValueError, RecursionError) as error:
        raise Malformed from error


def _look(said: dict[str, Any], at: datetime, path: str, status: int) -> Picture | Refusal | None:
    address = str(said.get("ip", ""))[:_ADDRESS]
    if page := _PAGE.fullmatch(path):
        if status == 403:
            return Refusal(at, page["rx"], address, "link")
        link = _LINK.fullmatch(str(said.get("link", "")))
        if status in _SHOWN and link and _PICTURE.fullmatch(page["tail"] or ""):
            return Picture(at, page["rx"], int(page["page"]), link[0], int(link["until"], 36), link["scope"])
    elif (whole := _WHOLE.fullmatch(path)) and status == 403:
        return Refusal(at, whole["rx"], address, "link")
    elif path.startswith("/orders/*") and status == 404:
        return Refusal(at, "", address, "order link")
    return None
