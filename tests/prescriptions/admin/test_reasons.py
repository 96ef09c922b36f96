"""Seniors put reasons into the shop's own words, in every language that customers read."""

import pytest
from django.test import Client
from django.utils import translation

from prescriptions.models import ReasonCode
from tests.prescriptions.reviewing import Staff, signed_in

ADDRESS = "/admin/prescriptions/reasoncode/image_blurry/change/"
ENGLISH = {"staff_title": "Blurred", "customer_title": "Blurry", "customer_body": "Try again.", "active": "on"}


@pytest.fixture
def senior(seeded: None, staff: Staff) -> Client:
    return signed_in(staff["senior"])


def test_words_of_its_own_are_kept_by_language(senior: Client) -> None:
    sent = {**ENGLISH, "customer_title_ur": "دھندلی", "customer_body_ta": "  ", "customer_title_hi": "धुंधली"}
    assert senior.post(ADDRESS, sent).status_code == 302

    reason = ReasonCode.objects.get(pk="image_blurry")
    assert reason.translations == {"ur": {"customer_title": "دھندلی"}, "hi": {"customer_title": "धुंधली"}}
    with translation.override("ur"):
        assert (reason.title, reason.text) == ("دھندلی", "Try again.")

    form = senior.get(ADDRESS).content.decode()
    assert 'value="دھندلی"' in form
    assert "staff_title_ta" not in form

    assert senior.post(ADDRESS, ENGLISH).status_code == 302
    reason.refresh_from_db()
    assert reason.translations == {}


def test_no_two_are_alike_in_any_language(senior: Client) -> None:
    sent = {**ENGLISH, "customer_title_hi": "फ़ोटो में बहुत अँधेरा है"}  # as the catalogue has another reason

    refused = senior.post(ADDRESS, sent)

    assert refused.status_code == 200
    assert "Another reason is called so" in refused.content.decode()
    assert ReasonCode.objects.get(pk="image_blurry").translations == {}
