"""What is sent several times at the same moment is done once, whichever database decides who came first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction
from django.utils import timezone

from prescriptions.audit import actors
from prescriptions.audit.actors import SYSTEM
from prescriptions.events import webhooks
from prescriptions.infra.problems import Problem
from prescriptions.intake.tus import uploads
from prescriptions.models import (
    AuditEvent,
    IdempotencyKey,
    Incoming,
    LentLink,
    LooseOriginal,
    Page,
    Prescription,
    Replay,
    Sheet,
)
from prescriptions.review import replays
from prescriptions.variants.links import lent
from rxproject.local.stack.stack import Stack
from tests.databases import on_each_database
from tests.prescriptions.conftest import Upload, objects
from tests.prescriptions.reviewing import Staff, approval, claimed
from tests.prescriptions.staff import Make

pytestmark = [on_each_database, pytest.mark.django_db(transaction=True)]
T = TypeVar("T")


def at_once(times: int, call: Callable[[], T]) -> list[T]:
    """What each call answers, each in a thread with a connection of its own."""

    def one(_: int) -> T:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_a_decision_sent_four_times_is_made_once_and_all_are_told(make: Make, staff: Staff) -> None:
    review = claimed(make, staff["pharmacist"])
    actor = actors.staff(staff["pharmacist"])

    def decide() -> tuple[int, bool]:
        decided, replayed = replays.decide_once(review.pk, approval(), actor=actor, version=review.version)
        return decided.version, replayed

    assert sorted(at_once(4, decide)) == [(3, False), (3, True), (3, True), (3, True)]
    assert AuditEvent.objects.filter(rx=review.pk, verb="review.approve").count() == 1


def test_an_upload_sent_eight_times_is_one_prescription_and_all_are_told(upload: Upload, servers: Stack) -> None:
    before = len(objects(servers))

    def send() -> str:
        try:
            return upload(idempotency_key="k").id
        except Problem as problem:
            if (problem.status, problem.code, problem.retry_after) != (409, "in-flight", 2):
                raise
            return problem.headers.get("Location", "").rpartition("/")[2]

    answers = at_once(8, send)

    made = Prescription.objects.get().id
    assert {*answers} - {""} == {made}  # "": before it was known what it will become
    assert upload(idempotency_key="k").id == made
    assert len(objects(servers)) == before + 2  # the original and its receipt
    assert LooseOriginal.objects.count() == 0


def test_whoever_was_so_slow_that_another_took_over_writes_nothing(upload: Upload, servers: Stack) -> None:
    # given an upload whose reservation was over before it had put its originals
    def overtake(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        if sql.startswith('INSERT INTO "prescriptions_looseoriginal"'):
            assert Replay.objects.update(owner="0" * 32) == 1
        return execute(sql, params, many, context)

    before = objects(servers)
    with connection.execute_wrapper(overtake), pytest.raises(Problem) as refused:
        upload(idempotency_key="k")

    assert (refused.value.status, refused.value.code) == (409, "in-flight")
    assert (Prescription.objects.count(), IdempotencyKey.objects.count()) == (0, 0)
    assert objects(servers) == before


def test_webhooks_made_at_the_same_moment_are_no_more_than_a_client_may_have() -> None:
    for _ in range(webhooks.MOST - 1):
        webhooks.make(client="shop", url="https://shop.example.org/", by=SYSTEM)

    def one() -> str:
        try:
            webhooks.make(client="shop", url="https://shop.example.org/", by=SYSTEM)
        except Problem as problem:
            return problem.code
        return "made"

    assert sorted(at_once(4, one)) == ["made", *["too-many-webhooks"] * 3]


def test_who_begins_many_files_in_pieces_gets_no_more_than_so_many() -> None:
    sender = uploads.Sender("client:shop", "shop", 3)

    def begin() -> int:
        try:
            return int(bool(uploads.begin(sender, length=9)))
        except Problem as problem:
            return problem.status

    assert sorted(at_once(8, begin)) == [1] * 3 + [429] * 5
    assert Incoming.objects.count() == 3


def test_of_links_that_are_made_while_all_are_cut_none_is_left(make: Make) -> None:
    row = Prescription.objects.get(pk=make(client="shop").pk)
    turns = iter(range(9))

    def made() -> str:
        try:
            lent.make(row, scope="f", expires_in=600, pages=(), actor=SYSTEM)
        except Problem as problem:
            return problem.code
        return "made"

    def go() -> str:
        if next(turns) != 4:
            return made()
        lent.cut(row.pk, timezone.now())
        return "cut"

    assert set(at_once(9, go)) <= {"made", "cut", "links-cut"}
    assert not LentLink.objects.filter(revoked_at=None).exists()
    assert made() == "links-cut"
    Prescription.objects.update(erased_at=timezone.now())
    assert made() == "erased"


def test_a_release_that_knows_no_sheets_can_delete_pages(make: Make) -> None:
    rx = make(pages=1).pk
    page = Page.objects.get(prescription=rx)
    Sheet.objects.create(page=page, digest="0" * 8, corners=[], width=10, height=10, source="auto")

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM prescriptions_page WHERE prescription_id = %s", [rx])

    # Releases only run side by side on PostgreSQL.
    assert Sheet.objects.exists() is (connection.vendor == "sqlite")
