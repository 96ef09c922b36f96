"""Two releases side by side, with one database, one S3 and one Redis: each makes its own pixels, and nobody waits for
one that has gone.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis

from rxproject.local.stack.readiness import http_answers, worker_answers
from tests.conftest import PROJECT, Site
from tests.faults.edges import another_edge
from tests.faults.misses import lapse, visit
from tests.waiting import descendants_of, free_port, insist, kill_all, until
from transforms.version import PIPELINE

pytestmark = pytest.mark.slow
OTHER = "p0"


@dataclass
class Release:
    """`edge`: where its clients come in. `log`: its worker's."""

    edge: httpx.Client
    worker: "subprocess.Popen[bytes]"
    log: Path

    def visit(self, url: str) -> httpx.Response:
        """The last answer to a client that follows redirects and comes back when it is told to."""
        path = httpx.URL(url).raw_path.decode()
        return insist(lambda: self.edge.get(path, follow_redirects=True))


@pytest.fixture
def other(site: Site, tmp_path: Path) -> Iterator[Release]:
    """A generate, a worker and an edge of another release, beside those of the stack."""
    port = free_port()
    commands = {
        "generate": f"gunicorn rxproject.wsgi:application --bind=127.0.0.1:{port} --threads=20 --no-control-socket "
        f"--worker-class=rxproject.serving.Threads --worker-tmp-dir={tmp_path}",
        "worker": "celery --app=rxproject worker --hostname=worker@other --pool=threads --concurrency=2 "
        "--queues=advertised,images,documents,large --prefetch-multiplier=1 "
        "--without-gossip --without-mingle --without-heartbeat",
    }
    processes = {}
    with contextlib.ExitStack() as stack:
        for role, command in commands.items():
            log = stack.enter_context((tmp_path / role).open("wb"))
            process = processes[role] = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.another_release", OTHER, *command.split()],
                cwd=PROJECT,
                env=site.stack.env_for(role) | {"RX_STATE_DIR": str(tmp_path), "RX_METRICS_DIR": ""},
                stdout=log,
                stderr=log,
            )
            stack.callback(process.wait)
            stack.callback(lambda pid=process.pid: kill_all([*descendants_of(pid), pid]))  # type: ignore[misc]
        edge = another_edge(site, tmp_path, RX_PIPELINE=OTHER, RX_EDGE_GENERATE=f"127.0.0.1:{port}")
        client = stack.enter_context(edge)
        until(lambda: http_answers(port, "/livez"), "generate")
        until(lambda: worker_answers(site.stack.env_for("web")["RX_REDIS_URL"], "worker@other"), "worker")
        yield Release(client, processes["worker"], tmp_path / "worker")


def made(log: str) -> set[str]:
    """Ids of the variants that a worker has made, by its log."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return {line["variant"] for line in lines if line["message"] == "variant" and line["outcome"] == "ready"}


def rows(site: Site, rx: str, pipeline: str) -> dict[str, str]:
    """Ids and states of a prescription's variants under one pipeline."""
    query = (
        "SELECT v.id, v.state FROM prescriptions_variant v JOIN prescriptions_page p ON p.id = v.page_id "
        "WHERE p.prescription_id = ? AND v.pipeline = ?"
    )
    return dict(site.rows(query, rx, pipeline))


def test_two_releases_side_by_side_and_then_one(site: Site, other: Release, photo: bytes) -> None:
    each_makes_what_lies_under_its_key(site, other, photo)
    what_nobody_makes_any_more_is_made_by_the_one_that_is_there(site, other, photo)


def each_makes_what_lies_under_its_key(site: Site, other: Release, photo: bytes) -> None:
    # given addresses that clients of both releases ask for, at once
    body = site.prescription(("photo.jpg", photo))
    page = body["pages"][0]
    tails = [f"{x},0,600,800/300,400/0/default.jpg" for x in range(8)]
    urls = [page["info"].replace("info.json", tail) for tail in tails] + list(page["variants"].values())[:2]
    with ThreadPoolExecutor(2 * len(urls)) as pool:
        theirs = [pool.submit(other.visit, url) for url in urls]
        ours = [pool.submit(insist, visit, site, url) for url in urls]
        answers = [future.result() for future in (*theirs, *ours)]

    # then everybody has it, from S3 and not by a detour
    assert [(answer.status_code, answer.headers["x-variant"]) for answer in answers] == [(200, "hit")] * len(answers)
    # and what lies under a release's key is what its own worker made
    made_by = {PIPELINE: site.stack.log_path("worker").read_text(), OTHER: other.log.read_text()}
    for pipeline, log in made_by.items():
        of_release = rows(site, body["id"], pipeline)
        assert set(of_release.values()) == {"ready"}
        assert len(of_release) == len(urls)
        assert set(of_release) <= made(log), pipeline
    keys = site.objects(body["id"])
    assert sorted(key.split("/")[2] for key in keys) == [OTHER] * len(urls) + [PIPELINE] * len(urls)


def what_nobody_makes_any_more_is_made_by_the_one_that_is_there(site: Site, other: Release, photo: bytes) -> None:
    # given a client of a release whose last worker has died a while ago
    other.worker.kill()
    other.worker.wait()
    with contextlib.closing(redis.Redis.from_url(site.stack.env_for("web")["RX_REDIS_URL"])) as connection:
        connection.delete(f"rx:worker:{OTHER}")
    body = site.prescription(("photo.jpg", photo))
    path = httpx.URL(body["pages"][0]["variants"]["thumb"]).raw_path.decode()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(other.edge.get, path, follow_redirects=True)
        (variant,) = until(lambda: rows(site, body["id"], OTHER))

        # when its claim runs out
        lapse(site, body["id"])
        answer = asked.result()

    # then they have it all the same, and nothing lies under the key of those who did not make it
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"] == "no-store"
    assert rows(site, body["id"], PIPELINE) == {variant: "ready"}
    assert rows(site, body["id"], OTHER) == {}
    assert [key.split("/")[2] for key in site.objects(body["id"])] == [PIPELINE]
