"""The one finder: unknown is 404, erased is 410, whatever is asked for and however far its erasure has come."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from prescriptions.infra.problems import Problem
from prescriptions.models import Page, Prescription, Review, Variant, new_identifier
from prescriptions.models.finding import find, find_page
from tests.prescriptions.conftest import claim
from tests.prescriptions.staff import make_review

pytestmark = pytest.mark.django_db


def refusal(look: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        look()
    return refused.value.status, refused.value.code


# Each finds one kind of row, and tells the prescription that it is of.
LOOKS: dict[str, Callable[[str], str]] = {
    "prescription": lambda rx: find(Prescription.objects.all(), pk=rx).pk,
    "review": lambda rx: find(Review.objects.all(), pk=rx).prescription_id,
    "page": lambda rx: find_page(rx, 1).prescription_id,
    "variant": lambda rx: find(Variant.objects.all(), page__prescription=rx).page.prescription_id,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_each_kind_of_row_is_found_unknown_or_erased(look: Callable[[str], str], seeded: None) -> None:
    rx = make_review().pk
    claim(Page.objects.get())
    assert look(rx) == rx

    Prescription.objects.update(erased_at=timezone.now())

    assert refusal(lambda: look(rx)) == (410, "erased")
    assert refusal(lambda: look(new_identifier())) == (404, "not-found")


def test_rows_that_the_caller_may_not_see_are_unknown_and_not_erased(seeded: None) -> None:
    rx = make_review().pk
    Prescription.objects.update(erased_at=timezone.now())

    assert refusal(lambda: find(Prescription.objects.filter(client="rival"), pk=rx)) == (404, "not-found")


def test_a_page_that_was_never_there_is_unknown_until_its_prescription_is_erased(seeded: None) -> None:
    rx = make_review().pk
    assert refusal(lambda: find_page(rx, 2)) == (404, "not-found")

    # when an erasure has taken the rows of all pages
    Prescription.objects.update(erased_at=timezone.now())
    Page.objects.all().delete()

    assert [refusal(lambda number=number: find_page(rx, number)) for number in (1, 2)] == [(410, "erased")] * 2


def test_a_page_is_found_in_one_query_with_all_that_a_request_needs(
    seeded: None, django_assert_num_queries: Any
) -> None:
    rx = make_review().pk

    with django_assert_num_queries(1):
        page = find_page(rx, 1)
        assert (page.prescription.client, page.document.media_type) == ("shop", "image/jpeg")
