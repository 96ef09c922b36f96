"""Claims: one winner, leases that end, attempts that count, and nothing behind a tombstone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from prescriptions.models import Page, Prescription, Sheet, SheetSource, Variant, VariantState
from prescriptions.variants import claims
from tests.databases import on_each_database
from tests.prescriptions.conftest import claim
from transforms.request.paper import Paper
from transforms.request.spec import Stored

pytestmark = [on_each_database, pytest.mark.django_db(transaction=True)]
PAST = timedelta(seconds=-1)


def seconds_left(variant: Variant) -> float:
    return (variant.lease_until - timezone.now()).total_seconds()


def expire(variant: Variant) -> None:
    variant.lease_until = timezone.now() + PAST
    variant.save(update_fields=["lease_until"])


def erase(variant: Variant) -> None:
    Prescription.objects.update(erased_at=timezone.now())


def at_once(call, times: int = 16) -> list[bool]:
    """The call by so many threads at one moment, each with a connection of its own."""
    barrier = Barrier(times)

    def one(_: int) -> bool:
        try:
            barrier.wait()
            return bool(call())
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.mark.parametrize("kind", ["page", "sheet"])
def test_one_of_sixteen_gets_the_new_row(row: Page, kind: str) -> None:
    stored = Stored.parse("full/150,200/0/default.webp")
    paper = Paper.of([(0, 0), (300, 0), (300, 400), (0, 400)], row.size)
    sheet = Sheet.of(row, paper, source=SheetSource.AUTO)
    sheet.save()

    won = at_once(lambda: claims.insert(row if kind == "page" else sheet, stored, advertised=True)[1])

    assert sorted(won) == [False] * 15 + [True]
    variant = Variant.objects.get()
    assert variant.sheet == ("" if kind == "page" else sheet.digest)
    assert (variant.state, variant.attempts, variant.stored) == ("queued", 0, str(stored))
    assert 0 < seconds_left(variant) <= 40


def test_one_of_sixteen_takes_over_an_expired_lease(row: Page) -> None:
    variant = claim(row, state="rendering", attempts=1)
    expire(variant)

    won = at_once(lambda: claims.take_over(Variant.objects.get(pk=variant.pk)))

    assert sorted(won) == [False] * 15 + [True]
    taken = Variant.objects.get()
    assert (taken.state, taken.attempts) == ("queued", 1)
    assert taken.owner != variant.owner


def test_one_of_sixteen_begins(row: Page) -> None:
    variant = claim(row)

    assert sorted(at_once(lambda: claims.begin(variant.id, variant.owner))) == [False] * 15 + [True]
    assert Variant.objects.get().attempts == 1


def test_one_of_sixteen_renews_a_lost_object(row: Page) -> None:
    variant = claim(row, state="ready", etag='"1"', ready_at=timezone.now(), attempts=2)

    won = at_once(lambda: claims.take_over(Variant.objects.get(pk=variant.pk), lost_object=True))

    assert sorted(won) == [False] * 15 + [True]
    assert (Variant.objects.get().state, Variant.objects.get().attempts) == ("queued", 0)


@pytest.mark.parametrize("state", claims.OPEN)
def test_a_lease_that_runs_cannot_be_taken(row: Page, state: str) -> None:
    variant = claim(row, state=state)

    assert claims.take_over(variant) is False
    assert Variant.objects.get().owner == variant.owner


def test_a_worker_begins_with_a_fresh_lease(row: Page) -> None:
    variant = claim(row, lease_until=timezone.now() + timedelta(seconds=1))

    begun = claims.begin(variant.id, variant.owner)

    assert begun is not None
    assert (begun.state, begun.attempts) == ("rendering", 1)
    assert seconds_left(begun) > 25


def test_a_claim_of_another_release_is_not_begun(row: Page) -> None:
    variant = claim(row, pipeline="p0")
    before = Variant.objects.values().get()

    assert claims.begin(variant.id, variant.owner) is None

    assert Variant.objects.values().get() == before


def test_a_stale_message_begins_nothing(row: Page) -> None:
    # given a claim that somebody else took over
    variant = claim(row)
    before = variant.owner
    expire(variant)
    assert claims.take_over(variant)

    assert claims.begin(variant.id, before) is None
    assert claims.begin("f" * 32, before) is None
    assert claims.begin(variant.id, "") is None
    assert Variant.objects.get().attempts == 0


def test_a_message_given_twice_is_begun_once(row: Page) -> None:
    variant = claim(row)
    assert claims.begin(variant.id, variant.owner) is not None

    assert claims.begin(variant.id, variant.owner) is None


def test_after_three_deaths_of_workers_a_variant_rests(row: Page) -> None:
    # given a variant on which three workers died
    variant = claim(row)
    for attempt in (1, 2, 3):
        assert claims.begin(variant.id, variant.owner) is not None
        variant.refresh_from_db()
        assert variant.attempts == attempt
        expire(variant)
        won = claims.take_over(variant)
        assert won is (attempt < 3)

    # then it is given up for trouble, which is not the file's; nobody can begin or take it
    variant.refresh_from_db()
    assert (variant.state, variant.error_code, variant.owner) == ("dead", claims.TROUBLE, "")
    assert 58 < seconds_left(variant) <= 60
    assert claims.due(10) == []
    assert claims.take_over(variant) is False
    assert claims.begin(variant.id, "") is None

    # until the pause is over: whoever asks then starts over
    expire(variant)
    assert claims.take_over(variant) is True
    assert (variant.state, variant.attempts) == ("queued", 0)


def test_a_fourth_attempt_is_never_begun(row: Page) -> None:
    variant = claim(row, state="queued", attempts=3)

    assert claims.begin(variant.id, variant.owner) is None


@pytest.mark.parametrize(("attempt", "wait"), [(1, 1), (2, 4)])
def test_trouble_is_tried_again_after_a_while(row: Page, attempt: int, wait: int) -> None:
    variant = claim(row, state="rendering", attempts=attempt)

    claims.postpone(variant, code="render-timeout", detail="Too slow.")

    variant.refresh_from_db()
    assert (variant.state, variant.error_code, variant.owner) == ("retry", "render-timeout", "")
    assert wait - 1 < seconds_left(variant) <= wait
    assert claims.take_over(variant) is False  # not yet
    expire(variant)
    assert claims.due(10) == [variant]
    assert claims.take_over(variant) is True
    assert (variant.state, variant.attempts, variant.error_code) == ("queued", attempt, "")


def test_after_the_last_pause_that_is_set_it_stands_for_all_that_follow(row: Page, settings: Settings) -> None:
    settings.RX_VARIANT_ATTEMPTS, settings.RX_VARIANT_BACKOFF = 9, (1, 7)
    variant = claim(row, state="rendering", attempts=5)

    claims.postpone(variant, code="render-timeout", detail="Too slow.")

    variant.refresh_from_db()
    assert variant.state == "retry"
    assert 6 < seconds_left(variant) <= 7


def test_how_often_and_how_long_is_a_setting(row: Page, settings: Settings) -> None:
    settings.RX_VARIANT_LEASE, settings.RX_VARIANT_ATTEMPTS, settings.RX_VARIANT_PAUSE = 3, 1, 2
    variant = claim(row)
    assert 2 < seconds_left(variant) <= 3

    begun = claims.begin(variant.id, variant.owner)
    assert begun is not None
    assert 2 < seconds_left(begun) <= 3
    claims.postpone(begun, code=claims.TROUBLE, detail="S3 did not answer.")

    variant.refresh_from_db()
    assert variant.state == "dead"
    assert 1 < seconds_left(variant) <= 2


def test_trouble_with_the_last_attempt_is_the_end(row: Page) -> None:
    variant = claim(row, state="rendering", attempts=3)

    claims.postpone(variant, code="render-timeout", detail="Too slow.")

    variant.refresh_from_db()
    expire(variant)
    assert variant.state == "dead"
    assert claims.take_over(variant) is False


def test_trouble_of_the_machinery_may_be_asked_for_again_after_a_minute(row: Page) -> None:
    variant = claim(row, state="rendering", attempts=3)
    claims.postpone(variant, code=claims.TROUBLE, detail="S3 did not answer.")
    variant.refresh_from_db()
    assert (variant.state, claims.take_over(variant)) == ("dead", False)
    assert 55 < seconds_left(variant) <= 60

    expire(variant)

    assert claims.due(10) == []  # nobody asked
    assert claims.take_over(variant) is True
    assert (variant.state, variant.attempts) == ("queued", 0)


def test_a_bad_file_fails_for_good(row: Page) -> None:
    variant = claim(row, state="rendering", attempts=1)

    claims.fail(variant, code="source-damaged" + "x" * 99, detail="y" * 999)

    variant.refresh_from_db()
    assert (variant.state, len(variant.error_code), len(variant.error_detail)) == ("failed", 48, 255)
    expire(variant)
    assert claims.take_over(variant) is False
    assert claims.due(10) == []


def finish(variant: Variant) -> bool:
    made = claims.Made(size=9, width=3, height=4, etag='"e"')
    return claims.finish(variant, made, milliseconds=1.5, timings={"put": 1.0})


def test_who_lost_the_claim_changes_nothing(row: Page) -> None:
    # given a worker that was thought dead, and another one in its place
    variant = claim(row)
    late = claims.begin(variant.id, variant.owner)
    assert late is not None
    Variant.objects.update(lease_until=timezone.now() + PAST)
    assert claims.take_over(Variant.objects.get())
    before = Variant.objects.values().get()

    # when the first one comes to an end after all
    assert finish(late) is False
    claims.fail(late, code="source-damaged", detail="")
    claims.postpone(late, code="render-crashed", detail="")
    claims.release(late)

    assert Variant.objects.values().get() == before


def test_finishing(row: Page) -> None:
    begun = claims.begin(claim(row, error_code="old", error_detail="old").id, Variant.objects.get().owner)
    assert begun is not None

    assert finish(begun) is True

    variant = Variant.objects.get()
    assert (variant.state, variant.size, variant.width, variant.height) == ("ready", 9, 3, 4)
    assert (variant.etag, variant.error_code, variant.error_detail) == ('"e"', "", "")
    assert variant.ready_at is not None
    assert finish(begun) is False


def test_a_released_claim_is_due_at_once_and_cost_no_attempt(row: Page) -> None:
    variant = claim(row)

    claims.release(variant)

    assert [due.pk for due in claims.due(10)] == [variant.pk]
    assert Variant.objects.get().attempts == 0


def test_nothing_begins_behind_a_tombstone(row: Page) -> None:
    variant = claim(row)
    erase(variant)

    assert claims.begin(variant.id, variant.owner) is None
    expire(variant)
    assert claims.take_over(variant) is False
    assert claims.due(10) == []
    Variant.objects.update(state="ready")
    variant.refresh_from_db()
    assert claims.take_over(variant, lost_object=True) is False
    assert Variant.objects.get().state == "ready"


@pytest.mark.parametrize("state", list(VariantState))
def test_an_operator_revives_what_was_given_up_and_nothing_else(row: Page, state: str) -> None:
    variant = claim(row, state=state, attempts=3, error_code="render-crashed")

    revived = claims.revive(variant)

    variant.refresh_from_db()
    assert revived is (state in ("dead", "failed"))
    assert (variant.state, variant.attempts) == (("retry", 0) if revived else (state, 3))
    assert (claims.due(10) == [variant]) is revived


def test_a_row_that_an_erasure_deleted_is_nobodys(row: Page) -> None:
    variant = claim(row)
    expire(variant)
    Variant.objects.all().delete()

    assert claims.take_over(variant) is False
    variant.attempts = 3
    assert claims.take_over(variant) is False
    assert claims.begin(variant.id, variant.owner) is None


def test_another_backend_takes_the_claim_and_the_first_ones_attempt_does_not_count(row: Page) -> None:
    begun = claims.begin(claim(row).id, Variant.objects.get().owner)
    assert begun is not None

    assert claims.hand_over(begun, backend="celery") is True

    variant = Variant.objects.get()
    assert (variant.state, variant.attempts, variant.backend, variant.owner) == ("queued", 0, "celery", begun.owner)
    assert claims.hand_over(begun, backend="celery") is False
    assert claims.begin(variant.id, variant.owner) is not None


def test_a_lease_is_renewed_by_who_holds_it(row: Page) -> None:
    begun = claims.begin(claim(row).id, Variant.objects.get().owner)
    assert begun is not None
    Variant.objects.update(lease_until=timezone.now())

    assert claims.renew(begun) is True
    assert seconds_left(Variant.objects.get()) > 25
    begun.owner = "somebody else"
    assert claims.renew(begun) is False


@pytest.mark.parametrize(
    ("media_type", "side", "advertised", "lane"),
    [
        ("image/heic", 3000, False, "images"),
        ("image/heic", 3000, True, "advertised"),
        ("application/pdf", 3000, True, "documents"),
        ("image/heic", 8000, True, "large"),
    ],
)
def test_each_kind_waits_for_its_own(row: Page, media_type: str, side: int, advertised: bool, lane: str) -> None:
    row.document.media_type = media_type
    row.width = row.height = side

    assert claims.lane_of(row, Stored.parse("full/200,200/0/default.webp"), advertised=advertised) == lane


def test_the_oldest_are_due_first(row: Page) -> None:
    now = timezone.now()
    for width in (10, 20, 30):
        claim(row, f"full/{width},{width}/0/default.png", lease_until=now - timedelta(seconds=width))

    assert [variant.stored.split("/")[1] for variant in claims.due(2)] == ["30,30", "20,20"]
