"""What happened, added up by the hour and by the day: so that figures cost the same however many rows there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import connection, models
from django.utils import timezone

HOUR: Final = "h"
DAY: Final = "d"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tally:
    """`count` things at one moment; `total`: what they come to, in the unit of the figure."""

    name: str
    label: str
    at: datetime
    count: int = 1
    total: float = 0.0


class _Figures(models.Manager["Figure"]):
    def add(self, tallies: Iterable[Tally]) -> None:
        """Two rows for each, in the caller's transaction: writers of the same rows wait for each other, and in the same
        order.
        """
        sums: dict[tuple[str, str, datetime, str], list[float]] = defaultdict(lambda: [0, 0.0])
        for tally in tallies:
            for grain, begins in ((HOUR, hour_of(tally.at)), (DAY, day_of(tally.at))):
                held = sums[grain, tally.name, begins, tally.label]
                held[0] += tally.count
                held[1] += tally.total
        adapt = connection.ops.adapt_datetimefield_value
        rows = [
            (grain, name, adapt(begins), label, int(count), total)
            for (grain, name, begins, label), (count, total) in sorted(sums.items())
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, rows)


class Figure(models.Model):
    """How many of one kind (`name`, `label`) there were within one hour or day, by the clock of RX_TIME_ZONE. `at`: its
    beginning.
    """

    grain = models.CharField(max_length=1)
    name = models.CharField(max_length=24)
    at = models.DateTimeField()
    label = models.CharField(max_length=48, blank=True)
    count = models.BigIntegerField()
    total = models.FloatField()

    objects = _Figures()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("grain", "name", "at", "label"), name="figure"),)
        indexes = (models.Index(fields=("grain", "at"), name="figure_age"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.label}: {self.count}"


class FigureMark(models.Model):
    """Up to where rows of one kind have been added up. It moves in the transaction that adds."""

    name = models.CharField(primary_key=True, max_length=24)
    at = models.DateTimeField(default=EPOCH)
    place = models.CharField(max_length=40, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


def hour_of(at: datetime) -> datetime:
    """The beginning of its hour."""
    return timezone.localtime(at).replace(minute=0, second=0, microsecond=0).astimezone(UTC)


def day_of(at: datetime) -> datetime:
    """The beginning of its day."""
    return timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


_ADD: Final = """
INSERT INTO prescriptions_figure (grain, name, at, label, count, total) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (grain, name, at, label) DO UPDATE SET
  count = prescriptions_figure.count + excluded.count, total = prescriptions_figure.total + excluded.total
"""
