"""Who did what: an append-only chain of events for each prescription. Codes and ids only, never patient data."""

from prescriptions.audit.chain import (
    Fault,
    Verb,
    anchor,
    digest,
    record,
    record_all,
    record_all_once,
    record_once,
    verify,
)

__all__ = ["Fault", "Verb", "anchor", "digest", "record", "record_all", "record_all_once", "record_once", "verify"]
