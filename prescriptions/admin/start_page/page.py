"""Which figures a person sees on the start page, and of how many days."""

from typing import Any, Final

from django.contrib import admin
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.utils.translation import gettext as _

from prescriptions.admin.base import may
from prescriptions.admin.start_page.parts import MAKERS
from prescriptions.figures.telling import stats
from prescriptions.ops.checks import CHARTS

_PERIODS: Final = (1, 7, 30, 90)
_USUAL: Final = 7
# By what people do, not by what they may look at: pharmacists may see variants, too.
_RIGHTS: Final = {"pharmacy": "claim_review", "operator": "change_variant", "savings": "change_variant"}


def context(request: HttpRequest) -> dict[str, Any]:
    """What the template of the start page shows; nothing is looked up for whom there is nothing."""
    parts = [part for part, right in _RIGHTS.items() if may(request, right)]
    if not parts:
        return {}
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, _PERIODS) else _USUAL
    told = stats(days, parts)
    return {
        "parts": [MAKERS[part](told[part]) for part in parts],
        "periods": [(number, _period(number), number == days) for number in _PERIODS],
        "as_of": told["as_of"],
        "charts": finders.find(CHARTS) is not None,
    }


def _period(days: int) -> str:
    return _("Today") if days == 1 else _("%(days)d days") % {"days": days}


admin.site.start_page = context  # type: ignore[attr-defined]
