"""Nothing that a pharmacist reads on the queue and the review page is missing from the catalogue."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from prescriptions.audit.actors import CUSTOMER
from prescriptions.audit.actors import staff as actor_of
from prescriptions.models import Review
from prescriptions.review import clarifications, decisions, queue
from tests.prescriptions.order_pages.pseudo import Words, spoken, untranslated
from tests.prescriptions.reviewing import FETCH, Staff, address, form, signed_in
from tests.prescriptions.staff import Make

# Data, not words: what the test put in, keys of the keyboard, and the texts of reasons, which shops word themselves.
DATA = (
    *("ORD-1", "shop", "Telmisartan", "mg", "pharmacist", "senior", "Why so?", "RX-", "The picture is blurred"),
    *("Ctrl", "Enter", "Alt", "Shift", "Escape", "Esc"),
)


@pytest.fixture(autouse=True)
def pseudo_language() -> Iterator[None]:
    with spoken():
        yield


def missed(content: bytes) -> list[str]:
    words = Words()
    # What shops may word (reasons), typed text and Django's own admin chrome are somebody else's.
    body = re.sub(r"<(option|textarea|header)\b.*?</\1>", "", content.decode(), flags=re.DOTALL)
    words.feed(body)
    assert words.found
    texts = [re.sub(r"\b(?:RX-)?[0-9a-f]{8,}\b", "", text) for text in words.found]  # references
    return [text for text in texts if text not in ("H", "S") and untranslated(text, DATA)]  # a schedule, a key


def test_the_queue(make: Make, staff: Staff, held: Review) -> None:
    make(order_ref="ORD-1")
    client = signed_in(staff["senior"])

    for show in ("", "?show=all", "?q=nothing-like-it"):
        assert missed(client.get(f"/admin/prescriptions/review/{show}").content) == []


def test_a_review_under_way(staff: Staff, held: Review) -> None:
    assert missed(signed_in(staff["pharmacist"]).get(address(held)).content) == []
    assert missed(signed_in(staff["senior"]).get(address(held)).content) == []


def test_refusals_by_form_and_by_script(staff: Staff, held: Review) -> None:
    client = signed_in(staff["pharmacist"])

    incomplete = client.post(address(held, "decide"), form(held, prescriber="", checklist=[]))
    stale = client.post(address(held, "decide"), form(held, version=held.version - 1))
    told = client.post(address(held, "decide"), form(held, prescriber=""), **FETCH)

    assert (incomplete.status_code, stale.status_code, told.status_code) == (422, 409, 422)
    assert missed(incomplete.content) == []
    assert missed(stale.content) == []


def test_a_question_and_a_decision(staff: Staff, held: Review) -> None:
    senior = signed_in(staff["senior"])
    clarifications.ask(held.pk, "Why so?", actor=actor_of(staff["pharmacist"]), version=held.version)
    assert missed(senior.get(address(held)).content) == []

    other: dict[str, Any] = {"outcome": "rejected", "reason": "image_blurry", "lines": []}
    clarifications.answer(held.pk, "Why so?", actor=CUSTOMER)
    claimed = queue.claim(held.pk, staff["pharmacist"])
    decisions.decide(held.pk, other, actor=actor_of(staff["pharmacist"]), version=claimed.version)
    assert missed(senior.get(address(held)).content) == []


def test_the_words_that_the_scripts_use(staff: Staff, held: Review) -> None:
    page = signed_in(staff["pharmacist"]).get(address(held)).content.decode()
    data = json.loads(re.search(r'<script[^>]*id="review-data"[^>]*>(.*?)</script>', page, re.DOTALL).group(1))  # type: ignore[union-attr]

    words = data["say"] if "say" in data else data["words"]
    assert [text for text in words.values() if isinstance(text, str) and untranslated(text, DATA)] == []
