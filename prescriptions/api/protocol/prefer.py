"""What a caller would rather have (RFC 7240): an answer at once, one after so many seconds, one without a body.

A preference is a wish: what is not known here, or is spelt so that it means nothing, is as if it had not been sent.
"""

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.request import parse_http_list

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

# `name`, `name=word` or `name="words"`; what follows a semicolon are parameters of it, which none of ours has (§2).
_ONE: Final = re.compile(
    r"""[ \t;]*(?P<name>[!#$%&'*+.^_`|~0-9a-z-]+)
        (?:[ \t]*=[ \t]*(?:(?P<word>[!#$%&'*+.^_`|~0-9a-z-]+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|))?
        [ \t]*(?:;.*)?""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
# More than that nobody has read: the edge takes headers of up to 8 kB.
_MOST: Final = 50

PARAMETER: Final = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="RFC 7240. `respond-async`: 202 and a job where it is not there yet; `wait=N`: so many seconds at "
    "most, and with `respond-async` the 202 comes after them; `return=minimal`: no body where a header says it all. "
    "`Preference-Applied` says what was heeded.",
)
MINIMAL: Final = OpenApiParameter(
    "Prefer", str, OpenApiParameter.HEADER, description="RFC 7240. `return=minimal`: no body."
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """`wait`: whole seconds, None where it was not sent."""

    respond_async: bool = False
    wait: int | None = None
    minimal: bool = False

    @classmethod
    def of(cls, request: Request) -> Self:
        return cls.parse(request.headers.get("Prefer", ""))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of several headers, which servers join with commas. Of one that is there twice the first counts (§2)."""
        found: dict[str, str] = {}
        for entry in parse_http_list(text)[:_MOST]:
            if one := _ONE.fullmatch(entry):
                quoted = re.sub(r"\\(.)", r"\1", one["quoted"] or "")
                found.setdefault(one["name"].lower(), one["word"] or quoted)
        seconds = _SECONDS.fullmatch(found.get("wait", ""))
        return cls(
            respond_async=found.get("respond-async", "no") == "",
            wait=int(seconds[0]) if seconds else None,
            minimal=found.get("return", "").lower() == "minimal",
        )


def applied(*preferences: str) -> dict[str, str]:
    """Preference-Applied (§3), if there is anything to say."""
    said = ", ".join(preference for preference in preferences if preference)
    return {"Preference-Applied": said} if said else {}
