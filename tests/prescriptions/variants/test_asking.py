"""Finding a variant or seeing to it that it is made once."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import per_process, storage
from prescriptions.infra.problems import Problem
from prescriptions.models import Page, Prescription, Variant
from prescriptions.variants import asking, claims, waiting
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.fairness.tickets import Ticket
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import SOMEBODY, claim, objects
from tests.waiting import until
from transforms.limits import LIMITS
from transforms.request.presets import preset
from transforms.request.spec import Stored
from transforms.version import PIPELINE

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db(transaction=True)]
SMALL = Stored.parse("full/150,200/0/default.webp")
ODD = Stored.parse("full/33,44/90/gray.png")


def refusal(page: Page, stored: Stored = SMALL, wait: float = 0) -> Problem:
    with pytest.raises(Problem) as refused:
        asking.get_variant(page, stored, by=SOMEBODY, wait=wait)
    return refused.value


def test_a_miss_is_generated_and_then_a_hit(page: Page) -> None:
    first = asking.get_variant(page, SMALL, by=SOMEBODY, wait=50)
    second = asking.get_variant(page, SMALL, by=SOMEBODY, wait=0)

    assert (first.how, second.how) == ("generated", "hit")
    assert first.variant.pk == second.variant.pk
    assert (second.variant.state, second.variant.attempts, second.variant.backend) == ("ready", 1, "inline")
    assert storage.head_variant(second.variant.key).etag == second.variant.etag


def test_twelve_at_once_make_one(page: Page, servers: Stack) -> None:
    def one(_: int) -> str:
        try:
            return asking.get_variant(page, SMALL, by=SOMEBODY, wait=50).how
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        how = list(pool.map(one, range(12)))

    assert how.count("generated") == 1
    assert Variant.objects.get().attempts == 1
    assert len(objects(servers, "rx-variants", page.prescription_id)) == 1


def test_an_object_that_went_missing_is_made_again(page: Page) -> None:
    made = asking.get_variant(page, SMALL, by=SOMEBODY, wait=50).variant
    storage.delete_variant(made.key)

    again = asking.get_variant(page, SMALL, by=SOMEBODY, wait=50)

    assert (again.how, again.variant.pk, again.variant.attempts) == ("generated", made.pk, 1)
    assert storage.variant_exists(made.key)


def test_storage_that_does_not_answer_is_not_a_lost_object(row: Page, no_s3: None) -> None:
    claim(row, str(SMALL), state="ready", etag='"1"', ready_at=timezone.now())

    with pytest.raises(storage.StorageUnavailable):
        asking.find_or_claim(row, SMALL, by=SOMEBODY)

    assert Variant.objects.get().state == "ready"


def test_waiting_ends_and_the_claim_stays(row: Page) -> None:
    variant = claim(row, str(SMALL))

    problem = refusal(row)

    assert (problem.status, problem.code, problem.retry_after) == (503, "not-ready", 2)
    assert Variant.objects.get().owner == variant.owner


@pytest.mark.parametrize(
    ("state", "code", "status", "retry_after"),
    [
        ("failed", "source-damaged", 422, None),
        ("failed", "source-locked", 422, None),
        ("failed", "page-missing", 404, None),
        ("dead", "render-timeout", 422, None),
        ("dead", "nobody-knows-this", 422, None),
        ("dead", claims.TROUBLE, 503, 60),
    ],
)
def test_a_failure_is_told_to_everybody_and_makes_nothing(
    row: Page, state: str, code: str, status: int, retry_after: int | None
) -> None:
    later = timezone.now() + timedelta(minutes=1)
    claim(row, str(SMALL), state=state, error_code=code, attempts=3, lease_until=later)

    problem = refusal(row)

    assert (problem.status, problem.retry_after) == (status, retry_after)
    assert Variant.objects.get().attempts == 3


def test_the_third_death_is_told_to_who_asks_next(row: Page) -> None:
    past = timezone.now() - timedelta(seconds=1)
    claim(row, str(SMALL), state="rendering", attempts=3, lease_until=past)

    problem = refusal(row)

    assert (problem.status, problem.retry_after, Variant.objects.get().state) == (503, 60, "dead")


def test_a_waiter_of_something_erased_is_told(row: Page) -> None:
    variant = claim(row, str(SMALL))

    def erase() -> None:
        time.sleep(0.3)
        Prescription.objects.all().delete()
        connection.close()
        waiting.publish(variant.pk)

    thread = threading.Thread(target=erase)
    thread.start()
    problem = refusal(row, wait=50)
    thread.join()

    assert (problem.status, problem.code) == (410, "erased")


@pytest.fixture
def room_for_one(settings: Settings) -> Iterator[None]:
    settings.RX_MAX_WAITERS = 1
    with per_process.anew():
        yield


def test_waiters_are_bounded(row: Page, room_for_one: None) -> None:
    # given somebody who waits, as many as there may be
    taken = claim(row, str(SMALL))

    def wait() -> int:
        try:
            return refusal(row, wait=50).status
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(wait)
        until(lambda: waiting.waited_for() == {taken.pk})

        # when one more would have to wait
        problem = refusal(row, wait=50)

        # then they are sent away, and the first one waits on
        assert (problem.status, problem.code, problem.retry_after) == (503, "not-ready", 5)
        assert not waits.done()
        Variant.objects.update(state="failed", error_code="source-damaged")
        waiting.publish(taken.pk)
        assert waits.result() == 422


def test_who_waited_makes_room_again(row: Page, room_for_one: None) -> None:
    claim(row, str(SMALL))

    assert [refusal(row).retry_after for _ in range(3)] == [2, 2, 2]


def fill_quota(page: Page) -> None:
    Variant.objects.bulk_create(
        Variant(page=page, stored=f"full/{n},{n}/0/default.png", pipeline=PIPELINE, state="ready")
        for n in range(LIMITS.stored_variants)
    )


def test_the_201st_variant_of_a_page_is_refused(page: Page, servers: Stack) -> None:
    fill_quota(page)

    problem = refusal(page, ODD)

    assert (problem.status, problem.code, problem.retry_after) == (429, "too-many-variants", 3600)
    assert Variant.objects.count() == LIMITS.stored_variants
    assert objects(servers, "rx-variants", page.prescription_id) == []


def test_presets_never_count_against_the_quota(page: Page) -> None:
    fill_quota(page)

    assert asking.get_variant(page, preset("thumb", page.size), by=SOMEBODY, wait=50).how == "generated"


def test_a_full_queue_refuses_new_work_and_serves_what_exists(page: Page, settings: Settings) -> None:
    made = asking.get_variant(page, SMALL, by=SOMEBODY, wait=50).variant
    settings.RX_QUEUE_LIMIT = 1
    claim(page, "full/10,10/0/default.png")

    problem = refusal(page, ODD)

    assert (problem.status, problem.code, problem.retry_after) == (503, "queue-full", 5)
    assert Variant.objects.count() == 2
    assert asking.get_variant(page, SMALL, by=SOMEBODY, wait=0).variant.pk == made.pk


def test_a_backend_that_cannot_be_told_costs_no_attempt(row: Page, settings: Settings) -> None:
    settings.RX_BACKEND = "tests.prescriptions.variants.test_asking.Nobody"

    problem = refusal(row)

    assert (problem.status, problem.retry_after) == (503, 5)
    assert [(variant.pk, variant.attempts) for variant in claims.due(10)] == [(Variant.objects.get().pk, 0)]


class Nobody:
    def dispatch(self, ticket: Ticket) -> None:
        raise BackendUnavailable
