"""The review page for its tests: fresh prescriptions, people who review them, and what they do there."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from prescriptions.review.proof import swapped
from tests.browser.staff import Member, enter, hire
from tests.conftest import CLIENT, Site

if TYPE_CHECKING:  # which has the fixtures from here
    from tests.browser.conftest import OpenPage

_HIRED = 20
Uploaded = Callable[..., str]
OpenAs = Callable[..., Page]


@pytest.fixture(scope="session")
def pharmacists(site: Site) -> Iterator[Member]:
    """People who have decided nothing yet: one's last decision can be taken back from everywhere."""
    return iter(hire(site, {f"pharmacist-{CLIENT}-{n}": "pharmacist" for n in range(_HIRED)}).values())


@pytest.fixture
def pharmacist(pharmacists: Iterator[Member]) -> Member:
    """The one of this test."""
    return next(pharmacists)


@pytest.fixture
def uploaded(site: Site, pdf: bytes) -> Uploaded:
    """A fresh prescription of three pages with two order lines; its address on the site."""

    def new(schedule: str = "H") -> str:
        rx = site.prescription(("three.pdf", pdf), order_ref=f"PAGE-{uuid4().hex}", patient_ref="PT-7")["id"]
        lines = [
            {"name": "Telmisartan", "strength": "40 mg", "schedule": "H", "quantity_ordered": 30},
            {"name": "Metformin SR", "strength": "500 mg", "schedule": schedule, "quantity_ordered": 60},
        ]
        answer = site.http.put(f"/api/v1/prescriptions/{rx}/order-lines", json=lines, headers=site.bearer)
        assert answer.status_code == 200, answer.text
        return f"{site.stack.base_url}/admin/prescriptions/review/{rx}/"

    return new


@pytest.fixture
def open_as(site: Site, pharmacist: Member, open_page: "OpenPage") -> OpenAs:
    """Opens a review page as somebody who has signed in: this test's pharmacist, who claims it."""

    def new(address: str, who: Member = pharmacist, *, claim: bool = True, clock: bool = False, **options: Any) -> Page:
        page = open_page(**options)
        if clock:
            page.clock.install()
        enter(page, site, who)
        page.goto(address)
        page.wait_for_selector("#review")
        if claim:
            page.get_by_role("button", name="Claim it").click()
            page.wait_for_selector("[data-submit]")
        return page

    return new


def rx_of(address: str) -> str:
    return address.rstrip("/").rsplit("/", 1)[1]


def review_of(site: Site, address: str) -> dict[str, Any]:
    query = "SELECT status, version, prescriber FROM prescriptions_review WHERE prescription_id = ?"
    [row] = site.rows(query, rx_of(address))
    return dict(zip(("status", "version", "prescriber"), row, strict=True))


def complete(page: Page) -> None:
    """Everything that an approval needs but the pages."""
    page.fill("#prescribed_on", page.evaluate("new Date().toISOString().slice(0, 10)"))
    page.fill("#prescriber", "Dr A. Rao")
    for box in page.locator("[name=checklist]").all():
        box.check()


def look_at_all(page: Page) -> None:
    for number in (1, 2, 3):
        page.locator(f"[data-page='{number}']").click()
        expect(page.locator(f"[data-page='{number}']")).to_have_attribute("data-seen", "")
    expect(page.locator("[data-unseen]")).to_have_text(re.compile("all seen"), use_inner_text=True)


def ambiguous_date() -> tuple[date, date]:
    """A date that is valid today, and what it is with day and month swapped, which was not long ago either."""
    today = timezone.localdate()
    days = (today - timedelta(days=ago) for ago in range(170))
    return next((day, swapped(day)) for day in days if day.day <= 12 and day.day != day.month and swapped(day) <= today)


def choose(page: Page, outcome: str) -> None:
    page.get_by_role("radio", name=outcome, exact=True).check(force=True)
