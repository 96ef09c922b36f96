"""The sweep: what nobody works on is taken up again, whoever forgot it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from prescriptions.models import Page, Prescription, Variant
from prescriptions.variants import claims, sweep
from tests.prescriptions.conftest import claim
from tests.waiting import until

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
