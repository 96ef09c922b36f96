"""Nothing that a customer reads is missing from the catalogue: in the pseudo-language every string wears brackets."""

import json
import re
from collections.abc import Iterator

import pytest
from django.test import Client

from prescriptions.intake import drafts, order_links, refusals
from prescriptions.intake.customers import progress
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import ClarificationMessage, OrderLine, ReasonCode, Review
from tests.prescriptions.customer import PAGE, file, sent
from tests.prescriptions.order_pages.pseudo import Words, spoken, untranslated

# Data, not words: what the test itself put in, and names of formats and units.
DATA = ("A-1", "a.png", "Metformin", "Codeine", "JPEG, PNG, WebP, HEIC, PDF", "MB", "KB", "Why so?", "Esperanto")


@pytest.fixture(autouse=True)
def pseudo_language() -> Iterator[None]:
    with spoken():
        yield


def missed(content: bytes) -> list[str]:
    words = Words()
    words.feed(content.decode())
    assert words.found
    return [text for text in words.found if untranslated(text, DATA)]


def test_the_upload_page_with_files_and_errors(customer: Client, link: OrderLink) -> None:
    before = order_links.mint(order_ref="A-0", client="shop", expires_in=600, patient_ref="P-1")
    sent(before, status="approved", valid_until="2099-01-01")

    empty = customer.get(PAGE)
    wrong = customer.post(PAGE, {"files": [file("a.png"), file("a.png", b"BM" + b"0" * 99)]})

    assert missed(empty.content) == []
    assert missed(wrong.content) == []


def test_the_words_that_the_script_uses(customer: Client) -> None:
    page = customer.get(PAGE).content.decode()
    rules = json.loads(re.search(r'<script id="rules"[^>]*>(.*?)</script>', page).group(1))  # type: ignore[union-attr]

    assert [text for text in rules["say"].values() if untranslated(text, (*DATA, "%(file)s", "%(size)s"))] == []


@pytest.mark.parametrize("code", [*refusals.SENTENCES, "anything else"])
def test_every_refusal(code: str) -> None:
    assert untranslated(refusals.sentence(code, file="a.png", size=1), DATA) == ""


@pytest.mark.parametrize("status", sorted(progress.STAGES))
def test_every_state(customer: Client, link: OrderLink, status: str) -> None:
    prescription = sent(link, status=status, reason_id="image_blurry", reason_page=1, valid_until="2099-01-01")
    for position, decision in enumerate(["accepted", "reduced", "refused", "owing"], 1):
        OrderLine.objects.create(
            prescription=prescription, position=position, name="Metformin", quantity_ordered=2, decision=decision
        )
    ClarificationMessage.objects.create(
        review_id=prescription.pk, author="staff", text="Why so?", page=1, expires_at=prescription.created_at
    )
    drafts.add(link, file())

    assert missed(customer.get(PAGE).content) == []
    assert missed(customer.get(f"{PAGE}/status").content) == []


def test_every_seeded_reason(customer: Client, link: OrderLink) -> None:
    prescription = sent(link, status="rejected")
    for code in ReasonCode.objects.values_list("code", flat=True):
        Review.objects.filter(pk=prescription.pk).update(reason_id=code)

        assert missed(customer.get(f"{PAGE}/status").content) == [], code


def test_a_lost_link(client: Client) -> None:
    assert missed(client.get(PAGE).content) == []
