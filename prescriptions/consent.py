"""The sentence a customer agrees to. A new wording gets a new version; old ones stay, for they were agreed to."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CURRENT: Final = "2026-11"
TEXTS: Final[dict[str, Promise]] = {
    "2026-11": _(
        "This prescription was written for the patient of this order, and pharmacists may look at it to check my order."
    )
}


def current_text() -> Promise:
    """The wording that is shown today."""
    return TEXTS[CURRENT]
