"""Cursor pages: stable while new prescriptions arrive, and as fast on page 1,000 as on page 1."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem

_USUAL, MOST_ROWS = 50, 200
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


class PageQuery(serializers.Serializer[Any]):
    """Parameters of a list that comes in pages."""

    cursor = serializers.CharField(required=False, help_text="As `next` and `previous` have it.")
    page_size = WholeNumber(most=MOST_ROWS, required=False, help_text=f"Rows of a page; {_USUAL} where it is left out.")


class NewestFirst(CursorPagination):
    """`?cursor=…&page_size=…`, newest first."""

    page_size = _USUAL
    page_size_query_param = "page_size"
    max_page_size = MOST_ROWS
    ordering = ("-created_at", "-id")

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return []  # the view's `queries` has them

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        rows: list[Any] | None = super().paginate_queryset(queryset, request, view)
        self.base_url = absolute(request.get_full_path())
        return rows

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
