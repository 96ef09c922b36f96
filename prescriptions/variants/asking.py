"""Find a variant, or see to it that it is made once. Reads from the top: get, find or claim, dispatch, wait.

Requests only ask and wait; workers do the making (making.py).
"""

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial, wraps
from math import ceil
from typing import Concatenate, Literal, ParamSpec

from django.conf import settings

from prescriptions.infra import metrics, storage
from prescriptions.infra.database import agreed
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem, erased, links_cut, not_ready
from prescriptions.infra.telemetry import traces
from prescriptions.models import Image, Page, Prescription, Variant, VariantState, new_identifier
from prescriptions.variants import admission, backends, claims, links, statements
from prescriptions.variants.fairness import quota
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.fairness.room import Room
from prescriptions.variants.pictures import is_advertised
from prescriptions.variants.waiting import Registration
from transforms.errors import from_code
from transforms.request.spec import Stored
from transforms.version import PIPELINE

# How a request without a variant is counted, by its code or status; any other has failed.
_ENDINGS: dict[int | str, str] = {410: "erased", 413: "refused", 429: "refused", "queue-full": "refused", 503: "late"}
_NO_TIME = timedelta(0)
# How many of all who may wait in a process may be one unit: two hundred who look at one prescription are one.
_WAITERS_OF_ONE = 0.8
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A variant and how this request came by it. `left`: what else the asker may have open, if it was asked."""

    variant: Variant
    how: Literal["hit", "generated", "coalesced"]
    left: int | None = None


def _counted(ask: Callable[Concatenate[Image, Stored, P], Outcome]) -> Callable[Concatenate[Image, Stored, P], Outcome]:
    """Count how each request ends: hit, generated, coalesced, or why without a variant."""

    @wraps(ask)
    def counting(image: Image, stored: Stored, /, *args: P.args, **kwargs: P.kwargs) -> Outcome:
        try:
            outcome = ask(image, stored, *args, **kwargs)
        except Problem as problem:
            _count(image, stored, _ENDINGS.get(problem.code) or _ENDINGS.get(problem.status, "failed"))
            raise
        except Exception:
            _count(image, stored, "failed")
            raise
        _count(image, stored, outcome.how)
        return outcome

    return counting


# --- What there is to ask for -----------------------------------------------------------------------------------------
@_counted
def get_variant(image: Image, stored: Stored, *, by: Asker, wait: float, trust_for: timedelta = _NO_TIME) -> Outcome:
    """A ready variant, waited for up to `wait` seconds. Raises Problem: 409, 410, 422, 429, 503 (ask again).

    A row that became ready within `trust_for` is believed; of any older one S3 is asked whether the object is there.
    """
    deadline = time.monotonic() + wait
    outcome = _find_or_claim(image, stored, by, trust_for)
    if outcome.how == "hit":
        return outcome
    with Registration(outcome.variant.id) as registration:
        claimed = outcome.how == "generated"
        if claimed:
            dispatch(outcome.variant, by)
        elif outcome.variant.state == VariantState.QUEUED:
            backends.current().hurry(claims.ticket(outcome.variant, by))
        variant = _wait_for(outcome.variant, by, deadline, registration, look_first=not claimed)
    return replace(outcome, variant=variant)


@_counted
def find_or_claim(image: Image, stored: Stored, *, by: Asker) -> Outcome:
    """The same without waiting: the variant is ready or being made. Raises Problem as `get_variant` does."""
    by = by.in_bulk()
    outcome = _find_or_claim(image, stored, by, _NO_TIME)
    if outcome.how == "generated":
        dispatch(outcome.variant, by)
    return outcome


def count_hit(image: Image, stored: Stored) -> None:
    """Count a hit for a caller who found the object in S3 without asking here."""
    _count(image, stored, "hit")


def _count(image: Image, stored: Stored, outcome: str) -> None:
    metrics.variant_asked(stored, image.size, turned=image.turned, outcome=outcome)


# --- Find it, or claim it ---------------------------------------------------------------------------------------------
def _find_or_claim(image: Image, stored: Stored, by: Asker, trust_for: timedelta) -> Outcome:
    """Of one that is "generated" nobody was told yet: the caller dispatches it."""
    page = image.page
    if links.are_cut(page.prescription):
        raise links_cut()  # the edge would show what is made now to whoever has an old link
    known = statements.of_image(page.pk, image.sheet_digest, str(stored), PIPELINE)
    left = None
    if not known:
        lane, fresh = admission.refuse(image, stored), new_identifier()
        left = quota.take(by.unit, lane, fresh)
        variant, won = claims.insert(image, stored, advertised=is_advertised(image, stored), variant_id=fresh)
        if not won:
            quota.leave(by.unit, lane, fresh)
    else:
        variant = known[0]
        variant.page = page
        if _is_there(variant, trust_for):
            return Outcome(variant, "hit")
        won = _claim_again(variant)
    if not won:
        _raise_failure(variant)
    return Outcome(variant, "generated" if won else "coalesced", left)


def _is_there(variant: Variant, trust_for: timedelta) -> bool:
    """Ready, and still in S3? Raises StorageUnavailable: an S3 that does not answer has lost nothing."""
    if variant.state != VariantState.READY:
        return False
    if variant.ready_at is not None and agreed.now() - variant.ready_at < trust_for:
        return True
    try:
        storage.head_variant(variant.key)
    except storage.ObjectMissing:
        return False
    return True


def _claim_again(variant: Variant) -> bool:
    """Claim what S3 has lost, or what nobody is working on any more. What cannot be made stays as it is."""
    if variant.state == VariantState.FAILED:
        return False
    return claims.take_over(variant, lost_object=variant.state == VariantState.READY)


def dispatch(variant: Variant, by: Asker) -> None:
    """Hand a claim to the backend. If it cannot be told, the claim is released and the sweep tries again."""
    try:
        with traces.claim(variant.owner) as part:
            part.say(variant=variant.pk, stored=variant.stored, lane=variant.lane)
            backends.current().dispatch(claims.ticket(variant, by))
    except backends.BackendUnavailable:
        claims.release(variant)
        raise not_ready(retry_after=5) from None


# --- Wait for whoever makes it ----------------------------------------------------------------------------------------
def _wait_for(variant: Variant, by: Asker, deadline: float, registration: Registration, *, look_first: bool) -> Variant:
    """The variant, once it is ready. Waiters are bounded: each one occupies a thread."""
    with _room_for_waiters().place(by.unit) as found:
        if not found:
            metrics.quota_refused("waiters")
            raise not_ready(retry_after=5)
        started, ending = time.monotonic(), "without"
        try:
            with traces.step("wait") as part:
                part.say(variant=variant.pk)
                variant = _watch(variant, deadline, registration, look_first=look_first)
            ending = "ready"
        finally:
            metrics.variant_awaited(time.monotonic() - started, outcome=ending)
    return variant


@per_process
def _room_for_waiters() -> Room:
    most = settings.RX_MAX_WAITERS
    return Room(most, of_one=ceil(most * _WAITERS_OF_ONE))


def _watch(variant: Variant, deadline: float, registration: Registration, *, look_first: bool) -> Variant:
    """Read the row before each wait, so that a lost wake-up costs a second, not the answer.

    `look_first`: also before the first one. Whoever registered before it dispatched can have missed nothing; but who
    does not wait must have looked once.
    """
    page = variant.page
    look = partial(statements.by_id, variant.pk)
    woken, look_now = False, look_first or deadline <= time.monotonic()
    while True:
        if look_now:
            found = registration.read(look) if woken else look()
            if not found:
                raise _vanished(page)
            variant = copy(found[0])  # others read the same one
            variant.page = page
            if variant.state == VariantState.READY:
                return variant
            _raise_failure(variant)
        left = deadline - time.monotonic()
        if left <= 0:
            raise not_ready()
        bulkheads.give_back_connection()
        woken, look_now = registration.wait(min(left, settings.RX_POLL)), True


def _vanished(page: Page) -> Problem:
    """Rows go when a prescription is erased, when its links are cut, and when a reconciler finds the object expired."""
    alive = Prescription.objects.filter(pk=page.prescription_id, erased_at=None).exists()
    return not_ready() if alive else erased()


# --- What cannot be made ----------------------------------------------------------------------------------------------
def failure(variant: Variant) -> Problem | None:
    """The public answer to a variant that is not going to be made; None while there is hope."""
    if variant.state not in (VariantState.FAILED, VariantState.DEAD):
        return None
    if variant.error_code == claims.TROUBLE:
        return Problem(
            503,
            claims.TROUBLE,
            "Not available right now",
            "It cannot be made just now. Try again later.",
            retry_after=max(1, ceil((variant.lease_until - agreed.now()).total_seconds())),
        )
    error = from_code(variant.error_code, variant.error_detail)
    return Problem(error.status, error.code, error.title, error.detail)


def _raise_failure(variant: Variant) -> None:
    problem = failure(variant)
    if problem:
        raise problem
