"""Links: capability tokens in the path, handed out and verified here, verified by the edge's njs too.

`token = {kid}.{exp}.{scope}.{mac}`, where mac is the first 16 bytes of HMAC-SHA256 over
"rx-link-v1\\n{kid}\\n{exp}\\n{scope}\\n{rx}". One that can be taken back (lent.py) has its id behind the scope, under
the mac with it: `{kid}.{exp}.{scope}{12 hex}.{mac}`; where it is for one page alone, the mac is over `{rx}_{n}` in
place of `{rx}`. The shared test vectors are in tests/vectors/links.json.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit import listings
from prescriptions.audit.actors import Actor
from prescriptions.infra.keys import keyrings
from prescriptions.models import Prescription
from transforms.keys import image_identifier, page_identifier
from transforms.request.spec import Stored

Scope = Literal["f", "r"]
_TOKEN = re.compile(r"([a-z0-9]{1,8})\.([0-9a-z]{1,9})\.(([fr])([0-9a-f]{12})?)\.([A-Za-z0-9_-]{22})\Z")
# Expiry is rounded up to this many seconds, so that a page rendered twice carries the same URLs and browsers re-use
# them.
ROUNDING = 15 * 60
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Link:
    """A verified token: what it allows, and until when (Unix seconds); by what id it can be taken back, if it can be,
    and the one page that it is for (0: all).
    """

    token: str
    scope: Scope
    expires: int
    id: str = ""
    page: int = 0


class Fault(StrEnum):
    """Why a token opens nothing."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"
    WRONG_MAC = "wrong mac"  # made up, cut short, or for another prescription or page
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a token says, and why it opens nothing; of one with a fault, nothing of it can be believed but that."""

    fault: Fault | None
    kid: str = ""
    scope: Scope = "f"
    expires: int = 0
    id: str = ""
    page: int = 0


def keyring(text: str | None = None) -> dict[str, bytes]:
    """`kid -> key` from RX_LINK_KEYS ("k1:<hex>,k0:<hex>"); the first one signs, all verify."""
    try:
        ring = keyrings.parse(settings.RX_LINK_KEYS if text is None else text)
    except ValueError as error:
        message = f"RX_LINK_KEYS {error}"
        raise ImproperlyConfigured(message) from None
    if not ring:
        message = "RX_LINK_KEYS is empty; set it to 'k1:' and 64 hex digits (for instance from `openssl rand -hex 32`)"
        raise ImproperlyConfigured(message)
    return ring


def hand_out(rxs: Iterable[str], actor: Actor, *, scope: Scope = "f", lifetime: int | None = None) -> dict[str, str]:
    """A token for each prescription, by its id, valid for at least `lifetime` seconds (RX_LINK_TTL by default).

    There is no other way to a link (but for a list of them and for what is lent, below), and it leaves a trace: each
    prescription's audit chain says who was given one. The same actor gets the same token for a quarter of an hour, and
    that is recorded once.
    """
    wanted = list(dict.fromkeys(rxs))
    if not wanted:
        return {}
    expires = _next_end(lifetime)
    data = {"until": expires} if scope == "f" else {"until": expires, "scope": scope}
    audit.record_all_once(wanted, audit.Verb.LINK_MINTED, actor=actor, data=data)
    return {rx: _mint(rx, scope, expires) for rx in wanted}


def hand_out_list(rxs: Sequence[str], actor: Actor, *, asked: Mapping[str, str]) -> dict[str, str]:
    """The same for a list that somebody asked for. Its trace is one event, with all ids that were on it.

    `asked`: how it was filtered, for the audit log: no references.
    """
    expires = _next_end()
    listings.record(rxs, actor=actor, until=expires, asked=asked)
    return {rx: _mint(rx, "f", expires) for rx in rxs}


def lend(rx: str, name: str, *, scope: Scope, expires: int, actor: Actor, pages: Sequence[int] = ()) -> dict[int, str]:
    """Tokens of a link that can be taken back: one for all pages, under 0, or one for each of `pages`. Leaves the same
    trace, with the link's id.
    """
    data = {"until": expires, "scope": scope, "link": name}
    audit.record_all_once([rx], audit.Verb.LINK_MINTED, actor=actor, data=data)
    subjects = {page: page_identifier(rx, page) for page in pages} or {0: rx}
    return {page: _mint(subject, f"{scope}{name}", expires) for page, subject in subjects.items()}


def _next_end(lifetime: int | None = None) -> int:
    return expiry(settings.RX_LINK_TTL if lifetime is None else lifetime, now=time.time())


def expiry(lifetime: int, *, now: float) -> int:
    """When a link that is made `now` ends (Unix seconds): after `lifetime` seconds, rounded up to a quarter hour."""
    return -(-int(now + lifetime) // ROUNDING) * ROUNDING


def ends(token: str) -> datetime:
    """When a token that was handed out ends."""
    return datetime.fromtimestamp(int(token.split(".")[1], 36), tz=UTC)


def verify(token: str, rx: str, *, page: int = 0, now: float | None = None) -> Link | None:
    """The link that a token stands for; None if it is malformed, forged, expired or for another prescription or page.

    `page`: what it is to open; 0: more than a page. Whether it was taken back, or cut, is another question.
    """
    found = examine(token, rx, page=page, now=now)
    return None if found.fault else Link(token, found.scope, found.expires, found.id, found.page)


def examine(token: str, rx: str, *, page: int = 0, now: float | None = None) -> Examined:
    """As `verify`, with the reason where it opens nothing."""
    match = _TOKEN.match(token)
    if match is None:
        return Examined(Fault.MALFORMED)
    kid, exp, marks, scope, name, mac = match.groups()
    says: tuple[str, Scope, int, str] = (kid, "f" if scope == "f" else "r", int(exp, 36), name or "")
    key = keyring().get(kid)
    if key is None:
        return Examined(Fault.UNKNOWN_KEY, *says)
    only = 0
    if not hmac.compare_digest(mac, _mac(key, kid, exp, marks, rx)):
        only = page if name else 0
        if not only or not hmac.compare_digest(mac, _mac(key, kid, exp, marks, page_identifier(rx, only))):
            return Examined(Fault.WRONG_MAC, *says)
    over = says[2] <= (time.time() if now is None else now)
    return Examined(Fault.EXPIRED if over else None, *says, only)


def are_cut(prescription: Prescription) -> bool:
    """After a cut nothing is shown until the last link from before has expired: the edge cannot tell old from new."""
    cut = prescription.links_cut_at
    if cut is None:
        return False
    return timezone.now() < cut + timedelta(seconds=settings.RX_LINK_TTL + ROUNDING)


def service_path(rx: str, number: int, token: str, *, sheet: str = "") -> str:
    """Path of the IIIF image service (the `id` of its info.json, less scheme and host) of a page, or of the sheet in it
    with this digest.
    """
    return f"/iiif/3/{token}/{image_identifier(rx, number, sheet)}"


def variant_path(rx: str, number: int, stored: Stored | str, token: str, *, sheet: str = "") -> str:
    """Path of a stored variant, as the edge serves it."""
    return f"{service_path(rx, number, token, sheet=sheet)}/{stored}"


def manifest_path(rx: str, token: str) -> str:
    """Path of the prescription's IIIF Presentation manifest."""
    return f"/iiif/presentation/3/{token}/{rx}/manifest"


def document_path(rx: str, token: str) -> str:
    """Path of all pages as one PDF, for whoever holds a link; manifests point to it."""
    return f"/iiif/presentation/3/{token}/{rx}/document.pdf"


def _mint(subject: str, marks: str, expires: int) -> str:
    kid, key = next(iter(keyring().items()))
    exp = _base36(expires)
    return f"{kid}.{exp}.{marks}.{_mac(key, kid, exp, marks, subject)}"


def _mac(key: bytes, kid: str, exp: str, marks: str, subject: str) -> str:
    message = f"rx-link-v1\n{kid}\n{exp}\n{marks}\n{subject}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)[:16]).rstrip(b"=").decode()


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
