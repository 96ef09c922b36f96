"""The Django admin, one module per concept. Importing them registers them; nothing here types over a fact."""

from prescriptions.admin import (
    access,
    audit_desk,
    clients,
    people,
    reasons,
    reviews,
    roles,
    start_page,
    uploads,
    variants,
    webhooks,
)
from prescriptions.admin.keeping import runs

__all__ = [
    "access",
    "audit_desk",
    "clients",
    "people",
    "reasons",
    "reviews",
    "roles",
    "runs",
    "start_page",
    "uploads",
    "variants",
    "webhooks",
]
