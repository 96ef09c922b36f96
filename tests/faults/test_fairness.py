"""One client's flood and another's first picture, on the whole stack; and what becomes of a line that Redis forgets."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis

from tests.conftest import Site
from tests.faults.misses import lapse, state_of
from tests.waiting import insist, until

OPEN = 200  # RX_CLIENT_QUEUE as it is shipped


@pytest.fixture
def others(site: Site) -> Iterator[Site]:
    """Another client of the same stack."""
    other = Site(site.stack, site.manage("rxtoken", "create", "--name", "others", "--scopes", "rx:read,rx:write"))
    with contextlib.closing(other):
        yield other


def flood(site: Site, rx: str, count: int) -> list[int]:
    """Ask for so many small sizes and wait for none; what is told of each."""

    def ask(number: int) -> int:
        path = f"/api/v1/prescriptions/{rx}/pages/1/variants/full/{100 + number},/0/gray.webp"
        answers: list[httpx.Response] = []

        def answered() -> bool:
            """A process that has just started answers 503 until it has read the ledger of erasures."""
            answers.append(site.http.get(path, headers={**site.bearer, "Prefer": "respond-async"}))
            return answers[-1].status_code != 503

        until(answered)
        assert answers[-1].status_code == 202 or int(answers[-1].headers["retry-after"]) > 0, answers[-1].text
        return answers[-1].status_code

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(count)))


def made(site: Site) -> list[str]:
    """Prescriptions by the order in which variants of theirs became ready."""
    rows = site.rows(
        "SELECT p.prescription_id FROM prescriptions_variant v JOIN prescriptions_page p ON p.id = v.page_id "
        "WHERE v.state = 'ready' ORDER BY v.ready_at"
    )
    return [rx for (rx,) in rows]


@pytest.mark.slow
@pytest.mark.parametrize("count", [40, pytest.param(600, marks=pytest.mark.long)])
def test_a_flood_of_one_client_keeps_nobody_else_waiting(site: Site, others: Site, photo: bytes, count: int) -> None:
    # given many variants that one client has asked for and nobody makes yet
    flooded, first, second = (one.prescription(("photo.jpg", photo))["id"] for one in (site, others, others))
    site.stack.halt("worker")
    told = flood(site, flooded, count)
    assert told.count(202) == min(count, OPEN)
    assert told.count(429) == count - min(count, OPEN)

    # when another asks for some in the same way, and waits for one
    assert flood(others, second, 5) == [202] * 5
    with ThreadPoolExecutor(1) as pool:
        path = f"/api/v1/prescriptions/{first}/pages/1/variants/full/500,/0/gray.webp"
        waiting = pool.submit(insist, others.http.get, path, headers=others.bearer)
        until(lambda: state_of(site, first) == [("queued", 0)])
        site.stack.restart("worker")
        assert waiting.result().status_code == 303
    until(lambda: made(site).count(second) == 5)

    # then what it waits for comes before all, but for what the other threads have taken, and the rest by turns
    before = made(site)
    assert before.index(first) - sum(rx not in {flooded, first, second} for rx in before) <= 2
    last = max(place for place, rx in enumerate(before) if rx == second)
    assert before[:last].count(flooded) <= 10


@pytest.mark.slow
def test_a_line_that_redis_forgets_is_made_all_the_same(site: Site, photo: bytes) -> None:
    # given a line that nobody takes from, and a claim that was asked for after it was lost
    rx = site.prescription(("photo.jpg", photo))["id"]
    site.stack.halt("worker")
    assert flood(site, rx, 6) == [202] * 6
    with contextlib.closing(redis.Redis.from_url(site.stack.env_for("web")["RX_REDIS_URL"])) as connection:
        connection.flushall()
    assert flood(site, rx, 8)[6:] == [202] * 2

    site.stack.restart("worker")
    lapse(site, rx)

    until(lambda: state_of(site, rx) == [("ready", 1)] * 8)
