"""Who did what: an append-only chain of events for each prescription. Codes and ids only, never patient data."""

from prescriptions.audit.anchors import anchor, publish
from prescriptions.audit.chain import LOOKS, Verb, digest, record, record_all, record_all_once, record_once
from prescriptions.audit.looks import all_looked, looked
from prescriptions.audit.verification import Fault, Report, verify

__all__ = [
    "LOOKS",
    "Fault",
    "Report",
    "Verb",
    "all_looked",
    "anchor",
    "digest",
    "looked",
    "publish",
    "record",
    "record_all",
    "record_all_once",
    "record_once",
    "verify",
]
