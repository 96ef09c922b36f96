"""A client's webhooks are made, changed and taken away here; each act is in the audit log.

A secret exists in the hands of whoever asked for it, and sealed in the row.
"""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.events import deliveries, hints, listeners, outbox
from prescriptions.events.sending import addresses, signing
from prescriptions.infra.database import agreed
from prescriptions.infra.keys import sealing
from prescriptions.infra.problems import Problem, not_found
from prescriptions.models import USUAL, Delivery, DeliveryState, Event, EventType, Webhook
from prescriptions.models.events.webhooks import new_webhook_id

MOST: Final = 10  # of one client
AT_ONCE: Final = 1000  # events that one call replays


class Verb(StrEnum):
    """What happens to webhooks."""

    MADE = "webhook.made"
    ROTATED = "webhook.rotated"
    ENABLED = "webhook.enabled"
    DISABLED = "webhook.disabled"
    REPLAYED = "webhook.replayed"
    REMOVED = "webhook.removed"


def make(*, client: str, url: str, types: Collection[str] = (), by: Actor) -> tuple[Webhook, str]:
    """A new one and its secret. Without `types` it is told of all but variants.

    Raises Problem 400 (`invalid`), 409 (too many), 503 (no secret can be kept).
    """
    try:
        address = addresses.check(url)
    except ValueError as wrong:
        errors = [{"pointer": "/url", "detail": str(wrong)}]
        raise Problem(400, "invalid", "The request is not valid", str(wrong), errors=errors) from None
    _demand_keys()
    identifier, secret = new_webhook_id(), signing.new_secret()
    with transaction.atomic():
        mine = Webhook.objects.filter(client=client)
        mine.select_for_update().order_by("created_at", "id").first()  # two at once are counted one after the other
        if mine.count() >= MOST:
            detail = f"A client has {MOST} at most. Take one away first."
            raise Problem(409, "too-many-webhooks", "There are too many webhooks", detail)
        now = agreed.now()
        hook = Webhook.objects.create(
            id=identifier,
            client=client,
            url=address,
            types=sorted(types or USUAL),
            secret=signing.seal(secret, identifier),
            created_at=now,
            rests_until=now,
        )
        _tell(hook, Verb.MADE, by, {"types": hook.types})
    listeners.ask_again()
    return hook, secret


def rotate(hook: Webhook, *, by: Actor) -> str:
    """A new secret. The old one signs beside it for RX_WEBHOOK_OVERLAP seconds. Raises Problem 404, 503."""
    _demand_keys()
    secret = signing.new_secret()
    until = agreed.now() + timedelta(seconds=settings.RX_WEBHOOK_OVERLAP)
    with transaction.atomic():
        held = _held(hook)
        Webhook.objects.filter(pk=held.pk).update(
            secret=signing.seal(secret, held.pk), old_secret=held.secret, old_until=until
        )
        _tell(hook, Verb.ROTATED, by, {"until": until.isoformat(timespec="seconds")})
    return secret


def enable(hook: Webhook, *, by: Actor) -> None:
    """Send there again, from what was left open on: as if it had just been asked for. Raises Problem 404."""
    now = agreed.now()
    with transaction.atomic():
        _held(hook)
        if Webhook.objects.filter(pk=hook.pk, disabled_at__isnull=False).update(
            disabled_at=None, disabled_because="", failures=0, rests_until=now
        ):
            Delivery.objects.filter(webhook=hook, state=DeliveryState.OPEN).update(next_at=now, first_at=None)
            _tell(hook, Verb.ENABLED, by, {})
        transaction.on_commit(hints.wake, robust=True)
    listeners.ask_again()


def remove(hook: Webhook, *, by: Actor) -> None:
    """It, its secrets, and the log of what was sent to it. Raises Problem 404."""
    with transaction.atomic():
        _held(hook)
        _tell(hook, Verb.REMOVED, by, {})
        Delivery.objects.filter(webhook=hook).delete()
        Webhook.objects.filter(pk=hook.pk).delete()
    listeners.ask_again()


def test(hook: Webhook) -> Event:
    """Send it an event that nothing happened for. Raises Problem 404, 409 (switched off)."""
    _demand_enabled(hook)
    with transaction.atomic():
        _held(hook)
        event = outbox.write(EventType.TEST, client=hook.client, data={"webhook": hook.pk})
        transaction.on_commit(hints.wake, robust=True)
    return event


def replay(
    hook: Webhook, *, events: Collection[str] = (), after: int = 0, until: int = 0, by: Actor
) -> tuple[int, int]:
    """Send once more: these events, or those of its types whose positions are behind `after` and up to `until`.

    Returns how many, and the position from which the next call goes on, 0 if all are done. Raises Problem 404 (an event
    is not there, or the webhook any more), 409 (switched off).
    """
    _demand_enabled(hook)
    rows = Event.objects.filter(client=hook.client, position__isnull=False).order_by("position")
    rows = rows.filter(uid__in=events) if events else rows.filter(type__in=hook.types, position__gt=after)
    if until:
        rows = rows.filter(position__lte=until)
    found = list(rows[: AT_ONCE + 1])
    chosen = found[:AT_ONCE]
    if len(chosen) < len(set(events)):
        missing = sorted(set(events) - {event.uid for event in chosen})
        errors = [{"pointer": "/events", "detail": f"{uid} is not there."} for uid in missing[:10]]
        raise Problem(404, "not-found", "There is nothing there", "Some events are not there.", errors=errors)
    with transaction.atomic():
        _held(hook)
        count = deliveries.open_again(hook, chosen)
        _tell(hook, Verb.REPLAYED, by, {"events": count})
        transaction.on_commit(hints.wake, robust=True)
    return count, (chosen[-1].position or 0) if len(found) > AT_ONCE else 0


def _held(hook: Webhook) -> Webhook:
    """As it is now, and until the caller's transaction ends. Raises Problem 404 where it was taken away meanwhile."""
    held = Webhook.objects.select_for_update().filter(pk=hook.pk).first()
    if held is None:
        raise not_found()
    return held


def _demand_enabled(hook: Webhook) -> None:
    if hook.disabled_at is not None:
        raise Problem(409, "webhook-disabled", "This webhook is switched off", "Enable it first.")


def _demand_keys() -> None:
    if not sealing.can_seal():
        detail = "This service has no keys (RX_AUDIT_KEYS) to keep a secret with."
        raise Problem(503, "no-keys", "No secret can be kept", detail)


def _tell(hook: Webhook, verb: Verb, by: Actor, data: dict[str, Any]) -> None:
    audit.record(f"webhook-{hook.pk}", verb, actor=by, data={"client": hook.client, **data})
