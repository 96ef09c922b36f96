"""What signs the audit log: HMAC-SHA256 with a key that the application has and the database has not.

Who can only write to the database can neither change an event nor add one that verifies.
"""

import hashlib
import hmac
import json

from django.conf import settings

from prescriptions.infra.keys import keyrings


def signing_key() -> str:
    """The name of the key that signs now; empty when RX_AUDIT_KEYS is, and then nothing is signed."""
    return next(iter(_ring()), "")


def knows(key: str) -> bool:
    """Can a signature of this key be verified here? A plain digest (no key) always can."""
    return not key or key in _ring()


def sign(content: object, *, key: str) -> str:
    """64 hex digits over canonical JSON: a MAC with the named key, or without a name a plain SHA-256.

    Raises KeyError for a key that is not in RX_AUDIT_KEYS.
    """
    written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    if not key:
        return hashlib.sha256(written).hexdigest()
    return hmac.new(_ring()[key], written, hashlib.sha256).hexdigest()


def stream(key: str, purpose: str) -> "hmac.HMAC | hashlib._Hash":
    """What signs bytes piece by piece, for one purpose: `update`, then `hexdigest`. Raises KeyError as `sign` does."""
    began = f"{purpose}\n".encode()
    return hmac.new(_ring()[key], began, hashlib.sha256) if key else hashlib.sha256(began)


def same(one: str, other: str) -> bool:
    """Compares signatures in a time that tells nothing."""
    return hmac.compare_digest(one, other)


def format_of(key: str) -> str:
    """Signed content says what it is, so that no signature of one format is taken for another's."""
    return f"rx-audit-v2 {key}" if key else "rx-audit-v1"


def _ring() -> dict[str, bytes]:
    return keyrings.parse(settings.RX_AUDIT_KEYS)
