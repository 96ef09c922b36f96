"""A language that nobody speaks: every translated string comes out longer, accented and in brackets.

Whatever is on a page without brackets was never given to a translator. Made in memory, without message files.
"""

import gettext
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

from django.utils import translation
from django.utils.translation import trans_real

CODE = "eo"  # Django needs a code that it knows
_ACCENTS = str.maketrans("aceinouyACEINOUY", "áçéíñöüýÁÇÉÍÑÖÜÝ")
# What must come through as it is: placeholders of both kinds, and entities.
_KEEP = re.compile(r"(%\(\w+\)[sd]|%%|&\w+;)")
_PLACES = ("alt", "title", "aria-label", "placeholder", "content")


def pseudo(message: str) -> str:
    parts = _KEEP.split(message)
    text = "".join(part if index % 2 else part.translate(_ACCENTS) for index, part in enumerate(parts))
    return f"⟦{text}{' ~' * max(1, len(message) // 5)}⟧"  # two fifths longer: more than any that is spoken


class Pseudo(gettext.NullTranslations):
    """Answers like a full catalogue. Formats of dates and plurals stay those of the language behind the code."""

    domain = "django"

    def gettext(self, message: str) -> str:
        return pseudo(message) if message else ""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return pseudo(msgid1 if n == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        return pseudo(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return self.ngettext(msgid1, msgid2, n)

    def to_language(self) -> str:
        return CODE

    def language(self) -> str:
        return CODE


@contextmanager
def spoken() -> Iterator[None]:
    """Every thread of this process speaks it until the end of the block."""
    from django.conf import settings

    before, code = trans_real._default, settings.LANGUAGE_CODE  # type: ignore[attr-defined]
    offered, staff = settings.LANGUAGES, settings.RX_STAFF_LANGUAGES
    known = trans_real._translations.pop(CODE, None)  # type: ignore[attr-defined]
    trans_real._translations[CODE] = trans_real._default = Pseudo()  # type: ignore[attr-defined]
    # No other can be asked for meanwhile.
    settings.LANGUAGE_CODE, settings.LANGUAGES, settings.RX_STAFF_LANGUAGES = CODE, [(CODE, "Pseudo")], (CODE,)
    try:
        with translation.override(CODE):
            yield
    finally:
        settings.LANGUAGE_CODE, settings.LANGUAGES, settings.RX_STAFF_LANGUAGES = code, offered, staff
        trans_real._default = before  # type: ignore[attr-defined]
        del trans_real._translations[CODE]  # type: ignore[attr-defined]
        if known is not None:
            trans_real._translations[CODE] = known  # type: ignore[attr-defined]


def untranslated(text: str, data: tuple[str, ...] = ()) -> str:
    """What is left of a text when brackets, numbers, punctuation and data (names of files, references) are gone."""
    while "⟦" in text:
        shorter = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
        if shorter == text:
            break
        text = shorter
    for item in data:
        text = text.replace(item, "")
    return re.sub(r"[\W\d_]+", "", text)


class Words(HTMLParser):
    """Collects what people read or hear of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style", "time")
        if tag != "meta":
            self.found += [value for name, value in attrs if name in _PLACES and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style", "time")

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.found.append(" ".join(data.split()))
