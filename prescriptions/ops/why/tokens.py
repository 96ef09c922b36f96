"""What a token says, and whether it opens anything: links to pages, order links, the API's. None is ever shown."""

from datetime import UTC, datetime
from typing import Final

from prescriptions.api import tokens as api_tokens
from prescriptions.infra.problems import forbidden_link, not_found
from prescriptions.intake import order_links
from prescriptions.models import ApiToken, LentLink
from prescriptions.ops.why.notes import Notes, moment
from prescriptions.variants import links
from prescriptions.variants.links import Fault

_PART: Final = "token"
_FRESH: Final = "Ask for fresh links: GET /api/v1/prescriptions/{rx}, or POST …/links."
# 9999-12-31. What nobody here has signed says any number.
_LAST: Final = 253_402_214_400
_SCOPES: Final = {"f": "f: pages as they are", "r": "r: redacted pages alone"}


def link(notes: Notes, token: str, rx: str, *, page: int = 0) -> links.Scope | None:
    """Says what it is; ends the way where it opens nothing. Its scope, if it is ours."""
    found = links.examine(token, rx, page=page)
    if found.fault is Fault.MALFORMED:
        notes.say(_PART, "verdict", "malformed")
        notes.refuse(forbidden_link(), "The token in the address is no token: it was cut short or changed.", _FRESH)
        return None
    ends = datetime.fromtimestamp(min(found.expires, _LAST), UTC)
    known = list(links.keyring())
    signs = "signs" if found.kid == known[0] else "verifies" if found.kid in known else "unknown"
    notes.say(_PART, "key (kid)", f"{found.kid}: {signs}; RX_LINK_KEYS has {', '.join(known)}")
    notes.say(_PART, "ends", ends)
    notes.say(_PART, "scope", _SCOPES[found.scope] + (f", of page {found.page} alone" if found.page else ""))
    if found.id:
        notes.say(_PART, "can be taken back", f"yes, by its id {found.id}")
    notes.say(_PART, "verdict", found.fault or "genuine")
    match found.fault:
        case Fault.UNKNOWN_KEY:
            why = f"The token was signed with the key {found.kid}, which RX_LINK_KEYS does not have (any more)."
            do = f"{_FRESH} If links of {found.kid} should still be good, put that key back behind the first one."
            notes.refuse(forbidden_link(), why, do)
        case Fault.WRONG_MAC:
            notes.refuse(forbidden_link(), f"The token's signature (mac) is wrong: {_stranger(found.id, rx)}", _FRESH)
            return None
        case Fault.EXPIRED:
            notes.refuse(forbidden_link(), f"The token expired: it was good until {moment(ends)}.", _FRESH)
    if found.id and found.fault is None and links.taken_back(found.id):
        at = LentLink.objects.filter(pk=found.id).values_list("revoked_at", flat=True).first()
        when = f" at {moment(at)}" if at else "; no row tells of it"
        notes.refuse(forbidden_link(), f"The link {found.id} was taken back{when}.", "Make another one: POST …/links.")
    return found.scope


def _stranger(name: str, rx: str) -> str:
    """Whose it is where a row knows."""
    row = LentLink.objects.filter(pk=name).first() if name else None
    if row is None:
        return "it is for another prescription, or was changed."
    if row.prescription_id != rx:
        return "the link is one to another prescription."
    return f"the link is for page {', '.join(map(str, row.pages))} alone." if row.pages else "the token was changed."


def order(notes: Notes, signed: str, order_ref: str) -> None:
    """A customer's link. `order_ref`: of the address; empty under /upload/. References are compared, and not shown."""
    ask = "Make another one: POST /api/v1/order-links."
    found = order_links.signed_by_us(signed)
    if found is None:
        notes.say(_PART, "verdict", "forged, or signed with a key that RX_SECRET_KEY_FALLBACKS has no more")
        notes.refuse(not_found(), "The order link's signature is wrong: it was cut short, changed, or is too old.", ask)
        return
    notes.say(_PART, "ends", order_links.ends(found))
    notes.say(_PART, "scope", found.scope)
    notes.say(_PART, "id", found.id)
    verdict = ""
    if order_links.verify(signed) is None:
        verdict = f"The order link expired: it was good until {moment(order_links.ends(found))}."
    elif order_links.taken_back(found):
        verdict = f"The order link {found.id} was taken back by its client."
    elif order_ref and found.order_ref != order_ref:
        verdict = "The order link is for another order than the address."
    notes.say(_PART, "verdict", "refused" if verdict else "genuine")
    if verdict:
        notes.refuse(not_found(), verdict, ask)
    else:
        notes.end(303, "opens", "The order link is good: it opens the order's page, and leaves the address bar.")


def api(notes: Notes, name: str) -> None:
    """Of the API, by the id in it. Its secret is not looked at: whoever pasted it should replace it."""
    token = ApiToken.objects.filter(pk=name).first()
    notes.say(_PART, "id", name)
    if token is None:
        notes.end(401, "authentication-failed", "No API token has this id.", "manage.py rxtoken, or the admin.")
        return
    notes.say(_PART, "may", ", ".join(token.scopes))
    notes.say(_PART, "ends", token.expires_at or "never")
    notes.say(_PART, "last used", token.last_used_at or "never")
    if api_tokens.is_good(token):
        notes.end(0, "good", "The API token is good, if its secret is right.", "It was pasted here: replace it.")
        return
    how, at = ("was revoked", token.revoked_at) if token.revoked_at else ("expired", token.expires_at)
    why = f"The API token {how}" + (f" at {moment(at)}." if at else ".")
    notes.end(401, "authentication-failed", why, "Make another one: manage.py rxtoken, or the admin.")
