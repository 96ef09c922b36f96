"""What time does to reviews, called by the beat. Every step may run anywhere, any number at once."""

import logging

from django.db import connection

from prescriptions import audit
from prescriptions.review import clarifications, decisions, duplicates, publication, queue
from prescriptions.upkeep.restoring import checking
from prescriptions.variants import redactions, sheets

log = logging.getLogger("rx.review")


def housekeeping() -> dict[str, int]:
    """Expired leases, unanswered questions, ended validity, decisions that are told now, older redactions and
    sheets, pages to compare; how many of each.
    """
    done = {
        "lapsed": queue.lapse_expired(),
        "timed_out": clarifications.time_out_due(),
        "expired": decisions.expire_due(),
        "told": publication.tell_due() + _mend(),
        "redactions": redactions.sweep(),
        "sheets": sheets.sweep(),
        "compared": duplicates.sweep(),
    }
    if any(done.values()):
        log.info("housekeeping", extra=done)
    return done


def _mend() -> int:
    """SQLite is one machine's, where no two releases run side by side; and it would read all that ever ended."""
    return publication.mend() if connection.vendor == "postgresql" else 0


def anchor() -> None:
    """Seal the heads of the audit log. Its digest goes into the server's log, and the whole of it into the bucket.

    Not while the bucket knows more than this database: what was restored is checked first.
    Raises storage.StorageUnavailable; the next round copies what this one could not.
    """
    if checking.is_due():
        log.error("the database was restored: nothing is anchored until restore-check has run")
        return
    made = audit.anchor()
    if made is not None:
        log.info("audit anchored", extra={"chains": made.chains, "digest": made.digest})
    audit.publish()
