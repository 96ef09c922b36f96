"""Rows for a sweep, a few at a time and all of them in turn: one that fails each time holds up nobody behind it."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


class Rounds:
    """Where a sweep of this process has come to, by a field that its rows are ordered by."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._last: Any = None

    def next(self, rows: QuerySet[Row], limit: int) -> Iterator[Row]:
        """Up to `limit` rows: those behind the last one that was given, then those from the beginning up to it.

        A sweep that breaks off goes on next time behind the row it broke off at.
        """
        ordered = rows.order_by(self._field)
        if self._last is None:
            found = list(ordered[:limit])
        else:
            found = list(ordered.filter(**{f"{self._field}__gt": self._last})[:limit])
            found += ordered.filter(**{f"{self._field}__lte": self._last})[: limit - len(found)]
        for row in found:
            self._last = getattr(row, self._field)
            yield row
        if len(found) < limit:
            self._last = None  # those were all
