"""What an approval rests on: the date of the prescription, and every page looked at by the person who decides.

The rules about both, and the rows that say who has looked at what.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem, not_found
from prescriptions.models import OrderLine, Page, PageSeen, ReasonCode, Review, ReviewStatus
from prescriptions.review.transitions import load, not_yours, stale

# Where something is wrong (a JSON pointer), and what.
Wrong = tuple[str, str]


# --- The date ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Calendar:
    """Which dates an approval may rest on. `days`: how long it is valid, by schedule; `within`: days back at most."""

    today: date
    days: Mapping[str, int]
    within: int

    @classmethod
    def now(cls) -> Self:
        """Today is the pharmacy's: what day it is in RX_TIME_ZONE."""
        return cls(timezone.localdate(), settings.RX_VALIDITY_DAYS, settings.RX_PRESCRIBED_WITHIN)

    @property
    def earliest(self) -> date:
        return self.today - timedelta(days=self.within)

    def impossible(self, issued: date) -> str:
        """Why nobody can have written this date on a prescription that is decided today; empty if somebody can."""
        if issued > self.today:
            return _("The date is in the future.")
        if issued < self.earliest:
            return _("The date is too long ago: the earliest is %(day)s.") % {"day": in_words(self.earliest)}
        return ""

    def valid_until(self, issued: date, schedules: Iterable[str]) -> date:
        """Its last day. The shortest validity of what is supplied decides."""
        rest = self.days["*"]
        return issued + timedelta(days=min((self.days.get(schedule, rest) for schedule in schedules), default=rest))

    def other_reading(self, issued: date) -> date | None:
        """The same numbers with day and month the other way round, where that is a date that could be meant, too."""
        if issued.day > 12 or issued.day == issued.month:
            return None
        other = swapped(issued)
        return None if self.impossible(other) else other


def swapped(day: date) -> date:
    """Day and month the other way round. Raises ValueError where there is no such month."""
    return day.replace(month=day.day, day=day.month)


def in_words(day: date) -> str:
    """With the month as a word, so that nobody can take it for the day."""
    return date_format(day, "j M Y")


def ran_out(until: date) -> str:
    return _("It ran out on %(day)s.") % {"day": in_words(until)}


# --- The rules --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Case:
    """What a decision is checked against. `schedules`: lines of these need the prescriber's registration number.

    `seen`: pages that this person has looked at. `typed`: the date came from a form, where day and month are easily
    swapped.
    """

    pages: int
    lines: Sequence[OrderLine]
    reasons: Mapping[str, ReasonCode]
    schedules: Sequence[str]
    calendar: Calendar
    seen: frozenset[int] = frozenset()
    may_override: bool = False
    typed: bool = False


def incomplete(wrong: Iterable[Wrong], code: str = "") -> Problem:
    """The first thing wrong with a field is enough."""
    texts: dict[str, str] = {}
    for pointer, text in wrong:
        texts.setdefault(pointer, text)
    errors = [{"pointer": pointer, "detail": text} for pointer, text in texts.items()]
    titles = {
        "prescription-date": _("The date cannot be right"),
        "prescription-expired": _("The prescription has run out"),
    }
    title = titles.get(code) or _("The decision is not complete")
    return Problem(422, code or "decision-incomplete", title, errors[0]["detail"], errors=errors)


def unseen(given: Mapping[str, Any], case: Case) -> Iterator[Wrong]:
    """No reason makes up for a page that nobody looked at."""
    seen = case.seen.union(given.get("pages_seen", []))
    unseen = [str(number) for number in range(1, case.pages + 1) if number not in seen]
    if unseen:
        yield "/pages_seen", _("Not viewed yet: page %(pages)s.") % {"pages": ", ".join(unseen)}


@dataclass(frozen=True, slots=True)
class Validity:
    """What follows from a date: its last day, whether somebody answers for its having run out; or what is wrong.

    `code`: of the problem, where it is one of its own.
    """

    until: date | None = None
    overridden: bool = False
    wrong: tuple[Wrong, ...] = ()
    code: str = ""


def validity(issued: date | None, supplied: Iterable[str], given: Mapping[str, Any], case: Case) -> Validity:
    """Of an approval that supplies medicines of these schedules."""
    if issued is None:
        return Validity(wrong=(("/prescribed_on", _("Enter the date of the prescription.")),))
    asked: tuple[Wrong, ...] = ()
    other = case.calendar.other_reading(issued) if case.typed else None
    if other and given.get("confirmed_date") != issued:
        dates = {"one": in_words(issued), "other": in_words(other)}
        asked = (("/confirmed_date", _("Which date is meant: %(one)s or %(other)s?") % dates),)
    if why := case.calendar.impossible(issued):
        return Validity(wrong=(("/prescribed_on", why), *asked), code="prescription-date")
    until = case.calendar.valid_until(issued, supplied)
    if until >= case.calendar.today:
        return Validity(until, wrong=asked)
    if not case.may_override:
        why = f"{ran_out(until)} {_('Only a senior may approve it all the same.')}"
        return Validity(wrong=(("/prescribed_on", why), *asked), code="prescription-expired")
    if not given.get("override_reason"):
        why = f"{ran_out(until)} {_('Say why you approve it all the same.')}"
        return Validity(wrong=(("/override_reason", why), *asked), code="prescription-expired")
    # It holds for the day on which somebody answers for it, and for no later order.
    return Validity(case.calendar.today, overridden=True, wrong=asked)


# --- The pages --------------------------------------------------------------------------------------------------------
def seen(review: Review, user_id: int | None) -> frozenset[int]:
    """Numbers of the pages that this person has looked at since they may decide on the review as it is now.

    What was looked at before counts no more: every claim, decision and return makes another version. Turning or
    redacting a page makes none, for the reviewer sees the whole page before and after.
    """
    rows = PageSeen.objects.filter(page__prescription=review.pk, version=review.version, user=user_id)
    return frozenset(rows.values_list("page__number", flat=True))


def look(rx: str, numbers: Iterable[int], *, actor: Actor, version: int, declared: bool = False) -> None:
    """Pages are on the screen of somebody who may decide now: who holds the claim, or may make the second check.

    Saying it again changes nothing. Raises Problem: 403, 404, 409 (`stale-version`, `not-yours`), 410.
    """
    if not actor.may("view_page"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))
    review = load(rx)
    if version != review.version:
        raise stale(review, version)
    if review.status == ReviewStatus.SECOND_CHECK:
        decides = actor.may("second_check_review") and review.reviewer_id != actor.user_id
    else:
        decides = review.status == ReviewStatus.IN_REVIEW and review.held_by(actor.user_id)
    if not decides:
        raise not_yours(review)
    wanted = frozenset(numbers)
    pages = _pages(review, wanted)
    if not wanted or wanted - pages.keys():
        raise not_found()
    _write(review, pages, actor, declared=declared)


def declare(review: Review, numbers: Iterable[int], *, actor: Actor) -> None:
    """Pages that somebody's program says they have seen. The audit log tells them from those that our page painted.

    In the caller's transaction, which holds the review from here on: whoever has it first writes to its chain first.
    """
    list(Review.objects.select_for_update().filter(pk=review.pk).values_list("version"))
    _write(review, _pages(review, numbers), actor, declared=True)


def _pages(review: Review, numbers: Iterable[int]) -> dict[int, int]:
    rows = Page.objects.filter(prescription=review.pk, number__in=list(numbers))
    return dict(rows.values_list("number", "pk"))


def _write(review: Review, pages: Mapping[int, int], actor: Actor, *, declared: bool) -> None:
    fresh = sorted(pages.keys() - seen(review, actor.user_id)) if pages else []
    rows = [PageSeen(page_id=pages[n], user=actor.user, version=review.version, declared=declared) for n in fresh]
    with transaction.atomic():
        PageSeen.objects.bulk_create(rows, ignore_conflicts=True)
        for number in fresh:
            data = {"page": number, "declared": True} if declared else {"page": number}
            audit.record(review.pk, audit.Verb.PAGE_SEEN, actor=actor, data=data)


def keep_seen(before: Review, after: Review) -> None:
    """After an undo the person is where they were before they decided: what they had looked at counts again."""
    rows = PageSeen.objects.filter(
        page__prescription=before.pk, version=before.version - 1, user=after.claimed_by_id
    ).values_list("page_id", "declared")
    PageSeen.objects.bulk_create(
        [
            PageSeen(page_id=page, user=after.claimed_by, version=after.version, declared=declared)
            for page, declared in rows
        ],
        ignore_conflicts=True,
    )
