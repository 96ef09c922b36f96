"""Prescribers that were met before: remembered with an approval, suggested by the beginning of a word, forgotten with
the prescription that they were last read on.
"""

import re
from typing import Final

from prescriptions.infra.database import agreed
from prescriptions.models import Prescriber, Review

_SHOWN: Final = 8
_WORD: Final = re.compile(r"[^\W_]+")
# Said of nearly everybody: nobody is found by them.
_TITLES: Final = frozenset({"dr", "doctor", "prof"})


def remember(review: Review) -> None:
    """Whoever an approval names; in its transaction."""
    name, number, rx = review.prescriber, review.registration_number, review.prescription_id
    if not name:
        return
    client = review.prescription.client
    found_by = "".join(f" {word}" for word in _words(f"{name} {number}"))[:200]
    same = Prescriber.objects.filter(client=client, name=name)
    if number:  # who was known by the name alone is known better now
        same.filter(registration_number="").delete()
    elif same.exclude(registration_number="").exists():
        return
    row = Prescriber(client=client, name=name, registration_number=number, found_by=found_by, prescription_id=rx)
    row.used_at = agreed.now()
    Prescriber.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=("client", "name", "registration_number"),
        update_fields=("found_by", "prescription", "used_at"),
    )


def suggest(client: str, typed: str) -> list[Prescriber]:
    """Those of this client in whose name or number each word that was typed begins one; whoever was met last comes
    first. At most eight.
    """
    if typed.strip() and not _WORD.search(typed):
        return []
    rows = Prescriber.objects.filter(client=client)
    for word in _words(typed[:200])[:8]:
        rows = rows.filter(found_by__contains=f" {word}")
    return list(rows.order_by("-used_at")[:_SHOWN])


def forget(rx: str) -> None:
    """Those who were read last on this prescription: it is erased, or its decision was taken back."""
    Prescriber.objects.filter(prescription=rx).delete()


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in _TITLES]
