"""Cursor pages: stable while new prescriptions arrive, and as fast on page 1,000 as on page 1."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem

_USUAL, MOST_ROWS = 50, 200
# With where its clock stands: what a moment means may not hang on where this service runs.
_MOMENT = re.compile(r".{10}[T ].+(?:Z|[+-]\d\d:?\d\d)\Z", re.ASCII)
_DIGITS = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class WholeNumber(serializers.IntegerField):
    """A parameter of digits and nothing else. DRF's own field reads `1.0`, ` 1` and digits of any script."""

    def __init__(self, *, most: int, **rest: Any) -> None:
        allowed = f"A whole number from 1 to {most:,}."
        messages: dict[str, Any] = dict.fromkeys(("invalid", "min_value", "max_value", "max_string_length"), allowed)
        super().__init__(min_value=1, max_value=most, error_messages=messages, **rest)

    def to_internal_value(self, data: Any) -> int:
        if not _DIGITS.fullmatch(str(data)):
            self.fail("invalid")
        return int(data)


@extend_schema_field({"type": "string", "format": "date-time", "minLength": 20})
class Moment(serializers.DateTimeField):
    """RFC 3339, with an offset, in this century."""

    default_error_messages = {"form": "A moment with its offset, such as 2026-12-01T18:00:00+05:30, before 2100."}  # noqa: RUF012

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _MOMENT.match(value):
            self.fail("form")
        try:
            moment: datetime = super().to_internal_value(value)
        except serializers.ValidationError:
            self.fail("form")
        if not 2000 <= moment.year < 2100:
            self.fail("form")
        return moment.astimezone(UTC)


class AskedMoment(Moment):
    """As a parameter, where a plus that was not escaped arrives as a space."""

    def to_internal_value(self, value: Any) -> datetime:
        return super().to_internal_value(value.replace(" ", "+") if isinstance(value, str) else value)


class PageQuery(serializers.Serializer[Any]):
    """Parameters of a list that comes in pages."""

    cursor = serializers.CharField(required=False, help_text="As `next` and `previous` have it.")
    page_size = WholeNumber(most=MOST_ROWS, required=False, help_text=f"Rows of a page; {_USUAL} where it is left out.")


class NewestFirst(CursorPagination):
    """`?cursor=…&page_size=…`, newest first; where a view says so (`oldest_change_first`), by what changed first."""

    page_size = _USUAL
    page_size_query_param = "page_size"
    max_page_size = MOST_ROWS
    ordering = ("-created_at", "-id")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return []  # the view's `queries` has them

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        properties = {
            "next": {**address, "description": "The next page; null: this is the last."},
            "previous": {**address, "description": "The page before."},
            "results": schema,
        }
        return {"type": "object", "required": [*properties], "properties": properties}

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        rows: list[Any] | None = super().paginate_queryset(queryset, request, view)
        self.base_url = absolute(request.get_full_path())
        return rows

    def get_ordering(self, request: Request, queryset: Any, view: APIView) -> tuple[str, ...]:
        if getattr(view, "oldest_change_first", False):
            return ("updated_at", "id")
        return tuple(self.ordering)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """A cursor that is not one of ours is a 400. DRF would compare its text with a date, which is a crash."""
        try:
            cursor: Cursor | None = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None and not _is_moment(str(cursor.position)):
                raise NotFound
        except NotFound:
            error = {"parameter": "cursor", "detail": "Not a cursor. Follow `next` or `previous` as they were given."}
            raise Problem(400, "invalid", "The request is not valid", error["detail"], errors=[error]) from None
        return cursor


def _is_moment(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
        return moment.tzinfo is not None and bool(moment.astimezone(UTC))
    except (ValueError, OverflowError):  # the year 1 is another year in UTC
        return False
