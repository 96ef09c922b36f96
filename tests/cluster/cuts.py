"""A host is cut off in the middle of something; a worker loses one of its stores."""

import socket
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from tests.cluster.clients import HEAVY, Clients
from tests.cluster.hosts import promised
from tests.cluster.net import DATABASE, HOSTS, S3, VALKEY
from tests.deploy.engine.daemon import Failed
from tests.deploy.engine.journey import Lines, insist

_AWAY_SECONDS = 20.0  # longer than any single try, shorter than what a kernel gives up after


def in_mid_render(seen: Clients) -> Lines:
    """A worker vanishes with a render under way: another makes it, once; the late one changes nothing."""
    cluster = seen.cluster
    cluster["worker2"].stack.halt("worker")
    with ThreadPoolExecutor(1) as pool:
        body, address, client = _rendering(seen, pool)
        cluster.net.cut("worker1")
        began = time.monotonic()
        cluster["worker2"].stack.restart("worker")
        cluster.until(lambda: seen.rows_of(body["id"])[0][0] == "ready", "another worker makes it", seconds=120)
        took = time.monotonic() - began
        insist(client.result(timeout=120) == seen.picture("edge2", address), "the edges show different bytes")
    yield f"worker1 away in mid-render: made by worker2 {took:.0f} s after, and the client at edge1 got it"
    cluster.net.join("worker1")
    yield back(seen)
    cluster.until(lambda: _quiet(seen, body["id"]), "the late render ends")
    rows, objects = seen.rows_of(body["id"]), seen.objects(body["id"])
    insist(len(rows) == 1 and rows[0][0] == "ready" and len(objects) == 1, f"{rows} {objects}")
    insist(took <= promised(), f"it took {took:.0f} s until another worker had made it")
    seen.picture("edge1", address)
    yield f"one row ({rows[0][1]} attempts), one object, the same bytes at both edges"


def _rendering(seen: Clients, pool: ThreadPoolExecutor) -> tuple[dict[str, Any], str, "Future[bytes]"]:
    """A prescription whose render has begun and not ended, and a client that waits for it."""
    for _ in range(5):
        body = seen.upload("edge1", 12)
        address = seen.address(body, HEAVY)
        client = pool.submit(seen.picture, "edge1", address)

        def state(rx: str = body["id"]) -> str:
            rows = seen.rows_of(rx)
            return str(rows[0][0]) if rows else "queued"

        seen.cluster.until(lambda: state() != "queued", "somebody takes it")
        if state() == "rendering":
            return body, address, client
        client.result(timeout=60)
    raise Failed("every render had ended before it was seen")


def _quiet(seen: Clients, rx: str) -> bool:
    """Nobody holds the claim any more, and worker1 has told how its own try ended."""
    variant = seen.rows_of(rx)[0][2]
    return any(variant in line and "timings" in line for line in seen.cluster["worker1"].log("worker"))


def back(seen: Clients) -> str:
    """After a cut was mended, or a host started: all are ready within what the product promises."""
    began = time.monotonic()
    seen.all_ready()
    return f"all hosts ready {time.monotonic() - began:.1f} s after the cut was mended"


def in_mid_upload(seen: Clients) -> Lines:
    """An edge vanishes with half a file, and another with a file that it cannot store: sent again, it is there once."""
    cluster, key, data = seen.cluster, uuid.uuid4().hex, seen.photo(2)
    with socket.create_connection((HOSTS["edge1"][0], cluster.ports.front), timeout=10) as half:
        request = httpx.Request(
            "POST", f"{cluster['edge1'].base}/api/v1/prescriptions", files=[("files", ("photo.jpg", data))],
            headers={"Authorization": f"Bearer {seen.token}", "Idempotency-Key": key},
        )  # fmt: skip
        head = f"POST {request.url.path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in request.headers.items())
        half.sendall(head.encode() + b"\r\n" + request.read()[: len(data) // 2])
        time.sleep(0.5)  # the edge has what has been sent
        cluster.net.cut("edge1")
        body = seen.upload("edge2", key=key, data=data)
        yield f"edge1 away with half of a file; sent again to edge2: {body['id']}"
        cluster.net.join("edge1")
        yield back(seen)
    yield from _same(seen, "edge1", key, data, body["id"])

    key, data = uuid.uuid4().hex, seen.photo(2)
    cluster.net.cut_off("edge2", S3)
    answer = seen.http.post(
        f"{cluster['edge2'].base}/api/v1/prescriptions", files=[("files", ("photo.jpg", data))],
        headers={"Authorization": f"Bearer {seen.token}", "Idempotency-Key": key},
    )  # fmt: skip
    insist(answer.status_code == 503 and "retry-after" in answer.headers, f"{answer.status_code} {answer.text[:300]}")
    body = seen.upload("edge1", key=key, data=data)
    yield f"edge2 without S3: {answer.status_code} after {answer.elapsed.total_seconds():.0f} s; edge1: {body['id']}"
    cluster.net.mend("edge2", S3)
    yield back(seen)
    yield from _same(seen, "edge2", key, data, body["id"])


def _same(seen: Clients, edge: str, key: str, data: bytes, rx: str) -> Lines:
    again = seen.upload(edge, key=key, data=data)
    insist(again["id"] == rx, f"sent again to {edge} it became {again['id']}, not {rx}")
    (documents,) = seen.cluster.rows("SELECT count(*) FROM prescriptions_document WHERE prescription_id = %s", rx)[0]
    originals = [key for key in seen.objects(rx, "rx-originals") if not key.endswith(".receipt")]
    insist(documents == 1 and len(originals) == 1, f"{documents} documents, {originals}")
    yield f"sent again to {edge}: the same answer, one document, one original"


def in_mid_decision(seen: Clients) -> Lines:
    """An edge vanishes between a decision and its commit: it holds nobody up for long, and is not half done."""
    cluster, key = seen.cluster, uuid.uuid4().hex
    seen.upload("edge1")
    review = seen.claim("edge1")
    with psycopg.connect(cluster.database) as lock, ThreadPoolExecutor(1) as pool:
        # The review's row is changed, and then its event waits for us.
        lock.execute("LOCK TABLE prescriptions_auditevent IN SHARE ROW EXCLUSIVE MODE")
        lost = pool.submit(_sent, seen, "edge1", review, key)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND client_addr = %s::inet"
        cluster.until(lambda: cluster.rows(waiting, HOSTS["edge1"][0]), "the decision waits for its event")
        cluster.net.cut("edge1")
        lock.rollback()
        began = time.monotonic()
        answer = seen.decide("edge2", review, key)
        took = time.monotonic() - began
        insist(answer.status_code == 200, f"at edge2: {answer.status_code} {answer.text}")
        yield f"edge1 away before the commit; the same at edge2: {answer.json()['status']} after {took:.1f} s"
        cluster.net.join("edge1")
        yield back(seen)
        yield f"edge1 told its client: {lost.result(timeout=120)}"
    insist(took <= promised(), f"the lock of a vanished edge stood for {took:.0f} s")
    again = seen.decide("edge1", review, key)
    insist(again.json() == answer.json(), f"{again.status_code} {again.text}")
    verbs = cluster.rows("SELECT verb FROM prescriptions_auditevent WHERE rx = %s ORDER BY seq", review["id"])
    decided = [verb for (verb,) in verbs if verb in ("review.decide", "review.approve")]
    insist(len(decided) == 1, verbs)
    yield f"sent again to edge1: the same answer; events: {', '.join(verb for (verb,) in verbs)}"


def _sent(seen: Clients, edge: str, review: dict[str, Any], key: str) -> str:
    try:
        answer = seen.decide(edge, review, key)
    except httpx.HTTPError as error:
        return type(error).__name__
    return str(answer.status_code)


def without_a_store(seen: Clients) -> Lines:
    """A worker does not reach Valkey (which is started anew meanwhile), S3, or the database; the others go on."""
    restart: Callable[[], None] = lambda: seen.cluster["data"].stack.restart("redis")  # noqa: E731
    for name, address, meanwhile in (("Valkey", VALKEY, restart), ("S3", S3, None), ("database", DATABASE, None)):
        yield from _without(seen, name, address, meanwhile)


def _without(seen: Clients, name: str, address: str, meanwhile: Callable[[], None] | None) -> Lines:
    cluster = seen.cluster
    cluster.net.cut_off("worker1", address)
    end = time.monotonic() + _AWAY_SECONDS
    if meanwhile:
        meanwhile()
    waits = []
    while time.monotonic() < end or len(waits) < 4:
        began = time.monotonic()
        edge = ("edge1", "edge2")[len(waits) % 2]
        body = seen.upload(edge)
        seen.picture(edge, seen.address(body, "full/200,/0/default.webp" if len(waits) % 4 else HEAVY))
        waits.append(time.monotonic() - began)
    yield f"worker1 without {name} for {_AWAY_SECONDS:.0f} s: {len(waits)} pictures, the slowest {max(waits):.1f} s"
    cluster.net.mend("worker1", address)
    began = time.monotonic()
    cluster["worker2"].stack.halt("worker")
    body = seen.upload("edge1")
    seen.picture("edge2", body["pages"][0]["variants"]["preview"])
    took = time.monotonic() - began
    cluster["worker2"].stack.restart("worker")
    yield f"worker1 alone, with {name} again: a picture {took:.1f} s after"
    insist(took <= promised(), f"worker1 took {took:.0f} s")
    yield back(seen)
