"""Clients are told of variants if they ask for it: whoever does not costs a render nothing."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from prescriptions.events import listeners, outbox
from prescriptions.models import EventType, Variant


def telling(kind: EventType, variant: Variant, write: Callable[[], int], **codes: Any) -> int:
    """`write` how a claim ended, and if that changed a row, the event with it. Returns what `write` does."""
    prescription = variant.page.prescription
    if not listeners.listens(prescription.client, kind):
        return write()
    with transaction.atomic():
        changed = write()
        if changed:
            told = {"page": variant.page.number, "variant": variant.stored, "job": variant.pk, **codes}
            outbox.write_of(prescription, kind, told)
    return changed
