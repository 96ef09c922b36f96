"""Lists of prescriptions with links to their pages: one event tells of a whole list, and all ids that were on it.

Each list is a chain of its own, `list-{end of its links}-{16 hex}`, so no two writers meet on one. The same list, given
to the same actor while its links are the same (a quarter of an hour), is recorded once. Who saw a prescription is asked
of its own chain and, by `with_any`, of these; on PostgreSQL an index over the ids answers.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Final

from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from prescriptions.audit import chain
from prescriptions.audit.actors import Actor
from prescriptions.audit.chain import Verb
from prescriptions.models import AuditEvent

Link = tuple[str, int]  # prescription, end of the link (Unix seconds)
_TOGETHER: Final = 100  # SQLite has a limit for how deep a condition is


def record(rxs: Sequence[str], *, actor: Actor, until: int, asked: Mapping[str, str]) -> None:
    """`rxs`: as they stood in the list, at most a page of it; `asked`: how it was filtered, without any reference."""
    data = {"until": until, "asked": dict(asked), "count": len(rxs), "ids": list(rxs)}
    digest = hashlib.sha256(json.dumps([str(actor), data], sort_keys=True).encode()).hexdigest()
    name = f"list-{until:010d}-{digest[:16]}"
    if rxs and not AuditEvent.objects.filter(rx=name).exists():
        chain.record(name, Verb.LISTED, actor=actor, data=data)


def with_any(rxs: Collection[str]) -> QuerySet[AuditEvent]:
    """Lists that had any of these prescriptions."""
    return _events([_had(rx) for rx in rxs])


def given(links: Collection[Link]) -> Iterator[tuple[Link, AuditEvent]]:
    """Lists by which one of these links was given, newest first for each hundred of links."""
    wanted = sorted(links, key=lambda link: (-link[1], link[0]))
    for start in range(0, len(wanted), _TOGETHER):
        chunk = wanted[start : start + _TOGETHER]
        for event in _events([_had(*link) for link in chunk]).order_by("-pk"):
            yield from (
                (link, event) for link in chunk if link[1] == event.data["until"] and link[0] in event.data["ids"]
            )


def _events(conditions: Sequence[Q]) -> QuerySet[AuditEvent]:
    rows = AuditEvent.objects.all()
    if not conditions:
        return rows.none()
    if connection.vendor != "postgresql":
        rows = rows.annotate(text=Cast("data", TextField()))
    return rows.filter(reduce(or_, conditions))


def _had(rx: str, until: int | None = None) -> Q:
    """By the index audit_listed; elsewhere by reading lists, of one quarter of an hour if it may be: by their names."""
    if connection.vendor == "postgresql":
        return Q(verb=Verb.LISTED, data__contains={"ids": [rx]} | ({} if until is None else {"until": until}))
    if until is None:
        return Q(verb=Verb.LISTED, text__contains=rx)
    return Q(rx__gte=f"list-{until:010d}-", rx__lt=f"list-{until:010d}.", text__contains=rx)
