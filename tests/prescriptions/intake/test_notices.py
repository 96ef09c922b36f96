"""What a page does not show of its file: kept with it, from the upload on, and worded for everybody."""

from pathlib import Path

import pytest

from prescriptions.intake import drafts, notices, order_links, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import DraftFile, Page
from tests.conftest import PROJECT
from tests.prescriptions.customer import file
from tests.transforms.fixtures import vector_pdf
from tests.transforms.unembedded import by_glyphs, document
from transforms.measure.notices import Notice

HINDI = document(*by_glyphs("ArialMT", "नमस्ते"))
REFERENCE: Path = PROJECT / "docs" / "reference" / "notices.md"


def test_every_code_has_words_for_both_and_a_line_in_the_docs() -> None:
    assert list(notices.WORDS) == list(Notice)
    words = [str(text) for each in notices.WORDS.values() for text in (each.title, each.text, each.customer)]
    assert len(set(words)) == len(words)
    assert {each.tone for each in notices.WORDS.values()} == {"warn", "info"}
    assert [code for code in Notice if f"| `{code}` |" not in REFERENCE.read_text()] == []


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([], []),
        ([(1, []), (2, [])], []),
        ([(1, ["xfa"])], [("xfa", ())]),
        ([(1, ["xfa"]), (2, ["xfa"])], [("xfa", ())]),
        ([(1, ["crop-box", "xfa"]), (2, []), (3, ["crop-box"])], [("xfa", (1,)), ("crop-box", (1, 3))]),
        ([(1, ["of a newer version"]), (2, ["portfolio"])], [("portfolio", (2,))]),
    ],
)  # fmt: skip
def test_notices_of_pages_are_gathered(
    pages: list[tuple[int, list[str]]], found: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert [(each.code, each.pages) for each in notices.gathered(pages)] == found


def test_they_follow_a_file_from_the_draft_to_the_prescription_and_into_the_next_one(link: OrderLink) -> None:
    good, bad = (drafts.add(link, file(name, data)) for name, data in (("a.pdf", vector_pdf(2)), ("b.pdf", HINDI)))
    assert (good.notices, bad.notices) == ([[], []], [["missing-glyphs"]])

    sent = submission.submit(link, [good.pk, bad.pk])

    assert sent is not None
    wanted = [(1, []), (2, []), (3, ["missing-glyphs"])]
    assert list(Page.objects.filter(prescription=sent).values_list("number", "notices")) == wanted
    next_order = order_links.mint(order_ref="A-2", client="shop", expires_in=600, patient_ref="P-1")
    drafts.reuse(next_order, sent)
    assert [row.notices for row in drafts.files_of(next_order)] == [[[], []], [["missing-glyphs"]]]


def test_a_file_that_was_added_before_there_were_notices_is_sent(link: OrderLink) -> None:
    row = drafts.add(link, file("a.pdf", vector_pdf(2)))
    DraftFile.objects.filter(pk=row.pk).update(notices=[])

    sent = submission.submit(link, [row.pk])

    assert sent is not None
    assert list(sent.pages.values_list("notices", flat=True)) == [[], []]
