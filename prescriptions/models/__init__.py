"""The rows. They are the truth; Redis messages and cached objects are hints. No model talks to S3 or makes anything."""

from prescriptions.models.access import ApiToken
from prescriptions.models.identifiers import REFERENCE, new_identifier
from prescriptions.models.uploads import Document, IdempotencyKey, Page, Prescription
from prescriptions.models.variants import Variant, VariantState

__all__ = [
    "REFERENCE",
    "ApiToken",
    "Document",
    "IdempotencyKey",
    "Page",
    "Prescription",
    "Variant",
    "VariantState",
    "new_identifier",
]
