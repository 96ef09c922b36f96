"""Passwords that anybody would try here, and passwords that others have lost.

The latter are asked of a list on the net, if RX_BREACHED_PASSWORDS_URL names one.

Only the first five letters of the password's SHA-1 leave the machine, and the answer holds hundreds of others (range
search of haveibeenpwned.com). Where nobody answers in time, the password is taken.
"""

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from prescriptions.infra import metrics

# The longer ones first. Beside these and the parts of our own address a password needs so many letters.
_OURS: Final = (
    *("prescriptions", "prescription", "pharmacists", "pharmacist", "pharmacies", "pharmacy", "pharma", "medicines"),
    *("medicine", "patients", "patient", "doctors", "doctor", "auditor", "superuser", "administrator", "admin"),
)
_OWN_LETTERS: Final = 6
_PREFIX: Final = 5
_PATIENCE: Final = (2, 2)  # seconds to connect, and for the next bytes
_LIMIT: Final = 1024 * 1024  # bytes of an answer


class NotOurWords:
    """A validator of Django's: what this service and its work are called is no secret, whatever stands between."""

    def validate(self, password: str, user: Any = None) -> None:
        left = password.casefold()
        for word in [*_OURS, *(urlsplit(settings.BASE_URL).hostname or "").split(".")]:
            left = left.replace(word, "") if len(word) > 3 else left  # "rx", "com": no words
        if left != password.casefold() and sum(map(str.isalpha, left)) < _OWN_LETTERS:
            raise ValidationError(
                _("Anybody would try this one here. Put more words into it that have nothing to do with this place."),
                code="password_of_this_place",
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be made of words of this place, such as prescription or pharmacy.")


class NotBreached:
    """A validator of Django's."""

    def validate(self, password: str, user: Any = None) -> None:
        if settings.RX_BREACHED_PASSWORDS_URL and _is_breached(password):
            raise ValidationError(
                _("This password is in a list of stolen ones. Choose another, and change it wherever you use it."),
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return _("Your password can’t be in a list of stolen ones.") if settings.RX_BREACHED_PASSWORDS_URL else ""


def _is_breached(password: str) -> bool:
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    address = f"{settings.RX_BREACHED_PASSWORDS_URL.rstrip('/')}/{digest[:_PREFIX]}"
    try:
        with requests.get(address, headers={"Add-Padding": "true"}, timeout=_PATIENCE, stream=True) as answer:
            answer.raise_for_status()
            lines = answer.raw.read(_LIMIT, decode_content=True).decode("ascii").splitlines()
    except (requests.RequestException, OSError, ValueError):
        metrics.breached_password_asked("unknown")
        return False
    counts = dict(line.partition(":")[::2] for line in lines)
    found = counts.get(digest[_PREFIX:], "0").strip() not in ("", "0")  # padding has a count of 0
    metrics.breached_password_asked("breached" if found else "clean")
    return found
