"""The auditor's desk: who did or looked at what, in plain words, to be asked and exported. Nothing is changed here."""

from prescriptions.admin.audit_desk import log

__all__ = ["log"]
