"""A draft is sent: it becomes a prescription of the files that were on the customer's screen, once, however often it is
sent."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language

from prescriptions.infra import problems
from prescriptions.intake import accepting, consent, drafts, handovers, loose, receipts
from prescriptions.intake.order_links import OrderLink
from prescriptions.intake.receipts import Receipt
from prescriptions.models import Draft, DraftFile, Prescription
from prescriptions.review import replays

log = logging.getLogger("rx.drafts")

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Sending:
    """One press of the button: the page's key, and a digest of everything that was chosen on it. Somebody who goes back
    to the page may choose something else, which is another sending.
    """

    page: str = ""
    digest: str = ""

    @classmethod
    def of(cls, page: str, order: Sequence[str], files: Sequence[accepting.Upload]) -> Self:
        """A key that is none of ours counts as none."""
        if not re.fullmatch(r"[0-9a-f]{32}", page):
            return cls()
        return cls(page, accepting.fingerprint_of(files, ",".join(order), ""))

    @property
    def key(self) -> str:
        """Empty without a page's key."""
        return self.page and f"{self.page}.{self.digest}"

    def key_of(self, file: accepting.Upload) -> str:
        """The same for the same file of the same page; empty without a page's key."""
        return self.page and f"{self.page}.{accepting.fingerprint_of([file], '', '')[:32]}"


def was_sent(link: OrderLink, sending: Sending) -> bool:
    """Did exactly this come through already?"""
    return replays.sent_before(_scope(link), sending.key)


def submit(
    link: OrderLink, order: Sequence[str], sending: Sending | None = None, *, agreed: bool = True
) -> Prescription | None:
    """The draft becomes a prescription of exactly these files, its pages numbered in this order; once for each
    `sending`: sent twice at the same moment, it is one prescription. None: nothing new. `agreed`: the customer ticked
    the sentence (`consent`).

    A file that is not named was not on the customer's screen (a cancelled upload, another device): it is discarded, and
    so is what the later of two has put into a draft of its own. Raises Problem 409, 429, storage.StorageUnavailable.
    """
    for _ in range(_TRIES):
        receipt = _receipt(link, order, agreed=agreed)
        announced = receipts.put(receipt) if receipt else []
        try:
            return _submit_once(link, order, sending, receipt, announced)
        except _ChangedMeanwhile:
            continue
        finally:
            if receipt:
                loose.discard(receipt.rx, announced)  # unless it was settled
    raise problems.conflict()


def _submit_once(
    link: OrderLink, order: Sequence[str], sending: Sending | None, receipt: Receipt | None, announced: Sequence[str]
) -> Prescription | None:
    made: list[Prescription | None] = []

    def act() -> replays.Answer:
        made.append(_submit(link, order, receipt, announced))
        return {"rx": made[-1].pk if made[-1] else ""}

    _answer, replayed = replays.once(_scope(link), sending.key if sending else "", "", act)
    if replayed:
        for file_id in order:
            drafts.remove(link, file_id)
        return None
    return made[-1]


def _scope(link: OrderLink) -> str:
    return f"send:{link.client}:{link.order_ref}"


class _ChangedMeanwhile(Exception):
    """The draft has other files than its receipt."""


def _receipt(link: OrderLink, order: Sequence[str], *, agreed: bool) -> Receipt | None:
    """What would be sent now. Read without the draft's lock, which nobody may hold while S3 is asked."""
    draft = Draft.objects.filter(**drafts.whose(link)).first()
    files = _chosen(draft, order) if draft else []
    if draft is None or not files:
        return None
    return Receipt(
        rx=draft.pk,
        client=link.client,
        order_ref=link.order_ref,
        patient_ref=link.patient_ref,
        received=timezone.now(),
        files=tuple(map(drafts.checked_of, files)),
        consent=(consent.CURRENT, get_language() or settings.LANGUAGE_CODE) if agreed else (),
    )


def _chosen(draft: Draft, order: Sequence[str]) -> list[DraftFile]:
    rows = {row.pk: row for row in draft.files.all()}
    return [rows[file_id] for file_id in dict.fromkeys(order) if file_id in rows]


def _submit(
    link: OrderLink, order: Sequence[str], receipt: Receipt | None, announced: Sequence[str]
) -> Prescription | None:
    """None: nothing to send. Raises _ChangedMeanwhile."""
    with transaction.atomic():
        draft = drafts.locked(link)
        files = [row.pk for row in _chosen(draft, order)] if draft else []
        if files != [file.document_id for file in (receipt.files if receipt else ())]:
            raise _ChangedMeanwhile
        if draft is None or receipt is None:
            return None
        drafts.refuse_full(link)
        others = [row.pk for row in draft.files.all() if row.pk not in files]
        draft.delete()
        handovers.end(link)
        loose.announce(receipt.rx, others)
        loose.settle(announced)
        prescription = accepting.write_rows(receipt)
    loose.discard(receipt.rx, others)
    pages = sum(len(file.pages) for file in receipt.files)
    log.info("received", extra={"rx": receipt.rx, "documents": len(files), "pages": pages})
    return prescription
