"""Events through the whole stack to a receiver that fails, while parts are killed: all arrive, each prescription's in
order, each signed. `make events` does it with ten thousand.
"""

import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.conftest import Site, site_of
from tests.receiver import receiving
from tests.shared_stack import OVERRIDES
from tests.waiting import insist, until

EVENTS = int(os.environ.get("RX_EVENTS", "300"))
PRESCRIPTIONS = 20
KILLED = ("beat", "web", "redis", "worker")
PATIENCE = 1800.0


@pytest.fixture(scope="module")
def quick_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Events that were not taken are due again at once."""
    overrides = {**OVERRIDES, "RX_WEBHOOK_BACKOFF": "0"}
    with Stack(state_dir=tmp_path_factory.mktemp("events"), quick_stop=True, overrides=overrides) as running:
        yield running


@pytest.fixture
def site(quick_stack: Stack) -> Iterator[Site]:
    with site_of(quick_stack) as made:
        scopes = "rx:read,rx:write,webhooks:write"
        made.token = made.manage("rxtoken", "create", "--name", "events", "--scopes", scopes)
        yield made


def change_lines(site: Site, rx: str, number: int) -> None:
    """One event, or more where an answer was lost and it is done again."""
    path = f"{site.stack.base_url}/api/v1/prescriptions/{rx}/order-lines"
    lines = [{"name": "Telmisartan", "quantity_ordered": number + 1}]

    def sent() -> bool:
        try:
            answer = httpx.put(path, json=lines, headers=site.bearer, timeout=60)
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 502, 503), answer.text
        return answer.status_code == 200

    until(sent, seconds=PATIENCE)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_all_arrive_in_order_and_signed_whoever_is_killed(site: Site, quick_stack: Stack) -> None:
    chance = random.Random(7)
    with receiving() as receiver, ThreadPoolExecutor(4) as pool:
        receiver.answer = lambda _event: 503 if chance.random() < 0.3 else 200
        answer = insist(site.http.post, "/api/v1/webhooks", json={"url": receiver.url}, headers=site.bearer)
        receiver.secrets.append(answer.json()["secret"])
        photo = samples.phone_photo(seed=3, megapixels=1)
        rxs = [site.prescription(("photo.jpg", photo))["id"] for _ in range(PRESCRIPTIONS)]

        # given clients who change what is ordered, each prescription by one of them after the other
        def client(share: list[str]) -> None:
            for number in range(EVENTS // PRESCRIPTIONS):
                for rx in share:
                    change_lines(site, rx, number)

        clients = [pool.submit(client, rxs[first::4]) for first in range(4)]

        # when each part is killed in the middle
        for place, name in enumerate(KILLED, 1):

            def so_far(share: int = place) -> bool:
                quick_stack.tend()
                return len(receiver.taken) >= share * EVENTS // (len(KILLED) + 2)

            until(so_far, f"{name} to be killed", seconds=PATIENCE)
            os.killpg(quick_stack.pid_of(name), signal.SIGKILL)

        # then all that was written is taken
        def all_taken() -> bool:
            quick_stack.tend()
            if not all(one.done() for one in clients):
                return False
            written = {uid for (uid,) in site.rows("SELECT uid FROM prescriptions_event")}
            return written == {event["id"] for event in receiver.taken}

        until(all_taken, seconds=PATIENCE)
        for one in clients:
            one.result()

    assert len({event["id"] for event in receiver.taken}) >= EVENTS
    assert {got.signed_by for got in receiver.got} == {(0,)}
    assert sum(got.status == 503 for got in receiver.got) > EVENTS // 10
    for rx in rxs:
        first_time = dict.fromkeys(event["position"] for event in receiver.taken if event["data"]["prescription"] == rx)
        assert list(first_time) == sorted(first_time)
