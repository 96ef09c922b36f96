"""Whose claim is next: shares by cost, first come first served within one, nobody starves, nothing is lost or given
twice. Against the running Redis.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prescriptions.infra import redis_client
from prescriptions.models import new_identifier
from prescriptions.variants.fairness import line
from prescriptions.variants.fairness.tickets import ADVERTISED, BULK, OTHER, RANKS, Ticket

pytestmark = pytest.mark.usefixtures("servers")
Asked = Callable[..., Ticket]
on_redis = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Lane:
    """A line of its own, and who joined it."""

    def __init__(self) -> None:
        self.name = f"test-{new_identifier()}"
        self.joined: list[Ticket] = []

    def join(self, unit: str, rank: int = OTHER, cost: float = 1) -> Ticket:
        ticket = Ticket(new_identifier(), "owner", self.name, unit, rank, cost)
        assert line.join(ticket, line=self.name)
        self.joined.append(ticket)
        return ticket

    def next(self, among: line.Among = "any") -> str | None:
        """The id of whoever is next."""
        found = line.next_of(self.name, among=among)
        return found and found.variant_id

    def units(self, count: int) -> str:
        """Whose the next ones are, in a word."""
        found = (line.next_of(self.name) for _ in range(count))
        return "".join(ticket.unit if ticket else "-" for ticket in found)


@pytest.fixture
def lane() -> Lane:
    return Lane()


def test_six_hundred_of_one_do_not_keep_the_first_of_another_waiting(lane: Lane) -> None:
    for _ in range(600):
        lane.join("a")
    assert lane.units(5) == "aaaaa"

    for _ in range(3):
        lane.join("b")

    # then it is next, and they take turns: what the first has had already is not held against it
    following = lane.units(5)
    assert following[0] == "b"
    assert Counter(following) == {"a": 2, "b": 3}


def test_shares_go_by_what_a_claim_costs(lane: Lane) -> None:
    for _ in range(40):
        lane.join("a", cost=10)
        lane.join("b", cost=1)

    assert Counter(lane.units(22)) == {"a": 2, "b": 20}


def test_who_was_away_brings_no_credit(lane: Lane) -> None:
    lane.join("b")
    for _ in range(30):
        lane.join("a")
    assert "b" in lane.units(20)

    for _ in range(10):
        lane.join("b")

    assert Counter(lane.units(10))["b"] in {5, 6}


@pytest.mark.parametrize("rank", [OTHER, BULK])
def test_who_waits_comes_before_who_does_not_and_nobody_starves(lane: Lane, rank: int) -> None:
    for _ in range(80):
        lane.join("a", ADVERTISED)
        lane.join("b", rank)

    assert Counter(lane.units(40)) == {"a": 35, "b": 5}


def test_only_presets_and_tiles_may_be_asked_for_or_only_what_somebody_waits_for(lane: Lane) -> None:
    bulk, other, preset = (lane.join("a", rank) for rank in (BULK, OTHER, ADVERTISED))

    assert [lane.next("advertised") for _ in range(2)] == [preset.variant_id, None]
    assert [lane.next("awaited") for _ in range(2)] == [other.variant_id, None]
    assert [lane.next() for _ in range(2)] == [bulk.variant_id, None]


def test_a_claim_that_is_taken_up_again_keeps_its_place_under_its_new_owner(lane: Lane) -> None:
    first, second = lane.join("a"), lane.join("a")

    assert line.join(Ticket(first.variant_id, "another", lane.name, "sweep"), line=lane.name)

    found = line.next_of(lane.name)
    assert found == Ticket(first.variant_id, "another", lane.name, "a", OTHER)
    assert [lane.next(), lane.next()] == [second.variant_id, None]


def test_what_was_asked_for_ahead_moves_up_when_somebody_waits_for_it(lane: Lane) -> None:
    ahead = [lane.join("a", BULK) for _ in range(5)]
    lane.join("b", OTHER)

    line.hurry(Ticket(ahead[3].variant_id, "", lane.name, "c", ADVERTISED), line=lane.name)

    assert line.next_of(lane.name) == Ticket(ahead[3].variant_id, "owner", lane.name, "a", ADVERTISED)


def test_who_has_left_the_line_does_not_come_back_by_hurrying(lane: Lane) -> None:
    gone = lane.join("a", BULK)
    assert lane.next() == gone.variant_id

    line.hurry(gone, line=lane.name)

    assert lane.next() is None


def test_redis_away_is_told(no_redis: None) -> None:
    assert not line.join(Ticket("1" * 32, "owner", "images", "a"), line="images")
    assert line.next_of("images") is None


def test_what_nobody_joins_is_forgotten_and_names_nobody(lane: Lane) -> None:
    lane.join("a")
    connection = redis_client.connection()

    keys = list(connection.scan_iter(f"*{lane.name}*", count=10_000))

    assert keys
    assert all(0 < connection.ttl(key) <= 3600 for key in keys)


claims_of = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(RANKS), st.sampled_from([1, 2.5, 8])) | st.none(),
    min_size=1,
    max_size=60,
)


@on_redis
@given(claims_of)
def test_nothing_is_lost_or_given_twice_and_each_is_served_in_order(
    steps: list[tuple[str, int, float] | None],
) -> None:
    """Clients come (a unit, a rank, a cost) and workers take (None), in any order."""
    lane = Lane()
    left: list[str] = []
    for step in steps:
        if step is None:
            left += filter(None, [lane.next()])
        else:
            lane.join(*step)
    while found := lane.next():
        left.append(found)

    assert sorted(left) == sorted(ticket.variant_id for ticket in lane.joined)
    place = {variant_id: at for at, variant_id in enumerate(left)}
    of = defaultdict(list)
    for ticket in lane.joined:
        of[ticket.unit, ticket.rank].append(place[ticket.variant_id])
    assert all(earlier < later for places in of.values() for earlier, later in pairwise(places))


@on_redis
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, 2.5, 8])), min_size=2, max_size=50))
def test_while_two_wait_neither_is_ahead_by_more_than_a_claim_of_each(queue: list[tuple[str, float]]) -> None:
    lane = Lane()
    for unit, cost in queue:
        lane.join(unit, OTHER, cost)
    tickets = {ticket.variant_id: ticket for ticket in lane.joined}
    waiting = Counter(unit for unit, _ in queue)
    had: Counter[str] = Counter()

    while found := lane.next():
        ticket = tickets[found]
        had[ticket.unit] += ticket.cost  # type: ignore[assignment] # costs are not whole
        waiting[ticket.unit] -= 1
        served = [had[unit] for unit in "abc" if waiting[unit]]
        assert not served or max(served) - min(served) <= 16


def test_many_at_once_each_get_another(lane: Lane) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: lane.join("ab"[number % 2]), range(80)))
        left = list(pool.map(lambda _: lane.next(), range(90)))

    assert sorted(filter(None, left)) == sorted(ticket.variant_id for ticket in lane.joined)
