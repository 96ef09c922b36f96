"""People who use the service all the time: they send, look, decide and erase, come back when told to, and remember what
they were promised.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx

from rxproject.local import samples
from tests.conftest import Site
from tests.waiting import is_later

_PAUSE: Final = 0.05
_GIVE_UP: Final = 150.0  # seconds for one thing that somebody wants


@dataclass
class Counts:
    """What was seen during one fault. `slowest`: seconds of the slowest page of the site."""

    asked: int = 0
    later: int = 0  # told to come back
    refused: int = 0  # no connection, or one that ended before the answer
    errors: Counter[int] = field(default_factory=Counter)  # any other status that should not be
    wrong: int = 0  # bytes of a picture that are not its own
    truncated: int = 0  # a 200 whose body ended early
    slowest: float = 0.0


@dataclass
class Promises:
    """What the service has acknowledged."""

    uploads: dict[str, str] = field(default_factory=dict)  # prescription: SHA-256 of its file
    decisions: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)


class Load:
    """Threads that use a site until `stop`. `counts` may be exchanged while they do."""

    def __init__(self, site: Site, reviewer: dict[str, str], eraser: dict[str, str]) -> None:
        self._site, self._reviewer, self._eraser = site, reviewer, eraser
        self.counts, self.promises = Counts(), Promises()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._photos = [samples.phone_photo(seed=seed, megapixels=1) for seed in range(40, 44)]
        self._known: tuple[str, str] | None = None  # address and digest of a picture that is in S3
        self._undecided: list[str] = []
        self._threads = [
            threading.Thread(target=self._forever, args=(each,), daemon=True)
            for each in (self._send, self._send, self._hit, self._hit, self._decide_or_erase, self._read_a_page)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What was begun is ended first."""
        self._ended.set()
        for thread in self._threads:
            thread.join(_GIVE_UP)

    def fresh(self) -> Counts:
        """Count anew; returns what was counted so far."""
        before, self.counts = self.counts, Counts()
        return before

    # --- What they do ------------------------------------------------------------------------------------------------
    def _send(self, http: httpx.Client) -> None:
        """An upload, under one key until it is acknowledged, then its first picture."""
        photo = self._photos[uuid4().int % len(self._photos)]
        key = {"Idempotency-Key": uuid4().hex, **self._site.bearer}
        files = {"files": ("photo.jpg", photo)}
        answer = self._insist(lambda: http.post("/api/v1/prescriptions", files=files, headers=key), 201)
        if answer is None:
            return
        body = answer.json()
        with self._lock:
            self.promises.uploads[body["id"]] = hashlib.sha256(photo).hexdigest()
            self._undecided.append(body["id"])
        url = body["pages"][0]["variants"]["card"]
        picture = self._insist(lambda: http.get(url, follow_redirects=True), 200)
        if picture is not None:
            self._known = self._known or (url, hashlib.sha256(picture.content).hexdigest())
        time.sleep(0.2)

    def _hit(self, http: httpx.Client) -> None:
        if (known := self._known) is None:
            return
        url, digest = known
        answer = self._ask(lambda: http.get(url, follow_redirects=True), 200)
        if answer is not None and answer.status_code == 200 and hashlib.sha256(answer.content).hexdigest() != digest:
            self.counts.wrong += 1

    def _decide_or_erase(self, http: httpx.Client) -> None:
        with self._lock:
            rx = self._undecided.pop(0) if len(self._undecided) > 2 else None
        if rx is None:
            return
        path = f"/api/v1/prescriptions/{rx}"
        if int(rx, 16) % 4 == 0:
            if self._insist(lambda: http.delete(path, headers=self._eraser), 200, 202, 204, 410) is not None:
                with self._lock:
                    self.promises.erased.add(rx)
            return
        claimed = self._insist(lambda: http.post(f"{path}/claim", headers=self._reviewer), 200)
        if claimed is None:
            return
        body = {"outcome": "rejected", "reason": "image_blurry", "version": claimed.json()["version"]}
        headers = {**self._reviewer, "Idempotency-Key": uuid4().hex}
        if self._insist(lambda: http.post(f"{path}/decision", json=body, headers=headers), 200) is not None:
            with self._lock:
                self.promises.decisions.add(rx)

    def _read_a_page(self, http: httpx.Client) -> None:
        began = time.monotonic()
        answer = self._ask(lambda: http.get("/accounts/login/"), 200)
        if answer is not None:
            self.counts.slowest = max(self.counts.slowest, time.monotonic() - began)
        time.sleep(0.2)

    # --- How they ask ------------------------------------------------------------------------------------------------
    def _forever(self, act: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self._site.stack.base_url, timeout=60) as http:
            while not self._ended.is_set():
                act(http)
                time.sleep(_PAUSE)

    def _insist(self, ask: Callable[[], httpx.Response], *wanted: int) -> httpx.Response | None:
        """Come back until it is done; None when it was not done in time or cannot be."""
        deadline = time.monotonic() + _GIVE_UP
        while time.monotonic() < deadline:
            answer = self._ask(ask, *wanted)
            if answer is not None and answer.status_code in wanted:
                return answer
            if answer is not None and not is_later(answer):
                return None
            time.sleep(0.5)
        return None

    def _ask(self, ask: Callable[[], httpx.Response], *wanted: int) -> httpx.Response | None:
        counts = self.counts
        counts.asked += 1
        try:
            answer = ask()
        except httpx.RemoteProtocolError as error:
            if "complete message body" in str(error):
                counts.truncated += 1
            else:
                counts.refused += 1
            return None
        except httpx.HTTPError:
            counts.refused += 1
            return None
        if is_later(answer):
            counts.later += 1
        elif answer.status_code not in wanted:
            counts.errors[answer.status_code] += 1
        return answer


def lost(site: Site, promises: Promises) -> dict[str, list[str]]:
    """Promises that were not kept, by kind: ids of prescriptions."""
    kept: Any = {
        rx: (erased, status)
        for rx, erased, status in site.rows(
            "SELECT p.id, p.erased_at IS NOT NULL, r.status FROM prescriptions_prescription p "
            "JOIN prescriptions_review r ON r.prescription_id = p.id"
        )
    }
    s3 = site.stack.s3_client("bootstrap")
    found: dict[str, list[str]] = {"uploads": [], "decisions": [], "erasures": []}
    for rx, digest in promises.uploads.items():
        if rx in promises.erased:
            if rx not in kept or not kept[rx][0]:
                found["erasures"].append(rx)
            continue
        keys = site.objects(rx, bucket="rx-originals")
        stored = [s3.get_object(Bucket="rx-originals", Key=key)["Body"].read() for key in keys]
        if rx not in kept or digest not in {hashlib.sha256(data).hexdigest() for data in stored}:
            found["uploads"].append(rx)
    found["decisions"] = [rx for rx in promises.decisions if kept.get(rx, (0, ""))[1] != "rejected"]
    return {kind: ids for kind, ids in found.items() if ids}


def told(counts: Counts) -> str:
    """The statuses that should not be, for the scoreboard."""
    return json.dumps(dict(counts.errors)) if counts.errors else "-"
