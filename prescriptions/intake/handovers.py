"""Handing over to a phone: the computer shows a code, and the phone that reads it takes the photos of the same order.

A child of the computer's link that only sends, into the same draft. Its code opens it once, to the first phone that
asks; it ends ten minutes after it was last used, with its parent, with the next code, and when the draft is sent.
"""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Final

from django.db.models import F
from django.db.models.functions import Least
from django.utils import timezone

from prescriptions.intake import drafts, order_links
from prescriptions.intake.order_links import LinkScope, OrderLink
from prescriptions.models import Handover, RevokedOrderLink

LASTS: Final = timedelta(minutes=10)
# People may have to type it: 80 bits in letters and digits that nobody mixes up.
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH: Final = 16
_NAME: Final = re.compile(r"[0-9a-f]{16}")
_AT_ONCE: Final = 5000  # forgotten by one sweep


def begin(link: OrderLink) -> str:
    """The code that opens it. What the same draft had before is over."""
    end(link)
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    ends = order_links.ends(link)
    Handover.objects.create(
        id=secrets.token_hex(8),
        code=_digest(code),
        client=link.client,
        order_ref=link.order_ref,
        parent=link.id,
        draft_link=drafts.whose(link)["link"],
        expires_at=min(timezone.now() + LASTS, ends),
        ends_at=ends,
    )
    return code


def waiting(code: str) -> OrderLink | None:
    """What a code would open to the first phone that asks."""
    return _good(Handover.objects.filter(code=_digest(code), phone="").first())


def claim(code: str) -> tuple[OrderLink, str] | None:
    """For the first phone: its link, and what it shows from now on. None: used, over, or no code of ours."""
    link = waiting(code)
    if link is None:
        return None
    secret = secrets.token_urlsafe(24)
    mine = Handover.objects.filter(pk=link.id, phone="", expires_at__gt=timezone.now())
    if not mine.update(phone=_digest(secret), expires_at=_later()):
        return None
    return link, f"{link.id}.{secret}"


def opened(held: str) -> OrderLink | None:
    """What a phone has with what it was given."""
    name, _dot, secret = held.partition(".")
    if not _NAME.fullmatch(name) or not secret:
        return None
    return _good(Handover.objects.filter(pk=name, phone=_digest(secret)).first())


def is_for(code: str, held: OrderLink) -> bool:
    """Is this the code that this phone was let in by?"""
    return Handover.objects.filter(pk=held.id, code=_digest(code)).exists()


def prolong(link: OrderLink) -> None:
    """It is being used."""
    Handover.objects.filter(pk=link.id).update(expires_at=_later())


def standing(link: OrderLink) -> str:
    """Of the draft's: "waiting" for a phone, "open", or "over"."""
    row = Handover.objects.filter(**_of(link), expires_at__gt=timezone.now()).first()
    return "over" if row is None else "open" if row.phone else "waiting"


def end(link: OrderLink) -> None:
    """With the draft that is sent."""
    Handover.objects.filter(**_of(link)).delete()


def sweep() -> int:
    """Forget what is over, so much at a time; returns how much."""
    over = Handover.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at").values_list("pk", flat=True)
    return Handover.objects.filter(pk__in=list(over[:_AT_ONCE])).delete()[0]


def _of(link: OrderLink) -> dict[str, str]:
    draft = drafts.whose(link)
    return {"client": draft["client"], "order_ref": draft["order_ref"], "draft_link": draft["link"]}


def _good(row: Handover | None) -> OrderLink | None:
    if row is None or row.expires_at <= timezone.now():
        return None
    if RevokedOrderLink.objects.filter(client=row.client, link=row.parent).exists():
        return None
    return OrderLink(
        order_ref=row.order_ref,
        client=row.client,
        expires=int(row.expires_at.timestamp()),
        signed="",
        id=row.pk,
        scope=LinkScope.PHONE,
        parent_draft=row.draft_link,
    )


def _later() -> Least:
    return Least(timezone.now() + LASTS, F("ends_at"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
