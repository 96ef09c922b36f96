"""Shares of a process's threads: whoever hangs in one leaves threads for the rest, and nobody waits long to hear it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import Any

import pytest
from django.test import Client

from prescriptions.infra import per_process, storage
from prescriptions.infra.guards import bulkheads
from prescriptions.models import LooseOriginal, Prescription
from tests.prescriptions.conftest import assert_problem, file


@pytest.fixture
def shared_out() -> Iterator[None]:
    """Four threads; and nobody waits for one who hangs."""
    with per_process.anew():
        bulkheads.share_out(4, patience=0.0)
        yield


class Full(Exception):
    """There is no place."""


def taken(name: str, count: int) -> ExitStack:
    """So many are inside until the block ends."""
    stack = ExitStack()
    for _ in range(count):
        stack.enter_context(bulkheads.place(name, full=Full()))
    return stack


@pytest.mark.usefixtures("shared_out")
@pytest.mark.parametrize(("name", "most"), [("s3", 2), ("uploads", 3)])
def test_a_room_takes_its_share_and_again_when_somebody_leaves(name: str, most: int) -> None:
    with taken(name, most):
        for _ in range(2):
            with pytest.raises(Full), bulkheads.place(name, full=Full()):
                pass

    with taken(name, most):
        pass


@pytest.mark.usefixtures("shared_out")
def test_in_a_room_that_is_only_busy_one_waits_for_a_moment() -> None:
    bulkheads.share_out(4, patience=60.0)
    inside = Barrier(3)

    def work(_number: int) -> None:
        with bulkheads.place("s3", full=Full()):
            inside.wait(60)

    with ThreadPoolExecutor(6) as pool:  # two at a time, and this thread with each pair
        rounds = pool.map(work, range(6))
        for _ in range(3):
            inside.wait(60)
        list(rounds)  # nobody was refused


def test_where_nobody_has_shared_out_the_threads_nothing_is_bounded() -> None:
    with taken("s3", 1000):
        pass


@pytest.mark.usefixtures("shared_out", "servers")
def test_too_many_calls_to_s3_are_refused_and_the_breaker_learns_nothing_of_it() -> None:
    with taken("s3", 2):
        for _ in range(20):
            with pytest.raises(storage.StorageUnavailable, match="no place"):
                storage.head_variant("0" * 32)

    with pytest.raises(storage.ObjectMissing):
        storage.head_variant("0" * 32)


@pytest.mark.usefixtures("shared_out", "servers", "db")
def test_too_many_uploads_are_told_to_come_back(http: Client, bearer: Callable[..., dict[str, str]]) -> None:
    def send() -> Any:
        return http.post("/api/v1/prescriptions", {"files": file("photo.jpg")}, headers=bearer())

    with taken("uploads", 3):
        refused = send()

    assert_problem(refused, 503, "renderer-busy")
    assert int(refused.headers["retry-after"]) > 0
    assert (Prescription.objects.count(), LooseOriginal.objects.count()) == (0, 0)
    assert send().status_code == 201


def test_a_connection_of_the_pool_is_given_back_unless_a_transaction_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Connection:
        def __init__(self, vendor: str, *, in_atomic_block: bool) -> None:
            self.vendor, self.in_atomic_block = vendor, in_atomic_block

        def close(self) -> None:
            closed.append(self.vendor)

    for vendor, in_atomic_block in (("sqlite", False), ("postgresql", True), ("postgresql", False)):
        monkeypatch.setattr(bulkheads, "connection", Connection(vendor, in_atomic_block=in_atomic_block))
        bulkheads.give_back_connection()

    assert closed == ["postgresql"]
