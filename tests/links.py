"""Link tokens, written out again from their contract: what a test needs where nobody is to have been given a link."""

import base64
import hmac
import time

from django.conf import settings

ROUNDING = 900


def mint(rx: str, *, scope: str = "f", expires: int | None = None, keys: str | None = None) -> str:
    """A token signed with the first key, until `expires` (Unix seconds); by default for an hour, rounded up."""
    kid, _, key = (settings.RX_LINK_KEYS if keys is None else keys).partition(",")[0].partition(":")
    exp = base36(-(-int(time.time() + 3600) // ROUNDING) * ROUNDING if expires is None else expires)
    digest = hmac.digest(bytes.fromhex(key), f"rx-link-v1\n{kid}\n{exp}\n{scope}\n{rx}".encode(), "sha256")
    return f"{kid}.{exp}.{scope}.{base64.urlsafe_b64encode(digest[:16]).decode().rstrip('=')}"


def base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits
