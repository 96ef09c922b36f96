"""Numbers of the start page in words: in the reader's language, short enough for a tile. None is a dash."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format, number_format

from prescriptions.admin import chips
from prescriptions.figures.telling import COUNTED

_MINUTE: Final = 60  # seconds
_SECOND: Final = 1000  # milliseconds


def number(value: float) -> str:
    return number_format(round(value), force_grouping=True)  # it cuts off, and does not round


def counted(value: int) -> str:
    """With a plus where counting stopped."""
    return f"{number(value)}+" if value >= COUNTED else number(value)


def money(amount: float, currency: str) -> str:
    return f"{number_format(round(amount, 2), 2, force_grouping=True)} {currency}"


def span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    sign, length = "-" if seconds < 0 else "", abs(seconds)
    return f"{sign}{round(length)} s" if length < _MINUTE else f"{sign}{chips.span(timedelta(seconds=length))}"


def milliseconds(ms: float | None) -> str:
    if ms is None:
        return "–"
    return f"{round(ms)} ms" if ms < _SECOND else f"{number_format(round(ms / _SECOND, 1), 1)} s"


def per_cent(share: float) -> str:
    return f"{number_format(round(100 * share, 2), 2)} %"


def day(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j M")
