"""Viewers of others, on a site of another origin, open what this service lends: `make viewers-test`.

Each as it comes from npm, in Chromium: OpenSeadragon with a page, Mirador, Tify and Universal Viewer with the manifest.
Once with every tile cold, and once while the only worker stands still until the first have been refused. Then no answer
may have been kept from the viewer by CORS, and no tile may be missing that it asked for. An <img>, which thumbnails and
Universal Viewer's tiles are, asks once: such a one has to be there after a reload.
"""

import argparse
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

from bench.served import Service, service
from rxproject.local import samples
from rxproject.local.shots.screenshots import find_chromium

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "viewers"
PACKAGES: Final = ("openseadragon@6.1.1", "mirador@4.0.0", "tify@0.35.0", "universalviewer@4.4.0")
PATIENCE: Final = 60.0
_QUIET: Final = 4.0  # seconds without an answer
_THUMBNAIL: Final = "/full/150,200/"
# Again after a refusal, which OpenSeadragon offers to all that are made of it, and Universal Viewer hands on to nobody.
_AGAIN: Final = "{tileRetryMax: 20, tileRetryDelay: 1000}"
_AT: Final = "position:absolute;inset:0"
SITES: Final = {
    "openseadragon": """<script src="/node_modules/openseadragon/build/openseadragon/openseadragon.min.js"></script>
        <div id=at style="{at}"></div>
        <script>OpenSeadragon(Object.assign({again}, {{id: 'at', tileSources: ['{info}'],
            crossOriginPolicy: 'Anonymous',
            prefixUrl: '/node_modules/openseadragon/build/openseadragon/images/'}}))</script>""",
    "mirador": """<script src="/node_modules/mirador/dist/mirador.min.js"></script><div id=at style="{at}"></div>
        <script>Mirador.viewer({{id: 'at', osdConfig: {again}, windows: [{{manifestId: '{manifest}'}}]}})</script>""",
    "tify": """<link rel=stylesheet href="/node_modules/tify/dist/tify.css"><div id=at style="{at}"></div>
        <script type=module>import '/node_modules/tify/dist/tify.js'
            new Tify({{container: '#at', manifestUrl: '{manifest}', viewer: {again}}})</script>""",
    "universalviewer": """<link rel=stylesheet href="/node_modules/universalviewer/dist/uv.css">
        <script src="/node_modules/universalviewer/dist/umd/UV.js"></script>
        <div id=at class=uv style="{at}"></div>
        <script>UV.init('at', {{manifest: '{manifest}', embedded: true}})</script>""",
}


@dataclass
class Seen:
    """What the service answered to one viewer, by address: every status, and what failed without one."""

    base: str
    statuses: dict[str, list[int]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    asked_once: list[str] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    def watch(self, page: Page) -> None:
        page.on("response", self._answered)
        page.on("requestfailed", self._failed)
        page.on("console", lambda said: "CORS" in said.text and self.blocked.append(said.text))

    def _answered(self, answer: Response) -> None:
        if answer.url.startswith(self.base):
            self.last = time.monotonic()
            self.statuses.setdefault(_first(answer.request), []).append(answer.status)

    def _failed(self, request: Request) -> None:
        # A viewer that was scrolled on drops what it asked for.
        if request.url.startswith(self.base) and "ABORTED" not in (why := request.failure or ""):
            self.last = time.monotonic()
            self.failed.setdefault(_first(request), []).append(why)

    def is_quiet(self) -> bool:
        """It has all that it wants."""
        return bool(self.statuses) and time.monotonic() > self.last + _QUIET

    @property
    def refused(self) -> int:
        """An <img> without `crossorigin` is not told the status: what is not a picture is ERR_BLOCKED_BY_ORB to it."""
        told = sum(status in (429, 503) for each in self.statuses.values() for status in each)
        return told + sum(why == "net::ERR_BLOCKED_BY_ORB" for each in self.failed.values() for why in each)

    @property
    def dead(self) -> list[str]:
        """What was asked for and never came."""
        came = {address for address, statuses in self.statuses.items() if {200, 304} & set(statuses)}
        return sorted((self.statuses.keys() | self.failed.keys()) - came)


def _first(request: Request) -> str:
    """The address that was asked for, before its redirects."""
    while request.redirected_from:
        request = request.redirected_from
    return request.url.partition("?")[0]


@contextmanager
def another_origin() -> Iterator[str]:
    """Serves FOLDER, with the viewers' sites."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(FOLDER)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def opened(browser: Browser, site: str, viewer: str, sent: dict[str, Any], base: str, worker: int) -> Seen:
    """One viewer with one prescription until it asks no more. With a `worker`, that one stands still at first."""
    words = {"info": sent["pages"][0]["info"], "manifest": sent["manifest"], "again": _AGAIN, "at": _AT}
    (FOLDER / f"{viewer}.html").write_text("<!doctype html><meta charset=utf-8>" + SITES[viewer].format(**words))
    seen = Seen(base)
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    try:
        page = context.new_page()
        seen.watch(page)
        if worker:
            os.kill(worker, signal.SIGSTOP)
        page.goto(f"{site}/{viewer}.html")
        _settle(page, lambda: seen.refused > 0 if worker else seen.is_quiet())
        if worker:
            os.kill(worker, signal.SIGCONT)
            _settle(page, seen.is_quiet)
        _zoom(page)
        seen.last = time.monotonic()
        _settle(page, seen.is_quiet)
        seen.asked_once = [one for one in seen.dead if _THUMBNAIL in one or viewer == "universalviewer"]
        if seen.asked_once:
            page.reload()
            seen.last = time.monotonic()
            _settle(page, seen.is_quiet)
        page.screenshot(path=FOLDER / f"{viewer}{'-refused' if worker else ''}.png")
    finally:
        if worker:
            os.kill(worker, signal.SIGCONT)
        context.close()
    return seen


def _settle(page: Page, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < deadline:
        page.wait_for_timeout(200)


def _zoom(page: Page) -> None:
    """Into the middle of the picture, for its smaller tiles."""
    page.mouse.move(640, 360)
    for _ in range(8):
        page.mouse.wheel(0, -120)
        page.wait_for_timeout(100)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def check(running: Service, browser: Browser, site: str, viewer: str, *, refuse: bool) -> bool:
    """Prints what one viewer saw; was it all right?"""
    sent = running.upload(samples.phone_photo(hash((viewer, refuse)) % 10_000, megapixels=12))
    worker = running.stack.pid_of("worker") if refuse else 0
    seen = opened(browser, site, viewer, sent, running.stack.base_url, worker)
    good = not (seen.blocked or seen.dead) and len(seen.statuses) > 2 and (seen.refused > 0) >= refuse
    say(
        f"{viewer:16} {'refused at first' if refuse else 'cold':16} addresses {len(seen.statuses):3}, refused "
        f"{seen.refused:3}, blocked by CORS {len(seen.blocked)}, only after a reload {len(seen.asked_once)}, "
        f"dead {len(seen.dead)}: {'held' if good else 'FAILED'}"
    )
    for what in (*seen.blocked, *seen.dead):
        say(f"    {what}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="make viewers-test", description=__doc__)
    parser.add_argument("--only", choices=list(SITES), action="append", help="these viewers")
    viewers = parser.parse_args().only or list(SITES)
    if (chromium := find_chromium()) is None:
        say("SKIPPED: chromium is not installed.")
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    install = [
        "npm",
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
        "--prefix",
        str(FOLDER),
    ]
    subprocess.run([*install, *PACKAGES], check=True, stdout=subprocess.DEVNULL)
    # A refusal comes soon, and from nobody but the worker that stands still.
    few = {"RX_WAIT": "3", "RX_FALLBACK_BACKEND": ""}
    with service(**few) as running, another_origin() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        good = [check(running, browser, site, viewer, refuse=refuse) for viewer in viewers for refuse in (False, True)]
        browser.close()
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
