"""The people of the journeys: what a customer, a shop and a pharmacist do, each through the page that they have."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import DESKTOP, OpenPage, check_accessible
from tests.browser.staff import Member, enter
from tests.conftest import Site
from tests.waiting import SECONDS

QUEUE: Final = "/admin/prescriptions/review/"
RECEIVED: Final = "We have your prescription"
CHECKING: Final = "A pharmacist is checking your prescription"
TELMISARTAN: Final = {"name": "Telmisartan", "strength": "40 mg", "schedule": "H", "quantity_ordered": 30}
METFORMIN: Final = {"name": "Metformin SR", "strength": "500 mg", "schedule": "H", "quantity_ordered": 60}
ALPRAZOLAM: Final = {"name": "Alprazolam", "strength": "0.25 mg", "schedule": "H1", "quantity_ordered": 10}


@dataclass(slots=True)
class Pharmacy:
    """A running site, and somebody's browser for each who uses it."""

    site: Site
    open_page: OpenPage
    files: Mapping[str, Path]
    staff: Mapping[str, Member]

    # --- The shop, by its API ---------------------------------------------------------------------------------------
    def order(self, ref: str, patient: str = "") -> str:
        """The link that the shop sends to the customer of an order."""
        body = {"order_ref": ref, **({"patient_ref": patient} if patient else {})}
        answer = self.site.http.post("/api/v1/order-links", json=body, headers=self.site.bearer)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["url"])

    def ordered(self, ref: str, *lines: Mapping[str, object]) -> str:
        """The shop says what was ordered; id of the order's newest prescription."""
        rx = self.sent(ref)[0]
        answer = self.site.http.put(
            f"/api/v1/prescriptions/{rx}/order-lines", json=list(lines), headers=self.site.bearer
        )
        assert answer.status_code == 200, answer.text
        return rx

    # --- The customer -----------------------------------------------------------------------------------------------
    def customer(self, ref: str, *files: str, **options: Any) -> Page:
        """Opens the order's link and sends these files."""
        page = self.open_page(**options)
        page.clock.install()
        page.goto(self.order(ref))
        if files:
            self.send(page, *files)
        return page

    def send(self, page: Page, *names: str) -> None:
        page.set_input_files("#choose", [self.files[name] for name in names])
        expect(page.locator(".kept")).to_have_count(len(names))
        page.check("#consent")
        page.click("#send")
        expect(page.get_by_role("heading", level=1)).to_have_text(RECEIVED)

    def news(self, page: Page, headline: str) -> None:
        """The page asks by itself every few seconds; its clock goes faster here."""
        self.let_decisions_stand()
        heading = page.get_by_role("heading", level=1)
        deadline = time.monotonic() + SECONDS
        while heading.inner_text() != headline:
            assert time.monotonic() < deadline, f"{heading.inner_text()} instead of {headline}"
            page.clock.run_for(5000)
            page.wait_for_timeout(200)

    # --- The pharmacist ---------------------------------------------------------------------------------------------
    def signed_in(self, who: str, path: str = QUEUE, **options: Any) -> Page:
        page = self.open_page(**options)
        enter(page, self.site, self.staff[who])
        page.goto(self.site.stack.base_url + path)
        return page

    def start(self, page: Page) -> str:
        """Takes the next item; its id."""
        page.get_by_role("button", name="Start reviewing").click()
        page.wait_for_selector("[data-submit]")
        return rx_of(page)

    def address(self, rx: str) -> str:
        return f"{self.site.stack.base_url}{QUEUE}{rx}/"

    # --- What is true -----------------------------------------------------------------------------------------------
    def sent(self, ref: str) -> list[str]:
        """Ids of an order's prescriptions, the newest first."""
        query = "SELECT id FROM prescriptions_prescription WHERE order_ref = ? ORDER BY created_at DESC"
        return [rx for (rx,) in self.site.rows(query, ref)]

    def let_decisions_stand(self) -> None:
        """So much time passes that nobody can take one back any more."""
        self.site.change("UPDATE prescriptions_review SET decided_at = '2026-01-01' WHERE decided_at IS NOT NULL")

    def status(self, rx: str) -> str:
        [(status,)] = self.site.rows("SELECT status FROM prescriptions_review WHERE prescription_id = ?", rx)
        return str(status)


def shown(page: Page) -> None:
    """The picture of the page is there."""
    picture = page.locator("[data-main] [data-stage] > img")
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    expect(picture).to_have_js_property("complete", True)


def rx_of(page: Page) -> str:
    match = re.search(r"/review/([0-9a-f]{32})/", page.url)
    assert match, page.url
    return match[1]


def look_at_all(page: Page) -> None:
    """Every page of the strip once, until the page says that all were seen."""
    for link in page.locator("[data-page]").all():
        link.click()
        expect(link).to_have_attribute("data-seen", "")
    expect(page.locator("[data-unseen]")).to_have_text(re.compile("all seen"), use_inner_text=True)


def write_down(page: Page) -> None:
    """What stands on the paper, and the five points."""
    page.fill("#prescribed_on", timezone.localdate().isoformat())
    page.fill("#prescriber", "Dr A. Rao")
    for box in page.locator("[name=checklist]").all():
        box.check()


def choose(page: Page, outcome: str) -> None:
    page.get_by_role("radio", name=outcome, exact=True).check(force=True)


def line(page: Page, number: int, decision: str) -> None:
    page.locator(f"[data-line='{number}']").get_by_role("radio", name=decision).check(force=True)


def agree(page: Page) -> None:
    """What a second person does: looks for themselves, and ticks what they see."""
    look_at_all(page)
    for box in page.locator(".tick input").all():
        box.check()
    choose(page, "I agree")


def submit(page: Page) -> None:
    """Sends the decision; over is it when another page is there."""
    before = page.url
    page.locator("[data-submit]").click()
    page.wait_for_url(lambda url: url != before)


def approve(page: Page) -> None:
    look_at_all(page)
    write_down(page)
    choose(page, "Approve")
    submit(page)


def check(page: Page) -> None:
    """Accessible on every screen; afterwards it is on a desk again."""
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light")


def slow(page: Page) -> None:
    """100 kB/s and 0.2 s, both ways."""
    line_of = page.context.new_cdp_session(page)
    line_of.send("Network.enable")
    limits = {"offline": False, "latency": 200, "downloadThroughput": 100_000, "uploadThroughput": 100_000}
    line_of.send("Network.emulateNetworkConditions", limits)


def rewritten(route: Route, pattern: str, replacement: str) -> None:
    """The server's page with something in it changed."""
    answer = route.fetch()
    route.fulfill(response=answer, body=re.sub(pattern, replacement, answer.text()))
