"""The heart: find a variant, or see to it that it is made once.

Requests only ask and wait; workers make (rendering.py).
"""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore
from typing import Literal

from django.conf import settings
from django.db import connection
from django.utils import timezone

from prescriptions.infra import metrics, storage
from prescriptions.infra.problems import Problem, erased, links_cut, not_ready
from prescriptions.models import Page, Prescription, Variant, VariantState
from prescriptions.variants import backends, claims, links
from prescriptions.variants.waiting import Registration
from transforms.errors import from_code
from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.request.presets import is_advertised, preset
from transforms.request.size import Oversize
from transforms.request.spec import Stored
from transforms.version import PIPELINE

# How a request without a variant is counted, by its status; any other has failed.
_ENDINGS = {410: "erased", 429: "refused", 503: "late"}
_waiters = BoundedSemaphore(settings.RX_MAX_WAITERS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A ready variant and how this request got it."""

    variant: Variant
    how: Literal["hit", "generated", "coalesced"]


def oversize() -> Oversize:
    """What `!w,h` larger than the page means here: "fit" (the specification) or "reject" (its validators)."""
    return "reject" if settings.RX_IIIF_OVERSIZE == "reject" else "fit"


def size_of(page: Page) -> Size:
    return Size(page.width, page.height)


def preset_of(page: Page, name: str) -> Stored:
    """A preset of this page as every URL of ours carries it: turned the way the reviewer set. KeyError if unknown."""
    return replace(preset(name, size_of(page)), rotation=page.rotation)


def ask(page: Page, stored: Stored, *, believe: timedelta = timedelta(0)) -> Outcome:
    """Find or claim-and-dispatch, without waiting. The variant may not be ready; failed ones raise their Problem.

    A row that became ready no longer ago than `believe` is taken at its word; S3 is asked about every other.
    """
    return _counted(page, stored, lambda: _ask(page, stored, believe))


def _ask(page: Page, stored: Stored, believe: timedelta) -> Outcome:
    if links.are_cut(page.prescription):
        raise links_cut()  # the edge would show what is made now to whoever has an old link
    variant = Variant.objects.filter(page=page, stored=str(stored), pipeline=PIPELINE).first()
    won = False
    if variant is None:
        _refuse_overload(page, stored)
        variant, won = claims.insert(page, stored, advertised=_advertised(page, stored))
    else:
        variant.page = page
        if variant.state == VariantState.READY:
            if variant.ready_at is not None and timezone.now() - variant.ready_at < believe:
                return Outcome(variant, "hit")
            try:
                storage.head_variant(variant.key)
            except storage.ObjectMissing:
                won = claims.take_over(variant, lost_object=True)
            else:
                return Outcome(variant, "hit")
        elif variant.state != VariantState.FAILED:
            won = claims.take_over(variant)
    if won:
        dispatch(variant)
    else:
        _raise_failure(variant)
    return Outcome(variant, "generated" if won else "coalesced")


def obtain(page: Page, stored: Stored, *, wait: float, believe: timedelta = timedelta(0)) -> Outcome:
    """A ready variant, waiting up to `wait` seconds for it. Raises Problem: 410, 422, 429, 503 (ask again)."""
    deadline = time.monotonic() + wait

    def obtained() -> Outcome:
        outcome = _ask(page, stored, believe)
        return outcome if outcome.how == "hit" else Outcome(_await(outcome.variant, deadline), outcome.how)

    return _counted(page, stored, obtained)


def served(page: Page, stored: Stored) -> None:
    """Tell the numbers of a hit that needed none of this: S3 had the object."""
    _count(page, stored, "hit")


def _counted(page: Page, stored: Stored, ask: Callable[[], Outcome]) -> Outcome:
    try:
        outcome = ask()
    except Exception as error:
        _count(page, stored, _ENDINGS.get(error.status, "failed") if isinstance(error, Problem) else "failed")
        raise
    _count(page, stored, outcome.how)
    return outcome


def _count(page: Page, stored: Stored, outcome: str) -> None:
    metrics.variant_asked(stored, size_of(page), turned=page.rotation, outcome=outcome)


def dispatch(variant: Variant) -> None:
    """Hand a claim to the backend. If nobody can be told, the claim is released and the sweeper tries again."""
    try:
        backends.current().dispatch(variant.id, variant.owner, lane=variant.lane)
    except backends.BackendUnavailable:
        claims.release(variant)
        raise not_ready(retry_after=5) from None


def _await(variant: Variant, deadline: float) -> Variant:
    """Wait for somebody else's work.

    The row is read before each wait, so a lost wake-up costs a second, not the answer.
    """
    if not _waiters.acquire(blocking=False):
        raise not_ready(retry_after=5)
    started, ending = time.monotonic(), "without"
    try:
        variant = _watch(variant, deadline)
        ending = "ready"
    finally:
        _waiters.release()
        metrics.variant_awaited(time.monotonic() - started, outcome=ending)
    return variant


def _watch(variant: Variant, deadline: float) -> Variant:
    page = variant.page
    with Registration(variant.id) as registration:
        look = partial(Variant.objects.get, pk=variant.pk)
        woken = False
        while True:
            try:
                variant = copy(registration.read(look)) if woken else look()
            except Variant.DoesNotExist:
                raise _vanished(page) from None
            variant.page = page
            if variant.state == VariantState.READY:
                return variant
            _raise_failure(variant)
            left = deadline - time.monotonic()
            if left <= 0:
                raise not_ready()
            if connection.vendor != "sqlite":  # whose connections nobody runs out of
                connection.close()  # a waiter must not hold one of the database's connections
            woken = registration.wait(min(left, settings.RX_POLL))


def _vanished(page: Page) -> Problem:
    """Rows go with an erasure, with links that are cut, and when a reconciler finds that the object has expired."""
    alive = Prescription.objects.filter(pk=page.prescription_id, erased_at=None).exists()
    return not_ready() if alive else erased()


def _advertised(page: Page, stored: Stored) -> bool:
    """Presets, listed sizes and tiles, upright or turned as this page is shown."""
    turned = stored.rotation == page.rotation
    return is_advertised(replace(stored, rotation=0) if turned else stored, size_of(page))


def failure(variant: Variant) -> Problem | None:
    """The public answer to a variant that is not going to be made; None while there is hope."""
    if variant.state not in (VariantState.FAILED, VariantState.DEAD):
        return None
    if variant.error_code == claims.TROUBLE:
        return Problem(
            503,
            claims.TROUBLE,
            "Not available right now",
            "Making it failed for now. Try again later.",
            retry_after=settings.RX_VARIANT_PAUSE,
        )
    error = from_code(variant.error_code, variant.error_detail)
    return Problem(error.status, error.code, error.title, error.detail)


def _raise_failure(variant: Variant) -> None:
    problem = failure(variant)
    if problem:
        raise problem


def _refuse_overload(page: Page, stored: Stored) -> None:
    """Bounds on what strangers can make us compute and keep.

    Presets and advertised tiles never count against a page.
    """
    if not _advertised(page, stored):
        made = Variant.objects.filter(page=page, advertised=False).count()
        if made >= LIMITS.stored_variants:
            raise Problem(
                429,
                "too-many-variants",
                "Too many variants of this page",
                f"A page has at most {LIMITS.stored_variants} stored variants. Use an advertised size (see info.json).",
                retry_after=3600,
            )
    waiting = Variant.objects.filter(state__in=claims.OPEN, lane=claims.lane_of(page)).count()
    if waiting >= settings.RX_QUEUE_LIMIT:
        raise Problem(
            429, "queue-full", "Too busy", "Too many variants are being made. Try again shortly.", retry_after=5
        )
