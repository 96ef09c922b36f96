"""A keyring as it is written down, of image links or of the audit log: the first key signs, all verify."""

import re

ALLOWED = (
    "kid:hex with commas between them, each kid 1 to 8 lower-case letters or digits and none twice, "
    "each key 16 bytes or more in lower-case hex"
)


def parse(text: str) -> dict[str, bytes]:
    """`kid -> key`, in the order given. Raises ValueError, which never quotes a key."""
    ring: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        kid, _, secret = entry.partition(":")
        # With a kid twice, the edge and Django would use different keys.
        if kid in ring or not re.fullmatch(r"[a-z0-9]{1,8}", kid) or not re.fullmatch(r"(?:[0-9a-f]{2}){16,}", secret):
            raise ValueError(f"must be {ALLOWED}")
        ring[kid] = bytes.fromhex(secret)
    return ring
