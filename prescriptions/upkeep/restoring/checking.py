"""`manage.py restore-check`: what a restored database lacks is made good where that can be, and named where it cannot.

Until it was checked nothing is served (`ops.gate`) and no sweep deletes: a draft that was sent after the back-up looks
abandoned, and so do the originals of uploads that were on their way. Until somebody has acknowledged what was lost,
`rxaudit verify` names the anchors that the database lacks.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Greatest

from prescriptions import audit
from prescriptions.audit import restores, witness
from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.anchors import Act
from prescriptions.infra.per_process import per_process
from prescriptions.models import AuditEvent, Prescription, Review
from prescriptions.review.transitions import HURRY
from prescriptions.upkeep import replaying
from prescriptions.upkeep.restoring import lost, rebuilding

log = logging.getLogger("rx.restore")

_TOLD: Final = 500  # in the audit event; the command prints all of them
_ERASURE: Final = frozenset({"erased", "review.close", "review.erase"})


@dataclass(slots=True)
class Report:
    """What was found and done, now or when it was checked. `acts`: what was done since the back-up and is not known any
    more, but for uploads that were rebuilt and erasures that were made again. `cut`: chains that were longer, with
    both lengths; `witnessed`: how many of them Redis alone remembers, so that nothing says what was done.
    """

    acts: list[Act] = field(default_factory=list)
    cut: dict[str, tuple[int, int]] = field(default_factory=dict)
    witnessed: int = 0
    unnamed: int = 0
    forged: int = 0
    rebuilt: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    on_their_way: list[str] = field(default_factory=list)
    erased: int = 0
    waiting: bool = False

    @property
    def decisions(self) -> list[Act]:
        return [act for act in self.acts if act[2].startswith("review.")]


def check(*, stopped: bool = False) -> Report:
    """Rebuild, erase again, and name what was lost. Repeatable: what was done is not done again, and what was lost is
    told again until it is acknowledged. `stopped`: nothing serves, so no upload is on its way.

    Raises storage.StorageUnavailable; the next time goes on.
    """
    report = Report()
    after, upto = lost.last_known(), lost.ahead()
    before = restores.checks()
    built = rebuilding.rebuild(stopped=stopped)
    report.rebuilt, report.incomplete = built.rebuilt, built.incomplete
    report.unreadable, report.on_their_way = built.unreadable, built.on_their_way
    report.erased = replaying.replay() + len(built.erased)
    _name(report, [(after, upto)] if upto else [])
    if all(check.by for check in before):
        _remember(report)
    if upto or report.rebuilt or report.witnessed:
        _tell(report)
        restores.note_check(after, max(upto, after), _summary(report))
        log.warning("a restore was checked", extra=_counts(report))
    for earlier in before:
        if not earlier.by:
            _recall(report, earlier)
    report.waiting = not all(check.by for check in restores.checks())
    return report


def acknowledge(by: str) -> int:
    """Somebody knows what was lost; returns how many restores that concerns. Raises redis.RedisError."""
    waiting = [check for check in restores.checks() if not check.by]
    if waiting:
        witness.forget()  # it remembers chains as long as they were
        restores.acknowledge(by)
    return len(waiting)


# --- For whoever has to wait for it -----------------------------------------------------------------------------------
@dataclass(slots=True)
class _Seen:
    """The highest anchor of the database when this process last found that it lacks none."""

    upto: int | None = None


@per_process
def _seen() -> _Seen:
    return _Seen()


def is_settled() -> bool:
    """Has this process found that the database lacks nothing, and has it not gone back since? Two queries."""
    seen, last = _seen(), lost.last_known()
    if seen.upto is None or last < seen.upto:
        seen.upto = None
        return False
    seen.upto = last
    return True


def is_due() -> bool:
    """Does this database lack what was sealed, and nobody has checked? Asks the bucket, unless it `is_settled`.

    Raises storage.StorageUnavailable.
    """
    if is_settled():
        return False
    last = lost.last_known()
    if lost.ahead():
        return True
    _seen().upto = last
    return False


# --- Parts of it ------------------------------------------------------------------------------------------------------
def _name(report: Report, ranges: Iterable[tuple[int, int]]) -> None:
    for after, upto in ranges:
        found = lost.since(after, upto)
        report.acts += _unmended(found.acts, report.rebuilt)
        report.cut |= found.cut
        report.unnamed += found.unnamed
        report.forged += found.forged


def _unmended(acts: list[Act], rebuilt: list[str]) -> list[Act]:
    """Without what was made good."""
    written = set(rebuilt)
    tombstones = Prescription.objects.filter(pk__in={act[0] for act in acts}, erased_at__isnull=False)
    erased = set(tombstones.values_list("pk", flat=True))
    return [
        act
        for act in acts
        if not (act[2] in ("received", "prescription.rebuilt") and (act[0] in written or act[0] in erased))
        and not (act[2] in _ERASURE and act[0] in erased)
    ]


def _remember(report: Report) -> None:
    """Redis knows how long chains were until a moment ago, if it was not restored with the database."""
    try:
        noted = witness.recall()
    except redis.RedisError:
        return
    for rx, seq in noted.items():
        have = AuditEvent.objects.filter(rx=rx).order_by("-seq").values_list("seq", flat=True).first() or 0
        if have < seq and rx not in report.cut and rx not in report.rebuilt:
            report.cut[rx] = (seq, have)
            report.witnessed += 1


def _tell(report: Report) -> None:
    """Whoever reviews next sees that something was done before, and waits for nobody."""
    acts: dict[str, list[str]] = {}
    for rx, _seq, verb, _at in report.acts:
        acts.setdefault(rx, []).append(verb)
    for rx, verbs in acts.items():
        with transaction.atomic():
            if Review.objects.filter(pk=rx, prescription__erased_at=None).exists():
                flagged = {"decision_lost": True, "priority": Greatest("priority", Value(HURRY))}
                Review.objects.filter(pk=rx).update(**flagged)
                audit.record(rx, audit.Verb.DECISION_LOST, actor=SYSTEM, data={"what": ", ".join(verbs)[:200]})


def _recall(report: Report, earlier: restores.Check) -> None:
    """What an earlier run has told, from where it lies."""
    told = earlier.told
    report.rebuilt += told["rebuilt"]
    report.erased += told["erased"]
    if earlier.upto > earlier.after:
        _name(report, [(earlier.after, earlier.upto)])


def _summary(report: Report) -> dict[str, Any]:
    acts = [[rx, verb] for rx, _seq, verb, _at in report.acts]
    return {"rebuilt": report.rebuilt[:_TOLD], "erased": report.erased, "acts": acts[:_TOLD], "counts": _counts(report)}


def _counts(report: Report) -> Mapping[str, int]:
    return {
        "rebuilt": len(report.rebuilt),
        "incomplete": len(report.incomplete),
        "erased": report.erased,
        "decisions": len(report.decisions),
        "acts": len(report.acts),
        "chains": len(report.cut),
    }
