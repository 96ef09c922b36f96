"""When beat's sweeps are due."""

from datetime import datetime
from typing import Any

from celery.schedules import schedstate, schedule


def every(seconds: float, task: str, when: type[schedule] = schedule) -> dict[str, object]:
    """A duty of beat; a message that nobody took until the next one is worthless."""
    return {"task": task, "schedule": when(seconds), "options": {"expires": seconds}}


class WhileBusy(schedule):
    """Every so many seconds while a variant is under way; at rest, when there is hardly anything to find, every third
    time. A stack that does nothing should cost next to nothing.
    """

    AT_REST = 3

    def is_at_rest(self) -> bool:
        # Lazy: settings are read before there are models.
        from prescriptions.variants import sweep

        return sweep.at_rest()

    def is_due(self, last_run_at: datetime) -> Any:
        due, following = super().is_due(last_run_at)
        waited = (self.now() - self.maybe_make_aware(last_run_at)).total_seconds()
        if due and self.is_at_rest() and waited < (self.AT_REST - 0.5) * self.seconds:
            return schedstate(is_due=False, next=self.seconds)
        return schedstate(due, following)


class WhileTelling(WhileBusy):
    """The same while there are events to place or to deliver."""

    def is_at_rest(self) -> bool:
        # Lazy: as above.
        from prescriptions.events import delivering

        return delivering.at_rest()
