"""kill -9 of each part in the middle of a miss: the variant gets made, once, and whoever waited is told what to do."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import httpx
import pytest

from rxproject.local import samples
from rxproject.local.stack.components import BEAT_NODE, WORKER_NODE
from rxproject.local.stack.readiness import worker_answers
from tests.conftest import Site
from tests.faults.misses import state_of, visit
from tests.waiting import generation, insist, kill_all, until


@dataclass(frozen=True, slots=True)
class Miss:
    """A variant that takes a second or more, being rendered, and a client that waits for it at the edge."""

    rx: str
    url: str
    client: "Future[httpx.Response]"


def kill_renderers(site: Site) -> None:
    """The disposable processes that decode: below a worker there is a zygote, below that they are."""
    _kill(generation(site.stack.pid_of("worker"), 2))


def kill_zygote(site: Site) -> None:
    _kill(generation(site.stack.pid_of("worker"), 1))


def _kill(pids: list[int]) -> None:
    assert pids != []
    kill_all(pids)


def kill(name: str) -> Callable[[Site], None]:
    return lambda site: os.killpg(site.stack.pid_of(name), signal.SIGKILL)


# One after the other, where a variant would otherwise use up its attempts on somebody else's trouble.
KILLS: tuple[dict[str, Callable[[Site], None]], ...] = (
    {"generate": kill("generate"), "renderer": kill_renderers, "zygote": kill_zygote},
    {"S3": kill("s3")},
    {"Valkey": kill("redis")},
)


@pytest.mark.slow
def test_whatever_is_killed_in_mid_miss_the_variant_gets_made(site: Site) -> None:
    photo = samples.phone_photo(seed=8, megapixels=6)
    misses: dict[str, Miss] = {}

    def wait(condition: Callable[[], bool]) -> None:
        """Meanwhile the supervisor does what it does in `make run`: the dead are started again."""

        def tended() -> bool:
            site.stack.tend()
            return condition()

        until(tended)

    def all_up() -> bool:
        """Django answers at both doors, and whoever works for it listens."""
        doors = [site.http.get(path).status_code for path in ("/readyz", "/generate/nothing")]
        broker = site.stack.env_for("web")["RX_REDIS_URL"]
        return doors == [200, 404] and all(worker_answers(broker, node) for node in (WORKER_NODE, BEAT_NODE))

    def all_ready() -> bool:
        return all(state_of(site, miss.rx)[0][0] == "ready" for miss in misses.values())

    with ThreadPoolExecutor(5) as pool:
        for kills in KILLS:
            for name, act in kills.items():
                # given a render that has begun, and a client that waits for it
                wait(all_up)
                body = site.prescription(("photo.jpg", photo))
                page = body["pages"][0]
                url = page["info"].replace("info.json", f"full/{page['width']},{page['height']}/0/default.avif")
                miss = misses[name] = Miss(body["id"], url, pool.submit(visit, site, url))
                wait(lambda rx=miss.rx: state_of(site, rx) == [("rendering", 1)])  # type: ignore[misc]
                # when that part is killed
                act(site)
            # then each is there without another request, after three attempts at most, once
            wait(all_ready)
        wait(all_up)
        told = {name: miss.client.result() for name, miss in misses.items()}

    attempts = {name: state_of(site, miss.rx)[0][1] for name, miss in misses.items()}
    assert {name: count for name, count in attempts.items() if not 1 <= count <= 3} == {}
    # and who waited got it, or was told when to come back
    for name, answer in told.items():
        assert answer.status_code in (200, 503), (name, answer.text)
        assert answer.status_code == 200 or int(answer.headers["retry-after"]) > 0, name
    for name, miss in misses.items():
        assert len(site.objects(miss.rx)) == 1, name
        assert insist(visit, site, miss.url).headers["content-type"] == "image/avif"


CLIENTS, ADDRESSES = 200, 50


@pytest.mark.long
@pytest.mark.slow
def test_two_hundred_clients_at_fifty_cold_addresses_are_fifty_renders(site: Site, photo: bytes) -> None:
    # given addresses of variants that nobody has asked for, and one that was made
    body = site.prescription(("photo.jpg", photo))
    page = body["pages"][0]
    urls = [page["info"].replace("info.json", f"{x},0,600,800/300,400/0/default.webp") for x in range(ADDRESSES)]
    assert insist(visit, site, page["variants"]["thumb"]).status_code == 200
    ended = Event()

    # when all ask at once, coming back when they are told to, while somebody else looks at other things
    def look_elsewhere() -> set[int]:
        statuses = set()
        with httpx.Client(base_url=site.stack.base_url, timeout=30) as client:
            while not ended.is_set():
                for path in ("/accounts/login/", page["variants"]["thumb"], page["info"]):
                    statuses.add(client.get(path).status_code)
        return statuses

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        elsewhere = pool.submit(look_elsewhere)
        answers = list(pool.map(lambda number: insist(visit, site, urls[number % ADDRESSES]), range(CLIENTS)))
        ended.set()

    # then all have it, fifty were made, and the rest of the site never noticed
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["etag"] for answer in answers}) <= ADDRESSES
    assert elsewhere.result() == {200}
    assert state_of(site, body["id"]) == [("ready", 1)] * (ADDRESSES + 1)
    ours = "SELECT v.id FROM prescriptions_variant v JOIN prescriptions_page p ON p.id = v.page_id "
    variants = {variant for (variant,) in site.rows(ours + "WHERE p.prescription_id = ?", body["id"])}
    renders = [line for line in site.log("worker") if line["message"] == "variant" and line["variant"] in variants]
    assert [line["outcome"] for line in renders] == ["ready"] * (ADDRESSES + 1)
    assert len(site.objects(body["id"])) == ADDRESSES + 1
