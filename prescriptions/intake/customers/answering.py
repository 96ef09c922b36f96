"""A customer's answer that brings a photo: everything that was sent, and behind it the photo, takes the place of what
the question was about.
"""

import hashlib

from prescriptions.audit import actors
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting, drafts, order_links, submission
from prescriptions.intake.order_links import LinkScope, OrderLink
from prescriptions.intake.submission import Sending
from prescriptions.models import Prescription
from prescriptions.review import clarifications
from prescriptions.review.rules import Action
from prescriptions.review.transitions import check, load

_A_MINUTE = 60


def with_photo(link: OrderLink, asked: Prescription, photo: accepting.Upload, text: str, *, question: int) -> None:
    """`text` may be empty. The same answer sent twice is one.

    Raises Problem: 409 (there is no such question any more), 422 (the text is too long), and as `drafts.add` in the
    customer's words; then nothing has changed.
    """
    said = clarifications.said(text) if text.strip() else ""
    key = hashlib.sha256(f"answer:{asked.pk}:{question}".encode()).hexdigest()[:32]
    # A draft of its own: what else the customer has chosen and not sent is left alone.
    own = order_links.mint(
        order_ref=link.order_ref,
        client=link.client,
        expires_in=_A_MINUTE,
        patient_ref=asked.patient_ref,
        scope=LinkScope.UPLOAD,
    )
    sending = Sending.of(key, [text], [photo])
    if submission.was_sent(own, sending):
        return
    review = load(asked.pk)
    check(review, Action.ANSWER, actor=actors.CUSTOMER, version=review.version, now=agreed.now())
    now = clarifications.open_question(review)
    if now is None or now.pk != question:
        raise Problem(409, "invalid-transition", "Another question is open now")
    drafts.add(own, photo)
    drafts.reuse(own, asked)
    added, *sent = drafts.files_of(own)
    made = submission.submit(own, [*(row.pk for row in sent), added.pk], sending, agreed=False)
    if made is not None and said:
        clarifications.add(made.pk, said)
