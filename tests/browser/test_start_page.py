"""The start page's figures in a real browser: charts are drawn from their tables, on every screen, in every theme."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, OpenPage, check_accessible, check_layout
from tests.browser.staff import Member, enter, hire
from tests.conftest import Site

pytestmark = pytest.mark.xdist_group("start")
OpenAs = Callable[..., Page]
PIXELS = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
# Two weeks of a busy pharmacy; run beside the running stack.
SETUP = """
from datetime import timedelta
from django.utils import timezone
from prescriptions.models import Figure, Tally
now, made = timezone.now(), []
for n in range(14):
    at = now - timedelta(days=n)
    made += [Tally("received", "", at, 900 + 31 * n), Tally("pages", "", at, 1400), Tally("wait", "42", at, 800)]
    made += [Tally("wait", "47", at, 60)]
    for outcome, count in {"approved": 700 - 9 * n, "partially_approved": 60, "rejected": 90 + 5 * n}.items():
        made.append(Tally("decided", outcome, at, count))
    for kind, count in {"question": 40, "withdrawn": 6, "expired": 3}.items():
        made.append(Tally("alongside", kind, at, count))
    for reason, count in {"image_blurry": 40, "expired": 20, "wrong_document": 12, "other": 7, "image_cut": 5}.items():
        made.append(Tally("reason", reason, at, count))
    for preset, (count, size, work) in {"thumb": (900, 8e3, .01), "card": (800, 2e4, .02), "preview": (300, 9e4, .06),
                                        "review": (700, 3e5, .12), "print": (20, 1e6, .3)}.items():
        made += [Tally("made", preset, at, count, count * size), Tally("work", preset, at, count, count * work)]
    made += [Tally("render", step, at, 500) for step in ("24", "26", "28", "30")]
    made.append(Tally("first_view", "30", at, 2000))
    made += [Tally("edge", "hit", at, 90_000), Tally("edge", "fetched", at, 8_000), Tally("edge", "miss", at, 2_900)]
    made += [Tally("failed", "source-damaged", at, n % 3)]
made += [Tally("received", "", now - timedelta(hours=n), 40 + n) for n in range(24)]
made += [Tally("decided", "approved", now - timedelta(hours=n), 38) for n in range(24)]
Figure.objects.add(made)
"""


@pytest.fixture(scope="module")
def staff(site: Site) -> dict[str, Member]:
    site.manage("shell", "-v", "0", "-c", SETUP)
    hired = hire(site, {f"start-{group}": group for group in ("pharmacist", "senior", "ops")})
    return {group: hired[f"start-{group}"] for group in ("pharmacist", "senior", "ops")}


@pytest.fixture
def open_as(site: Site, staff: dict[str, Member], open_page: OpenPage) -> OpenAs:
    def new(group: str, path: str = "/admin/", **options: object) -> Page:
        page = open_page(**options)
        enter(page, site, staff[group])
        page.goto(site.stack.base_url + path)
        return page

    return new


@pytest.mark.parametrize("group", ["pharmacist", "ops"])
def test_each_chart_is_drawn_and_its_table_is_one_press_away(open_as: OpenAs, group: str) -> None:
    page = open_as(group)

    charts = page.locator(".rx-chart").count()  # one more where somebody waits at this moment
    assert charts in (3, 4)
    expect(page.locator(".rx-chart canvas")).to_have_count(charts)
    first = page.locator(".rx-chart").first
    drawn = first.locator("canvas").evaluate(f"c => new Set(({PIXELS})(c)).size")
    assert drawn > 10, "an empty picture"
    expect(first.locator("table")).not_to_be_visible()
    first.locator("summary").press("Enter")
    expect(first.locator("table")).to_be_visible()
    check_accessible(page)


def test_another_period_changes_the_figures(open_as: OpenAs) -> None:
    page = open_as("ops")
    made = page.locator(".rx-tile", has_text="Made").locator("b").first
    before = made.inner_text()

    page.get_by_role("link", name="Today").click()

    expect(made).not_to_have_text(before)
    expect(page.locator(".rx-periods [aria-current=page]")).to_have_text("Today")


def test_without_scripts_the_tables_are_there(open_as: OpenAs) -> None:
    page = open_as("pharmacist", java_script_enabled=False, viewport=PHONE)

    expect(page.locator(".rx-chart canvas")).to_have_count(0)
    expect(page.locator(".rx-chart table").first).to_be_visible()


def test_in_hindi_nothing_breaks(site: Site, open_as: OpenAs) -> None:
    page = open_as("senior", viewport=PHONE)
    page.context.add_cookies([{"name": "rx_language", "value": "hi", "url": site.stack.base_url}])
    page.reload()

    expect(page.locator("html")).to_have_attribute("lang", "hi")
    check_layout(page)


def test_charts_take_the_other_theme_s_colours(open_as: OpenAs) -> None:
    page = open_as("ops")
    pixel = f"c => ({PIXELS})(c).join()"
    canvas = page.locator(".rx-chart canvas").first
    light = canvas.evaluate(pixel)

    page.emulate_media(color_scheme="dark")

    page.wait_for_function(f"before => ({pixel})(document.querySelector('.rx-chart canvas')) != before", arg=light)
