"""What only we can read or guess, wherever it lies: AES-256-GCM and HMAC under keys that follow from RX_AUDIT_KEYS.

Those keys are kept for as long as there is an audit log, and who can only read or write buckets has none of them.
"""

import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from prescriptions.infra.keys import keyrings

_NONCE: Final = 12  # bytes, NIST SP 800-38D §5.2.1.1


class NotOurs(Exception):
    """It cannot be opened: damaged, sealed for another place, or with a key that is not here."""


def can_seal() -> bool:
    """Without RX_AUDIT_KEYS nothing is sealed."""
    return bool(_ring())


def seal(data: bytes, *, place: str) -> bytes:
    """`data` in a box that opens under the same `place` only. Raises KeyError without keys."""
    ring = _ring()
    kid = next(iter(ring), "")
    nonce = os.urandom(_NONCE)
    return kid.encode() + b":" + nonce + AESGCM(_key(ring[kid])).encrypt(nonce, data, place.encode())


def unseal(box: bytes, *, place: str) -> bytes:
    """What `seal` was given. Raises NotOurs."""
    kid, _, sealed = box.partition(b":")
    secret = _ring().get(kid.decode(errors="replace"))
    if secret is None or len(sealed) <= _NONCE:
        raise NotOurs
    try:
        return AESGCM(_key(secret)).decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
    except InvalidTag:
        raise NotOurs from None


def digests(data: bytes) -> list[str]:
    """HMAC-SHA-256 (hex) of `data` under each key, today's first: what is written, and what older rows may hold.

    Without keys it is the SHA-256, from which what is short can be guessed.
    """
    keys = [_key(secret, b"rx-digest-v1") for secret in _ring().values()]
    return [hmac.new(key, data, hashlib.sha256).hexdigest() for key in keys] or [hashlib.sha256(data).hexdigest()]


def _key(secret: bytes, purpose: bytes = b"rx-seal-v1") -> bytes:
    """A key for this purpose alone: what signs must not seal."""
    return hmac.new(secret, purpose, hashlib.sha256).digest()


def _ring() -> dict[str, bytes]:
    return keyrings.parse(settings.RX_AUDIT_KEYS)
