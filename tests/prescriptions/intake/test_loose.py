"""Originals that no document names: cleared up whoever died, and never taken from a document."""

from datetime import timedelta

import pytest
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.intake import drafts, loose
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Document, LooseOriginal, new_identifier
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, file, objects
from transforms.keys import original_key


def grow_old() -> None:
    LooseOriginal.objects.update(since=timezone.now() - loose.LEFT_AFTER - timedelta(minutes=1))


@pytest.fixture
def left_behind(servers: Stack, db: None) -> str:
    """The id of a prescription that never was: its upload died between its put and its rows."""
    rx, document = new_identifier(), new_identifier()
    loose.announce(rx, [document])
    storage.put_original(original_key(rx, document), b"x", media_type="image/jpeg", sha256=SHA256)
    return rx


SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


def test_what_a_dead_upload_left_is_deleted_after_a_while(left_behind: str, servers: Stack) -> None:
    assert loose.sweep() == 0  # it may be on its way
    assert len(objects(servers, prefix=left_behind)) == 1

    grow_old()

    assert loose.sweep() == 1
    assert objects(servers, prefix=left_behind) == []
    assert LooseOriginal.objects.count() == 0


def test_a_storage_that_is_away_is_asked_again(left_behind: str, no_s3: None) -> None:
    grow_old()

    with pytest.raises(storage.StorageUnavailable):
        loose.sweep()

    assert LooseOriginal.objects.get().taken is True


def test_a_document_never_names_what_the_sweep_has_begun_with(left_behind: str) -> None:
    row = LooseOriginal.objects.get()
    LooseOriginal.objects.update(taken=True)

    with pytest.raises(storage.StorageUnavailable):
        loose.settle([row.pk])


def test_what_a_document_names_is_not_discarded(upload: Upload, servers: Stack) -> None:
    """Its upload may not have heard that its transaction came through."""
    prescription = upload()

    loose.discard(prescription.pk, list(Document.objects.values_list("pk", flat=True)))

    assert len(objects(servers, prefix=prescription.pk)) == 2  # the original and its receipt


def test_uploads_leave_nothing_loose(upload: Upload) -> None:
    upload(file("a.jpg"), file("b.jpg"))

    assert LooseOriginal.objects.count() == 0


def test_a_file_taken_out_of_a_draft_is_swept_if_the_storage_is_away(
    link: OrderLink, request: pytest.FixtureRequest
) -> None:
    row = drafts.add(link, file())
    request.getfixturevalue("no_s3")

    drafts.remove(link, row.pk)

    assert drafts.files_of(link) == []
    assert LooseOriginal.objects.get().pk == row.pk
