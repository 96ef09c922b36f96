"""Filters of lists whose choices are what there is: found by steps through an index, one for each choice. Django's own
read the whole table for them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

_MOST = 36


class Values(admin.SimpleListFilter):
    """One choice for each value of the column `parameter_name`, which must lead an index."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value or "–") for value in self._values(model_admin.model)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(**{str(self.parameter_name): self.value()})

    def _values(self, model: type[Model]) -> Iterator[str]:
        column = str(self.parameter_name)
        rows = model._default_manager.order_by(column).values_list(column, flat=True)
        value = rows.first()
        for _step in range(_MOST):
            if value is None:
                return
            yield value
            value = rows.filter(**{f"{column}__gt": value}).first()


class Backend(Values):
    title, parameter_name = _("made by"), "backend"


class Pipeline(Values):
    title, parameter_name = _("pipeline"), "pipeline"


class Client(Values):
    title, parameter_name = _("client"), "client"


class Month(admin.SimpleListFilter):
    """The months in which something was received, newest first, as `?month=2026-11`."""

    title, parameter_name = _("month"), "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        shown = "YEAR_MONTH_FORMAT"
        return [
            (f"{month:%Y-%m}", capfirst(formats.date_format(month, shown))) for month in self._months(model_admin.model)
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            first = timezone.make_aware(datetime.strptime(self.value() or "", "%Y-%m"))  # noqa: DTZ007 - made so here
            following = _beginning(first + timedelta(days=32))
        except (ValueError, OverflowError):  # nobody's month, or the last that there is
            return queryset
        return queryset.filter(created_at__gte=first, created_at__lt=following)

    def _months(self, model: type[Model]) -> Iterator[datetime]:
        moments = model._default_manager.order_by("-created_at").values_list("created_at", flat=True)
        newest = moments.first()
        for _step in range(_MOST):
            if newest is None:
                return
            month = _beginning(newest)
            yield month
            newest = moments.filter(created_at__lt=month).first()


def _beginning(moment: datetime) -> datetime:
    """Of the month, where the site is."""
    local = timezone.localtime(moment)
    return timezone.make_aware(datetime(local.year, local.month, 1))  # noqa: DTZ001 - made so here
