"""Duplicates and dark pages: noticed, never decided upon."""

import io

import pytest
from PIL import Image, ImageEnhance, ImageOps

from prescriptions.intake import accepting
from prescriptions.models import NO_LIKENESS, Document, Page, PageLight, Prescription, Review, ReviewStatus
from prescriptions.review import duplicates, opening
from prescriptions.upkeep import reviews
from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import file
from tests.prescriptions.staff import Make
from tests.transforms.fixtures import vector_pdf
from transforms.measure import perceptual_hash


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


def test_pages_with_next_to_nothing_on_them_look_like_none(servers: Stack, seeded: None) -> None:
    """The blank backs of scans, a speck of dust among it."""

    def back(height: int) -> bytes:
        page, out = Image.new("L", (400, height), 255), io.BytesIO()
        page.putpixel((100, 100), 0)
        page.save(out, "PNG")
        return out.getvalue()

    first, second = send(back(560)), send(back(580))

    assert perceptual_hash.distance(first.pages.get().likeness, second.pages.get().likeness) <= duplicates.NEAR
    assert not second.review.is_duplicate


@pytest.mark.parametrize("before", [False, True])
def test_the_same_photo_sent_through_a_messenger_is_noticed(
    servers: Stack, seeded: None, photo: bytes, before: bool
) -> None:
    """At once, because intake has measured them; or by the beat, if they are of `before` there was that."""
    first, forwarded, other = send(photo), send(again(photo, width=600)), send(again(photo, brightness=0.1))
    if before:
        Page.objects.update(likeness="", luminance=None, skew=None)
        PageLight.objects.all().delete()
        Review.objects.update(lookalikes=[], is_duplicate=False, is_dark=False)

    assert reviews.housekeeping()["compared"] == (3 if before else 0)

    for prescription in (first, forwarded, other):
        prescription.review.refresh_from_db()
        assert prescription.pages.get().measures is not None
    assert forwarded.review.is_duplicate
    found = forwarded.review.lookalikes[0]
    assert (found["rx"], found["number"]) == (first.pk, 1)
    assert 0 < found["distance"] <= duplicates.NEAR
    assert not first.review.is_duplicate, "it was there first"
    assert [each.review.is_dark for each in (first, forwarded, other)] == [False, False, True]
    assert reviews.housekeeping()["compared"] == 0


def test_pages_behind_one_that_cannot_be_measured_are_measured(servers: Stack, seeded: None) -> None:
    sent = send(vector_pdf(3))
    Page.objects.update(likeness="")
    Page.objects.filter(number=2).update(index=49)  # there is none

    assert duplicates.sweep() == 3

    assert [page.likeness == NO_LIKENESS for page in sent.pages.all()] == [False, True, False]
    assert duplicates.sweep() == 0


def test_pages_whose_original_is_missing_hold_up_nobody(servers: Stack, seeded: None) -> None:
    """However many they are: more than a sweep looks at, and before everybody else."""
    lost = Prescription.objects.create(client="shop")
    missing = Document.objects.create(prescription=lost, position=1, media_type="application/pdf", size=1)
    rows = [Page(prescription=lost, document=missing, number=at, index=at, width=9, height=9) for at in range(1, 61)]
    Page.objects.bulk_create(rows)
    Review.objects.create(prescription=lost)
    sent = send(vector_pdf(1))
    Page.objects.update(likeness="")

    assert [duplicates.sweep() for _ in range(3)] == [0, 1, 0]

    assert sent.pages.get().measures is not None
    assert not Page.objects.filter(prescription=lost).exclude(likeness="").exists(), "they may be restored"


def test_different_prescriptions_on_similar_paper_are_not_taken_for_one(servers: Stack, seeded: None) -> None:
    sent = [send(samples.a4_scan(seed=seed)) for seed in (1, 2, 3)]

    for prescription in sent:
        prescription.review.refresh_from_db()
        assert prescription.review.lookalikes == []


def test_small_pages_are_flagged_at_intake(make: Make) -> None:
    review = make()
    page = Page.objects.get(prescription=review.pk)
    page.width, page.height = 400, 300

    small = opening.open_review(Prescription.objects.create(client="shop"), [page])

    assert (review.is_small, small.is_small) == (False, True)
