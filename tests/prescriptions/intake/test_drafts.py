"""Drafts: files sent one by one become one prescription, or nothing at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting, drafts, order_links, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Consent, Document, Draft, DraftFile, Page, Prescription, Review
from prescriptions.upkeep import erasure
from rxproject.local import samples
from tests.prescriptions.customer import file, picture
from transforms.keys import original_key
from transforms.limits import LIMITS

Originals = Callable[[str], list[str]]


def names(link: OrderLink) -> list[str]:
    return [row.name for row in drafts.files_of(link)]


def add(link: OrderLink, *shades: str) -> list[DraftFile]:
    return [drafts.add(link, file(f"{shade}.png", picture(shade))) for shade in shades]


def test_a_submitted_draft_is_a_prescription_in_the_chosen_order(link: OrderLink, originals: Originals) -> None:
    # given two files that wait, the second one a PDF of three pages
    red = drafts.add(link, file("red.png", picture("red")))
    pdf = drafts.add(link, file("three.pdf", samples.three_page_pdf()))
    kept = originals(red.draft_id)

    # when they are sent the other way round
    prescription = submission.submit(link, [pdf.pk, red.pk])

    # then ids and originals are the draft's, and pages are numbered across the documents
    assert prescription is not None
    assert prescription.pk == red.draft_id
    assert (prescription.client, prescription.order_ref, prescription.patient_ref) == ("shop", "A-1", "P-1")
    documents = Document.objects.filter(prescription=prescription).values_list("id", "position", "media_type", "name")
    assert list(documents) == [(pdf.pk, 1, "application/pdf", "three.pdf"), (red.pk, 2, "image/png", "red.png")]
    pages = Page.objects.filter(prescription=prescription).values_list("number", "document_id", "index")
    assert list(pages) == [(1, pdf.pk, 1), (2, pdf.pk, 2), (3, pdf.pk, 3), (4, red.pk, 1)]
    assert originals(prescription.pk) == kept == sorted(original_key(red.draft_id, row.pk) for row in (red, pdf))
    assert Draft.objects.count() == 0
    # and what was agreed to is known, and somebody will look at it
    assert Consent.objects.get(prescription=prescription).version == "2026-11"
    assert Review.objects.get(prescription=prescription).status == "queued"


def test_only_what_was_on_the_screen_is_sent(link: OrderLink, originals: Originals) -> None:
    shown, unseen = add(link, "red", "blue")

    prescription = submission.submit(link, [shown.pk])

    assert prescription is not None
    assert originals(prescription.pk) == [original_key(prescription.pk, shown.pk)]
    assert not Document.objects.filter(pk=unseen.pk).exists()


def test_submitting_twice_makes_one_prescription(link: OrderLink) -> None:
    [row] = add(link, "red")

    first, second = submission.submit(link, [row.pk]), submission.submit(link, [row.pk])

    assert first is not None
    assert second is None
    assert Prescription.objects.count() == 1


def test_the_same_key_gives_the_same_row(link: OrderLink, originals: Originals) -> None:
    first = drafts.add(link, file(), key="k1")
    again = drafts.add(link, file(), key="k1")

    assert first.pk == again.pk
    assert len(originals(first.draft_id)) == 1
    with pytest.raises(Problem) as refused:
        drafts.add(link, file("other.png", picture("red")), key="k1")
    assert (refused.value.status, refused.value.code) == (422, "idempotency-key-reused")
    assert "other.png" in refused.value.detail
    assert len(originals(first.draft_id)) == 1


def test_parallel_tries_with_one_key_leave_one_row_and_one_original(
    transactional_db: None, link: OrderLink, originals: Originals
) -> None:
    def send(_: int) -> str:
        try:
            return drafts.add(link, file(), key="k1").pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(send, range(4)))

    [row] = drafts.files_of(link)
    assert ids == {row.pk}
    assert originals(row.draft_id) == [original_key(row.draft_id, row.pk)]


@pytest.mark.parametrize(
    ("name", "data", "status", "code", "says"),
    [
        ("scan.bmp", b"BM" + b"0" * 600, 415, "unsupported-media-type", "JPEG, PNG, WebP, HEIC, PDF"),
        ("none.png", b"", 422, "source-empty", "empty"),
        ("torn.png", picture()[:200], 422, "source-damaged", "damaged"),
        ("big.png", picture() + b"0" * LIMITS.image_bytes, 413, "source-too-large", "15\u00a0MB"),
    ],
)
def test_a_refusal_names_file_rule_and_way_out_and_keeps_nothing(
    link: OrderLink, originals: Originals, name: str, data: bytes, status: int, code: str, says: str
) -> None:
    with pytest.raises(Problem) as refused:
        drafts.add(link, file(name, data))

    assert (refused.value.status, refused.value.code) == (status, code)
    assert refused.value.detail.startswith(name)
    assert says in refused.value.detail
    assert refused.value.detail.count(".") >= 2  # the rule, and the way out
    assert drafts.files_of(link) == []
    assert originals(Draft.objects.get().pk) == []


def test_one_file_too_many_is_refused(link: OrderLink) -> None:
    draft = Draft.objects.create(client="shop", order_ref="A-1")
    DraftFile.objects.bulk_create(
        DraftFile(draft=draft, key=str(n), position=n, media_type="image/png", size=1, sha256="0", pages=[[1, 1]])
        for n in range(LIMITS.order_files)
    )

    with pytest.raises(Problem) as refused:
        drafts.add(link, file("one more.png"))

    assert refused.value.code == "too-many-files"
    assert draft.files.count() == LIMITS.order_files


def test_fifty_one_pages_are_refused(link: OrderLink, originals: Originals) -> None:
    [first] = add(link, "red")
    DraftFile.objects.filter(pk=first.pk).update(pages=[[1, 1]] * LIMITS.pdf_pages)

    with pytest.raises(Problem) as refused:
        add(link, "blue")

    assert refused.value.code == "too-many-pages"
    assert originals(first.draft_id) == [original_key(first.draft_id, first.pk)]


def test_files_can_be_moved_and_removed(link: OrderLink, originals: Originals) -> None:
    red, blue, green = add(link, "red", "blue", "green")

    drafts.move(link, green.pk, -1)
    assert names(link) == ["red.png", "green.png", "blue.png"]
    drafts.move(link, red.pk, -1)  # already the first
    assert names(link) == ["red.png", "green.png", "blue.png"]
    drafts.arrange(link, [blue.pk, "unknown", red.pk])
    assert names(link) == ["blue.png", "red.png", "green.png"]
    drafts.remove(link, red.pk)
    assert names(link) == ["blue.png", "green.png"]
    assert original_key(red.draft_id, red.pk) not in originals(red.draft_id)


def test_another_order_sees_and_touches_nothing(link: OrderLink) -> None:
    [row] = add(link, "red")
    other = order_links.mint(order_ref="A-2", client="shop", expires_in=600)
    foreign = order_links.mint(order_ref="A-1", client="rival", expires_in=600)

    for stranger in (other, foreign):
        assert drafts.files_of(stranger) == []
        assert drafts.thumbnail(stranger, row.pk) is None
        drafts.remove(stranger, row.pk)
        assert submission.submit(stranger, [row.pk]) is None

    assert [kept.pk for kept in drafts.files_of(link)] == [row.pk]
    assert Prescription.objects.count() == 0


def test_an_abandoned_draft_becomes_a_tombstone_and_its_originals_go(link: OrderLink, originals: Originals) -> None:
    # given a draft that nobody has touched for a day, and a fresh one
    [row] = add(link, "red")
    fresh = order_links.mint(order_ref="A-2", client="shop", expires_in=600)
    add(fresh, "blue")
    Draft.objects.filter(pk=row.draft_id).update(touched_at=timezone.now() - timedelta(hours=25))

    # when the sweeps come by
    assert drafts.sweep() == 1
    assert drafts.sweep() == 0
    erasure.purge(row.draft_id)

    # then nothing is left of the one, and everything of the other
    assert Prescription.objects.get(pk=row.draft_id).erased_at is not None
    assert drafts.files_of(link) == []
    assert originals(row.draft_id) == []
    assert names(fresh) == ["blue.png"]


def test_a_file_that_comes_too_late_is_discarded(
    link: OrderLink, originals: Originals, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a second file on its way when the draft is sent
    [first] = add(link, "red")
    keep = accepting.keep

    def slow(*arguments: object) -> None:
        keep(*arguments)  # type: ignore[arg-type]
        submission.submit(link, [first.pk])

    monkeypatch.setattr(accepting, "keep", slow)

    # when it arrives
    with pytest.raises(Problem) as refused:
        add(link, "blue")

    # then it says so and leaves nothing behind
    assert (refused.value.status, refused.value.code) == (409, "draft-closed")
    assert originals(first.draft_id) == [original_key(first.draft_id, first.pk)]


def test_without_s3_nothing_is_kept(link: OrderLink, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise storage.StorageUnavailable("put_object: 503")

    monkeypatch.setattr(storage, "put_original", down)
    with pytest.raises(storage.StorageUnavailable):
        add(link, "red")
    assert drafts.files_of(link) == []


def test_an_earlier_prescription_is_copied_into_the_draft(link: OrderLink, originals: Originals) -> None:
    # given a prescription of another order
    earlier_link = order_links.mint(order_ref="A-0", client="shop", expires_in=600, patient_ref="P-1")
    rows = add(earlier_link, "red", "blue")
    earlier = submission.submit(earlier_link, [row.pk for row in rows])
    assert earlier is not None

    # when it is used again, twice by mistake
    drafts.reuse(link, earlier)
    drafts.reuse(link, earlier)

    # then the draft has copies with originals of their own
    copies = drafts.files_of(link)
    assert [(copy.name, copy.sha256) for copy in copies] == [(row.name, row.sha256) for row in rows]
    assert len(originals(copies[0].draft_id)) == 2
    assert not {copy.pk for copy in copies} & {row.pk for row in rows}

    # and the picture of one is made once
    assert DraftFile.objects.get(pk=copies[0].pk).thumbnail is None
    shown = drafts.thumbnail(link, copies[0].pk)
    assert shown
    assert shown == bytes(DraftFile.objects.get(pk=copies[0].pk).thumbnail)
    DraftFile.objects.filter(pk=copies[0].pk).update(sha256="0" * 64)  # its original is not to be had any more
    assert drafts.thumbnail(link, copies[0].pk) == shown
