"""Takes pictures of pages: in a browser, of a stack that runs, once nothing on the page changes any more."""

import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from PIL import Image

from rxproject.local.stack import Stack
from rxproject.local.stack.state import StateDir

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[3]
DESK, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}
MOST_BYTES = 100_000
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars")
_TIMEOUT_MS = 60_000  # an image may have to be made first
QUEUE = "/admin/prescriptions/review/"


class Unable(Exception):
    """What is missing, and how to get it."""


@dataclass(slots=True)
class Screenshots:
    """Of the demo that demo.json describes; `taken` are the files made so far, in `folder`."""

    browser: "Browser"
    demo: dict[str, Any]
    folder: Path
    taken: list[Path] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.demo['base_url']}{path}"

    def story(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(entry for entry in self.demo["prescriptions"] if entry["story"] == name)
        return found

    @contextmanager
    def page(self, path: str, *, who: str = "", size: dict[str, int] = DESK, scheme: str = "light") -> "Iterator[Page]":
        """A page in a profile of its own, signed in as `who`."""
        context = self.browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        context.set_default_timeout(_TIMEOUT_MS)
        page = context.new_page()
        page.goto(path if path.startswith("http") else self.url(path))
        if who:
            user = self.demo["users"][who]
            page.fill("#id_login", user["username"])
            page.fill("#id_password", user["password"])
            page.click("[type=submit]")
        try:
            yield page
        finally:
            context.close()

    @contextmanager
    def review(self, story: str, *, who: str = "pharmacist", claim: bool = True, **options: Any) -> "Iterator[Page]":
        """The review page of a story. What was claimed for it goes back into the queue."""
        with self.page(f"{QUEUE}{self.story(story)['id']}/", who=who, **options) as page:
            page.wait_for_selector("#review")
            if claim and page.get_by_role("button", name="Claim it").count():
                page.get_by_role("button", name="Claim it").click()
                page.wait_for_selector("[data-submit]")
            try:
                yield page
            finally:
                release = page.get_by_role("button", name="Release")
                if claim and release.count():
                    page.on("dialog", lambda dialog: dialog.accept())
                    release.click()
                    page.wait_for_url(f"**{QUEUE}")

    def take(self, page: "Page", name: str) -> None:
        """One picture, once everything on it is there."""
        settle(page)
        made = self.folder / f"{name}.webp"
        made.write_bytes(webp(page.screenshot(animations="disabled", caret="hide")))
        self.taken.append(made)


def settle(page: "Page") -> None:
    """Wait until no picture of the page is on its way."""
    page.mouse.move(1, 1)  # no tooltip in the picture
    page.wait_for_load_state("networkidle")
    until(page, "() => !document.querySelector('.viewer-pane.busy')")
    until(
        page,
        """() => [...document.images].every(image => image.complete
          || image.loading == 'lazy' && image.getBoundingClientRect().top > innerHeight)""",
    )
    page.wait_for_timeout(600)  # the viewer draws a last frame after its last tile


def until(page: "Page", script: str, wanted: object = True) -> None:
    """Ask the page until it answers so. (`wait_for_function` would `eval` in the page, and our policy forbids that.)"""
    deadline = time.monotonic() + _TIMEOUT_MS / 1000
    while (said := page.evaluate(script)) != wanted:
        if time.monotonic() > deadline:
            raise Unable(f"{page.url} never came to {wanted!r}; it says {said!r}: {script}")
        page.wait_for_timeout(100)


def webp(png: bytes) -> bytes:
    """Small enough for a repository: of the qualities that fit, the best."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (88, 80, 70, 60, 50):
        out = io.BytesIO()
        image.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def find_chromium() -> str | None:
    """The shell before the whole browser: it draws the same without the half that nobody looks at."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Debian's Chromium, driven by Playwright. Raises Unable."""
    path = find_chromium()
    if path is None:
        raise Unable("Chromium was not found. On Debian: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright  # Lazy: only `make demo-shots` and the tests install it
    except ImportError:
        raise Unable("Playwright is not installed. It comes with the tools: make demo-shots") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def running_demo() -> Iterator[dict[str, Any]]:
    """demo.json of the stack that runs, or of one made for this."""
    running = StateDir(Path(os.environ.get("RX_STATE_DIR") or ROOT / "var")).demo
    if running.exists():
        demo: dict[str, Any] = json.loads(running.read_text())
        if _ready(demo["base_url"]):
            yield demo
            return
    with (
        tempfile.TemporaryDirectory(prefix="rx-shots-") as folder,
        Stack(state_dir=Path(folder), port=None, demo=True, quick_stop=True) as stack,
    ):
        yield json.loads(stack.state.demo.read_text())


def _ready(base_url: str) -> bool:
    try:
        with urlopen(Request(f"{base_url}/readyz"), timeout=5) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
