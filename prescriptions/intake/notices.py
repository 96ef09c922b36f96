"""What people are told about a page that does not show all that is in its file: pharmacists and customers apart.

The probe finds it (`transforms.measure.notices`); nothing is refused for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transforms.measure.notices import Notice


@dataclass(frozen=True, slots=True)
class Words:
    """`title` and `text` are for pharmacists, `customer` is for the one who can still send something better."""

    tone: str
    title: Promise
    text: Promise
    customer: Promise


WORDS: Final[Mapping[Notice, Words]] = {
    Notice.MISSING_GLYPHS: Words(
        "warn",
        _("Text may be missing or wrong"),
        _(
            "The PDF leaves out its fonts, and no other font shows all of its text. Compare the original file, "
            "or ask for a photo or a print to PDF."
        ),
        _(
            "Some text of this PDF cannot be shown, because its fonts are not in the file. "
            "Please send a photo or a print to PDF."
        ),
    ),
    Notice.XFA: Words(
        "warn",
        _("The form is not shown"),
        _("What was filled in appears only in a PDF program. Ask for a photo or a print to PDF."),
        _("This PDF only shows its content in a PDF program. Please send a photo or a print to PDF."),
    ),
    Notice.PORTFOLIO: Words(
        "warn",
        _("Only a cover is shown"),
        _("The PDF is a folder of other files, which are not shown. Ask for each of them."),
        _("This PDF is a folder of other files, and we only see its cover. Please send those files one by one."),
    ),
    Notice.CROP_BOX: Words(
        "info",
        _("The whole page is shown"),
        _("The file says to show a part that lies outside the page. What should have been cut off may be visible."),
        _("This PDF says to show a part that lies outside the page. We show the whole page instead."),
    ),
    Notice.CUT_OFF: Words(
        "warn",
        _("A corner of the paper is not in the photo"),
        _("What stands there cannot be seen. If something is missing, ask for another photo."),
        _("A corner of the paper is not in the photo. If something is written there, please take another photo."),
    ),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One notice and the numbers of the pages that have it; no numbers where all pages have it."""

    code: str
    words: Words
    pages: tuple[int, ...]


def known(codes: Iterable[str]) -> list[tuple[str, Words]]:
    """Codes and their words, in the order of the table. A row may have codes of a newer version, which are left out."""
    held = set(codes)
    return [(code.value, words) for code, words in WORDS.items() if code.value in held]


def gathered(pages: Iterable[tuple[int, Iterable[str]]]) -> list[Found]:
    """Each notice once, of `pages` given as (number, codes)."""
    of_pages = [(number, set(codes)) for number, codes in pages]
    found = []
    for code, words in known(code for _number, codes in of_pages for code in codes):
        numbers = tuple(number for number, codes in of_pages if code in codes)
        found.append(Found(code, words, numbers if len(numbers) < len(of_pages) else ()))
    return found
