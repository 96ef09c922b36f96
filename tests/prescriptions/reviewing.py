"""Decisions as an API client and a browser send them, and the review page as people open it."""

from datetime import date
from typing import Any

from django.test import Client

from prescriptions import audit
from prescriptions.audit.actors import staff
from prescriptions.models import AuditEvent, Review
from prescriptions.review import proof, queue
from prescriptions.review.payload import CHECKLIST
from tests.prescriptions.staff import Make

Staff = dict[str, Any]
TODAY = date.today()  # noqa: DTZ011 - the tests' time zone is UTC
FETCH: dict[str, Any] = {"headers": {"X-Requested-With": "fetch"}}


def approval(**extra: Any) -> dict[str, Any]:
    """A complete approval, as the API takes it."""
    return {
        "outcome": "approved",
        "prescribed_on": TODAY.isoformat(),
        "prescriber": "Dr A. Rao",
        "registration_number": "KMC 12345",
        "checklist": dict.fromkeys(CHECKLIST, True),
        "pages_seen": [1, 2, 3],
        **extra,
    }


def form(review: Review, **extra: Any) -> dict[str, Any]:
    """The same as the browser sends it."""
    return {
        "version": review.version,
        "outcome": "approved",
        "prescribed_on": TODAY.isoformat(),
        "prescriber": "Dr A. Rao",
        "registration_number": "KMC 12345",
        "checklist": list(CHECKLIST),
        "confirmed_date": TODAY.isoformat(),
        **extra,
    }


def agreement(**extra: Any) -> dict[str, Any]:
    """A complete second check, as the API takes it."""
    seen = {"pages_seen": [1, 2, 3], "confirmed_lines": [1, 2, 3], "confirmed_date": TODAY.isoformat()}
    return {"outcome": "confirmed", **seen, **extra}


def looked(review: Review, user: Any, *pages: int) -> Review:
    """This person has had these pages, or all, on the screen since they may decide."""
    numbers = pages or tuple(review.prescription.pages.values_list("number", flat=True))
    proof.look(review.pk, numbers, actor=staff(user), version=review.version)
    return review


def claimed(make: Make, user: Any, **columns: Any) -> Review:
    return queue.claim(make(**columns).pk, user)


def address(review: Review, action: str = "") -> str:
    return f"/admin/prescriptions/review/{review.pk}/{action + '/' if action else ''}"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())


def events(review: Review) -> list[str]:
    """What happened to it; who only looked is tested where looks are."""
    told = AuditEvent.objects.filter(rx=review.pk).exclude(verb__in=audit.LOOKS)
    return list(told.values_list("verb", flat=True))
