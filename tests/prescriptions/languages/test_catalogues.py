"""The catalogues: every word of the source is in them, translated, with its placeholders."""

import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import polib
import pytest
from django.utils import dates, formats, translation
from django.utils.translation import gettext, ngettext

from prescriptions.languages import catalogues
from prescriptions.models import ReasonCode
from tests import words

KEPT = [(whose, language) for whose in ("customers", "staff") for language in words.languages(whose)]
_PLACEHOLDERS = re.compile(r"%%\(\w+\)s|%\(\w+\)[sd]|%[sd%]|\{\w*\}")
_TAGS = re.compile(r"</?\w+[^>]*>|&\w+;")
# Letters of the languages, by which a text is known to be translated.
SCRIPTS = {
    "hi": "\u0900-\u097f",
    "mr": "\u0900-\u097f",
    "bn": "\u0980-\u09ff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "ur": "\u0600-\u06ff",
}


@pytest.fixture(scope="module")
def wanted() -> dict[str, words.Found]:
    return {"customers": words.customers(), "staff": words.staff()}


def entries(whose: str, language: str) -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(words.catalogue(whose, language))) if not entry.obsolete]


def texts(entry: polib.POEntry) -> list[tuple[str, str]]:
    """Each form of a message, and what it is translated to."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid, entry.msgstr_plural[0]), (entry.msgid_plural, entry.msgstr_plural[1])]


@pytest.mark.parametrize(("whose", "language"), KEPT)
def test_every_word_is_there(whose: str, language: str, wanted: dict[str, words.Found]) -> None:
    held = {words.word_of(entry) for entry in entries(whose, language)}

    assert len(wanted[whose]) > 200
    assert [word for word in wanted[whose] if word not in held] == [], "python -m tests.words"


@pytest.mark.parametrize(("whose", "language"), KEPT)
def test_every_word_is_translated(whose: str, language: str) -> None:
    letters = re.compile(f"[{SCRIPTS[language]}]")
    missing = [
        source
        for entry in entries(whose, language)
        for source, target in texts(entry)
        if entry.fuzzy or not target or (re.search(r"[a-z]{3}", _bare(source)) and not letters.search(target))
    ]

    assert missing == []


@pytest.mark.parametrize(("whose", "language"), KEPT)
def test_no_placeholder_is_broken(whose: str, language: str) -> None:
    broken = [
        (source, target)
        for entry in entries(whose, language)
        for source, target in texts(entry)
        for kind in (_PLACEHOLDERS, _TAGS)
        if Counter(kind.findall(source)) != Counter(kind.findall(target))
    ]

    assert broken == []


def test_from_right_to_left_what_is_written_the_other_way_stands_apart() -> None:
    """Names of files, sizes, references: without isolates (U+2068, U+2069) their parts would change places."""
    values = re.compile(r"(.?)%\((?:file|formats|image|pdf|size|image_limit|pdf_limit|now|new)\)s(.?)")
    found = [pair for entry in entries("customers", "ur") for pair in values.findall(entry.msgstr)]

    assert len(found) > 30
    assert set(found) == {("\u2068", "\u2069")}


@pytest.mark.parametrize(("whose", "language"), KEPT)
def test_a_catalogue_says_who_vouches_for_it(whose: str, language: str) -> None:
    assert polib.pofile(str(words.catalogue(whose, language))).metadata["X-Signed-By"]


def test_what_is_compiled_is_what_people_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "customers" / "hi" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(words.catalogue("customers", "hi").read_text())
    monkeypatch.setattr(catalogues, "PATHS", (tmp_path / "customers",))

    assert (catalogues.compile_stale(), catalogues.compile_stale()) == ([source], [])

    compiled = {entry.msgid: entry.msgstr for entry in polib.mofile(str(source.with_suffix(".mo")))}
    assert compiled["Your prescription"] == "आपका प्रिस्क्रिप्शन"
    assert sorted(path.name for path in source.parent.iterdir()) == ["django.mo", "django.po"]


@pytest.mark.parametrize("language", words.languages("customers"))
def test_dates_and_sizes_are_written_in_the_language(language: str) -> None:
    with translation.override(language):
        months = [str(name) for name in dates.MONTHS.values()]
        written = formats.date_format(_day(), "DATETIME_FORMAT")
        size = ngettext("%(size)d byte", "%(size)d bytes", 2)

    assert not [name for name in months if name.isascii()]
    assert written == f"3 {months[10]} 2026, 2:05 PM"
    assert not size.isascii()


def test_in_english_too_the_day_comes_first() -> None:
    assert formats.date_format(_day(), "DATETIME_FORMAT") == "3 November 2026, 2:05 PM"


@pytest.mark.parametrize("language", words.languages("customers"))
def test_every_reason_that_a_shop_starts_with_is_known(seeded: None, language: str) -> None:
    with translation.override(language):
        unknown = [
            text
            for reason in ReasonCode.objects.all()
            for text in (reason.customer_title, reason.customer_body)
            if gettext(text) == text
        ]

    assert unknown == []


def _bare(source: str) -> str:
    return _TAGS.sub("", _PLACEHOLDERS.sub("", source))


def _day() -> datetime:
    return datetime(2026, 11, 3, 14, 5)  # noqa: DTZ001 - on a clock
