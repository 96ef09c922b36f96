"""The audit log in plain sentences: who, what, which prescription, how often and when.

A sentence has places in braces; what stands there is escaped for pages and plain for files.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from prescriptions import audit
from prescriptions.admin.audit_desk.verbs import ALONE, PARTS, VERBS
from prescriptions.admin.base import reference
from prescriptions.audit import listings
from prescriptions.models import AuditEvent
from transforms.keys import is_id

_KINDS: Final[dict[str, Promise]] = {
    "customer": gettext_lazy("The customer"),
    "system": gettext_lazy("The system"),
    "link": gettext_lazy("Somebody with a link"),
    "nobody": gettext_lazy("Somebody unknown"),
    "client": gettext_lazy("A program"),
    "staff": gettext_lazy("Somebody of the staff"),
}
# What edges count is all there was; what we count comes after a first look, which is an event of its own.
_WHOLE: Final = (audit.Verb.PICTURE_SENT,)


def choices() -> list[tuple[str, str]]:
    """What may be asked for: each verb, in words."""
    return [(verb, str(label)) for verb, (label, _sentence) in VERBS.items()]


@dataclass(frozen=True, slots=True)
class Names:
    """What the events of one page do not say themselves: people's names, and to whom links were given."""

    people: Mapping[str, str]
    given: Mapping[tuple[str, int], str]

    @classmethod
    def of(cls, events: Sequence[AuditEvent]) -> "Names":
        """Three queries at most for a page of events."""
        pks = {event.rx.removeprefix("user-") for event in events if event.rx.startswith("user-")}
        rows = get_user_model().objects.filter(pk__in=[pk for pk in pks if pk.isdecimal()])
        people = {str(pk): name for pk, name in rows.values_list("pk", "username")} if pks else {}
        return cls(people, _given({(e.rx, e.data["until"]) for e in events if e.actor == "link" and "until" in e.data}))


def _given(links: Set[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """To whom links were given, by prescription and end; several may have been given the same one."""
    given: dict[tuple[str, int], str] = {}
    if not links:
        return given
    minted = AuditEvent.objects.filter(
        rx__in={rx for rx, _until in links},
        verb=audit.Verb.LINK_MINTED,
        data__until__in=sorted({until for _rx, until in links}),
    )
    singly = (((row.rx, row.data["until"]), row) for row in minted.order_by("pk"))
    for link, row in chain(singly, reversed([*listings.given(links)])):
        name = _name(row.actor, row.actor_name)
        before = given.get(link, name)
        given[link] = name if before == name else _("%(one)s or %(other)s") % {"one": before, "other": name}
    return given


def html(event: AuditEvent, names: Names) -> SafeString:
    """The sentence for a page; the prescription leads to its events."""
    places = _places(event, names)
    if is_id(event.rx):
        address = reverse("admin:prescriptions_auditevent_changelist")
        places["rx"] = format_html(
            '<a class="rx-ref" href="{}?rx={}">RX-{}</a>', address, event.rx, reference(event.rx)
        )
    return format_html("{}{}", format_html(_sentence(event), **places), _times(event))


def plain(event: AuditEvent, names: Names) -> str:
    return _sentence(event).format(**_places(event, names)) + _times(event)


def _sentence(event: AuditEvent) -> str:
    known = VERBS.get(event.verb)
    if event.verb in ALONE and not is_id(event.rx):
        return str(ALONE[event.verb])
    return str(known[1]) if known else _("{who}: {verb}, {rx}")


def _places(event: AuditEvent, names: Names) -> dict[str, Any]:
    data = event.data
    return {
        "who": _who(event, names),
        "rx": _subject(event, names),
        "verb": event.verb,
        "page": data.get("page", "–"),
        "document": data.get("document", "–"),
        "count": data.get("count", data.get("pages", data.get("lines", data.get("boxes", "–")))),
        "what": _what(data),
        "why": data.get("why", ""),
        "role": data.get("role", ""),
        "client": data.get("client", ""),
        "since": _clock(data.get("since"), "j M Y, H:i") or _("its beginning"),
    }


def _who(event: AuditEvent, names: Names) -> str:
    data = event.data
    if event.actor == "link" and (to := names.given.get((event.rx, data.get("until", 0)))):
        return _("Somebody with a link that was given to %(name)s") % {"name": to}
    if event.actor == "nobody" and data.get("address"):
        if data["address"] == "others":
            return _("Somebody at one of many other addresses")
        return _("Somebody at %(address)s") % {"address": data["address"]}
    return _name(event.actor, event.actor_name)


def _name(actor: str, name: str) -> str:
    return name or str(_KINDS.get(actor.partition(":")[0], actor))


def _subject(event: AuditEvent, names: Names) -> str:
    if is_id(event.rx):
        return f"RX-{reference(event.rx)}"
    kind, _dash, name = event.rx.partition("-")
    if kind == "user":
        return _("the account of %(name)s") % {"name": names.people.get(name, name)}
    if kind == "edge":
        return _("the edge %(name)s") % {"name": name}
    return event.rx


def _what(data: Mapping[str, Any]) -> str:
    """A part of the prescription, or the address that somebody was refused at."""
    named = str(data.get("part", data.get("what", "")))
    return str(PARTS.get(named, named.removeprefix("admin:").replace("prescriptions_", "").replace("_", " ")))


def _times(event: AuditEvent) -> str:
    """How often and when, where the event tells of several looks; with what parts it from the sentence."""
    count, first, last = (event.data.get(name) for name in ("count", "first", "last"))
    if not isinstance(count, int) or first is None:
        return ""
    begun, ended = _clock(first, "H:i"), _clock(last, "H:i")
    whole = event.verb in _WHOLE or "address" in event.data
    span = {"count": count, "first": begun, "last": ended}
    if count == 1:
        once = _(", at %(first)s") if whole else _(", once more, at %(first)s")
        return once % span
    if begun == ended:
        said = _(", %(count)d times at %(first)s") if whole else _(", %(count)d more times at %(first)s")
    elif whole:
        said = ngettext(
            ", %(count)d time between %(first)s and %(last)s", ", %(count)d times between %(first)s and %(last)s", count
        )
    else:
        said = _(", %(count)d more times between %(first)s and %(last)s")
    return said % span


def _clock(text: Any, form: str) -> str:
    try:
        return date_format(timezone.localtime(datetime.fromisoformat(str(text))), form)
    except ValueError:
        return ""
