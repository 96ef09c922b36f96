"""The template's context of the review page: what people see."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.urls import reverse
from django.utils.translation import gettext as _

from prescriptions.admin import chips
from prescriptions.admin.review_page import lines, notices, words
from prescriptions.admin.review_page.context import QUEUE, Facts
from prescriptions.admin.review_page.permissions import WAITING, banner, name_of
from prescriptions.admin.review_page.timeline import OVERRIDDEN, entries
from prescriptions.intake import notices as noticed
from prescriptions.models import Page, ReasonGroup, image_of
from prescriptions.ops.checks import VIEWER
from prescriptions.review.payload import CHECKLIST
from prescriptions.review.proof import Calendar, in_words, ran_out
from prescriptions.variants.pictures import Picture, picture

_SHOWN_EVENTS: Final = 60


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page in the strip."""

    page: Page
    thumb: Picture
    first: Picture
    seen: bool
    shown: bool

    @property
    def turned(self) -> int:
        """A quarter turn clockwise from how it is shown now."""
        return (self.page.rotation + 90) % 360

    @property
    def viewer_first(self) -> dict[str, Any]:
        """What `review/viewer.html` asks for."""
        first = self.first
        return {"number": self.page.number, "first": first.src, "width": first.width, "height": first.height}


def context(facts: Facts) -> dict[str, Any]:
    return {
        "may": facts.may,
        "editable": facts.editable,
        "problem": facts.problem,
        "offer": facts.undo_offer,
        "take_next": facts.take_next,
        "urls": facts.urls,
        "queue_url": reverse(QUEUE),
        **_top(facts),
        **_pages(facts),
        **_form(facts),
        **_decided(facts),
        **_date(facts),
        **_history(facts),
    }


def _top(facts: Facts) -> dict[str, Any]:
    """Which one it is, how long it has been waiting, and why this person cannot decide."""
    review, now, waiting = facts.review, facts.now, facts.review.status in WAITING
    return {
        "title": _("Review %(rx)s") % {"rx": facts.rx[:8]},
        "is_nav_sidebar_enabled": False,
        "rx": facts.rx,
        "reference": facts.rx[:8],
        "review": review,
        "prescription": review.prescription,
        "chip": chips.status_chip(review.status),
        "waiting": waiting,
        "waited": chips.span((now if waiting else review.status_at) - review.queued_at),
        "due_in": chips.span(abs(review.due_at - now)) if review.due_at and waiting else "",
        "overdue": waiting and review.due_at is not None and review.due_at < now,
        "banner": banner(review, facts.actor, facts.may, now),
    }


def _pages(facts: Facts) -> dict[str, Any]:
    """Strip and viewer."""
    token = facts.tokens.get(facts.rx, "")
    sheets = [
        Sheet(
            page,
            picture(page, "thumb", token),
            picture(image_of(page), "review", token),
            page.number in facts.seen,
            page.number == facts.shown,
        )
        for page in facts.visible_pages
    ]
    current = next((sheet for sheet in sheets if sheet.shown), None)
    return {
        "sheets": sheets,
        "current": current,
        "zooming": _zooming(),
        "viewer_pages": len(sheets),
        "viewer_first": current.viewer_first if current else None,
        "looks": facts.looks,
        "of_pages": noticed.gathered([(page.number, page.notices) for page in facts.visible_pages]),
        "unseen": sum(not sheet.seen for sheet in sheets),
    }


def _form(facts: Facts) -> dict[str, Any]:
    """Its controls, with what was typed and what is wrong with it."""
    form, problem, strict = facts.form, facts.problem, settings.RX_SECOND_CHECK_SCHEDULES
    wrong = lines.wrongs(problem, form.decided())
    errors = {entry.field: entry.text for entry in reversed(wrong)}
    return {
        "form": form,
        "field": form.texts,
        "wrong": wrong,
        "errors": errors,
        "left_over": words.left_over(form) if problem and not facts.editable else [],
        "rows": lines.rows(facts.lines, form, errors, strict),
        "strict_lines": any(line.schedule in strict for line in facts.lines),
        "choices": lines.CHOICES,
        "reason_groups": lines.reason_groups(facts.reasons),
        "chosen_reason": next((reason for reason in facts.reasons if reason.code == form.texts.get("reason")), None),
        "line_reason_groups": lines.reason_groups(r for r in facts.reasons if r.group != ReasonGroup.PROCESS),
        "points": [(key, label, key in form.checklist) for key, label in CHECKLIST.items()],
    }


def _date(facts: Facts) -> dict[str, Any]:
    """The date: between which days it has to be, and the two that it may be where day and month could be swapped."""
    return {
        "today": facts.calendar.today.isoformat(),
        "earliest": facts.calendar.earliest.isoformat(),
        "readings": _readings(facts.form.texts.get("prescribed_on", ""), facts.calendar),
        "over": ran_out(facts.over) if facts.over else "",
    }


def _readings(typed: str, calendar: Calendar) -> list[tuple[str, str]]:
    """The date as it was typed and the other way round, each also in words; two empty ones where there is no doubt."""
    try:
        day = date.fromisoformat(typed)
        other = calendar.other_reading(day)
    except ValueError:
        other = None
    return [(each.isoformat(), in_words(each)) for each in (day, other)] if other else [("", "")] * 2


def _decided(facts: Facts) -> dict[str, Any]:
    """By whom, on which of the five points, and what a second person has ticked so far."""
    review = facts.review
    return {
        "confirmed_lines": facts.form.confirmed,
        "confirmed_date": bool(facts.form.texts.get("confirmed_date")),
        "overridden": [OVERRIDDEN[code] for code in review.overridden if code in OVERRIDDEN],
        "ticked": [(label, review.checklist.get(key) is True) for key, label in CHECKLIST.items()],
        "reviewer": name_of(review.reviewer) if review.reviewer_id else "",
        "second_checker": name_of(review.second_checker) if review.second_checker_id else "",
    }


def _history(facts: Facts) -> dict[str, Any]:
    """What came before: advice, questions and answers, earlier prescriptions, the audit log."""
    return {
        "notices": notices.of(facts.review, facts.related),
        "thread": facts.thread,
        "related": [entry for entry in facts.related.values() if entry.rx != facts.rx],
        "timeline": entries(facts.events[:_SHOWN_EVENTS], {r.code: str(r) for r in facts.reasons}),
        "timeline_more": len(facts.events) > _SHOWN_EVENTS,
    }


@cache
def _zooming() -> bool:
    """Is OpenSeadragon installed? Without it the viewer shows plain images."""
    return finders.find(VIEWER) is not None
