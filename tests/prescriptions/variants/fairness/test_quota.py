"""How much one may have open: counted for all processes at once, told in the IETF's fields, and never in the way where
nobody can be asked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client
from pytest_django import Settings

from prescriptions.infra.metrics import definitions
from prescriptions.infra.problems import Problem
from prescriptions.models import Page, Variant, new_identifier
from prescriptions.variants import asking
from prescriptions.variants.fairness import quota
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.fairness.room import Room
from tests.prescriptions.conftest import assert_problem
from transforms.request.spec import Stored

pytestmark = pytest.mark.usefixtures("servers")
Bearer = Callable[..., dict[str, str]]


def metric(name: str) -> float:
    return definitions.REGISTRY.get_sample_value(name, {"quota": "open"}) or 0.0


def test_a_place_is_one_of_so_many_until_it_is_given_back(settings: Settings) -> None:
    settings.RX_CLIENT_QUEUE = 2
    unit = new_identifier()
    assert [quota.take(unit, "images", name) for name in ("one", "two")] == [1, 0]

    with pytest.raises(Problem) as refused:
        quota.take(unit, "images", "three")

    assert (refused.value.status, refused.value.code) == (429, "too-much-at-once")
    assert {"Retry-After": "5", "RateLimit": '"open";r=0;t=5'}.items() <= refused.value.all_headers().items()
    # another's places, and those of another lane, are others
    assert quota.take(new_identifier(), "images", "one") == 1
    assert quota.take(unit, "documents", "one") == 1
    quota.leave(unit, "images", "one")
    assert quota.take(unit, "images", "three") == 0


def test_those_who_ask_at_once_get_so_many_places_together(settings: Settings) -> None:
    settings.RX_CLIENT_QUEUE = 5
    unit = new_identifier()

    def take(number: int) -> bool:
        try:
            quota.take(unit, "images", str(number))
        except Problem:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(20))) == 5


def test_where_nobody_can_be_asked_nobody_is_refused(no_redis: None, settings: Settings) -> None:
    settings.RX_CLIENT_QUEUE = 1
    before = metric("rx_quota_unknown_total")

    assert [quota.take("unit", "images", name) for name in "ab"] == [None, None]

    assert metric("rx_quota_unknown_total") == before + 2
    assert quota.fields(None) == {"RateLimit-Policy": '"open";q=1'}


@pytest.mark.django_db(transaction=True)
def test_what_is_made_is_not_open_any_more(page: Page, settings: Settings) -> None:
    settings.RX_CLIENT_QUEUE = 7
    by = Asker.client(new_identifier())

    asked = asking.get_variant(page, Stored.parse("full/150,200/0/default.webp"), by=by, wait=50)

    assert asked.left == 6
    # the place is given back after those who wait were told
    from tests.waiting import until

    until(lambda: quota.left(by.unit, "images") == 7)


@pytest.mark.django_db
def test_the_api_tells_what_is_left_and_refuses_what_is_too_much(
    row: Page, http: Client, bearer: Bearer, settings: Settings, recorder: list[str]
) -> None:
    settings.RX_CLIENT_QUEUE = 2
    row.prescription.client = new_identifier()
    row.prescription.save()
    headers = {**bearer(client=row.prescription.client), "Prefer": "respond-async"}
    path = f"/api/v1/prescriptions/{row.prescription.pk}/pages/1/variants/full/{{}},/0/gray.png"

    taken = [http.get(path.format(width), headers=headers) for width in (100, 101)]
    refused = http.get(path.format(102), headers=headers)
    again = http.get(path.format(100), headers=headers)

    assert [answer.status_code for answer in taken] == [202, 202]
    assert [answer["RateLimit"] for answer in taken] == ['"open";r=1;t=5', '"open";r=0;t=5']
    assert {answer["RateLimit-Policy"] for answer in (*taken, refused)} == {'"open";q=2'}
    assert_problem(refused, 429, "too-much-at-once")
    assert (refused["RateLimit"], refused["Retry-After"]) == ('"open";r=0;t=5', "5")
    # what is being made already may be asked for, and nothing was kept of what was refused
    assert again.status_code == 202
    assert len(recorder) == Variant.objects.count() == 2


def test_a_room_has_so_many_places_and_so_many_for_one() -> None:
    room = Room(3, of_one=2)

    with room.place("a") as first, room.place("a") as second, room.place("a") as third, room.place("b") as other:
        assert [first, second, third, other] == [True, True, False, True]
        with room.place("c") as full:
            assert not full
    with room.place("a") as again:
        assert again
