"""What the log itself knows of restores: each that was checked, what was lost with it, and who was told.

Anchors that only the bucket has are a fault (`verification`) until somebody has acknowledged why the database lacks
them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prescriptions.audit import chain
from prescriptions.audit.actors import SYSTEM, Actor, ActorKind
from prescriptions.audit.chain import LOOKS, Verb
from prescriptions.models import AuditEvent

CHAIN: Final = "restores"

# What is no loss: looks, links that were given, who holds what for some minutes, who was signed in.
NO_ACTS: Final = frozenset({
    *LOOKS, Verb.LINK_MINTED, Verb.MANIFEST_OPENED, Verb.PAGE_OPENED, Verb.PAGE_SEEN, Verb.UNCOVERED,
    Verb.DOWNLOADED, Verb.DOCUMENT_DOWNLOADED, Verb.EDGE_GAP, Verb.EDGE_MALFORMED, Verb.EXPORTED, Verb.RETENTION_RUN,
    Verb.RESTORE_CHECKED, Verb.RESTORE_ACKNOWLEDGED, Verb.DECISION_LOST,
    "review.claim", "review.release", "review.skip", "review.lapse", "review.take_back",
    "account.login", "account.logout", "account.failed", "account.confirmed", "account.session_ended",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One restore that was checked. The database lacks the anchors after number `after` up to `upto`; there are none
    if they are equal. `by`: who acknowledged it; empty: nobody yet.
    """

    seq: int
    at: datetime
    after: int
    upto: int
    told: dict[str, Any]
    by: str = ""


def checks() -> list[Check]:
    """All of them, the oldest first."""
    found: list[Check] = []
    for event in AuditEvent.objects.filter(rx=CHAIN).order_by("seq"):
        if event.verb == Verb.RESTORE_CHECKED:
            found.append(Check(event.seq, event.at, event.data["after"], event.data["upto"], event.data))
        elif event.verb == Verb.RESTORE_ACKNOWLEDGED:
            found = [
                one if one.by else Check(one.seq, one.at, one.after, one.upto, one.told, event.actor_name)
                for one in found
            ]
    return found


def known_up_to() -> int:
    """The last number of an anchor of which it is known that this database lacks it; new ones come after it."""
    checked = AuditEvent.objects.filter(rx=CHAIN, verb=Verb.RESTORE_CHECKED).order_by("-seq").first()
    return 0 if checked is None else int(checked.data["upto"])


def note_check(after: int, upto: int, told: dict[str, Any]) -> None:
    chain.record(CHAIN, Verb.RESTORE_CHECKED, actor=SYSTEM, data={"after": after, "upto": upto, **told})


def acknowledge(by: str) -> None:
    """`by`: the person's name, as they gave it."""
    chain.record(CHAIN, Verb.RESTORE_ACKNOWLEDGED, actor=Actor(ActorKind.SYSTEM, name=by))
