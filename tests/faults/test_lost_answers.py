"""Sent again because an answer was lost: an upload whose server died in the middle, a decision that was made."""

import hashlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import httpx
import pytest

from tests.browser.staff import hire
from tests.conftest import CLIENT, Site
from tests.waiting import generation, insist, kill_all, until
from transforms.keys import parse_original_key

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


def begun(site: Site, send: Callable[[], Future[httpx.Response]]) -> tuple[str, Future[httpx.Response]]:
    """The prescription whose originals are being stored, and the request that stores them. Sent again when told to come
    back: a server that is hung over from the test before, or a busy machine, may say so."""
    before, sent = on_their_way(site), send()

    def look() -> list[str]:
        nonlocal before, sent
        if sent.done():  # what it may have left on the way is not this one's
            assert sent.result().status_code == 503, sent.result().text
            before, sent = on_their_way(site), send()
        return [rx for rx in on_their_way(site) if rx not in before]

    (rx,) = until(look, "an upload whose originals are being stored")
    return rx, sent


@pytest.mark.slow
def test_a_killed_upload_is_sent_again_with_its_key_and_is_there_once(site: Site, photo: bytes, pdf: bytes) -> None:
    files = (("photo.jpg", photo), ("scan.pdf", pdf))
    with ThreadPoolExecutor(1) as pool, frozen(site.stack.pid_of("s3")):
        # given an upload whose files passed, and whose originals are being stored
        dead, first = begun(site, partial(pool.submit, site.upload, *files, headers=KEY))
        # when kill -9 takes the process that works on it
        kill_all(generation(site.stack.pid_of("web"), 1))
        lost = first.result()
    assert (lost.status_code, int(lost.headers["retry-after"]) > 0) == (503, True)

    # then the same request is told what it would have become, and is done when the dead one has had time enough
    reserved = "UPDATE prescriptions_replay SET until = '%s-01-01 00:00:00' WHERE key = 'lost-answer-1'"
    site.change(reserved % "2999")
    told = until(lambda: (answer := site.upload(*files, headers=KEY)).status_code == 409 and answer)
    assert told.headers["location"].rpartition("/")[2] == dead
    site.change(reserved % "2000")
    answers = [insist(site.upload, *files, headers=KEY) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ["Idempotency-Replayed" in answer.headers for answer in answers] == [False, True]
    body = answers[0].json()
    assert len(list(filter(parse_original_key, site.objects(body["id"], bucket="rx-originals")))) == 2
    assert site.rows("SELECT count(*) FROM prescriptions_prescription WHERE id = ?", dead) == [(0,)]

    # and what the dead one had put is gone after an hour
    site.change("UPDATE prescriptions_looseoriginal SET since = '2000-01-01' WHERE rx = ?", dead)
    until(lambda: dead not in on_their_way(site))
    assert site.objects(dead, bucket="rx-originals") == []


@pytest.fixture
def reviewer(site: Site) -> dict[str, str]:
    """Reviews by API as somebody."""
    hire(site, {"lost": "pharmacist"})
    scopes = "rx:read,rx:review"
    token = site.manage("rxtoken", "create", "--name", "lost", "--client", CLIENT, "--scopes", scopes, "--user", "lost")
    return {"Authorization": f"Bearer {token}"}


def test_a_decision_whose_server_died_before_it_was_heard_is_told_again(
    site: Site, photo: bytes, reviewer: dict[str, str]
) -> None:
    # given a decision that was made, and whose answer nobody has read
    rx = site.prescription(("photo.jpg", photo))["id"]
    path = f"/api/v1/prescriptions/{rx}"
    version = site.http.post(f"{path}/claim", headers=reviewer).json()["version"]
    sent = {"outcome": "rejected", "reason": "image_blurry", "version": version}
    headers = {**reviewer, "Idempotency-Key": "lost-decision-1"}
    decided = "SELECT 1 FROM prescriptions_review WHERE prescription_id = ? AND status = 'rejected'"
    body = json.dumps(sent)
    lines = {**headers, "Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body))}
    with socket.create_connection(("127.0.0.1", site.stack.ports.front), timeout=60) as connection:
        head = [f"POST {path}/decision HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
        connection.sendall("\r\n".join([*head, "", body]).encode())
        until(lambda: site.rows(decided, rx))
        # when kill -9 takes the process that made it
        kill_all(generation(site.stack.pid_of("web"), 1))

    # then the same request is answered as the first one was, and it is decided once
    answer = insist(site.http.post, f"{path}/decision", json=sent, headers=headers)

    assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (200, "true")
    assert (answer.json()["status"], answer.json()["version"]) == ("rejected", version + 1)
    events = "SELECT count(*) FROM prescriptions_auditevent WHERE rx = ? AND verb = 'review.reject'"
    assert site.rows(events, rx) == [(1,)]


@pytest.mark.slow
def test_a_piece_that_was_killed_half_way_did_not_come_and_the_next_one_goes_on(site: Site, photo: bytes) -> None:
    # given a file of which the first piece has come
    headers = {**site.bearer, "Tus-Resumable": "1.0.0"}
    named = {"Upload-Length": str(len(photo)), "Upload-Metadata": "prescription"}
    path = insist(site.http.post, "/api/v1/uploads", headers={**headers, **named}).headers["location"]
    piece, half = {**headers, "Content-Type": "application/offset+octet-stream"}, len(photo) // 2

    def patch(offset: int, data: bytes) -> httpx.Response:
        return site.http.patch(path, content=data, headers={**piece, "Upload-Offset": str(offset)})

    def tries() -> int:
        [(attempts,)] = site.rows("SELECT attempts FROM prescriptions_incoming WHERE id = ?", path[-32:])
        return int(attempts)

    assert insist(patch, 0, photo[:half]).headers["upload-offset"] == str(half)
    before = tries()
    with ThreadPoolExecutor(1) as pool, frozen(site.stack.pid_of("s3")):
        # when kill -9 takes the process that keeps the second one
        dead = pool.submit(patch, half, photo[half:])
        until(lambda: tries() > before, "a piece that is being kept")
        kill_all(generation(site.stack.pid_of("web"), 1))
        assert dead.result().status_code >= 500

    # then it counts for nothing, and the file is whole all the same
    head = insist(site.http.head, path, headers=headers)
    assert (head.status_code, head.headers["upload-offset"]) == (200, str(half))
    last = insist(patch, half, photo[half:])
    assert last.status_code == 204, last.text
    rx = last.headers["location"].rpartition("/")[2]
    digest = site.rows("SELECT sha256 FROM prescriptions_document WHERE prescription_id = ?", rx)
    assert digest == [(hashlib.sha256(photo).hexdigest(),)]
