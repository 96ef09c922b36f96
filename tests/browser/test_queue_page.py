"""The work queue and the rest of the admin in a real browser, on the real stack: on a desk and on a phone, in light and
dark, without a violation of the content security policy or of WCAG that a machine can find."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from rxproject.local import samples
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_accessible, check_layout
from tests.browser.staff import Member, enter, hire, sign_in
from tests.conftest import Site
from tests.waiting import until

OpenAs = Callable[..., Page]
pytestmark = pytest.mark.xdist_group("queue")
QUEUE = "/admin/prescriptions/review/"
ADMIN = "/admin/prescriptions"
# Reviews of every status; run beside the running stack.
SETUP = """
import json
from datetime import timedelta
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone
from prescriptions.models import Page, Prescription, Review
senior, now = get_user_model().objects.get(username="queue-senior"), timezone.now()
senior.first_name, senior.last_name = "Ananya", "Krishnamurthy-Venkataraman"
senior.save()
senior.user_permissions.add(Permission.objects.get(codename="delete_prescription"))
rows = list(Review.objects.filter(prescription__client="queue").order_by("queued_at"))
held = {"claimed_by": senior, "claimed_until": now + timedelta(hours=1)}
flagged = {"priority": 100, "is_duplicate": True, "is_small": True, "is_dark": True}
changes = [{"priority": 200}, flagged, {"priority": 3}, {"priority": -2}, {"status": "in_review", **held}]
changes += [{"status": status} for status in ("second_check", "clarification", "approved", "partially_approved")]
changes += [{"status": status} for status in ("rejected", "withdrawn")]
for n, (review, columns) in enumerate(zip(rows, changes)):
    queued = now - timedelta(minutes=(1, 12, 26, 95, 3000)[n % 5])
    Review.objects.filter(pk=review.pk).update(queued_at=queued, due_at=queued + timedelta(minutes=30), **columns)
    Prescription.objects.filter(pk=review.pk).update(order_ref=f"ORD-2026-55120{n}", patient_ref=f"PAT-{35132 + n}")
Page.objects.filter(prescription=rows[0].pk).update(rotation=90)
print(json.dumps([row.pk for row in rows]))
"""


@pytest.fixture(scope="session")
def staff(site: Site) -> dict[str, Member]:
    """Somebody of each group."""
    groups = ("pharmacist", "senior", "auditor", "ops")
    hired = hire(site, {f"queue-{group}": group for group in groups})
    return {group: hired[f"queue-{group}"] for group in groups}


@pytest.fixture(scope="session")
def items(site: Site, staff: dict[str, Member]) -> list[str]:
    """Eleven prescriptions of a client of this module's own; the first is the head of the queue."""
    token = site.manage("rxtoken", "create", "--name", "queue", "--client", "queue", "--scopes", "rx:write")
    photo, pdf = samples.phone_photo(seed=4, megapixels=1), samples.three_page_pdf(seed=2)
    for n in range(11):
        answer = site.http.post(
            "/api/v1/prescriptions",
            files=[("files", ("a.pdf", pdf) if n % 4 == 3 else ("a.jpg", photo))],
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201, answer.text
    made: list[str] = json.loads(site.manage("shell", "-v", "0", "-c", SETUP).splitlines()[-1])
    return made


@pytest.fixture
def open_as(site: Site, staff: dict[str, Member], items: list[str], open_page: OpenPage) -> OpenAs:
    """Opens a path as somebody of a group."""

    def new(group: str, path: str = QUEUE, **options: object) -> Page:
        page = open_page(**options)
        enter(page, site, staff[group])
        page.goto(site.stack.base_url + path)
        return page

    return new


@pytest.mark.long
@pytest.mark.parametrize(
    ("group", "paths"),
    [
        ("senior", ["/admin/", QUEUE, f"{QUEUE}?show=all", f"{QUEUE}?show=mine", f"{QUEUE}?q=nothing"]),
        (
            "senior",
            [f"{ADMIN}/prescription/", "{rx}/change/", "{rx}/erase/", f"{ADMIN}/reasoncode/image_blurry/change/"],
        ),
        ("pharmacist", [QUEUE, f"{ADMIN}/reasoncode/", f"{QUEUE}?show=decided", "/admin/password_change/"]),
        ("auditor", [QUEUE, f"{ADMIN}/auditevent/", f"{ADMIN}/auditevent/?rx={{id}}", "{rx}/change/"]),
        ("ops", ["/admin/", f"{ADMIN}/variant/", f"{ADMIN}/apitoken/"]),
    ],
)
def test_every_page_on_every_screen(
    site: Site, items: list[str], open_as: OpenAs, group: str, paths: list[str]
) -> None:
    page = open_as(group)

    for path in paths:
        address = path.format(rx=f"{ADMIN}/prescription/{items[0]}", id=items[0])
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        answer = page.goto(site.stack.base_url + address)
        assert answer is not None
        assert answer.status == 200, address
        check_accessible(page)


def test_signing_in_on_every_screen(site: Site, staff: dict[str, Member], open_page: OpenPage) -> None:
    page = open_page(f"{site.stack.base_url}/admin/login/")
    check_accessible(page)

    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.locator(".errornote")).to_be_visible()
    check_accessible(page)
    sign_in(page, staff["pharmacist"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_thumbnails_show_turned_and_small(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("pharmacist")
    row = page.locator("#result_list tbody tr").first

    expect(row.locator(".rx-ref")).to_have_text(items[0][:8])
    image = row.locator("img")
    expect(image).to_have_js_property("complete", True)
    natural = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert natural[0] > natural[1], "a portrait page, turned by a quarter"
    assert max(image.evaluate("image => [image.offsetWidth, image.offsetHeight]")) <= 48


def test_on_a_phone_rows_are_cards_that_lack_nothing(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("pharmacist", viewport=PHONE)
    check_layout(page)
    card = page.locator("#result_list tbody tr", has_text=items[1][:8])

    for word in ("Waiting", "ORD-2026-551201", "PAT-35133", "min", "due in", "First", "Duplicate", "Small", "Dark"):
        expect(card).to_contain_text(word)
    assert card.evaluate("e => e.scrollWidth <= e.clientWidth")
    overlaps = card.evaluate(
        """row => { const boxes = [...row.children].filter(e => e.offsetParent).map(e => e.getBoundingClientRect())
        return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.left < b.right - 1 && b.left < a.right - 1
          && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length }"""
    )
    assert overlaps == 0


def test_on_a_phone_fields_fit_their_form(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("senior", f"{ADMIN}/reasoncode/image_blurry/change/", viewport=PHONE)

    for name in ("customer_title", "customer_body"):
        right = page.locator(f"[name={name}]").evaluate("e => e.getBoundingClientRect().right")
        assert right <= page.locator("fieldset").first.evaluate("e => e.getBoundingClientRect().right")


def test_the_admins_own_switch_of_themes_turns_our_colours(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("senior", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)

    page.locator(".theme-toggle").click()  # from "as the system says" to the opposite of it

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(ground) == "rgb(15, 21, 19)" != light
    expect(page.locator(".rx-chip").first).to_be_visible()


def test_the_list_keeps_up_and_is_calm_about_it(site: Site, items: list[str], open_as: OpenAs) -> None:
    # What others hold comes last, and other tests take what they need.
    free = "UPDATE prescriptions_review SET claimed_until = '2026-01-01' WHERE claimed_until IS NOT NULL"
    site.change(f"{free} AND prescription_id IN (?, ?, ?)", *items[:3])
    page = open_as("auditor")
    page.clock.install()
    page.reload()
    head, news = page.locator("#result_list .rx-ref").first, page.locator("[data-news] button")
    expect(head).to_have_text(items[0][:8])

    def look() -> int:
        with page.expect_response(lambda answer: "/review/live/" in answer.url) as looked:
            page.clock.run_for(15_000)
        return looked.value.status

    def first(rx: str) -> None:
        site.change("UPDATE prescriptions_review SET priority = priority + 1000 WHERE prescription_id = ?", rx)

    # nothing new: nothing is sent. News are shown where nobody is at the list
    first(items[2])
    assert look() == 200
    expect(head).to_have_text(items[2][:8])
    until(lambda: look() == 304)  # another minute is news: how long they wait

    # under a pointer nothing moves: it is said that there is something, and shown when that is pressed
    head.hover()
    first(items[1])
    assert look() == 200
    expect(news).to_be_visible()
    expect(head).to_have_text(items[2][:8])
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    news.click()
    expect(head).to_have_text(items[1][:8])
    expect(head).to_be_focused()
    expect(news).to_be_hidden()
    back = "UPDATE prescriptions_review SET priority = priority - 1000 WHERE prescription_id IN (?, ?)"
    site.change(back, items[1], items[2])


def test_the_list_says_that_the_session_has_ended(items: list[str], open_as: OpenAs) -> None:
    page = open_as("auditor")
    page.clock.install()
    page.goto(page.url + "?show=all")
    ended = page.get_by_role("alert").get_by_text("Your session has ended.")
    expect(ended).to_be_hidden()

    page.context.clear_cookies()
    page.clock.run_for(15_000)

    expect(ended).to_be_visible()
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    ended.get_by_role("link", name="Sign in").click()
    page.wait_for_url("**/login/?next=*show%3Dall")
    expect(page.get_by_label("Password")).to_be_visible()


def test_views_are_kept_and_found_again(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("senior")
    page.get_by_label("Flag").select_option("Dark")
    page.locator("[name=sort]").select_option("what came last")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#result_list .rx-ref")).to_have_text([items[1][:8]])
    page.get_by_label("Keep this view as").fill("Dark ones")
    page.get_by_role("button", name="Keep", exact=True).click()
    view = page.get_by_role("link", name="Dark ones")
    expect(view).to_have_attribute("aria-current", "page")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

    page.goto(site.stack.base_url + QUEUE)
    view.click()
    expect(page.locator("#result_list .rx-ref")).to_have_text([items[1][:8]])
    page.get_by_role("button", name="Forget the view “Dark ones”").click()
    expect(view).to_have_count(0)


def test_start_reviewing_gives_the_head_of_the_queue(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("pharmacist", "/admin/")
    page.get_by_role("link", name="Work queue Prescriptions that wait").click()

    page.get_by_role("button", name="Start reviewing").click()

    page.wait_for_url(f"**{QUEUE}{items[0]}/")
    page.goto(f"{site.stack.base_url}{QUEUE}?show=mine")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list")).to_contain_text(items[0][:8])
    expect(page.locator("#result_list")).to_contain_text("Queue-Pharmacist")


def test_a_senior_releases_it_again(site: Site, items: list[str], open_as: OpenAs) -> None:
    page = open_as("senior")
    row = page.locator("#result_list tbody tr", has_text=items[4][:8])

    row.locator("input[type=checkbox]").check()
    page.get_by_label("Action:").select_option("release_claims")
    page.get_by_role("button", name="Go").click()

    expect(page.locator(".messagelist")).to_contain_text("1 claim was released.")
    expect(page.locator("#result_list tbody tr", has_text=items[4][:8])).to_contain_text("Waiting")
