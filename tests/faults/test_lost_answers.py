"""An upload whose server dies in the middle: whoever sends it again has it at once, and nothing stays of the first."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.conftest import Site
from tests.waiting import generation, insist, kill_all, until

KEY = {"Idempotency-Key": "lost-answer-1"}


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A server that takes connections and says nothing."""
    os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(pid, signal.SIGCONT)


def on_their_way(site: Site) -> list[str]:
    return [rx for (rx,) in site.rows("SELECT DISTINCT rx FROM prescriptions_looseoriginal")]


@pytest.mark.slow
def test_a_killed_upload_is_sent_again_with_its_key_and_is_there_once(site: Site, photo: bytes, pdf: bytes) -> None:
    files = (("photo.jpg", photo), ("scan.pdf", pdf))
    with ThreadPoolExecutor(1) as pool, frozen(site.stack.pid_of("s3")):
        # given an upload whose files passed, and whose originals are being stored
        first = pool.submit(site.upload, *files, headers=KEY)
        (dead,) = until(lambda: on_their_way(site))
        # when kill -9 takes the process that works on it
        kill_all(generation(site.stack.pid_of("web"), 1))
        lost = first.result()
    assert (lost.status_code, int(lost.headers["retry-after"]) > 0) == (503, True)

    # then the same request is answered by whoever is there, without waiting for the dead
    answers = [insist(site.upload, *files, headers=KEY) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ["Idempotent-Replayed" in answer.headers for answer in answers] == [False, True]
    body = answers[0].json()
    assert len(site.objects(body["id"], bucket="rx-originals")) == 2
    assert site.rows("SELECT count(*) FROM prescriptions_prescription WHERE id = ?", dead) == [(0,)]

    # and what the dead one had put is gone after an hour
    site.change("UPDATE prescriptions_looseoriginal SET since = '2000-01-01' WHERE rx = ?", dead)
    until(lambda: on_their_way(site) == [])
    assert site.objects(dead, bucket="rx-originals") == []
