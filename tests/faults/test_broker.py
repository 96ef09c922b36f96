"""The broker is away, or comes and goes: whoever takes messages goes on taking them, without anybody's help."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from rxproject.local.stack.components import BEAT_NODE, WORKER_NODE
from rxproject.local.stack.readiness import worker_answers
from tests.conftest import Site
from tests.faults.misses import state_of, visit
from tests.faults.test_lost_answers import frozen
from tests.waiting import insist, until

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(1800)]
RESTARTS, CLIENTS, REGIONS = 20, 8, 190


def wait_until_all_take_messages(site: Site) -> None:
    broker = site.stack.env_for("web")["RX_REDIS_URL"]

    def all_do() -> bool:
        site.stack.tend()  # as in `make run`: who ended is started again
        return all(worker_answers(broker, node) for node in (WORKER_NODE, BEAT_NODE))

    until(all_do, "workers that answer")
    until(lambda: site.http.get("/readyz").status_code == 200, lambda: site.http.get("/readyz").text)


def test_a_broker_that_says_nothing_for_forty_seconds_costs_nobody_a_restart(site: Site, photo: bytes) -> None:
    body = site.prescription(("photo.jpg", photo))
    before = {name: site.stack.pid_of(name) for name in ("worker", "beat")}

    with frozen(site.stack.pid_of("redis")):
        Event().wait(40)

    wait_until_all_take_messages(site)
    assert {name: site.stack.pid_of(name) for name in before} == before
    assert insist(visit, site, body["pages"][0]["variants"]["thumb"]).status_code == 200
    assert state_of(site, body["id"]) == [("ready", 1)]


def test_twenty_restarts_of_the_broker_under_load_stop_nobody(site: Site, photo: bytes) -> None:
    # given clients that ask for one new region after the other, and come back when they are told to
    bodies, ended = [site.prescription(("photo.jpg", photo)) for _ in range(CLIENTS)], Event()

    def ask(body: dict[str, Any]) -> list[int]:
        statuses: list[int] = []
        while not ended.is_set() and len(statuses) < REGIONS:
            tail = f"0,{len(statuses)},600,800/300,400/0/default.jpg"
            statuses.append(insist(visit, site, body["pages"][0]["info"].replace("info.json", tail)).status_code)
        return statuses

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask, body) for body in bodies]
        # when the broker is killed twenty times
        for _ in range(RESTARTS):
            Event().wait(1)
            site.stack.kill("redis")
            site.stack.restart("redis")
            site.stack.tend()
        ended.set()
        answers = [status for client in clients for status in client.result()]

    # then everybody had what they asked for, or was told to come back, and both take messages
    assert set(answers) <= {200, 429, 503}
    assert answers.count(200) >= CLIENTS
    wait_until_all_take_messages(site)
    for body in bodies:
        until(lambda rx=body["id"]: {state for state, _ in state_of(site, rx)} == {"ready"})  # type: ignore[misc]
