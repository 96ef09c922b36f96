"""What the bucket of anchors knows and this database does not: it was restored, and that was lost with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from django.db.models import Max, QuerySet

from prescriptions.audit import anchors, restores
from prescriptions.audit.anchors import Act
from prescriptions.models import AuditAnchor, AuditEvent

_AT_ONCE: Final = 200
Place = TypeVar("Place", bound=tuple[Any, ...])


@dataclass(slots=True)
class Lost:
    """`cut`: chains that were longer when they were sealed than what is left of them, with both lengths. `unnamed`:
    anchors that do not say what was done, for they are from before copies named it. `forged`: copies without our
    signature.
    """

    acts: list[Act] = field(default_factory=list)
    cut: dict[str, tuple[int, int]] = field(default_factory=dict)
    unnamed: int = 0
    forged: int = 0


def last_known() -> int:
    """The highest number of an anchor that this database has, or knows that it lacks. Two queries."""
    newest = AuditAnchor.objects.aggregate(last=Max("id"))["last"] or 0
    return max(newest, restores.known_up_to())


def ahead() -> int:
    """The highest number of an anchor in the bucket that this database should have and has not; 0: it has all.

    Raises storage.StorageUnavailable.
    """
    newer = list(anchors.published(last_known()))
    return next((number for number, kept in reversed(newer) if anchors.copy_of(number, kept)), 0)


def since(after: int, upto: int) -> Lost:
    """What anchors after number `after` up to `upto` seal, and this database lacks.

    Raises storage.StorageUnavailable.
    """
    lost = Lost()
    for number, kept in anchors.published(after):
        if number > upto:
            break
        copy = anchors.copy_of(number, kept)
        if copy is None:
            lost.forged += 1
            continue
        _compare_heads(copy, lost)
        if copy.acts is None:
            lost.unnamed += 1
        else:
            lost.acts += _missing(copy.acts)
    return lost


def _compare_heads(copy: anchors.Copy, lost: Lost) -> None:
    for chunk in _chunks(copy.heads):
        there = set(_rows(chunk).values_list("rx", "seq", "hash"))
        gone = {rx: seq for rx, seq, head in chunk if (rx, seq, head) not in there}
        if gone:
            rows = AuditEvent.objects.order_by().filter(rx__in=gone).values_list("rx").annotate(Max("seq"))
            left = dict(rows)
            for rx, seq in gone.items():
                lost.cut[rx] = (max(seq, lost.cut.get(rx, (0, 0))[0]), left.get(rx, 0))


def _missing(acts: list[Act]) -> Iterator[Act]:
    for chunk in _chunks(acts):
        there = {
            (rx, seq, verb, at.isoformat()) for rx, seq, verb, at in _rows(chunk).values_list("rx", "seq", "verb", "at")
        }
        yield from (act for act in chunk if act not in there)


def _rows(chunk: list[Place]) -> QuerySet[AuditEvent]:
    """The events at these places, and perhaps others of the same chains."""
    return AuditEvent.objects.order_by().filter(rx__in={rx for rx, *_ in chunk}, seq__in={seq for _, seq, *_ in chunk})


def _chunks(items: list[Place]) -> Iterator[list[Place]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
