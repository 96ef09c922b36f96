"""Rows and objects that lost each other: found and made good, once, whoever looks; originals are left to people."""

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from prescriptions.infra import parts_s3, per_process, storage
from prescriptions.models import Document, Page, Prescription, Variant, WholePdf, new_identifier
from prescriptions.upkeep import reconcile as module
from prescriptions.upkeep.reconcile import Report, reconcile
from prescriptions.variants import claims, making
from rxproject.local.stack.stack import Stack
from tests.conftest import CLIENT
from tests.prescriptions.conftest import Upload, claim, objects, page, upload  # noqa: F401
from tests.waiting import until
from transforms.keys import assembled_key, document_key, incoming_prefix, parse_receipt_key, piece_key
from transforms.objects import NewObject
from transforms.version import PIPELINE

pytestmark = [pytest.mark.usefixtures("own_buckets"), pytest.mark.django_db(transaction=True)]
ORIGINALS, VARIANTS = f"rx-{CLIENT}-originals", f"rx-{CLIENT}-variants"
SPECS = ("full/150,200/0/default.webp", "full/30,40/0/default.png", "full/60,80/0/default.jpg")


@pytest.fixture(scope="module")
def buckets(servers: Stack) -> None:
    """A reconciler looks at whole buckets: those of the running stack belong to other databases."""
    admin = servers.s3_client("bootstrap")
    for bucket in (ORIGINALS, VARIANTS):
        admin.create_bucket(Bucket=bucket)
    admin.put_bucket_versioning(Bucket=ORIGINALS, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def own_buckets(buckets: None, servers: Stack, settings: Settings) -> Iterator[None]:
    settings.RX_ORIGINALS_BUCKET, settings.RX_VARIANTS_BUCKET = ORIGINALS, VARIANTS
    settings.RX_S3_ACCESS_KEY, settings.RX_S3_SECRET_KEY = "bootstrap", servers.keys.s3["bootstrap"]
    with per_process.anew():
        yield
        for bucket in (ORIGINALS, VARIANTS):
            storage.delete_everything(bucket, "")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the reconciler's clock says: so much later than the storage's."""

    def by(delta: timedelta) -> None:
        def now() -> datetime:
            return timezone.now() + delta

        monkeypatch.setattr(module, "timezone", SimpleNamespace(now=now))

    return by


@pytest.fixture
def made(page: Page) -> list[Variant]:  # noqa: F811
    """Three variants, ready."""
    rows = [claim(page, spec) for spec in SPECS]
    for row in rows:
        making.make(row.id, row.owner)
        row.refresh_from_db()
        assert row.state == "ready"
    return rows


def exists(key: str) -> bool:
    return key in {listed.key for listed in storage.list_objects(VARIANTS, key)}


def spoil(servers: Stack, row: Variant, data: bytes) -> None:
    head = storage.head_variant(row.key)
    servers.s3_client("bootstrap").put_object(Bucket=VARIANTS, Key=row.key, Body=data, Metadata=dict(head.metadata))


def everything(servers: Stack) -> tuple[Any, ...]:
    rows = [list(model.objects.order_by("pk").values()) for model in (Prescription, Document, Page, Variant)]
    return (*rows, sorted(objects(servers, ORIGINALS)), sorted(objects(servers, VARIANTS)))


def is_whole(row: Variant) -> bool:
    described, chunks = storage.open_variant(row.key)
    data = b"".join(chunks)
    Image.open(io.BytesIO(data)).load()
    return (described.etag, described.size) == (row.etag, row.size)


def all_ready() -> bool:
    return set(Variant.objects.values_list("state", flat=True)) == {"ready"}


def test_what_was_damaged_at_rest_is_made_again(made: list[Variant], servers: Stack) -> None:
    # given one object of another length, one with other bytes, one as it was
    shorter, changed, whole = made
    spoil(servers, shorter, b"short")
    spoil(servers, changed, b"\0" * (changed.size or 0))

    report = reconcile()

    assert report == Report(damaged_objects=2)
    until(all_ready)
    for row in made:
        row.refresh_from_db()
        assert is_whole(row)
    assert shorter.ready_at > whole.ready_at < changed.ready_at
    assert reconcile() == Report()


def test_a_report_that_is_out_of_date_harms_nothing(
    made: list[Variant], servers: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given two reconcilers that listed the same damage, one of which has made it good
    spoil(servers, made[0], b"short")
    stale = list(storage.list_objects(VARIANTS))
    assert reconcile().damaged_objects == 1
    until(all_ready)
    before = everything(servers)

    listing = storage.list_objects
    monkeypatch.setattr(
        storage, "list_objects", lambda bucket, **_: iter(stale) if bucket == VARIANTS else listing(bucket)
    )

    assert reconcile() == Report()
    assert everything(servers) == before


def test_damage_that_cannot_be_deleted_now_is_found_again(
    made: list[Variant], servers: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(servers, made[0], b"short")

    def refuse(key: str) -> None:
        raise storage.StorageUnavailable("delete_object: 503")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete_variant", refuse)
        with pytest.raises(storage.StorageUnavailable):
            reconcile()
    assert all_ready()

    assert reconcile() == Report(damaged_objects=1)
    until(all_ready)
    assert is_whole(Variant.objects.get(pk=made[0].pk))


def test_a_row_whose_object_expired_goes_and_comes_back_when_asked(made: list[Variant], servers: Stack) -> None:
    servers.s3_client("bootstrap").delete_object(Bucket=VARIANTS, Key=made[0].key)

    assert reconcile() == Report(rows_without_objects=1)

    assert set(Variant.objects.values_list("pk", flat=True)) == {row.pk for row in made[1:]}
    again = claim(made[0].page, made[0].stored)
    making.make(again.id, again.owner)
    assert exists(made[0].key)


def test_buckets_are_compared_in_stretches_that_miss_nobody(
    upload: Upload,  # noqa: F811
    servers: Stack,
    later: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given six prescriptions with a variant each, of which the first, the last and two in between lost theirs,
    sent = sorted(upload().pk for _ in range(6))
    rows = [claim(Page.objects.get(prescription=rx), SPECS[0]) for rx in sent]
    for row in rows:
        making.make(row.id, row.owner)
    for at in (0, 2, 3, 5):
        servers.s3_client("bootstrap").delete_object(Bucket=VARIANTS, Key=rows[at].key)
    # one that lost its original, and something that nobody put there
    lost = f"{sent[2]}/{rows[2].page.document_id}"
    storage.delete_everything(ORIGINALS, lost)
    servers.s3_client("bootstrap").put_object(Bucket=VARIANTS, Key="elsewhere/file", Body=b"?")
    later(2 * module.GRACE)

    monkeypatch.setattr(module, "AT_ONCE", 1)

    assert reconcile() == Report(rows_without_objects=4, objects_without_rows=1, rows_without_originals=[lost])
    assert set(Variant.objects.values_list("pk", flat=True)) == {rows[1].pk, rows[4].pk}


def test_one_that_died_is_gone_on_with_where_it_was(
    upload: Upload,  # noqa: F811
    servers: Stack,
    later: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = sorted(upload().pk for _ in range(4))
    rows = [claim(Page.objects.get(prescription=rx), SPECS[0]) for rx in sent]
    for row in rows:
        making.make(row.id, row.owner)
    servers.s3_client("bootstrap").delete_object(Bucket=VARIANTS, Key=rows[3].key)
    storage.delete_everything(ORIGINALS, f"{sent[1]}/{rows[1].page.document_id}")
    later(2 * module.GRACE)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    places: list[str] = []

    def die_at_the_second(place: str) -> None:
        places.append(place)
        if len(places) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile(keep=die_at_the_second)
    assert places == [f"variants:{sent[0]}", f"variants:{sent[1]}"]

    report = reconcile(place=places[-1], keep=places.append)

    assert report == Report(rows_without_objects=1, rows_without_originals=[f"{sent[1]}/{rows[1].page.document_id}"])
    assert f"variants:{sent[0]}" not in places[2:]
    assert places[-1].startswith("originals:")


def test_an_object_without_a_row_has_an_hour(made: list[Variant], later: Any) -> None:
    # given an object whose row is gone, as between a put and its row
    key = made[0].key
    Variant.objects.filter(pk=made[0].pk).delete()

    later(module.GRACE - timedelta(minutes=5))
    assert reconcile() == Report()
    assert exists(key)

    later(module.GRACE + timedelta(minutes=1))
    assert reconcile() == Report(objects_without_rows=1)
    assert not exists(key)
    assert exists(made[1].key)


def test_originals_are_reported_and_deleted_on_an_operators_word_only(
    page: Page,  # noqa: F811
    servers: Stack,
    later: Any,
) -> None:
    # given an original without a row, in two versions, and a row without an original
    stray = f"{new_identifier()}/{new_identifier()}"
    for body in (b"1", b"2"):
        servers.s3_client("bootstrap").put_object(Bucket=ORIGINALS, Key=stray, Body=body)
    lost = Document.objects.create(
        prescription=Prescription.objects.create(client="shop", created_at=timezone.now() - timedelta(days=1)),
        position=1,
        media_type="image/jpeg",
        size=1,
        sha256="0" * 64,
        name="lost.jpg",
    )
    found = Report(originals_without_rows=[stray], rows_without_originals=[f"{lost.prescription_id}/{lost.pk}"])
    before = everything(servers)

    # then nothing but the right words deletes it
    assert reconcile() == found
    assert reconcile(delete_originals_older_than=timedelta(days=2)) == found
    later(timedelta(days=3))
    assert reconcile() == found
    assert reconcile(dry_run=True, delete_originals_older_than=timedelta(days=2)) == found
    with pytest.raises(CommandError, match="--older-than"):
        call_command("reconcile", delete_originals=True)
    assert everything(servers) == before

    found.originals_deleted = 2
    assert reconcile(delete_originals_older_than=timedelta(days=2)) == found
    left = [key for key, _ in objects(servers, ORIGINALS) if not parse_receipt_key(key)]
    assert left == [f"{page.prescription_id}/{page.document_id}"]


def test_leftovers_of_the_erased_go_at_once(made: list[Variant], servers: Stack) -> None:
    # given an erased prescription whose objects came back, as from a restored backup
    key, rx = made[0].key, made[0].page.prescription_id
    Prescription.objects.update(erased_at=timezone.now())
    Page.objects.all().delete()
    Document.objects.all().delete()
    assert exists(key)

    assert reconcile(dry_run=True) == Report(leftovers_of_erased=5)  # three variants, an original, its receipt
    assert reconcile() == Report(leftovers_of_erased=5)

    assert [objects(servers, bucket, rx) for bucket in (ORIGINALS, VARIANTS)] == [[], []]


def mess(made: list[Variant], servers: Stack) -> None:
    """One of each: damaged, expired, without a row, forgotten claim."""
    spoil(servers, made[0], b"short")
    servers.s3_client("bootstrap").delete_object(Bucket=VARIANTS, Key=made[1].key)
    stray = f"{new_identifier()}/1/{PIPELINE}/{SPECS[0]}"
    servers.s3_client("bootstrap").put_object(Bucket=VARIANTS, Key=stray, Body=b"?")
    claim(made[0].page, "full/90,120/0/default.webp", lease_until=timezone.now() - timedelta(minutes=1))


def test_a_dry_run_changes_nothing(made: list[Variant], servers: Stack, later: Any) -> None:
    mess(made, servers)
    before = everything(servers)
    later(2 * module.GRACE)
    assert claims.due(10) != []

    report = reconcile(dry_run=True)

    assert report == Report(taken_up=1, damaged_objects=1, rows_without_objects=1, objects_without_rows=1)
    assert everything(servers) == before


def test_two_at_once_do_it_once(
    made: list[Variant],
    servers: Stack,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mess(made, servers)
    monkeypatch.setattr(module, "GRACE", timedelta(0))  # a clock that is ahead would distrust what is made meanwhile
    caplog.set_level("INFO", "rx.render")

    def run(_: int) -> Report:
        try:
            return reconcile()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, range(2)))

    # then each trouble was made good, and no more was rendered than had to be
    def outcomes() -> list[str]:
        return [record.outcome for record in caplog.records if record.message == "variant"]  # type: ignore[attr-defined]

    until(all_ready)
    until(lambda: len(outcomes()) >= 2)  # a renderer tells of its work after the row does
    assert sum(report.taken_up for report in reports) == 1
    assert {report.damaged_objects for report in reports} <= {0, 1}
    assert outcomes() == ["ready", "ready"]
    rows = list(Variant.objects.select_related("page"))
    assert {row.stored for row in rows} == {SPECS[0], SPECS[2], "full/90,120/0/default.webp"}
    assert all(is_whole(row) for row in rows)
    assert {key for key, _ in objects(servers, VARIANTS)} == {row.key for row in rows}
    assert reconcile() == Report()


# --- All pages in one PDF ---------------------------------------------------------------------------------------------
def test_a_whole_pdf_is_known_by_its_row_and_goes_when_it_is_damaged(page: Page, later: Any) -> None:  # noqa: F811
    def put(digest: str, data: bytes = b"%PDF-1.7") -> str:
        key = document_key(page.prescription_id, digest)
        return storage.put_variant(
            key, NewObject(data=data, media_type="application/pdf", metadata={"source": ""})
        ).etag

    row = WholePdf.objects.create(
        prescription=page.prescription, digest="1" * 32, owner="x", etag=put("1" * 32), size=len(b"%PDF-1.7")
    )
    put("2" * 32)
    later(timedelta(hours=2))

    assert reconcile().objects_without_rows == 1
    assert [listed.key for listed in storage.list_objects(VARIANTS)] == [row.key]

    storage.delete_variant(row.key)
    put("1" * 32, b"%PDF-")
    assert reconcile(dry_run=True).damaged_objects == 1
    assert WholePdf.objects.exists()
    assert reconcile().damaged_objects == 1
    assert (list(storage.list_objects(VARIANTS)), WholePdf.objects.exists()) == ([], False)


def test_uploads_under_way_are_given_up_however_many_there_are(servers: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_s3, "AT_ONCE", 2)
    incoming, other = new_identifier(), new_identifier()
    for n in range(7):
        parts_s3.begin(f"{incoming_prefix(incoming)}{n // 2}", media_type="a/b")
    parts_s3.begin(assembled_key(other), media_type="a/b")

    before = timezone.now() - timedelta(hours=1)
    assert parts_s3.abort_everything(incoming_prefix(incoming), begun_before=before) == 0
    assert [parts_s3.abort_everything(incoming_prefix(incoming)) for _twice in range(2)] == [7, 0]
    assert parts_s3.abort_everything(incoming_prefix(other)) == 1


def test_pieces_of_files_that_no_row_knows_go_after_days(later: Any, servers: Stack) -> None:
    # given what a restored database does not know of: a piece, and a multipart upload under way
    incoming = new_identifier()
    storage.put_original(piece_key(incoming, 1, 1), b"x", media_type="a/b", sha256=hashlib.sha256(b"x").hexdigest())
    parts_s3.begin(assembled_key(incoming), media_type="a/b")

    # then it is nobody's business at first
    assert reconcile().originals_without_rows == []
    assert len(objects(servers, ORIGINALS, incoming_prefix(incoming))) == 1

    # and gone when nobody can be sending it any more
    later(module.OVER + timedelta(hours=1))
    assert reconcile().originals_without_rows == []
    assert objects(servers, ORIGINALS, incoming_prefix(incoming)) == []
    assert parts_s3.abort_everything(incoming_prefix(incoming)) == 0
