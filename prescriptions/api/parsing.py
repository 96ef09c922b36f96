"""JSON as callers mean it: what two readers could understand differently, or no database can keep, is refused."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from prescriptions.infra.problems import Problem, pointer

# Above that other readers of JSON lose digits or give up; no number here has a use for so many.
_DIGITS = 18
# So many places are named.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Stands in the body for a value that is refused, until it is known where that is."""

    why: str


class StrictJSON(JSONParser):
    """UTF-8, whatever `charset` says (RFC 8259 §8.1).

    Repeated keys, NUL, halves of surrogate pairs, and numbers that are none or too long are 400 `invalid`, with the
    place; what is no JSON is 400 `parse-error`.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            body = json.loads(
                stream.read().decode("utf-8-sig"),
                object_pairs_hook=_object,
                parse_int=_whole,
                parse_float=_number,
                parse_constant=lambda text: _Wrong(f"{text} is no value of JSON."),
            )
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except json.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        errors = [{"pointer": at, "detail": why} for at, why in islice(_refused(body), _NAMED)]
        if errors:
            raise Problem(
                400, "invalid", "The request is not valid", "Some values cannot be used; see `errors`.", errors=errors
            )
        return body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        made[key] = _Wrong("This key is there twice.") if key in made else value
    return made


def _whole(text: str) -> int | _Wrong:
    if len(text.lstrip("-")) > _DIGITS:
        return _Wrong(f"The number has more than {_DIGITS} digits.")
    return int(text)


def _number(text: str) -> float | _Wrong:
    value = float(text)
    return _Wrong("The number is too large.") if math.isinf(value) else value


def _refused(body: Any) -> Iterator[tuple[str, str]]:
    """Pointers to what is refused, and why. Not by recursion: a body that was read may be deeper than we may go."""
    left: list[tuple[str, Any]] = [("", body)]
    while left:
        at, value = left.pop()
        match value:
            case _Wrong():
                yield at, value.why
            case dict():
                left += [(pointer(at, key), inner) for key, inner in value.items()]
                if not all(map(_storable, value)):
                    yield at, "A key has NUL or half of a surrogate pair in it."
            case list():
                left += [(pointer(at, place), inner) for place, inner in enumerate(value)]
            case str() if not _storable(value):
                yield at, "The text has NUL or half of a surrogate pair in it."


def _storable(text: str) -> bool:
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text)
