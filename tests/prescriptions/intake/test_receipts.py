"""Receipts: sealed, whole, beside the originals, and gone with whatever comes to nothing."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from prescriptions.infra import storage
from prescriptions.infra.keys import sealing
from prescriptions.intake import drafts, loose, receipts, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Document, Draft, LooseOriginal, Prescription
from prescriptions.upkeep import erasure
from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.databases import on_each_database
from tests.prescriptions.conftest import Upload, file, objects
from tests.prescriptions.customer import picture
from transforms.keys import parse_receipt_key, receipt_key

pytestmark = [on_each_database, pytest.mark.django_db]


def receipts_of(rx: str) -> list[str]:
    listing = storage.list_objects(storage.settings.RX_ORIGINALS_BUCKET, f"{rx}/")
    return [listed.key for listed in listing if parse_receipt_key(listed.key)]


def test_it_has_what_the_rows_have(upload: Upload) -> None:
    pdf = SimpleUploadedFile("Ravi's scan.pdf", samples.three_page_pdf())
    prescription = upload(file("front.jpg"), pdf, order_ref="O-1", patient_ref="P-1", idempotency_key="k-1")
    [key] = receipts_of(prescription.pk)

    receipt = receipts.read(key)

    assert (receipt.rx, receipt.client, receipt.order_ref, receipt.patient_ref) == (
        prescription.pk,
        "shop",
        "O-1",
        "P-1",
    )
    assert receipt.received == prescription.created_at
    assert receipt.key[0] == "k-1"
    rows = Document.objects.filter(prescription=prescription)
    assert [(one.document_id, one.media_type, one.size, one.sha256, one.name) for one in receipt.files] == list(
        rows.values_list("id", "media_type", "size", "sha256", "name")
    )
    sizes = [size for one in receipt.files for size in one.pages]
    assert sizes == [page.size for page in prescription.pages.all()]


def test_nothing_in_it_can_be_read_or_moved_without_our_key(upload: Upload, settings: Settings) -> None:
    prescription = upload(file("canary-name.jpg"), order_ref="canary-order", patient_ref="canary-patient")
    [key] = receipts_of(prescription.pk)
    about, chunks = storage.open_original(key)
    box = b"".join(chunks)

    assert b"canary" not in box
    assert "canary" not in json.dumps(dict(about.metadata))
    with pytest.raises(sealing.NotOurs):
        sealing.unseal(box, place=receipt_key("0" * 32, "0" * 32))
    with pytest.raises(sealing.NotOurs):
        sealing.unseal(box[:-1] + bytes([box[-1] ^ 1]), place=key)
    settings.RX_AUDIT_KEYS = "a1:" + "33" * 32
    with pytest.raises(sealing.NotOurs):
        receipts.read(key)


def test_an_older_key_still_opens_it(upload: Upload, settings: Settings) -> None:
    [key] = receipts_of(upload(order_ref="O-1").pk)
    settings.RX_AUDIT_KEYS = f"a2:{'44' * 32},{settings.RX_AUDIT_KEYS}"

    assert receipts.read(key).order_ref == "O-1"


def test_an_upload_that_fails_leaves_none(upload: Upload, servers: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = objects(servers)
    monkeypatch.setattr(loose, "settle", lambda _: (_ for _ in ()).throw(storage.StorageUnavailable("settle: 503")))

    with pytest.raises(storage.StorageUnavailable):
        upload()

    assert (objects(servers), LooseOriginal.objects.count(), Prescription.objects.count()) == (before, 0, 0)


def test_without_a_key_an_upload_has_none_and_is_taken(upload: Upload, settings: Settings) -> None:
    settings.RX_AUDIT_KEYS = ""

    assert receipts_of(upload().pk) == []


def test_an_erasure_takes_it(upload: Upload, servers: Stack) -> None:
    prescription = upload()
    assert receipts_of(prescription.pk) != []

    erasure.erase(prescription)

    assert objects(servers, prefix=prescription.pk) == []


# --- Drafts -----------------------------------------------------------------------------------------------------------
def add(link: OrderLink, *shades: str) -> list[str]:
    return [drafts.add(link, SimpleUploadedFile(f"{shade}.png", picture(shade))).pk for shade in shades]


def test_what_is_sent_is_known_and_what_waits_is_not(link: OrderLink) -> None:
    red, blue = add(link, "red", "blue")
    assert receipts_of(Draft.objects.get().pk) == []

    prescription = submission.submit(link, [blue, red])

    assert prescription is not None
    [key] = receipts_of(prescription.pk)
    receipt = receipts.read(key)
    assert [one.document_id for one in receipt.files] == [blue, red]
    assert (receipt.order_ref, receipt.patient_ref, receipt.consent[0]) == ("A-1", "P-1", "2026-11")
    assert LooseOriginal.objects.count() == 0


def test_a_file_that_goes_meanwhile_is_not_in_it(link: OrderLink, monkeypatch: pytest.MonkeyPatch) -> None:
    # given another device that takes one of two files out while the other sends both
    red, blue = add(link, "red", "blue")
    put = receipts.put

    def slow(receipt: receipts.Receipt) -> list[str]:
        announced = put(receipt)
        drafts.remove(link, blue)
        return announced

    monkeypatch.setattr(receipts, "put", slow)
    prescription = submission.submit(link, [red, blue])

    assert prescription is not None
    assert list(prescription.documents.values_list("pk", flat=True)) == [red]
    [key] = receipts_of(prescription.pk)
    assert [one.document_id for one in receipts.read(key).files] == [red]


def test_without_s3_nothing_is_sent_and_nothing_is_lost(link: OrderLink, monkeypatch: pytest.MonkeyPatch) -> None:
    [red] = add(link, "red")

    def away(*_: object, **__: object) -> None:
        raise storage.StorageUnavailable("put_object: 503")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(storage, "put_original", away)
        with pytest.raises(storage.StorageUnavailable):
            submission.submit(link, [red])

    assert [row.pk for row in drafts.files_of(link)] == [red]
    assert submission.submit(link, [red]) is not None
