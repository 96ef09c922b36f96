"""Files that come in pieces, as rows: begun, appended to, ended, taken by a prescription or a draft, forgotten.

What `offset` counts is kept (`pieces`), whoever dies. Of two who append at once, on any hosts, one writes the row.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.infra.database import turns
from prescriptions.infra.database.rounds import Rounds
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.keys import sealing
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem, not_found
from prescriptions.intake import loose
from prescriptions.intake.tus import pieces
from prescriptions.models import Incoming, new_identifier
from prescriptions.review import replays
from transforms.limits import LIMITS

log = logging.getLogger("rx.tus")

KEPT: Final = timedelta(days=1)
LARGEST: Final = max(LIMITS.image_bytes, LIMITS.pdf_bytes)
# So many times as many as may be under way may have been given up in a day.
_ENDED: Final = 10
# Each may leave a piece behind until the whole goes, so they are few: the largest file in pieces of 20 kB.
ATTEMPTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: `owner` is who may go on, `most` how many of theirs may be there at one time."""

    owner: str
    client: str
    most: int


def begin(sender: Sender, *, length: int, name: str = "", wants: Mapping[str, str] | None = None) -> Incoming:
    """Raises Problem 413, 429."""
    if length > LARGEST:
        detail = f"A file of {length} bytes; at most {LARGEST} are allowed."
        headers = {"Tus-Max-Size": str(LARGEST)}
        raise Problem(413, "source-too-large", "The file is too large", detail, headers=headers)
    with transaction.atomic():
        turns.take(f"incoming:{sender.owner}")
        _check_quota(sender)
        return _insert(sender, length, name, wants)


def find(sender: Sender, pk: str) -> Incoming:
    """Also one that was taken, for as long as it would have been kept. Raises Problem 404, 410."""
    row = Incoming.objects.filter(pk=pk, owner=sender.owner).first()
    if row is None:
        raise not_found()
    if (row.closed and not row.rx) or row.expires_at <= timezone.now():
        raise gone()
    return row


def check_fits(row: Incoming, offset: int, size: int) -> None:
    """Before so many bytes are read that go nowhere. Raises Problem 409, 413."""
    if offset != row.offset:
        raise _elsewhere(row.offset)
    if offset + size > row.length:
        detail = f"{row.length - offset} bytes are missing, and {size} were sent."
        raise Problem(413, "source-too-large", "More than was announced", detail)


def append(row: Incoming, offset: int, data: bytes) -> Incoming:
    """Keep `data` from `offset` on; the row as it is then.

    Raises Problem: 409 (that is not how far it is; somebody was faster), 413, 422, 423; 410 where it ended or what was
    kept is lost. storage.StorageUnavailable: nothing changed.
    """
    check_fits(row, offset, len(data))
    if not data:
        return row
    number = row.attempts + 1
    if number > ATTEMPTS:
        raise too_many_pieces()
    here = Incoming.objects.filter(pk=row.pk, closed=False, offset=offset)
    if not here.filter(attempts=row.attempts).update(attempts=number):
        raise _elsewhere_or_locked(row)
    bulkheads.give_back_connection()
    try:
        changed = pieces.keep(row, number, data)
    except storage.ObjectMissing:
        # Missing is also what somebody faster has put together meanwhile: then nothing is lost.
        if not here.update(closed=True, name=None, wants=None):
            raise _late(row) from None
        discard(row.pk)
        raise gone() from None
    if not here.update(offset=offset + len(data), **changed):
        with suppress(storage.StorageUnavailable):  # it goes with the rest
            pieces.undo(row, number, changed)
        raise _late(row)
    now = Incoming.objects.get(pk=row.pk)
    with suppress(storage.StorageUnavailable):  # it goes with the rest
        pieces.tidy(row, now)
    return now


def end(row: Incoming) -> None:
    """Its sender gave it up, or it was refused: nothing of it stays. Not of one that was taken."""
    if _close(row.pk):
        discard(row.pk)


def take(taken: Sequence[Incoming], rx: str, file: str = "") -> None:
    """In the transaction that writes what they become. Raises Problem 409 where one was taken or ended meanwhile."""
    ids = [row.pk for row in taken]
    used = {"closed": True, "rx": rx, "file": file, "name": None, "wants": None}
    if Incoming.objects.filter(pk__in=ids, closed=False).update(**used) != len(ids):
        raise _used()
    for pk in ids:
        transaction.on_commit(partial(discard, pk))


def overtaken(row: Incoming) -> Problem:
    """Why the bytes of a whole file are not there: something was made of it since it was looked at (409); it has ended,
    or they are lost (410).
    """
    if Incoming.objects.filter(pk=row.pk).exclude(rx="").exists():
        return _used()
    end(row)
    return gone()


def name_of(row: Incoming) -> str:
    """Empty where none is kept."""
    if row.name is None:
        return ""
    try:
        return sealing.unseal(bytes(row.name), place=_place(row.pk)).decode()
    except sealing.NotOurs:
        return ""


def discard(pk: str) -> None:
    """Delete the bytes; what cannot be deleted now is left to the sweep."""
    try:
        pieces.delete(pk)
    except (storage.StorageUnavailable, DatabaseError) as error:
        log.warning("pieces are left to the sweep", extra={"reason": type(error).__name__})


def forget(rx: str) -> None:
    """With the erasure of what they became; and what was answered to whoever began them. Raises
    storage.StorageUnavailable.
    """
    for row in Incoming.objects.filter(rx=rx):
        pieces.delete(row.pk)
        replays.forget(row.pk)
        row.delete()


def forget_of(client: str, by: str, reference: str) -> None:
    """What was on its way for a patient or an order (`by`: the reference's name). What cannot be deleted now is left to
    the sweep.
    """
    about = Q(**{f"wants__{by}": reference})
    if by == "order_ref":
        about |= Q(owner__startswith=owner_of_order(client, reference))
    for row in Incoming.objects.filter(about, client=client, closed=False):
        end(row)
        replays.forget(row.pk)


def owner_of_order(client: str, order_ref: str, link: str = "") -> str:
    """Of what comes by an order's links: all of them, or one that only uploads."""
    return f"order:{client}:{order_ref}:{link}"


def sweep(limit: int = 500) -> int:
    """Delete what is over, rows and bytes; returns how many. Later than anybody may still be at work on them.

    Raises storage.StorageUnavailable; the next one goes on behind that row.
    """
    before = timezone.now() - loose.LEFT_AFTER
    swept = 0
    for row in _rounds().next(Incoming.objects.filter(expires_at__lt=before), limit):
        pieces.delete(row.pk)
        swept += row.delete()[0]
    if swept:
        log.info("files in pieces forgotten", extra={"count": swept})
    return swept


def gone() -> Problem:
    return Problem(410, "upload-gone", "This upload is over", "It was ended, refused or has expired. Begin a new one.")


def _check_quota(sender: Sender) -> None:
    unused = Incoming.objects.filter(owner=sender.owner, rx="", expires_at__gt=timezone.now())
    if unused.filter(closed=False).count() >= sender.most:
        detail = f"{sender.most} files are there that nothing was made of. Use them, or end some (DELETE)."
        raise Problem(429, "too-many-uploads", "Too many files under way", detail, retry_after=600)
    # What was ended is a row for a day all the same.
    if unused.count() >= _ENDED * sender.most:
        detail = (
            f"{_ENDED * sender.most} files were begun in a day, and nothing was made of them. Begin no more for now."
        )
        raise Problem(429, "too-many-uploads", "Too many files given up", detail, retry_after=3600)


def _insert(sender: Sender, length: int, name: str, wants: Mapping[str, str] | None) -> Incoming:
    pk = new_identifier()
    return Incoming.objects.create(
        id=pk,
        owner=sender.owner,
        client=sender.client,
        # People name files after people. Where nothing can be sealed, the name is not kept.
        name=sealing.seal(name.encode(), place=_place(pk)) if name and sealing.can_seal() else None,
        wants=None if wants is None else dict(wants),
        length=length,
        expires_at=timezone.now() + KEPT,
    )


def too_many_pieces() -> Problem:
    detail = f"At most {ATTEMPTS}: send larger ones, from the start."
    return Problem(422, "too-many-pieces", "Too many pieces", detail)


@per_process
def _rounds() -> Rounds:
    return Rounds("expires_at")


def _close(pk: str) -> bool:
    return bool(Incoming.objects.filter(pk=pk, closed=False).update(closed=True, name=None, wants=None))


def _late(row: Incoming) -> Problem:
    """What was kept meanwhile is nobody's: somebody was faster, or it has ended."""
    if not Incoming.objects.filter(pk=row.pk, closed=False).exists():
        discard(row.pk)  # it was put after that was emptied
    return _elsewhere_or_locked(row)


def _elsewhere_or_locked(row: Incoming) -> Problem:
    now = Incoming.objects.filter(pk=row.pk).first()
    if now is None or (now.closed and not now.rx):
        return gone()
    if now.offset != row.offset:
        return _elsewhere(now.offset)
    detail = "Another request appends to it at this moment. Ask how far it is (HEAD), and go on."
    return Problem(423, "upload-locked", "Somebody else appends to it", detail, retry_after=1)


def _elsewhere(offset: int) -> Problem:
    detail = f"{offset} bytes are kept: go on there."
    return Problem(409, "offset-mismatch", "Not at this offset", detail, headers={"Upload-Offset": str(offset)})


def _used() -> Problem:
    return Problem(409, "upload-used", "The file was used", "Something was made of it before. Look at it (HEAD).")


def _place(pk: str) -> str:
    return f"incoming/{pk}"
