"""Links to pages: what their tokens say, how they are handed out, and those that can be taken back."""

from prescriptions.variants.links.lent import taken_back
from prescriptions.variants.links.tokens import (
    ROUNDING,
    Fault,
    Link,
    Scope,
    are_cut,
    document_path,
    ends,
    examine,
    expiry,
    hand_out,
    hand_out_list,
    keyring,
    lend,
    manifest_path,
    service_path,
    variant_path,
    verify,
)

__all__ = [
    "ROUNDING",
    "Fault",
    "Link",
    "Scope",
    "are_cut",
    "document_path",
    "ends",
    "examine",
    "expiry",
    "hand_out",
    "hand_out_list",
    "keyring",
    "lend",
    "manifest_path",
    "service_path",
    "taken_back",
    "variant_path",
    "verify",
]
