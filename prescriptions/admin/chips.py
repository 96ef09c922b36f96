"""How states and times look in the admin: a chip with its mark and words, a span of time in a few characters."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from prescriptions.models import ReviewStatus
from prescriptions.templatetags.rx_icons import icon

# Tone and mark of each status; colour only repeats what the words say.
_STATUS: Final[dict[str, tuple[str, str]]] = {
    ReviewStatus.QUEUED: ("", "clock"),
    ReviewStatus.IN_REVIEW: ("info", "page"),
    ReviewStatus.CLARIFICATION: ("warn", "question"),
    ReviewStatus.SECOND_CHECK: ("info", "files"),
    ReviewStatus.APPROVED: ("good", "check"),
    ReviewStatus.PARTIALLY_APPROVED: ("warn", "check"),
    ReviewStatus.REJECTED: ("bad", "cross"),
    ReviewStatus.EXPIRED: ("", "clock"),
    ReviewStatus.WITHDRAWN: ("", "cross"),
    ReviewStatus.ERASED: ("", "remove"),
}
_MINUTE: Final = timedelta(minutes=1)
# Nothing to say; a card leaves it out.
NONE: Final = mark_safe('<span class="rx-dash">–</span>')


def alone(name: str, value: object) -> SafeString:
    """A value, with its name where no column head says what it is (in a card)."""
    return format_html('<span class="rx-unit">{} </span>{}', name, value)


def chip(text: str, mark: str, tone: str = "") -> SafeString:
    """A chip; tone: info, good, warn, bad or none."""
    return format_html('<span class="rx-chip{}">{}{}</span>', f" rx-chip-{tone}" if tone else "", icon(mark), text)


def status_chip(status: str) -> SafeString:
    tone, mark = _STATUS[status]
    return chip(str(ReviewStatus(status).label), mark, tone)


def moment(at: datetime) -> str:
    """A date and time, short enough for a column."""
    return date_format(timezone.localtime(at), "j M Y, H:i")


def span(length: timedelta) -> str:
    """A span of time as people say it: "12 min", "3 h 5 min", "2 d 4 h"; never negative."""
    minutes = max(0, int(length.total_seconds()) // 60)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return _("%(days)d d %(hours)d h") % {"days": days, "hours": hours % 24}
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes % 60}
    return _("%(minutes)d min") % {"minutes": minutes}


def due(at: datetime, now: datetime, *, soon: timedelta) -> SafeString:
    """By when an answer was promised. Overdue is said in words and with a mark, not by colour alone."""
    left = at - now
    if left.total_seconds() <= 0:
        words = _("overdue by %(time)s") % {"time": span(-left)} if -left >= _MINUTE else _("due now")
        return format_html('<span class="rx-due rx-due-over">{}{}</span>', icon("alert"), words)
    words = _("due in %(time)s") % {"time": span(left)} if left >= _MINUTE else _("due now")
    tone, mark = (" rx-due-soon", icon("clock")) if left <= soon else ("", "")
    return format_html('<span class="rx-due{}">{}{}</span>', tone, mark, words)
