"""Whose turn it is: presets and tiles always find a thread, large work finds memory, and whoever waits is sent on."""

import pytest
from django.db import OperationalError

from prescriptions.infra import per_process, storage
from prescriptions.variants import making
from prescriptions.variants.backends import celery_queue
from prescriptions.variants.fairness import quota
from prescriptions.variants.fairness.tickets import Ticket
from prescriptions.variants.turns import Turns, Work, serve

MIB = 1024 * 1024


def work(lane: str, number: int = 0, mib: int = 0, *, advertised: bool = False, bulk: bool = False) -> Work:
    return Work(f"{lane}-{number}", "owner", lane, mib * MIB, advertised, bulk=bulk)


def test_one_thread_is_kept_for_presets_and_tiles_and_another_from_large_work() -> None:
    turns = Turns(threads=4, large_bytes=10_000 * MIB)

    assert [turns.enter(work("large", n)) for n in range(3)] == [True, True, False]
    assert [turns.enter(work("images", n)) for n in range(2)] == [True, False]
    assert not turns.enter(work("documents"))
    assert turns.enter(work("advertised"))


@pytest.mark.parametrize("threads", [1, 2])
def test_where_threads_are_few_everybody_still_gets_a_turn(threads: int) -> None:
    for lane in ("advertised", "images", "documents", "large"):
        assert Turns(threads=threads, large_bytes=0).enter(work(lane))


def test_large_work_shares_the_memory_and_the_largest_is_made_alone() -> None:
    # given memory for 1000 MiB
    turns = Turns(threads=8, large_bytes=1000 * MIB)
    first, second, third, huge = (work("large", n, mib) for n, mib in enumerate((600, 400, 10, 2000)))

    # then that much is made at once
    assert [turns.enter(one) for one in (first, second, third, huge)] == [True, True, False, False]

    # and who waited is sent when there is room, as they came
    turns.leave(second)
    assert turns.next() == [third]
    assert turns.next() == []

    # also what is larger than all of it, when nothing else is there
    turns.leave(first)
    assert turns.next() == [huge]


def test_what_one_who_waits_cannot_use_another_can() -> None:
    turns = Turns(threads=3, large_bytes=1000 * MIB)
    large, image = work("large", 1), work("images", 1)
    assert turns.enter(large)
    assert turns.enter(image)
    assert not turns.enter(work("large", 2))
    assert not turns.enter(work("images", 2))

    turns.leave(image)

    assert turns.next() == [work("images", 2)]
    assert turns.give_up() == [work("large", 2)]
    assert turns.give_up() == []


def test_presets_of_pdfs_and_large_pages_go_before_other_sizes() -> None:
    # given two places, taken, and a preset that came last
    turns = Turns(threads=3, large_bytes=1000 * MIB)
    under_way = [work("documents", n) for n in (1, 2)]
    assert [turns.enter(one) for one in under_way] == [True, True]
    first, second, preset = work("documents", 3), work("images", 4), work("documents", 5, advertised=True)
    assert [turns.enter(one) for one in (first, second, preset)] == [False, False, False]

    turns.leave(under_way[0])
    assert turns.next() == [preset]
    assert turns.enter(preset)
    turns.leave(under_way[1])
    assert turns.next() == [first]


def test_a_large_preset_is_not_kept_waiting_by_large_work_that_needs_less() -> None:
    # given a preset that needs more memory than is left
    turns = Turns(threads=4, large_bytes=1000 * MIB)
    under_way, preset = work("large", 1, 600), work("large", 2, 800, advertised=True)
    assert turns.enter(under_way)
    assert not turns.enter(preset)

    # then what would fit waits for it, whether it comes now or is there already
    small = work("large", 3, 100)
    assert not turns.enter(small)
    assert turns.next() == []
    assert turns.enter(work("documents", 4)), "other lanes are not concerned"

    turns.leave(under_way)
    assert turns.next() == [preset, small]


def test_messages_wait_until_there_is_room_for_their_lane_and_lanes_take_turns() -> None:
    # given two places for other sizes, taken
    turns = Turns(threads=3, large_bytes=1000 * MIB)
    under_way = [work("documents", n) for n in (1, 2)]
    assert [turns.enter(one) for one in under_way] == [True, True]
    assert (turns.may_leave_the_line("images"), turns.may_leave_the_line("advertised")) == ("none", "any")

    # when many messages of one lane wait, and then one of another
    messages = [work("documents", n) for n in (3, 4, 5)]
    for message in (*messages, work("images", 6)):
        assert turns.park(message, unless="none")

    # then each place goes to another lane
    for expected in (work("images", 6), messages[0], messages[1]):
        turns.leave(under_way.pop())
        assert turns.next() == [expected]
        assert turns.enter(expected)
        under_way.append(expected)
    assert turns.give_up() == [messages[2]]


def test_a_thread_is_kept_from_what_nobody_waits_for_in_whatever_lane() -> None:
    turns = Turns(threads=3, large_bytes=0)
    under_way = [work("advertised", 1, bulk=True), work("images", 2, bulk=True)]
    assert [turns.enter(one) for one in under_way] == [True, True]

    # then only what somebody waits for leaves a line, and messages of the rest wait
    assert [turns.may_leave_the_line(lane) for lane in ("advertised", "images")] == ["awaited", "awaited"]
    messages = [work("advertised", number) for number in range(3, 40)]
    assert all(turns.park(message, unless="awaited") for message in messages)
    assert turns.enter(work("advertised", 40))

    # and are sent as there is room, not all of them at once
    turns.leave(under_way[0])
    assert turns.next() == messages[:1]
    assert turns.may_leave_the_line("advertised") == "any"


@pytest.mark.parametrize("threads", [1, 2])
def test_where_threads_are_few_one_makes_what_nobody_waits_for(threads: int) -> None:
    turns = Turns(threads=threads, large_bytes=0)

    assert turns.may_leave_the_line("advertised") == "any"
    assert turns.enter(work("advertised", bulk=True))
    assert turns.may_leave_the_line("advertised") == "awaited"


def test_a_message_does_not_wait_for_room_that_there_is_by_now() -> None:
    assert not Turns(threads=3, large_bytes=0).park(work("images"), unless="none")


def test_few_claims_leave_the_line_to_wait_for_memory_and_presets_still_do() -> None:
    # given memory for one that is under way, and a thread for another
    turns = Turns(threads=5, large_bytes=1000 * MIB)
    assert turns.enter(work("large", 1, 900))

    for number in (2, 3):
        assert turns.may_leave_the_line("large") == "any"
        assert not turns.enter(work("large", number, 500))
    assert turns.may_leave_the_line("large") == "advertised"
    for number in (4, 5):
        assert not turns.enter(work("large", number, 500, advertised=True))

    assert turns.may_leave_the_line("large") == "none"


# --- A store that this worker does not reach ------------------------------------------------------------------------
CLAIM = Ticket("variant", "owner", "images", "shop")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is sent, and nobody waits for it."""
    messages: list[tuple[object, ...]] = []
    monkeypatch.setattr("prescriptions.variants.turns.time.sleep", lambda _: None)
    monkeypatch.setattr("prescriptions.variants.turns.here", lambda: Turns(threads=3, large_bytes=0))
    monkeypatch.setattr(quota, "leave", lambda *_: None)
    monkeypatch.setattr(celery_queue, "send", lambda *what, lane, unit, **_: messages.append((*what, lane, unit)))
    return messages


def test_who_does_not_reach_the_database_hands_the_claim_on(
    sent: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str, **_more: object) -> bool:
        raise OperationalError

    monkeypatch.setattr(making, "make", away)

    with pytest.raises(OperationalError):
        serve(CLAIM)

    assert sent == [("variant", "owner", "images", "shop")]


def test_whose_last_call_to_s3_failed_hands_the_next_claim_on_for_a_while(
    sent: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(making, "make", lambda variant, _, **more: made.append(variant) or True)
    with per_process.anew():
        storage.breaker().failed()
        serve(CLAIM)
        assert (made, sent) == ([], [("variant", "owner", "images", "shop")])

        storage.breaker().worked()
        serve(CLAIM)
        assert made == ["variant"]
