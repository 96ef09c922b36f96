"""The code on a printed review: whoever has the paper can ask whether it says what is written here.

It follows from everything that the paper says, and from the files that were decided on, under a key that only we have.
Without RX_AUDIT_KEYS there is no such key, so no code: anybody could make a plain digest.
"""

import base64
import json
import re
from typing import Final

from prescriptions.infra.keys import sealing
from prescriptions.models import OrderLine, Review

_BYTES: Final = 10  # 80 bits: nobody guesses one, and everybody can type it
_SIGN: Final = re.compile(r"[^A-Z2-7]")


def code_of(review: Review) -> str:
    """Sixteen letters and digits in groups of four; another one as soon as anything changes. Empty without keys."""
    return "" if not sealing.can_seal() else _in_groups(sealing.digests(_said(review))[0])


def is_code_of(review: Review, typed: str) -> bool:
    """As somebody typed it off a paper, in any case and with any spaces. Papers under an earlier key count, too."""
    given = _SIGN.sub("", typed.upper())
    return sealing.can_seal() and given in [
        _in_groups(digest).replace("-", "") for digest in sealing.digests(_said(review))
    ]


def _said(review: Review) -> bytes:
    """Everything that the paper says."""
    rx = review.prescription
    files = rx.documents.order_by("position").values_list("sha256", flat=True)
    lines = OrderLine.objects.filter(prescription=review.pk).order_by("position")
    columns = ("position", "name", "strength", "schedule", "quantity_ordered", "decision", "quantity_allowed", "reason")
    said = [
        *("paper-v2", review.pk, review.version, review.status, review.outcome, review.decided_at),
        *(rx.order_ref, rx.patient_ref, rx.client, rx.created_at),
        *(review.reviewer_id, review.second_checker_id, review.reason_id, review.reason_page, review.customer_text),
        *(review.prescribed_on, review.valid_until, review.prescriber, review.registration_number, review.checklist),
        *(review.overridden, review.override_reason, list(files), list(lines.values_list(*columns))),
    ]
    return json.dumps(said, sort_keys=True, default=str).encode()


def _in_groups(digest: str) -> str:
    code = base64.b32encode(bytes.fromhex(digest)[:_BYTES]).decode()
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
