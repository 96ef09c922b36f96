"""What was received after the back-up is written again, once, as it was; what was not received is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.intake import drafts, loose, receipts, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import (
    AuditEvent,
    Consent,
    Document,
    Draft,
    LooseOriginal,
    Page,
    Prescription,
    Review,
)
from prescriptions.upkeep import erasure
from prescriptions.upkeep.reconcile import reconcile
from prescriptions.upkeep.restoring import rebuilding
from rxproject.local import samples
from tests.databases import on_each_database
from tests.prescriptions.conftest import Upload, file
from tests.prescriptions.customer import picture
from tests.prescriptions.upkeep.restoring.conftest import lost_with_the_database
from transforms.keys import original_key

pytestmark = [on_each_database, pytest.mark.django_db]


def rows() -> list[Any]:
    """Everything that an upload says, and nothing that time does."""
    measured = ("id", "likeness", "luminance", "skew")
    pages = [
        {name: value for name, value in page.items() if name not in measured}
        for page in Page.objects.order_by("number").values()
    ]
    changing = ("updated_at",)
    told = [{k: v for k, v in row.items() if k not in changing} for row in Prescription.objects.values()]
    return [
        told,
        list(Document.objects.order_by("position").values()),
        pages,
        list(Consent.objects.values_list("version")),
    ]


def test_an_upload_comes_back_as_it_was(upload: Upload) -> None:
    with lost_with_the_database():
        pdf = SimpleUploadedFile("scan.pdf", samples.three_page_pdf())
        prescription = upload(file("front.jpg"), pdf, order_ref="O-1", patient_ref="P-1", idempotency_key="k-1")
        before = rows()
    assert Prescription.objects.count() == 0

    assert rebuilding.rebuild(stopped=True).rebuilt == [prescription.pk]

    assert rows() == before
    review = Review.objects.get()
    assert (review.status, review.queued_at) == ("queued", prescription.created_at)
    assert list(AuditEvent.objects.filter(rx=prescription.pk).values_list("verb", "actor")) == [
        ("prescription.rebuilt", "system")
    ]
    # and whoever sends it again gets it
    again = upload(
        file("front.jpg"),
        SimpleUploadedFile("scan.pdf", samples.three_page_pdf()),
        order_ref="O-1",
        patient_ref="P-1",
        idempotency_key="k-1",
    )
    assert again.pk == prescription.pk
    assert rebuilding.rebuild(stopped=True) == rebuilding.Report()
    assert reconcile(dry_run=True).originals_without_rows == []


def test_a_draft_that_was_sent_after_the_back_up_is_no_draft_any_more(link: OrderLink) -> None:
    red, blue = [drafts.add(link, SimpleUploadedFile(f"{shade}.png", picture(shade))).pk for shade in ("red", "blue")]
    with lost_with_the_database():
        sent = submission.submit(link, [blue])
        assert sent is not None
        before = rows()
    assert {row.pk for row in drafts.files_of(link)} == {red, blue}

    assert rebuilding.rebuild(stopped=True).rebuilt == [sent.pk]

    assert rows() == before
    assert Draft.objects.count() == 0
    assert LooseOriginal.objects.count() == 0
    assert original_key(sent.pk, red) not in [
        one.key for one in storage.list_objects(storage.settings.RX_ORIGINALS_BUCKET)
    ]


def test_a_draft_that_was_not_sent_stays_one(link: OrderLink) -> None:
    drafts.add(link, SimpleUploadedFile("red.png", picture("red")))

    assert rebuilding.rebuild(stopped=True) == rebuilding.Report()
    assert len(drafts.files_of(link)) == 1


def test_an_upload_that_was_on_its_way_when_the_back_up_was_made_is_not_taken_for_dead(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a back-up between the announcement of an upload and its rows
    announced: list[LooseOriginal] = []
    settle = loose.settle

    def back_up(documents: list[str]) -> None:
        announced.extend(LooseOriginal.objects.all())
        settle(documents)

    monkeypatch.setattr(loose, "settle", back_up)
    with lost_with_the_database():
        prescription = upload()
    LooseOriginal.objects.bulk_create(announced)

    # then nobody who serves meanwhile is overtaken
    assert rebuilding.rebuild().on_their_way == [prescription.pk]
    assert Prescription.objects.count() == 0

    # and if nobody serves it was received
    assert rebuilding.rebuild(stopped=True).rebuilt == [prescription.pk]
    LooseOriginal.objects.update(since=timezone.now() - timedelta(days=1))
    loose.sweep()
    assert reconcile(dry_run=True).rows_without_originals == []


def test_what_was_never_received_does_not_come_back(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise storage.StorageUnavailable("put_object: 503")

    with lost_with_the_database():
        monkeypatch.setattr(receipts, "put", die)
        monkeypatch.setattr(loose, "discard", lambda *_: None)  # as if the process had died there
        with pytest.raises(storage.StorageUnavailable):
            upload()

    assert rebuilding.rebuild(stopped=True) == rebuilding.Report()
    assert len(reconcile(dry_run=True).originals_without_rows) == 1


def test_what_was_erased_since_stays_so_although_its_objects_are_still_there(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an erasure that was noted, and a disaster before its objects had gone
    with lost_with_the_database():
        prescription = upload()
        with pytest.MonkeyPatch.context() as died:
            died.setattr(storage, "delete_everything", lambda *_: 0)
            erasure.erase(prescription)

    report = rebuilding.rebuild(stopped=True)

    assert (report.rebuilt, report.erased) == ([], [prescription.pk])
    assert erasure.purge(prescription.pk) is False  # not settled yet
    assert list(storage.list_objects(storage.settings.RX_ORIGINALS_BUCKET)) == []


def test_an_original_that_is_gone_is_named(upload: Upload) -> None:
    with lost_with_the_database():
        prescription = upload(file("a.jpg"), file("b.jpg"))
        document = prescription.documents.last()
        assert document is not None
        storage.delete_everything(storage.settings.RX_ORIGINALS_BUCKET, original_key(prescription.pk, document.pk))

    report = rebuilding.rebuild(stopped=True)

    assert (report.rebuilt, report.incomplete) == ([], [prescription.pk])


def test_a_receipt_that_no_key_opens_is_named(upload: Upload, settings: Any) -> None:
    with lost_with_the_database():
        prescription = upload()
    settings.RX_AUDIT_KEYS = "a1:" + "33" * 32

    report = rebuilding.rebuild(stopped=True)

    assert (report.rebuilt, report.unreadable) == ([], [prescription.pk])
