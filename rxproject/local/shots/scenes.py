"""What the docs show: each scene brings a page into a state and takes pictures of it.

Uses the stack that runs in RX_STATE_DIR, or starts one of its own and stops it. Decides nothing and confirms nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rxproject.local import samples
from rxproject.local.samples.camera import Fault
from rxproject.local.shots.screenshots import (
    PHONE,
    QUEUE,
    ROOT,
    Screenshots,
    Unable,
    chromium,
    running_demo,
    settle,
    until,
)
from rxproject.local.stack import StackError

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = ROOT / "docs" / "images" / "screens"


# --- The customer ---------------------------------------------------------------------------------------------------
def upload(shots: Screenshots) -> None:
    link = shots.demo["order_link"]
    with shots.page(link) as page:
        _empty(page)
        page.reload()
        shots.take(page, "upload-empty")
        with tempfile.TemporaryDirectory() as folder:
            good, blurred, letter = (Path(folder) / name for name in ("page-1.jpg", "page-2.jpg", "letter.docx"))
            good.write_bytes(samples.phone_photo(1, megapixels=2))
            blurred.write_bytes(samples.phone_photo(1, megapixels=2, fault=Fault.BLUR))
            letter.write_bytes(b"PK\x03\x04 a word processor's file")
            page.set_input_files("#choose", [good, blurred])
            until(page, "() => document.querySelectorAll('.kept').length", 2)
            page.evaluate("document.activeElement.blur()")
            _show(page, "#drop")
            shots.take(page, "upload-advice")
            page.set_input_files("#choose", [letter])
            page.get_by_role("button", name="Send for review").click()
            page.wait_for_selector("#wait:not([hidden])")
            _show(page, "#files")
            shots.take(page, "upload-error")
    with shots.page(link, size=PHONE) as page:
        shots.take(page, "upload-phone")
        _empty(page)


def _empty(page: "Page") -> None:
    """Leave the order as it was: nothing chosen."""
    while page.get_by_role("button", name="Remove").count():
        before = page.locator(".file").count()
        page.get_by_role("button", name="Remove").first.click()
        until(page, "() => document.querySelectorAll('.file').length", before - 1)


def _show(page: "Page", selector: str) -> None:
    page.locator(selector).evaluate("element => scrollTo({top: element.getBoundingClientRect().top + scrollY - 16})")


def status(shots: Screenshots) -> None:
    for story, name in (
        ("scan", "status-in-review"),
        ("question", "status-question"),
        ("partly-approved", "status-partly-approved"),
        ("rejected", "status-not-accepted"),
    ):
        with shots.page(shots.story(story)["order_link"]) as page:
            shots.take(page, name)
    with shots.page(shots.story("question")["order_link"], size=PHONE) as page:
        shots.take(page, "status-question-phone")
    with shots.page(shots.story("partly-approved")["order_link"], size=PHONE, scheme="dark") as page:
        shots.take(page, "status-partly-approved-phone-dark")


# --- The pharmacist -------------------------------------------------------------------------------------------------
def work_queue(shots: Screenshots) -> None:
    with shots.review("three-pages", who="senior"), shots.page(QUEUE, who="pharmacist") as page:
        _until_compared(page)
        shots.take(page, "queue")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        shots.take(page, "queue-phone")


def _until_compared(page: "Page") -> None:
    """Flags are set by the beat, a few seconds after the upload."""
    deadline = time.monotonic() + 90
    while not page.locator(".rx-chip", has_text="Dark").count():
        if time.monotonic() > deadline:
            raise Unable("The queue shows no dark page after 90 seconds; look at the beat's log.")
        page.wait_for_timeout(2000)
        page.reload()


def deciding(shots: Screenshots) -> None:
    with shots.review("scan") as page:
        page.fill("#prescribed_on", page.evaluate("new Date(Date.now() - 864e5).toISOString().slice(0, 10)"))
        page.fill("#prescriber", "Dr. Ivan Invented")
        for box in page.locator("[name=checklist]").all()[:3]:
            box.check()
        page.get_by_role("radio", name="Approve", exact=True).check(force=True)
        page.locator(".details").evaluate("element => element.scrollTo(0, 0)")
        shots.take(page, "review-deciding")
        page.emulate_media(color_scheme="dark")
        shots.take(page, "review-deciding-dark")
    with shots.review("scan", size=PHONE) as page:
        shots.take(page, "review-phone")
        page.get_by_role("button", name="Details").click()
        page.get_by_role("radio", name="Approve", exact=True).check(force=True)
        shots.take(page, "review-phone-details")


def pictures(shots: Screenshots) -> None:
    with shots.review("bad-light") as page:
        shots.take(page, "review-bad-light")
        page.locator("[data-do=enhanced]").click()
        shots.take(page, "review-enhanced")
    with shots.review("duplicate") as page:
        page.locator("[data-compare]").first.click()
        shots.take(page, "review-compare")


def redaction(shots: Screenshots) -> None:
    with shots.review("photo") as page:
        page.locator("[data-viewer] [data-do=redact]").click()
        settle(page)
        page.locator("[data-do=width]").click()
        stage = page.locator("[data-main] [data-stage]").bounding_box()
        assert stage is not None  # noqa: S101 - for the type checker; it is visible
        # Name and reference on this photo, as shares of its width.
        for left, top, width, height in ((0.145, 0.34, 0.2, 0.055), (0.68, 0.335, 0.14, 0.055)):
            x, y = stage["x"] + left * stage["width"], stage["y"] + top * stage["width"]
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + width * stage["width"], y + height * stage["width"], steps=4)
            page.mouse.up()
        shots.take(page, "review-redaction")


def second_check(shots: Screenshots) -> None:
    with shots.review("second-check", who="senior", claim=False) as page:
        shots.take(page, "review-second-check")


def conflict(shots: Screenshots) -> None:
    """Somebody decides on what a senior took from them meanwhile: 409, and nothing typed is lost."""
    with shots.review("small") as page:
        page.get_by_role("radio", name="Not accepted").check(force=True)
        page.select_option("#reason", "image_too_small")
        page.fill("#customer_text", "The dose in line 2 cannot be read.")
        with shots.review("small", who="senior", claim=False) as other:
            other.get_by_role("button", name="Put back into the queue").click()
            other.wait_for_load_state("networkidle")
        with shots.review("small", who="senior"):
            page.locator("[data-submit]").click()
            page.wait_for_selector("#summary")
            shots.take(page, "review-409")


SCENES: tuple[Callable[[Screenshots], None], ...] = (
    upload,
    status,
    work_queue,
    deciding,
    pictures,
    redaction,
    second_check,
    conflict,
)


# --- Where it runs --------------------------------------------------------------------------------------------------
def main(arguments: list[str] | None = None) -> int:
    """Takes all pictures, or those of the scenes that are named."""
    parser = argparse.ArgumentParser(prog="python -m rxproject.local.shots", description=__doc__)
    parser.add_argument("scenes", nargs="*", help=f"of: {', '.join(scene.__name__ for scene in SCENES)}")
    parser.add_argument("--output", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    wanted = set(options.scenes)
    if unknown := wanted - {scene.__name__ for scene in SCENES}:
        parser.error(f"there is no scene {', '.join(sorted(unknown))}")
    try:
        with chromium() as browser, running_demo() as demo:
            options.output.mkdir(parents=True, exist_ok=True)
            shots = Screenshots(browser, demo, options.output)
            for scene in SCENES:
                if not wanted or scene.__name__ in wanted:
                    scene(shots)
            for made in shots.taken:
                sys.stdout.write(f"{made.relative_to(options.output)}  {made.stat().st_size:,} bytes\n")
    except (Unable, StackError) as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    return 0
