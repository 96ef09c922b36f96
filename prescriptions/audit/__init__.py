"""Who did what: an append-only chain of events for each prescription. Codes and ids only, never patient data."""

from prescriptions.audit.anchors import anchor, publish
from prescriptions.audit.chain import Verb, digest, record, record_all, record_all_once, record_once
from prescriptions.audit.verification import Fault, Report, verify

__all__ = [
    "Fault",
    "Report",
    "Verb",
    "anchor",
    "digest",
    "publish",
    "record",
    "record_all",
    "record_all_once",
    "record_once",
    "verify",
]
