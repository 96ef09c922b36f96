"""The rows. They are the truth; Redis messages and cached objects are hints. No model talks to S3 or makes anything."""

from prescriptions.models.access import ApiToken, Client, LentLink, RevokedOrderLink, origin_of, origins_of
from prescriptions.models.audit import AppendOnly, AuditAnchor, AuditAnchorHead, AuditEvent, EdgeLog, Look
from prescriptions.models.drafts import Consent, Draft, DraftFile
from prescriptions.models.events import Event, EventHead, EventType
from prescriptions.models.identifiers import KEY, KEY_HELP, REFERENCE, REFERENCE_HELP, new_identifier
from prescriptions.models.lines import LineDecision, Order, OrderLine, Schedule
from prescriptions.models.reasons import CustomerAction, ReasonCode, ReasonGroup
from prescriptions.models.redactions import Redaction
from prescriptions.models.retention import (
    APPROVED,
    ErasureRequest,
    HoldReason,
    LedgerHead,
    OverrideReason,
    Retention,
    RetentionRun,
    retention_of,
    rules_of,
    write_down,
)
from prescriptions.models.retries import Duty, IdempotencyKey, LooseOriginal, Replay
from prescriptions.models.review import (
    ENDED,
    UNDECIDED,
    WAITS_FOR_US,
    ClarificationMessage,
    MessageAuthor,
    PageSeen,
    Review,
    ReviewSkip,
    ReviewStatus,
)
from prescriptions.models.uploads import LIKENESS_BANDS, NO_LIKENESS, Document, Page, PageLight, Prescription
from prescriptions.models.variants import Variant, VariantState, WholePdf

__all__ = [
    "APPROVED",
    "ENDED",
    "KEY",
    "KEY_HELP",
    "LIKENESS_BANDS",
    "NO_LIKENESS",
    "REFERENCE",
    "REFERENCE_HELP",
    "UNDECIDED",
    "WAITS_FOR_US",
    "ApiToken",
    "AppendOnly",
    "AuditAnchor",
    "AuditAnchorHead",
    "AuditEvent",
    "ClarificationMessage",
    "Client",
    "Consent",
    "CustomerAction",
    "Document",
    "Draft",
    "DraftFile",
    "Duty",
    "EdgeLog",
    "ErasureRequest",
    "Event",
    "EventHead",
    "EventType",
    "HoldReason",
    "IdempotencyKey",
    "LedgerHead",
    "LentLink",
    "LineDecision",
    "Look",
    "LooseOriginal",
    "MessageAuthor",
    "Order",
    "OrderLine",
    "OverrideReason",
    "Page",
    "PageLight",
    "PageSeen",
    "Prescription",
    "ReasonCode",
    "ReasonGroup",
    "Redaction",
    "Replay",
    "Retention",
    "RetentionRun",
    "Review",
    "ReviewSkip",
    "ReviewStatus",
    "RevokedOrderLink",
    "Schedule",
    "Variant",
    "VariantState",
    "WholePdf",
    "new_identifier",
    "origin_of",
    "origins_of",
    "retention_of",
    "rules_of",
    "write_down",
]
