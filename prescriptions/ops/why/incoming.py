"""How a file that comes in pieces stands: what is kept of it, what became of it, what stands in its way."""

from typing import Final

from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.infra.problems import storage_down
from prescriptions.intake.tus import pieces, uploads
from prescriptions.models import Draft, Incoming, Prescription
from prescriptions.ops.why.notes import Notes, moment, size

_PART: Final = "file in pieces"
_ANEW: Final = "Its sender begins a new one (POST)."


def explain(notes: Notes, row: Incoming) -> str:
    """The prescription that it has become a file of: what that one's own way says comes next. Else empty."""
    notes.say(_PART, "id", row.pk)
    notes.say(_PART, "sent with", "an order's link" if row.owner.startswith("order:") else "a token")
    notes.say(_PART, "begun", row.created_at)
    notes.say(_PART, "over", row.expires_at)
    notes.say(_PART, "kept", f"{row.offset:,} of {size(row.length)}")
    notes.say(_PART, "pieces", f"{len(row.tail)}, and {len(row.parts)} parts of a multipart upload")
    notes.say(_PART, "tries", f"{row.attempts} of {uploads.ATTEMPTS}")
    notes.say(_PART, "shall become", "what its sender says" if row.wants is None else "a prescription by itself")
    if row.rx:
        return _used(notes, row)
    if row.closed:
        why = "The file is over: its sender gave it up, intake refused it, or what was kept of it was lost."
        notes.refuse(uploads.gone(), why, _ANEW)
    elif row.expires_at <= timezone.now():
        why = f"The file is over: it was not whole and used by {moment(row.expires_at)}. The sweep deletes what came."
        notes.refuse(uploads.gone(), why, _ANEW)
    else:
        _standing(notes, row)
    return ""


def _used(notes: Notes, row: Incoming) -> str:
    if Prescription.objects.filter(pk=row.rx).exists():
        notes.say(_PART, "has become", f"a file of the prescription {row.rx}")
        return row.rx
    if Draft.objects.filter(pk=row.rx).exists():
        why = "The file has come, was checked, and is one of a draft: the customer has not sent it yet."
        notes.end(200, "in-a-draft", why, "The customer sends it on the order's page. After a day it is deleted.")
    else:
        why = "The file was one of a draft that is no more: it was taken out, or never sent."
        notes.refuse(uploads.gone(), why, _ANEW)
    return ""


def _standing(notes: Notes, row: Incoming) -> None:
    try:
        lost = pieces.missing(row)
    except storage.StorageUnavailable as away:
        notes.refuse(storage_down(), f"S3 does not answer ({away}).", "manage.py doctor; /readyz names it.")
        return
    if lost:
        why = f"S3 has lost {lost} of the pieces that the row says are kept: whoever puts them together gets this."
        notes.refuse(uploads.gone(), why, _ANEW)
    elif not row.whole and row.attempts >= uploads.ATTEMPTS:
        notes.refuse(uploads.too_many_pieces(), "", "Its sender begins a new one, in larger pieces.")
    elif not row.whole:
        why = f"{row.length - row.offset:,} of {size(row.length)} have not come yet."
        notes.end(200, "upload-incomplete", why, "Its sender asks how far it is (HEAD), and goes on there (PATCH).")
    elif row.wants is None:
        why = "The file is whole, and nothing was made of it yet."
        notes.end(200, "upload-waits", why, "Its sender names it: POST /api/v1/prescriptions, or the order's page.")
    else:
        why = "The file is whole, and whoever was about to make its prescription has died or is at it now."
        notes.end(200, "upload-unfinished", why, "Its sender asks for it (HEAD), and has it made.")
