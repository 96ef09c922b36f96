"""Every night: what the policy says is due is erased, page by page, so many a night, and the night is written down.

Whoever dies in the middle has lost nothing: what was erased is no longer due, and what is left is due the next night.
"""

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import APPROVED, Prescription, RetentionRun, ReviewStatus, retention_of, rules_of
from prescriptions.review import orders
from prescriptions.upkeep import erasure

log = logging.getLogger("rx.erasure")

CHAIN: Final = "retention"  # of the audit log
_PAGE: Final = 200
_TOLD: Final = 500  # ids in the audit event; the run's own row has all of them


def run(*, dry: bool | None = None, limit: int | None = None) -> RetentionRun | None:
    """One night's work, by RX_RETENTION_JOB unless `dry` says how. None: it is off.

    Never raises for what cannot be erased: that is in the row, and due again the next night.
    """
    if dry is None:
        if settings.RX_RETENTION_JOB == "off":
            return None
        dry = settings.RX_RETENTION_JOB != "on"
    made = RetentionRun.objects.create(dry=dry)
    for page in _due_pages(timezone.localdate()):
        _work_through(made, page, limit or settings.RX_RETENTION_LIMIT)
        made.save()
        if made.more or made.trouble:
            break
    if not dry:
        orders.sweep()
    made.ended_at = timezone.now()
    made.save()
    _tell(made)
    return made


def _work_through(made: RetentionRun, page: list[tuple[Prescription, str]], most: int) -> None:
    for prescription, rule in page:
        if prescription.legal_hold:
            made.held += 1  # and takes nobody's place
            continue
        if len(made.ids) >= most:
            made.more = True
            return
        made.due[rule] = made.due.get(rule, 0) + 1
        made.ids.append(prescription.pk)
        if not made.dry:
            _erase(made, prescription, rule)
        if made.trouble:
            return


def _erase(made: RetentionRun, prescription: Prescription, rule: str) -> None:
    try:
        erasure.erase(prescription, actor=SYSTEM, told={"rule": rule, "run": made.pk})
        made.erased += 1
    except Problem as problem:  # held, opened again or erased since it was read
        made.failed += problem.code == "kept"
    except StorageUnavailable:
        made.erased += 1  # the tombstone stands
        made.trouble = "The storage does not answer; the rest is due again the next night."


def _due_pages(today: date) -> Iterator[list[tuple[Prescription, str]]]:
    """What is due, with its rule, in pages by id. By the columns first, then exactly as `retention_of` says."""
    rows = Prescription.objects.filter(_may_be_due(today), erased_at=None)
    rows = rows.select_related("review").prefetch_related("order_lines").order_by("pk")
    last = ""
    while page := list(rows.filter(pk__gt=last)[:_PAGE]):
        last = page[-1].pk
        found = [(row, retention_of(row)) for row in page]
        if due := [(row, kept.rule) for row, kept in found if kept.erase_on is not None and kept.erase_on <= today]:
            yield due


def _may_be_due(today: date) -> Q:
    """Those for which the shortest rule of their status is over; a day more, for time zones."""
    statuses = {
        "approved": Q(review__status__in=APPROVED),
        "rejected": Q(review__status=ReviewStatus.REJECTED),
        "withdrawn": Q(review__status=ReviewStatus.WITHDRAWN),
    }
    ended = Q(review__status__in=(*APPROVED, ReviewStatus.REJECTED, ReviewStatus.WITHDRAWN, ReviewStatus.ERASED))
    statuses["open"] = Q(review=None) | ~ended
    found = Q(pk__in=())
    for status, condition in statuses.items():
        days = [erase for _keep, erase in rules_of(status).values() if erase is not None]
        if days:
            until = today - timedelta(days=min(days))
            before = timezone.now() - timedelta(days=min(days) - 1)
            over = Q(review__valid_until__lte=until) | Q(review__valid_until=None, review__status_at__lt=before)
            if status != "approved":
                over = Q(review__status_at__lt=before) | Q(review=None, created_at__lt=before)
            found |= condition & over
    return found


def _tell(made: RetentionRun) -> None:
    counts = {name: getattr(made, name) for name in ("due", "erased", "held", "failed", "more", "dry")}
    log.info("retention", extra={**counts, "run": made.pk})
    audit.record(
        CHAIN,
        audit.Verb.RETENTION_RUN,
        actor=SYSTEM,
        data={"run": made.pk, **counts, "ids": made.ids[:_TOLD]},
    )
