"""All looks, one after the other; one that fails in a way nobody thought of is a finding, too."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from prescriptions.ops.doctor import broker, database, machine, outside, storage
from prescriptions.ops.doctor.finding import Finding, Findings

AREAS: Final[dict[str, Callable[[], Iterator[Finding]]]] = {
    "settings": machine.look_at_settings,
    "database": database.look,
    "storage": storage.look,
    "broker": broker.look,
    "work": broker.look_at_work,
    "machine": machine.look,
    "front door": outside.look,
}


def examine() -> Iterator[Finding]:
    """Everything, as it is found."""
    for area, look in AREAS.items():
        try:
            yield from look()
        except Exception as error:  # noqa: BLE001 - the screen must go on
            do = "Report this: doctor has not learnt of it yet."
            yield Findings(area).unknown("look", _what(error), do)


def _what(error: Exception) -> str:
    """Its kind and its place. Its words may hold a password."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, {Path(place.filename).name}:{place.lineno}"
