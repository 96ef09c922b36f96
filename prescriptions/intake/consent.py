"""The sentence a customer agrees to. A new wording gets a new version; old ones stay, for they were agreed to."""

from typing import Final

from django.utils.translation import gettext_lazy as _

CURRENT: Final = "2026-11"
TEXTS: Final = {
    "2026-11": _(
        "This prescription was written for the patient of this order, and pharmacists may look at it to check my order."
    )
}
