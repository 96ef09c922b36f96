"""What a claim asks for ahead of time: nothing is awaited, and nothing depends on it."""

from typing import Any

import pytest

from prescriptions.models import Variant
from prescriptions.review import queue
from prescriptions.variants import warm
from tests.prescriptions.conftest import SOMEBODY
from tests.prescriptions.staff import Make


def test_a_claim_asks_for_its_pages_and_the_first_of_the_next_and_waits_for_none(
    make: Make, staff: dict[str, Any], recorder: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    first, second = make(pages=2, priority=2), make(pages=3, priority=1)
    make(pages=1)

    with django_capture_on_commit_callbacks(execute=True):
        queue.claim_next(staff["pharmacist"])

    asked = Variant.objects.order_by("created_at").values_list("page__prescription", "page__number", "stored")
    assert sorted(asked) == sorted(
        [
            (rx, number, f"full/{size}/0/default.webp")
            for rx, number in ((first.pk, 1), (first.pk, 2), (second.pk, 1))
            for size in ("1200,1600", "150,200")
        ]
    )
    assert len(recorder) == 6
    assert warm.warm(first.pk, by=SOMEBODY, following=second.pk) == 0, "all of it is on its way"


def test_first_images_come_before_thumbnails(make: Make, recorder: list[str]) -> None:
    review, following = make(pages=2), make(pages=2)

    assert warm.warm(review.pk, by=SOMEBODY, following=following.pk) == 6
    asked = list(Variant.objects.order_by("created_at").values_list("stored", flat=True))
    assert asked == ["full/1200,1600/0/default.webp"] * 3 + ["full/150,200/0/default.webp"] * 3
    assert warm.warm(review.pk, by=SOMEBODY, following=following.pk) == 0


def test_a_full_queue_is_no_reason_not_to_claim(
    make: Make, staff: dict[str, Any], settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.RX_QUEUE_LIMIT = 0
    make()

    with django_capture_on_commit_callbacks(execute=True):
        claimed = queue.claim_next(staff["pharmacist"])

    assert claimed is not None
    assert Variant.objects.count() == 0


@pytest.mark.parametrize("pages", [1, 8])
def test_warming_what_is_there_costs_three_queries(
    make: Make, recorder: list[str], pages: int, django_assert_num_queries: Any
) -> None:
    review = make(pages=pages)
    warm.warm(review.pk, by=SOMEBODY)

    with django_assert_num_queries(3):
        warm.warm(review.pk, by=SOMEBODY)
