"""Duplicates and dark pages: noticed, shown, never decided upon. And what a claim asks for ahead of time."""

import io
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageOps

from prescriptions.intake import accepting
from prescriptions.models import Page, Prescription, ReviewStatus, Variant
from prescriptions.review import duplicates, queue, warm
from prescriptions.upkeep import reviews
from rxproject.local.stack.stack import Stack
from tests.prescriptions.admin.review_page import recorder
from tests.prescriptions.conftest import file
from tests.prescriptions.staff import Make


def send(data: bytes, **fields: str) -> Prescription:
    return accepting.accept([file(data=data)], client="shop", **fields)


def again(photo: bytes, *, width: int = 0, brightness: float = 1.0) -> bytes:
    """The same photo as a messenger would forward it."""
    with Image.open(io.BytesIO(photo)) as image:
        upright = ImageOps.exif_transpose(image)
        if width:
            upright = upright.resize((width, upright.height * width // upright.width))
        out = io.BytesIO()
        ImageEnhance.Brightness(upright).enhance(brightness).save(out, "JPEG", quality=60)
    return out.getvalue()


def test_the_same_file_is_noticed_at_once(servers: Stack, seeded: None, photo: bytes) -> None:
    first = send(photo)
    second = send(photo)

    assert not first.review.is_duplicate
    assert second.review.is_duplicate
    assert second.review.lookalikes == [{"page": 1, "rx": first.pk, "number": 1, "distance": 0}]
    assert second.review.status == ReviewStatus.QUEUED


def test_the_same_photo_sent_through_a_messenger_is_noticed_by_the_beat(
    servers: Stack, seeded: None, photo: bytes
) -> None:
    first, forwarded, other = send(photo), send(again(photo, width=600)), send(again(photo, brightness=0.1))
    assert not forwarded.review.is_duplicate

    assert reviews.housekeeping()["compared"] == 3

    forwarded.review.refresh_from_db()
    assert forwarded.review.is_duplicate
    found = forwarded.review.lookalikes[0]
    assert (found["rx"], found["number"]) == (first.pk, 1)
    assert 0 < found["distance"] <= duplicates.NEAR
    first.review.refresh_from_db()
    assert not first.review.is_duplicate, "it was there first"
    other.review.refresh_from_db()
    assert other.review.is_dark
    assert reviews.housekeeping()["compared"] == 0


def test_different_prescriptions_on_similar_paper_are_not_taken_for_one(servers: Stack, seeded: None) -> None:
    from rxproject.local import samples

    sent = [send(samples.a4_scan(seed=seed)) for seed in (1, 2, 3)]

    duplicates.sweep()

    for prescription in sent:
        prescription.review.refresh_from_db()
        assert prescription.review.lookalikes == []


def test_small_pages_are_flagged_at_intake(make: Make) -> None:
    review = make()
    page = Page.objects.get(prescription=review.pk)
    page.width, page.height = 400, 300

    from prescriptions.review import opening

    small = opening.open_review(Prescription.objects.create(client="shop"), [page])

    assert (review.is_small, small.is_small) == (False, True)


def test_a_claim_asks_for_its_pages_and_the_first_of_the_next_and_waits_for_none(
    make: Make, staff: dict[str, Any], settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.RX_BACKEND = "tests.prescriptions.admin.review_page.recorder.Recorder"
    recorder.asked.clear()
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
    assert len(recorder.asked) == 6
    assert warm.warm(first.pk, following=second.pk) == 0, "all of it is on its way"


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
def test_warming_what_is_there_costs_two_queries(
    make: Make, settings: Any, pages: int, django_assert_num_queries: Any
) -> None:
    settings.RX_BACKEND = "tests.prescriptions.admin.review_page.recorder.Recorder"
    review = make(pages=pages)
    warm.warm(review.pk)

    with django_assert_num_queries(2):
        warm.warm(review.pk)
