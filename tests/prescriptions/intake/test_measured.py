"""A photo is decoded once, from the moment when it comes in until somebody asks for a picture of it."""

import logging
from collections import Counter

import pytest

from prescriptions.intake import drafts, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Page, PageLight, Prescription, Review, ReviewStatus
from prescriptions.tasks import sweep
from prescriptions.upkeep import erasure, reviews
from prescriptions.variants import making
from rxproject.local import samples
from tests.prescriptions.conftest import Upload, claim
from tests.prescriptions.conftest import file as api_file
from tests.prescriptions.customer import file
from tests.transforms.fixtures import vector_pdf

QUALITIES = ("default", "gray", "enhanced", "bitonal")


def jobs(caplog: pytest.LogCaptureFixture) -> Counter[str]:
    """What renderers were asked to do so far, as the sandbox logs it."""
    return Counter(record.__dict__["job"] for record in caplog.records if record.message == "job")


def stands_in_the_queue(rx: str) -> None:
    page = Page.objects.get(prescription=rx)
    assert Review.objects.get(pk=rx).status == ReviewStatus.QUEUED
    assert page.measures is not None
    assert len(page.likeness) == 64


def test_a_photo_is_decoded_once_until_it_stands_in_the_queue(
    upload: Upload, seeded: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "transforms.sandbox")

    rx = upload(api_file(data=samples.phone_photo(seed=1, megapixels=12))).pk
    reviews.housekeeping()
    sweep()

    assert jobs(caplog) == {"probe": 1}
    stands_in_the_queue(rx)


def test_by_the_form_its_thumbnail_included(link: OrderLink, photo: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "transforms.sandbox")

    row = drafts.add(link, file("photo.jpg", photo))
    picture = drafts.thumbnail(link, row.pk)
    sent = submission.submit(link, [row.pk])
    reviews.housekeeping()

    assert picture is not None
    assert picture[8:12] == b"WEBP"
    assert sent is not None
    assert jobs(caplog) == {"probe": 1}
    stands_in_the_queue(sent.pk)


def test_files_that_are_used_again_are_not_decoded_again(
    upload: Upload, link: OrderLink, photo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = upload(api_file(data=photo), order_ref="A-0")
    caplog.set_level(logging.DEBUG, "transforms.sandbox")

    drafts.reuse(link, earlier)
    sent = submission.submit(link, [row.pk for row in drafts.files_of(link)])

    assert sent is not None
    assert jobs(caplog) == {}
    assert sent.pages.get().measures == earlier.pages.get().measures
    assert Review.objects.get(pk=sent.pk).is_duplicate


def test_pages_for_which_there_was_no_time_are_measured_in_one_job(
    upload: Upload, seeded: None, caplog: pytest.LogCaptureFixture
) -> None:
    sent = upload(api_file("three.pdf", vector_pdf(3)))
    sent.pages.filter(number__gt=1).update(likeness="")
    caplog.set_level(logging.DEBUG, "transforms.sandbox")

    assert reviews.housekeeping()["compared"] == 2

    assert jobs(caplog) == {"measure": 1}
    assert None not in [page.measures for page in sent.pages.all()]


def test_enhanced_goes_by_what_intake_has_measured(upload: Upload) -> None:
    page = upload().pages.get()
    light = PageLight.objects.get(page=page)

    jobs = {quality: making.task_of(claim(page, f"full/150,200/0/{quality}.webp")).job for quality in QUALITIES}

    assert {quality: job.light for quality, job in jobs.items()} == {
        "default": b"",
        "gray": b"",
        "enhanced": bytes(light.light),
        "bitonal": bytes(light.light),
    }
    light.delete()
    assert making.task_of(claim(page, "full/75,100/0/enhanced.webp")).job.light == b""


def test_an_erasure_takes_it_along(upload: Upload, seeded: None) -> None:
    rx = upload().pk

    erasure.erase(Prescription.objects.get(pk=rx))

    assert not PageLight.objects.exists()
