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
# Objects and lists in each other; nothing here goes deeper than six. What comes after may go by recursion.
_DEPTH = 32
_TOO_DEEP = f"Objects and lists are nested more than {_DEPTH} deep."


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Stands in the body for a value that is refused, until it is known where that is."""

    why: str


class StrictJSON(JSONParser):
    """UTF-8, whatever `charset` says (RFC 8259 §8.1).

    Repeated keys, NUL, halves of surrogate pairs, numbers that are none or too long, and what is nested too deeply are
    400 `invalid`, with the place; what is no JSON is 400 `parse-error`.
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
        except RecursionError:  # where this interpreter gives up, which is much deeper
            raise _invalid([{"pointer": "", "detail": _TOO_DEEP}]) from None
        if errors := [{"pointer": at, "detail": why} for at, why in islice(_refused(body), _NAMED)]:
            raise _invalid(errors)
        return body


def _invalid(errors: list[dict[str, str]]) -> Problem:
    detail = "Some values cannot be used; see `errors`."
    return Problem(400, "invalid", "The request is not valid", detail, errors=errors)


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
    left: list[tuple[str, Any, int]] = [("", body, 1)]
    while left:
        at, value, depth = left.pop()
        match value:
            case _Wrong():
                yield at, value.why
            case dict() | list() if depth > _DEPTH:
                yield at, _TOO_DEEP
            case dict():
                left += [(pointer(at, key), inner, depth + 1) for key, inner in value.items()]
                if not all(map(_storable, value)):
                    yield at, "A key has NUL or half of a surrogate pair in it."
            case list():
                left += [(pointer(at, place), inner, depth + 1) for place, inner in enumerate(value)]
            case str() if not _storable(value):
                yield at, "The text has NUL or half of a surrogate pair in it."


def _storable(text: str) -> bool:
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text)
