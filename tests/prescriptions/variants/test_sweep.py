"""The sweep: what nobody works on is taken up again, whoever forgot it."""

import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import redis_client, storage
from prescriptions.models import Page, Prescription, Variant
from prescriptions.variants import claims, sweep
from rxproject.local.stack.view import View
from tests.prescriptions.conftest import claim
from tests.waiting import until
from transforms.version import PIPELINE

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db(transaction=True)]
PAST = timezone.now() - timedelta(minutes=1)


def test_a_forgotten_claim_gets_made(page: Page) -> None:
    # given a claim whose message was lost and one whose worker died
    claim(page, lease_until=PAST)
    claim(page, "full/30,40/0/default.png", state="rendering", attempts=1, lease_until=PAST)
    claim(page, "full/60,80/0/default.png", state="retry", attempts=2, owner="", lease_until=PAST)

    assert sweep.sweep() == 3

    until(lambda: Variant.objects.filter(state="ready").count() == 3)
    assert sorted(Variant.objects.values_list("attempts", flat=True)) == [1, 2, 3]
    assert sweep.sweep() == 0


def test_what_is_not_due_is_left_alone(row: Page) -> None:
    for width, state in enumerate(("queued", "rendering", "retry"), 10):
        claim(row, f"full/{width},{width}/0/default.png", state=state)
    for width, state in enumerate(("ready", "failed", "dead"), 20):
        claim(row, f"full/{width},{width}/0/default.png", state=state, lease_until=PAST)
    before = list(Variant.objects.values())

    assert sweep.sweep() == 0

    assert list(Variant.objects.values()) == before


def test_the_erased_is_not_made(row: Page) -> None:
    claim(row, lease_until=PAST)
    Prescription.objects.update(erased_at=timezone.now())

    assert sweep.sweep() == 0


def test_a_third_death_is_buried_by_the_sweep(row: Page) -> None:
    claim(row, state="rendering", attempts=3, lease_until=PAST)

    assert sweep.sweep() == 0
    assert Variant.objects.get().state == "dead"


def test_a_broker_that_is_away_leaves_everything_for_the_next_sweep(row: Page, settings: Settings) -> None:
    settings.RX_BACKEND = "tests.prescriptions.variants.test_asking.Nobody"
    for width in (10, 20, 30):
        claim(row, f"full/{width},{width}/0/default.png", lease_until=PAST)

    assert sweep.sweep() == 0

    assert len(claims.due(10)) == 3
    assert set(Variant.objects.values_list("attempts", flat=True)) == {0}


def test_what_an_operator_revived_is_taken_up(page: Page) -> None:
    variant = claim(page, state="dead", attempts=3, error_code="render-crashed")
    claims.revive(variant)

    assert sweep.sweep() == 1

    until(lambda: Variant.objects.get().state == "ready")
    assert Variant.objects.get().attempts == 1


# --- Claims of another release ----------------------------------------------------------------------------------------
@pytest.fixture
def worked_for(servers: View) -> Iterator[str]:
    """A release that a worker has reported for."""
    pipeline = f"p{secrets.randbelow(10**9)}"
    key = f"{redis_client.WORKER_KEY}:{pipeline}"
    redis_client.connection().set(key, "1", ex=300)
    yield pipeline
    redis_client.connection().delete(key)


def test_one_that_has_workers_is_left_to_them(row: Page, worked_for: str, releases: list[str]) -> None:
    claim(row, lease_until=PAST, pipeline=worked_for, attempts=1)

    assert sweep.sweep() == 1

    variant = Variant.objects.get()
    assert (releases, variant.pipeline, variant.state, variant.attempts) == ([worked_for], worked_for, "queued", 1)


def test_one_that_has_none_becomes_ours(row: Page, releases: list[str]) -> None:
    claim(row, lease_until=PAST, pipeline="p0", attempts=2)

    assert sweep.sweep() == 1

    variant = Variant.objects.get()
    assert (releases, variant.pipeline, variant.state, variant.attempts) == ([PIPELINE], PIPELINE, "queued", 0)


def test_one_that_we_have_already_is_given_up_until_somebody_asks_again(row: Page, releases: list[str]) -> None:
    ours = claim(row, state="ready")
    theirs = claim(row, "full/1,1/0/default.webp")
    Variant.objects.filter(pk=theirs.pk).update(stored=ours.stored, pipeline="p0", lease_until=PAST)

    assert sweep.sweep() == 0

    theirs.refresh_from_db()
    assert (theirs.pipeline, theirs.state, theirs.error_code) == ("p0", "dead", claims.TROUBLE)
    assert "p0" in theirs.error_detail
    assert theirs.lease_until > timezone.now()
    assert (releases, Variant.objects.filter(state="ready").count()) == ([], 1)


def test_while_nobody_knows_of_its_workers_it_stays_what_it_is(row: Page, no_redis: None, releases: list[str]) -> None:
    claim(row, lease_until=PAST, pipeline="p0")

    sweep.sweep()

    assert (Variant.objects.get().pipeline, releases) == ("p0", ["p0"])


def test_where_no_release_needs_workers_it_becomes_ours_at_once(page: Page, worked_for: str) -> None:
    claim(page, lease_until=PAST, pipeline=worked_for)

    assert sweep.sweep() == 1

    until(lambda: Variant.objects.get().state == "ready")
    variant = Variant.objects.select_related("page").get()
    assert (variant.pipeline, variant.attempts) == (PIPELINE, 1)
    assert storage.head_variant(variant.key).metadata["pipeline"] == PIPELINE
