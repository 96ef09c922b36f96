"""Who looked at a prescription, for whose it is: roles and times from the audit log, never a name.

Looks by link are told by whom the link was given to. Of themselves customers are told when their order's page was
opened: should somebody else have its link, it shows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prescriptions import audit
from prescriptions.audit import listings
from prescriptions.models import AuditEvent

_YOU: Final = _("You, or somebody with the same link")
_SHOP: Final = _("The shop's system")
_LINK: Final = _("Somebody with a link to the pages")
_STAFF: Final = _("Pharmacy staff")
# The first that applies. Names of other roles are nobody's business outside.
_ROLES: Final[Mapping[str, Promise]] = {
    "senior": _("A senior pharmacist"),
    "pharmacist": _("A pharmacist"),
    "auditor": _("An auditor"),
    "ops": _("Technical staff"),
}
_Verb = audit.Verb
_LOOKS: Final = (
    _Verb.REVIEW_VIEWED, _Verb.PAGE_OPENED, _Verb.PAGE_SEEN, _Verb.PRESCRIPTION_VIEWED, _Verb.DECISION_VIEWED,
    _Verb.VARIANT_ASKED, _Verb.PICTURE_SENT, _Verb.DOWNLOADED, _Verb.DOCUMENT_DOWNLOADED, _Verb.MANIFEST_OPENED,
    _Verb.ORDER_VIEWED, _Verb.UNCOVERED, _Verb.PAPER_OPENED,
)  # fmt: skip
# The newest of an order's events; nobody reads more, and a page costs the same however much was looked.
_MOST: Final = 1000
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Onlooker:
    """One role's looks on one day, from the first to the last."""

    role: str
    first: datetime
    last: datetime

    @property
    def once(self) -> bool:
        return self.last.replace(second=0, microsecond=0) == self.first.replace(second=0, microsecond=0)


def of_prescriptions(rxs: Sequence[str]) -> dict[str, list[Onlooker]]:
    """For each prescription its onlookers, the newest first; four queries for up to a hundred links."""
    events = list(AuditEvent.objects.filter(rx__in=rxs, verb__in=_LOOKS).order_by("-at", "-pk")[:_MOST])
    given = _given(events)
    looked = [(who, event) for event in events for who in _who(event, given)]
    roles = _roles({who for who, _event in looked})
    spans: dict[tuple[str, str, date], tuple[datetime, datetime]] = {}
    for who, event in looked:
        first, last = _moment(event, "first"), _moment(event, "last")
        key = (event.rx, str(_role(who, roles)), timezone.localdate(first))
        before = spans.get(key, (first, last))
        spans[key] = (min(before[0], first), max(before[1], last))
    found: dict[str, list[Onlooker]] = {rx: [] for rx in rxs}
    for (rx, role, _day), (first, last) in sorted(spans.items(), key=lambda one: one[1][1], reverse=True):
        if len(found[rx]) < _SHOWN:
            found[rx].append(Onlooker(role, first, last))
    return found


def _who(event: AuditEvent, given: Mapping[tuple[str, Any], tuple[str, ...]]) -> tuple[str, ...]:
    """Whoever looked; for a link, those who were given it. The customer's pictures are on the order's page: told so."""
    if event.actor != "link":
        return (event.actor,)
    return tuple(who for who in given.get((event.rx, event.data.get("until")), ("link",)) if who != "customer")


def _given(events: Iterable[AuditEvent]) -> dict[tuple[str, Any], tuple[str, ...]]:
    """To whom the links were given that somebody looked by, by prescription and end."""
    looked = {(event.rx, event.data.get("until")) for event in events if event.actor == "link"}
    if not looked:
        return {}
    minted = AuditEvent.objects.filter(rx__in={rx for rx, _until in looked}, verb=_Verb.LINK_MINTED).order_by("-pk")
    given: dict[tuple[str, Any], tuple[str, ...]] = {}
    singly = ((rx, data.get("until"), actor) for rx, actor, data in minted.values_list("rx", "actor", "data")[:_MOST])
    on_lists = ((*link, event.actor) for link, event in listings.given({link for link in looked if link[1]}))
    for rx, until, actor in chain(singly, on_lists):
        link = (rx, until)
        if link in looked and actor not in given.get(link, ()):
            given[link] = (*given.get(link, ()), actor)
    return given


def _roles(actors: Iterable[str]) -> dict[str, Promise]:
    """What people are called outside, by actor."""
    pks = [actor.removeprefix("staff:") for actor in actors if actor.startswith("staff:")]
    held: dict[str, set[str]] = {}
    if pks:
        people = get_user_model().objects.filter(pk__in=[pk for pk in pks if pk.isdecimal()])
        for pk, group in people.values_list("pk", "groups__name"):
            held.setdefault(f"staff:{pk}", set()).add(group or "")
    return {who: next((words for name, words in _ROLES.items() if name in of), _STAFF) for who, of in held.items()}


def _role(actor: str, roles: Mapping[str, Promise]) -> Promise:
    kind = actor.partition(":")[0]
    return {"customer": _YOU, "client": _SHOP, "link": _LINK}.get(kind) or roles.get(actor, _STAFF)


def _moment(event: AuditEvent, name: str) -> datetime:
    told = event.data.get(name)
    return datetime.fromisoformat(told) if told else event.at
