"""Cursor pages: stable while new prescriptions arrive, and as fast on page 1,000 as on page 1."""

from datetime import UTC, datetime

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """`?cursor=…&page_size=…`, newest first."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")

    def decode_cursor(self, request: Request) -> Cursor | None:
        """A cursor that is not one of ours is a 400. DRF would compare its text with a date, which is a crash."""
        try:
            cursor: Cursor | None = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None and not _is_moment(str(cursor.position)):
                raise NotFound
        except NotFound:
            raise ValidationError({"cursor": "Not a cursor. Follow `next` or `previous` as they were given."}) from None
        return cursor


def _is_moment(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
        return moment.tzinfo is not None and bool(moment.astimezone(UTC))
    except (ValueError, OverflowError):  # the year 1 is another year in UTC
        return False
