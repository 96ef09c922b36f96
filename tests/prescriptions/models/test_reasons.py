"""Reasons can be told apart, in every language that the product speaks."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.utils.translation import override

from prescriptions.models import ReasonCode, ReasonGroup

SPOKEN = [code for code, _name in settings.LANGUAGES]
TEXTS: dict[str, Callable[[ReasonCode], str]] = {
    "staff": str,
    "title": lambda reason: reason.title,
    "text": lambda reason: reason.text,
}


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("kind", TEXTS)
def test_no_two_are_alike(seeded: None, kind: str, language: str) -> None:
    with override(language):
        texts = [TEXTS[kind](reason).strip().casefold() for reason in ReasonCode.objects.all()]

    assert len(texts) > 30
    assert "" not in texts
    assert sorted(text for text in set(texts) if texts.count(text) > 1) == []


def test_staff_and_customers_read_words_of_their_own(seeded: None) -> None:
    assert [reason.code for reason in ReasonCode.objects.all() if reason.staff_title == reason.customer_title] == []


def test_nobody_is_offered_what_only_the_system_or_the_customer_can_mean(seeded: None) -> None:
    kept = {reason.code for reason in ReasonCode.objects.all() if not reason.offered}

    assert kept == {"password_protected_pdf", "file_infected", "no_reply_from_customer", "withdrawn_by_customer"}
    assert set(ReasonCode.objects.filter(code__in=kept).values_list("group", flat=True)) == {ReasonGroup.SYSTEM}
