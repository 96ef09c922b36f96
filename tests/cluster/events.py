"""What happens to several hosts at once: two beats, clocks that differ, an erasure that an edge does not hear of, slow
lines; and, at the end, that nothing was lost.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from bench.stampede import CASES
from tests.cluster import skew
from tests.cluster.clients import Clients, sha256
from tests.cluster.cuts import back
from tests.cluster.hosts import EDGES, WORKERS
from tests.cluster.net import DATABASE, S3, VALKEY
from tests.cluster.stampede import rush
from tests.deploy.engine.journey import Lines, insist

_APART_SECONDS = 90
_CACHED_SECONDS = 30.0  # what an edge may show of what it has: docs/explanation/hit.md


def journey(seen: Clients) -> Lines:
    """Sent to one edge, looked at through the other, claimed there, decided here."""
    body = seen.upload("edge1")
    address = body["pages"][0]["variants"]["preview"]
    miss, hit = seen.look("edge2", address), seen.look("edge1", address)
    insist([one.status_code for one in miss] == [307, 303, 200], [one.status_code for one in miss])
    insist([one.status_code for one in hit] == [200] and hit[0].headers["x-variant"] == "hit", hit)
    insist(seen.picture("edge1", address) == miss[-1].content, "a hit differs from the miss before it")
    yield f"{body['id']}: sent to edge1; 307, 303, 200 at edge2; a hit at edge1"
    answer = seen.decide("edge1", seen.claim("edge2"))
    insist(answer.status_code == 200, f"{answer.status_code} {answer.text}")
    yield f"claimed at edge2, decided at edge1: {answer.json()['status']}"


# --- Two beats -------------------------------------------------------------------------------------------------------
def two_beats(seen: Clients) -> Lines:
    """Each edge's lines count once, whichever beat reads them; if the one that leads dies, the other takes over."""
    cluster, looks = seen.cluster, 20
    body = seen.upload("edge1")
    address = body["pages"][0]["variants"]["preview"]
    seen.picture("edge1", address)
    for number in range(looks):
        seen.http.get(seen.url(EDGES[number % 2], address)).raise_for_status()
    count = "SELECT coalesce(sum(count), 0)::int FROM prescriptions_look WHERE rx = %s AND verb = 'picture.sent'"
    cluster.until(lambda: cluster.rows(count, body["id"])[0][0] >= looks + 1, "looks are read off both logs")
    time.sleep(5)  # two more turns of each beat, which must find nothing
    (counted,) = cluster.rows(count, body["id"])[0]
    insist(counted == looks + 1, f"{counted} looks were counted, of {looks + 1}")
    yield f"{counted} looks at two edges, counted once each"
    for name in WORKERS:  # one of them leads
        cluster[name].stack.kill("beat")
        cluster[name].stack.halt("beat")
        owner, before = _sweep(seen)
        began = time.monotonic()
        cluster.until(lambda before=before: _sweep(seen)[1] > before, "somebody sweeps")
        how = "went on" if _sweep(seen)[0] == owner else "took over"
        yield f"the beat of {name} was killed: the other {how}, and swept {time.monotonic() - began:.0f} s after"
        cluster[name].stack.restart("beat")


def _sweep(seen: Clients) -> tuple[str, Any]:
    """Who sweeps, and when it last began."""
    owner, at = seen.cluster.rows("SELECT owner, begun_at FROM prescriptions_duty WHERE name = 'sweep'")[0]
    return str(owner), at


# --- Clocks ----------------------------------------------------------------------------------------------------------
def clocks(seen: Clients) -> Lines:
    """An edge and a worker with its beat are 90 s ahead of the other hosts."""
    ahead = ("edge1", "worker1")
    if reason := skew.why_not():
        yield f"SKIPPED: {reason}"
        return
    with _moved(seen, ahead, _APART_SECONDS):
        apart = skew.measured(seen)
        insist(abs(apart - _APART_SECONDS) <= 2, f"edge1 is {apart} s ahead")
        yield f"{' and '.join(ahead)} {_APART_SECONDS} s ahead: by their answers {apart:.0f} s"
        rush(seen, CASES["1080 px, webp"], clients=32)  # each new process holds its database against the ledger first
        for name, spec in CASES.items():
            found = rush(seen, spec, clients=50)
            yield f"{name}: renders {found['renders']}, puts {found['puts']}, errors {found['errors']}"
            insist((found["puts"], found["objects"], found["errors"]) == (1, 1, 0), found)
            insist(found["renders"] == 1, found)
        for edge, other in (EDGES, EDGES[::-1]):
            body = seen.upload(edge)
            seen.picture(other, body["pages"][0]["variants"]["preview"])
            answer = seen.decide(other, seen.claim(edge))
            insist(answer.status_code == 200, f"{answer.status_code} {answer.text}")
        yield "links of each edge open at the other; what one has claimed the other decides"
        yield from _lone_render(seen)
    yield back(seen)


def _lone_render(seen: Clients) -> Lines:
    """The beat that is ahead must not take a claim for lapsed while the worker that is behind is at it."""
    cluster = seen.cluster
    cluster["worker1"].stack.halt("worker")
    body = seen.upload("edge2", 12)
    found = [seen.picture("edge2", seen.address(body, spec)) for spec in CASES.values()]
    rows = seen.rows_of(body["id"])
    cluster["worker1"].stack.restart("worker")
    renders = sum(len(seen.made(variant)) for _state, _attempts, variant in rows)
    insist(renders == len(found) == len(rows) and all(attempts == 1 for _s, attempts, _v in rows), f"{renders} {rows}")
    yield f"worker2 alone, with a beat that is ahead: {renders} renders of {len(rows)} pictures, one attempt each"


@contextmanager
def _moved(seen: Clients, names: tuple[str, ...], seconds: int) -> Iterator[None]:
    cluster = seen.cluster
    before = {name: cluster[name].place for name in names}
    for name in names:
        cluster[name].stop()
        cluster[name].start(place=skew.place(cluster, name, seconds))
    try:
        yield
    finally:
        for name in names:
            cluster[name].stop()
            cluster[name].start(place=before[name])


# --- An erasure ------------------------------------------------------------------------------------------------------
def erasure(seen: Clients) -> Lines:
    """An edge that reaches no store has a picture in memory while it is erased at the other."""
    cluster, stores = seen.cluster, (DATABASE, VALKEY, S3)
    body = seen.upload("edge1")
    address = body["pages"][0]["variants"]["preview"]
    for edge in EDGES:
        seen.picture(edge, address)
    seen.http.get(seen.url("edge1", address)).raise_for_status()
    cluster.net.cut_off("edge1", *stores)
    with _watched(seen.url("edge1", address)) as answers:
        answer = seen.call("DELETE", "edge2", f"prescriptions/{body['id']}")
        insist(answer.status_code == 204, f"{answer.status_code} {answer.text}")
        erased = time.monotonic()
        while time.monotonic() < erased + _CACHED_SECONDS + 5:
            time.sleep(1)
        cluster.net.mend("edge1", *stores)
        returned = back(seen)
        time.sleep(5)
    shown = [at - erased for at, status in answers if status == 200]
    last = max(0.0, *shown)
    later = sorted({status for at, status in answers if at > erased + last})
    yield f"edge1 without its stores: shown from memory until {last:.1f} s after the erasure; then {later}"
    insist(last <= _CACHED_SECONDS + 2, f"shown {last:.1f} s after its erasure")
    yield returned
    for edge in EDGES:
        seen_there = [one.status_code for one in seen.look(edge, address)]
        insist(seen_there[-1] in (404, 410), f"at {edge}: {seen_there}")
    insist(not seen.objects(body["id"]) and not seen.objects(body["id"], "rx-originals"), "objects are left")
    seen.originals.pop(f"prescriptions/{body['id']}/original")
    seen.pictures.pop(address)
    yield "after it is back: no picture at either edge, no object"


@contextmanager
def _watched(url: str) -> Iterator[list[tuple[float, int]]]:
    """Somebody asks all the time; when each answer came, and its status."""
    answers: list[tuple[float, int]] = []
    end = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=20) as client:
            while not end.wait(0.1):
                try:
                    status = client.get(url).status_code
                except httpx.HTTPError:
                    status = 0
                answers.append((time.monotonic(), status))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        end.set()
        thread.join()


# --- Slow lines ------------------------------------------------------------------------------------------------------
def slow_lines(seen: Clients) -> Lines:
    """An edge and a worker are far away: 40 ms each way, and one packet of fifty is lost."""
    cluster, log = seen.cluster, seen.cluster.folder / "wire.log"
    with cluster.net.slow("edge1", delay_ms=40, loss=0.02, log=log), cluster.net.slow(
        "worker1", delay_ms=40, loss=0.02, log=log
    ):  # fmt: skip
        took = []
        for _ in range(4):
            began = time.monotonic()
            body = seen.upload("edge1")
            seen.picture("edge1", body["pages"][0]["variants"]["preview"])
            took.append(time.monotonic() - began)
        answer = seen.decide("edge1", seen.claim("edge1"))
        insist(answer.status_code == 200, f"{answer.status_code} {answer.text}")
        insist(all(map(seen.ready, EDGES)), "an edge is not ready")
        yield f"edge1 and worker1, 40 ms and 2 % loss: {len(took)} pictures, the slowest {max(took):.1f} s; a decision"
    yield back(seen)


# --- The end ---------------------------------------------------------------------------------------------------------
def everything(seen: Clients) -> Lines:
    """Whatever was acknowledged is there, at both edges; the audit log is whole; nobody has seen a 500."""
    cluster = seen.cluster
    for path, expected in seen.originals.items():
        answer = seen.call("GET", "edge2", path)
        insist(answer.status_code == 200 and sha256(answer.content) == expected, f"{path}: {answer.status_code}")
    for address in list(seen.pictures):
        for edge in EDGES:
            seen.picture(edge, address)
    for rx, status in seen.decisions.items():
        answer = seen.call("GET", "edge1", f"prescriptions/{rx}/decision")
        insist(answer.json()["status"] == status, answer.text)
    kept = (len(seen.originals), len(seen.pictures), len(seen.decisions))
    yield "{} originals, {} pictures at both edges and {} decisions are as they were acknowledged".format(*kept)
    cluster.until(
        lambda: not cluster.rows("SELECT 1 FROM prescriptions_variant WHERE state <> 'ready'"), "no open claim"
    )
    yield f"rxaudit verify: {cluster.manage('rxaudit', 'verify').splitlines()[-1]}"
    yield f"reconcile: {cluster.manage('reconcile', '--dry-run').splitlines()[-1]}"
    failed = [line for edge in EDGES for line in cluster[edge].log("access") if '"status":500' in line]
    broken = [f"{host.name}/{name}" for host in cluster.hosts.values() for name in ("web", "generate", "worker", "beat")
              if any("Traceback" in line for line in host.log(name))]  # fmt: skip
    yield f"answers of 500: {len(failed)}; tracebacks in: {', '.join(broken) or 'no log'}"
    insist(not failed, failed[:3])
