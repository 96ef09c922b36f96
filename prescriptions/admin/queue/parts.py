"""Parts of the work queue: which reviews each shows and in which order, how many there are, and what narrows them.

What waits can be narrowed and sorted; what is decided grows for ever, and is searched instead.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prescriptions.models import ENDED, WAITS_FOR_US, OrderLine, Page, Review, ReviewStatus, Schedule
from prescriptions.review import queue
from prescriptions.review.transitions import HURRY

SOON: Final = timedelta(minutes=10)
# Above this a part says "100+": the exact number would help nobody and cost a scan.
COUNTED: Final = 100
FOR_ME: Final = "for me"

_PARTS: Final[dict[str, tuple[Promise, Callable[[Any], Q]]]] = {
    "": (_("Waiting"), lambda user: Q(status__in=WAITS_FOR_US)),
    "mine": (_("Mine"), lambda user: Q(claimed_by=user, status=ReviewStatus.IN_REVIEW)),
    "unclaimed": (_("Unclaimed"), lambda user: Q(status=ReviewStatus.QUEUED)),
    "due": (_("Due soon"), lambda user: Q(status__in=WAITS_FOR_US, due_at__lte=timezone.now() + SOON)),
    "second": (_("Second check"), lambda user: Q(status=ReviewStatus.SECOND_CHECK)),
    "customer": (_("Waiting for customer"), lambda user: Q(status=ReviewStatus.CLARIFICATION)),
    "decided": (_("Decided"), lambda user: Q(status__in=ENDED)),
    "all": (_("All"), lambda user: Q()),
}
_WITHOUT_END: Final = ("decided", "all")
_FIRST: Final = ("-priority", "queued_at", "prescription_id")
_DUE: Final = ("due_at", "prescription_id")
_NEWEST: Final = ("-queued_at", "-prescription_id")
_ORDER: Final = {"due": _DUE, "decided": ("-status_at", "-prescription_id"), "all": _NEWEST}
_SORTS: Final = {"first": _FIRST, "due": _DUE, "newest": _NEWEST}


def part_of(request: HttpRequest) -> str:
    """Which part is asked for. A search looks in all of them, unless one is named."""
    named = request.GET.get("show", "all" if request.GET.get("q", "").strip() else "")
    return named if named in _PARTS else ""


def can_be_narrowed(request: HttpRequest) -> bool:
    return part_of(request) not in _WITHOUT_END


def order_of(request: HttpRequest) -> tuple[str, ...]:
    part = part_of(request)
    own = _ORDER.get(part, _FIRST)
    return _SORTS.get(request.GET.get("sort", ""), own) if can_be_narrowed(request) else own


def counts(request: HttpRequest) -> Mapping[str, str]:
    """How many there are in each part that ends, and for this person (`FOR_ME`), up to a bound; one query a request."""
    found: Mapping[str, str] | None = getattr(request, "queue_counts", None)
    if found is None:
        ending = [name for name in _PARTS if name not in _WITHOUT_END]
        rows = {name: Review.objects.filter(_PARTS[name][1](request.user)) for name in ending}
        found = request.queue_counts = _counted({**rows, FOR_ME: queue.waiting(request.user)})  # type: ignore[attr-defined]
    return found


def _counted(wanted: Mapping[str, QuerySet[Review]]) -> Mapping[str, str]:
    pieces: list[str] = []
    values: list[Any] = []
    for rows in wanted.values():
        piece, given = rows.order_by().values("pk")[: COUNTED + 1].query.sql_with_params()
        pieces.append(f"(SELECT count(*) FROM ({piece}) AS part)")  # noqa: S608 - Django's own SQL; values apart
        values += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(pieces)}", values)
        found = cursor.fetchone()
    return {name: f"{COUNTED}+" if n > COUNTED else str(n) for name, n in zip(wanted, found, strict=True)}


class Show(admin.SimpleListFilter):
    """The parts as one row of links, each with how many there are."""

    title, parameter_name = _("show"), "show"
    template = "admin/prescriptions/review/show.html"

    def __init__(self, request: HttpRequest, *rest: Any) -> None:
        super().__init__(request, *rest)
        self.user, self.chosen, self.counted = request.user, part_of(request), counts(request)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _condition) in _PARTS.items()]

    def choices(self, changelist: ChangeList) -> Any:
        for name, label in self.lookup_choices:
            link = f"?show={name}" if name else "?"
            yield {
                "selected": name == self.chosen,
                "query_string": link,
                "display": label,
                "count": self.counted.get(name, ""),
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        return queryset.filter(_PARTS[self.chosen][1](self.user))


class _Narrowing(admin.SimpleListFilter):
    """One of a few conditions, chosen from a list; none of them where the part has no end."""

    template = "admin/prescriptions/review/choice.html"
    offered: Mapping[str, tuple[Promise, Callable[[], Q]]]

    def __init__(self, request: HttpRequest, *rest: Any) -> None:
        self.works = can_be_narrowed(request)
        super().__init__(request, *rest)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _condition) in self.offered.items()] if self.works else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Review]) -> QuerySet[Review]:
        chosen = self.offered.get(self.value() or "")
        return queryset.filter(chosen[1]()) if chosen and self.works else queryset


def _line(schedule: str) -> Q:
    return Q(Exists(OrderLine.objects.filter(prescription=OuterRef("pk"), schedule=schedule)))


def _page(number: int) -> Q:
    return Q(Exists(Page.objects.filter(prescription=OuterRef("pk"), number=number)))


def _waits(**units: int) -> Callable[[], Q]:
    return lambda: Q(queued_at__lte=timezone.now() - timedelta(**units))


class Flag(_Narrowing):
    title, parameter_name = _("flag"), "flag"
    offered = {  # noqa: RUF012
        "first": (_("First"), lambda: Q(priority__gte=HURRY)),
        "duplicate": (_("Duplicate"), lambda: Q(is_duplicate=True)),
        "small": (_("Small"), lambda: Q(is_small=True)),
        "dark": (_("Dark"), lambda: Q(is_dark=True)),
        "lost": (_("Lost in a restore"), lambda: Q(decision_lost=True)),
    }


class OfSchedule(_Narrowing):
    title, parameter_name = _("schedule"), "schedule"
    offered = {  # noqa: RUF012
        schedule.value: (schedule.label, partial(_line, schedule.value)) for schedule in Schedule
    }


class Length(_Narrowing):
    title, parameter_name = _("pages"), "pages"
    offered = {  # noqa: RUF012
        "one": (_("one page"), lambda: ~_page(2)),
        "some": (_("2 to 5 pages"), lambda: _page(2) & ~_page(6)),
        "many": (_("6 pages and more"), lambda: _page(6)),
    }


class Age(_Narrowing):
    title, parameter_name = _("age"), "age"
    offered = {  # noqa: RUF012
        "30m": (_("30 minutes and more"), _waits(minutes=30)),
        "2h": (_("2 hours and more"), _waits(hours=2)),
        "1d": (_("a day and more"), _waits(days=1)),
    }


class Sort(_Narrowing):
    title, parameter_name = _("order"), "sort"
    offered = {  # noqa: RUF012
        "first": (_("what should be done first"), Q),
        "due": (_("what is due first"), Q),
        "newest": (_("what came last"), Q),
    }


NARROWING: Final = (Flag, OfSchedule, Length, Age, Sort)
