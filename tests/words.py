"""The words of the product, found in its source, and the catalogues that translate them: `python -m tests.words` writes
into each catalogue what is new, empty, and takes out what is gone. docs/how-to/translate.md."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import polib
from babel.messages.extract import extract
from django.conf import settings
from django.utils.translation.template import templatize

from tests import others_words

ROOT: Final = Path(__file__).resolve().parents[1]
APP: Final = ROOT / "prescriptions"
CATALOGUES: Final = APP / "languages"
# What customers read is in these; what more there is, is for staff.
_CUSTOMERS: Final = (
    *("templates/404.html", "templates/405.html", "templates/500.html", "templates/prescriptions/*.html"),
    *("templates/languages/*.html", "order_pages/*.py", "review/clarifications.py"),
    *(f"intake/{name}.py" for name in ("consent", "notices", "customers/progress", "refusals")),
)
# Django's own, which it has not in all languages. Units stay as they are printed on phones.
_DJANGO: Final = ("AM", "PM", "%s KB", "%s MB")
_DJANGO_PLURALS: Final = (("%(size)d byte", "%(size)d bytes"),)
_KEYWORDS: Final[Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    "npgettext": ((1, "c"), 2, 3),
}
_PLURALS: Final = "nplurals=2; plural=(n != 1);"
_UNSIGNED: Final = (
    "Made by a machine. Until X-Signed-By names somebody, no native speaker vouches for it: docs/how-to/translate.md."
)
_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class Word:
    """One message: context and plural are empty where it has none."""

    text: str
    plural: str = ""
    context: str = ""


Found = dict[Word, list[str]]  # where each is, in the order of the source


def customers() -> Found:
    """What customers read, reasons among it."""
    found: Found = {}
    for pattern in _CUSTOMERS:
        for path in sorted(APP.glob(pattern)):
            _add(found, _in(path), path)
    reasons = "reasons"
    for _code, _staff, title, text in seeded():
        for words in (title, text):
            found.setdefault(Word(words), []).append(reasons)
    for words in _DJANGO:
        found.setdefault(Word(words), []).append("django")
    for one, many in _DJANGO_PLURALS:
        found.setdefault(Word(one, many), []).append("django")
    return found


def staff() -> Found:
    """What only staff read."""
    found: Found = {}
    sources = (path for kind in ("html", "txt", "py") for path in APP.rglob(f"*.{kind}"))
    for path in sorted((*sources, ROOT / "rxproject" / "urls.py")):
        if "migrations" not in path.parts:
            _add(found, _in(path), path)
    for _code, words, _title, _text in seeded():
        found.setdefault(Word(words), []).append("reasons")
    for words in others_words.ONE:
        found.setdefault(Word(words), []).append("django")
    for one, many in others_words.MANY:
        found.setdefault(Word(one, many), []).append("django")
    both = customers()
    return {word: places for word, places in found.items() if word not in both}


def seeded() -> Iterator[tuple[str, str, str, str]]:
    """Code, name for staff, title and text for the customer of every reason that a shop starts with."""
    first = import_module("prescriptions.migrations.0004_reasons")
    apart = import_module("prescriptions.migrations.0011_reasons_apart")
    for rows in first.REASONS.values():
        for code, title, text, *_rest in rows:
            titles, bodies = apart.TITLES.get(code, ("", title)), apart.BODIES.get(code, ("", text))
            yield code, apart.STAFF_TITLES[code], titles[1], bodies[1]


def languages(whose: str) -> list[str]:
    """Those that catalogues are kept for: `whose` is customers or staff."""
    spoken = dict(settings.LANGUAGES) if whose == "customers" else settings.RX_STAFF_LANGUAGES
    return [code for code in spoken if code != settings.LANGUAGE_CODE]


def catalogue(whose: str, language: str) -> Path:
    return CATALOGUES / whose / language / "LC_MESSAGES" / "django.po"


def word_of(entry: polib.POEntry) -> Word:
    return Word(entry.msgid, entry.msgid_plural, entry.msgctxt or "")


def _in(path: Path) -> Iterator[Word]:
    source = path.read_text()
    if path.suffix != ".py":
        # Only the calls are left; their indentation would be Python's concern.
        source = "\n".join(line.lstrip() for line in templatize(source, origin=str(path)).splitlines())
    for _line, text, _comments, context in extract("python", io.BytesIO(source.encode()), _KEYWORDS):
        one, many = text if isinstance(text, tuple) else (text, "")
        yield Word(one, many, context or "")


def _add(found: Found, words: Iterator[Word], path: Path) -> None:
    for word in words:
        places = found.setdefault(word, [])
        place = str(path.relative_to(ROOT))
        if place not in places:
            places.append(place)


def write(whose: str, language: str) -> polib.POFile:
    """The catalogue brought up to date with the source."""
    path = catalogue(whose, language)
    before = polib.pofile(str(path), wrapwidth=_WIDTH) if path.exists() else polib.POFile()
    known = {word_of(entry): entry for entry in before if not entry.obsolete}
    after = polib.POFile(wrapwidth=_WIDTH)
    after.header = before.header or _UNSIGNED
    after.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": _PLURALS,
        "X-Signed-By": before.metadata.get("X-Signed-By", "nobody yet: machine-made"),
    }
    for word, places in (customers() if whose == "customers" else staff()).items():
        old = known.get(word)
        entry = polib.POEntry(msgid=word.text, occurrences=[(place, "") for place in places])
        if word.context:
            entry.msgctxt = word.context
        if word.plural:
            entry.msgid_plural = word.plural
            entry.msgstr_plural = old.msgstr_plural if old else {0: "", 1: ""}
        else:
            entry.msgstr = old.msgstr if old else ""
        if old:
            entry.tcomment = old.tcomment
        if "%(" in word.text or "%(" in word.plural:
            entry.flags.append("python-format")
        after.append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    after.save(str(path))
    return after


def main() -> None:
    for whose in ("customers", "staff"):
        for language in languages(whose):
            empty = len(write(whose, language).untranslated_entries())
            print(f"{whose} {language}: {empty} to translate")  # noqa: T201


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    main()
