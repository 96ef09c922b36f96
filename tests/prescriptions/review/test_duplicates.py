"""Duplicates and dark pages: noticed, never decided upon."""

import io

from PIL import Image, ImageEnhance, ImageOps

from prescriptions.intake import accepting
from prescriptions.models import Page, Prescription, ReviewStatus
from prescriptions.review import duplicates, opening
from prescriptions.upkeep import reviews
from rxproject.local import samples
from rxproject.local.stack.stack import Stack
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
    sent = [send(samples.a4_scan(seed=seed)) for seed in (1, 2, 3)]

    duplicates.sweep()

    for prescription in sent:
        prescription.review.refresh_from_db()
        assert prescription.review.lookalikes == []


def test_small_pages_are_flagged_at_intake(make: Make) -> None:
    review = make()
    page = Page.objects.get(prescription=review.pk)
    page.width, page.height = 400, 300

    small = opening.open_review(Prescription.objects.create(client="shop"), [page])

    assert (review.is_small, small.is_small) == (False, True)
