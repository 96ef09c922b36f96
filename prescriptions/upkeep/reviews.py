"""What time does to reviews, called by the beat. Every step may run anywhere, any number at once."""

import logging

from prescriptions import audit
from prescriptions.review import clarifications, decisions, duplicates, queue
from prescriptions.variants import redactions

log = logging.getLogger("rx.review")


def tend() -> dict[str, int]:
    """Expired leases, unanswered questions, ended validity, older redactions, pages to compare; how many of each."""
    done = {
        "lapsed": queue.lapse_expired(),
        "timed_out": clarifications.time_out_due(),
        "expired": decisions.expire_due(),
        "redactions": redactions.sweep(),
        "compared": duplicates.sweep(),
    }
    if any(done.values()):
        log.info("tended", extra=done)
    return done


def anchor() -> None:
    """Seal the audit trail's heads. The digest in the log leaves the machine with it: that is what makes it worth."""
    made = audit.anchor()
    if made is not None:
        log.info("audit anchored", extra={"chains": made.chains, "digest": made.digest})
