"""A machine without time: good files are late at worst, never damaged. `make busy` does it with two hundred uploads."""

import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from rxproject.local import samples
from tests.conftest import Site
from tests.waiting import is_later

UPLOADS = int(os.environ.get("RX_BUSY", "4"))
CLIENTS = 4
PATIENCE = 1200.0  # seconds for which a client comes back
FORMS = ("default.jpg", "default.webp", "gray.webp", "enhanced.webp")


@contextmanager
def busy_loops() -> Iterator[None]:
    """As many as there are cores, at the priority of everybody else."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@dataclass
class Customer:
    """Asks for one thing after the other, comes back when told to, and notes what was said."""

    site: Site
    said: Counter[str] = field(default_factory=Counter)
    unsaid: list[str] = field(default_factory=list)  # 503 without a word on when to come back
    slowest: float = 0.0

    def insist(self, ask: Any) -> httpx.Response:
        """The first answer that is not "later"; redirects are followed, and each may be late."""
        began = time.monotonic()
        answer = ask()
        while answer.is_redirect or (is_later(answer) and time.monotonic() - began < PATIENCE):
            self.note(answer)
            if answer.is_redirect:
                url = answer.headers["location"]
                ask = lambda url=url: self.site.http.get(url)  # noqa: E731 - what to ask the next time
            else:
                time.sleep(float(answer.headers.get("retry-after", 5)))
            answer = ask()
        self.note(answer)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer

    def note(self, answer: httpx.Response) -> None:
        problem = "problem" in answer.headers.get("content-type", "")
        code = answer.json()["type"].rpartition("#")[2] if problem else ""
        self.said[f"{answer.status_code} {code}".strip()] += 1
        if answer.status_code == 503 and "retry-after" not in answer.headers:
            self.unsaid.append(str(answer.url))

    def buy(self, number: int, name: str, data: bytes) -> None:
        """Upload one file, then look at everything that there is of it."""
        key = {"Idempotency-Key": f"busy-{os.getpid()}-{number}"}
        sent = self.insist(lambda: self.site.upload((name, data), headers=key))
        assert sent.status_code == 201, sent.text
        body = sent.json()
        for page in body["pages"]:
            urls = [*page["variants"].values()]
            urls += [page["info"].replace("info.json", f"full/!1080,1080/0/{form}") for form in FORMS]
            for url in urls:
                made = self.insist(lambda url=url: self.site.http.get(url))
                assert made.status_code == 200, made.text
        whole = f"/api/v1/prescriptions/{body['id']}/document.pdf"
        assert self.insist(lambda: self.site.http.get(whole, headers=self.site.bearer)).status_code == 200


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(0 if UPLOADS > 20 else 1200)
def test_good_files_are_never_called_damaged(site: Site) -> None:
    # given files as people send them, and a machine whose every core is taken
    files = [
        ("phone.jpg", samples.phone_photo(seed=1, megapixels=12)),
        ("small.jpg", samples.phone_photo(seed=2, megapixels=2)),
        ("printed.pdf", samples.printed_pdf(seed=3, medicines=4)),
        ("phone.heic", samples.photo_heic(seed=4, megapixels=2)),
    ]
    customers = [Customer(site) for _ in range(CLIENTS)]

    def shop(customer: Customer, first: int) -> None:
        for number in range(first, UPLOADS, CLIENTS):
            customer.buy(number, *files[(number + number // CLIENTS) % len(files)])

    # when it is used all the same, by several people at once
    began = time.monotonic()
    with busy_loops(), ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(shop, customers, range(CLIENTS)))

    # then whatever was not there in time came when it was asked for again, and nothing else was said
    said = sum((customer.said for customer in customers), Counter[str]())
    slowest = max(customer.slowest for customer in customers)
    took = time.monotonic() - began
    logging.getLogger("tests.busy").error("%d uploads, %.0f s, slowest %.0f s: %s", UPLOADS, took, slowest, dict(said))
    expected = ("200", "201", "303", "307", "503", "409 in-flight")
    assert [word for word in said if not word.startswith(expected)] == []
    assert [url for customer in customers for url in customer.unsaid] == []
