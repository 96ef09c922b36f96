"""Other ways to use it: by keyboard alone, without scripts, on a slow line; and how soon the picture is there."""

import re
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.journeys.people import (
    METFORMIN,
    QUEUE,
    RECEIVED,
    TELMISARTAN,
    Pharmacy,
    choose,
    rx_of,
    shown,
    slow,
    submit,
    write_down,
)
from tests.browser.staff import PASSWORD
from tests.waiting import until


def test_the_keyboard_is_enough_for_a_decision(pharmacy: Pharmacy) -> None:
    # given somebody without a mouse, signed out, and an item with two pages and two lines
    pharmacy.customer("ORD-12", "one.jpg", "two.jpg")
    rx = pharmacy.ordered("ORD-12", TELMISARTAN, METFORMIN)
    asha = pharmacy.open_page(pharmacy.site.stack.base_url + QUEUE)
    keys = asha.keyboard

    # when they sign in and take the next one
    tab_to(asha, "#id_login")
    keys.type("asha")
    tab_to(asha, "#id_password")
    keys.type(PASSWORD)
    keys.press("Enter")
    asha.wait_for_selector(".rx-start")
    tab_to(asha, ".rx-start button")
    keys.press("Enter")
    asha.wait_for_selector("[data-submit]")
    assert rx_of(asha) == rx

    # and look at both pages, and fill in the form from top to bottom
    expect(asha.locator("[data-main] [data-stage]")).to_be_focused()
    expect(asha.locator("[data-unseen]")).to_have_text(re.compile("1 not seen"), use_inner_text=True)
    keys.press("]")
    expect(asha.locator("[data-unseen]")).to_have_text(re.compile("all seen"), use_inner_text=True)
    tab_to(asha, "[name=line-1-decision]")
    keys.press("Space")
    tab_to(asha, "[name=line-2-decision]")
    keys.press("ArrowRight")
    expect(asha.locator("[name=line-2-decision]:checked")).to_have_value("reduced")
    keys.press("ArrowLeft")
    expect(asha.locator("[name=line-2-decision]:checked")).to_have_value("accepted")
    tab_to(asha, "#prescribed_on")
    today = timezone.localdate()
    # Not so that day and month could be swapped.
    day = today if today.day > 12 else today - timedelta(days=today.day)
    keys.type(day.strftime("%d%m%Y"))
    tab_to(asha, "#prescriber")
    expect(asha.locator("#prescribed_on")).to_have_value(day.isoformat())
    keys.type("Dr A. Rao")
    for _ in range(5):
        tab_to(asha, "[name=checklist]:not(:checked)")
        keys.press("Space")
    tab_to(asha, "[name=outcome]")
    keys.press("Space")
    expect(asha.get_by_role("radio", name="Approve", exact=True)).to_be_checked()
    expect(asha.locator("#missing a")).to_have_count(0)
    expect(asha.locator("[data-submit]")).to_have_attribute("aria-disabled", "false")
    tab_to(asha, "[data-submit]")
    keys.press("Enter")

    # then it is decided
    asha.wait_for_url("**" + QUEUE)
    assert pharmacy.status(rx) == "approved"


def test_without_scripts(pharmacy: Pharmacy) -> None:
    plain = {"java_script_enabled": False}
    customer = pharmacy.open_page(pharmacy.order("ORD-13"), viewport=PHONE, **plain)
    customer.set_input_files("#choose", [pharmacy.files[name] for name in ("one.jpg", "two.jpg")])
    customer.check("#consent")
    customer.click("#send")
    heading = customer.get_by_role("heading", level=1)
    expect(heading).to_have_text(RECEIVED)
    rx = pharmacy.ordered("ORD-13", TELMISARTAN)

    asha = pharmacy.signed_in("asha", **plain)
    assert pharmacy.start(asha) == rx
    for number in (1, 2):
        asha.get_by_role("button", name=f"I have looked at page {number}").click()
        expect(asha.locator(f"[data-page='{number}']")).to_have_attribute("data-seen", "")
    expect(asha.locator("[data-page='2']")).to_have_attribute("aria-current", "page")
    expect(asha.locator("[data-first]")).to_have_js_property("complete", True)
    write_down(asha)
    choose(asha, "Approve")
    asha.get_by_role("checkbox", name="then the next one").uncheck()
    submit(asha)
    assert pharmacy.status(rx) == "approved"

    pharmacy.let_decisions_stand()
    customer.get_by_role("link", name="Look for news").click()
    expect(heading).to_have_text("Your prescription is approved")


def test_on_a_slow_network(pharmacy: Pharmacy) -> None:
    # given a customer on a slow line
    customer = pharmacy.open_page(pharmacy.order("ORD-14"))
    slow(customer)
    posts: list[str] = []
    customer.on("request", lambda asked: asked.method == "POST" and posts.append(asked.url.rsplit("/", 1)[1]))
    customer.set_input_files("#choose", [pharmacy.files["one.jpg"]])

    # then it can be seen how far it is, and the page goes on working
    seen = {-1.0}
    bar = customer.locator(".file progress")
    while bar.count() and len(seen) < 5:
        seen.add(float(bar.evaluate("bar => bar.position")))
        customer.wait_for_timeout(100)
    assert len([share for share in seen if 0 < share < 1]) >= 2, seen
    customer.check("#consent")
    customer.evaluate("() => { for (const _ of [1, 2, 3]) document.querySelector('#send').click() }")
    expect(customer.locator("#wait")).to_contain_text("still on")
    expect(customer.get_by_role("heading", level=1)).to_have_text(RECEIVED)
    assert posts.count("files") == 1
    [rx] = pharmacy.sent("ORD-14")

    # and a pharmacist on such a line has a picture, and decides
    asha = pharmacy.signed_in("asha")
    slow(asha)
    pharmacy.start(asha)
    shown(asha)
    print(  # noqa: T201 - said, not judged
        "slow line:", asha.evaluate(FIRST_PIXELS)
    )
    choose(asha, "Not accepted")
    asha.select_option("#reason", "image_blurry")
    asha.evaluate("() => { for (const _ of [1, 2]) document.querySelector('[data-submit]').click() }")
    asha.wait_for_url("**" + QUEUE)
    assert pharmacy.status(rx) == "rejected"
    assert pharmacy.site.rows(
        "SELECT count(*) FROM prescriptions_auditevent WHERE rx = ? AND verb = 'review.reject'", rx
    ) == [(1,)]


def test_the_first_pixels_of_a_page(pharmacy: Pharmacy) -> None:
    """Claiming has made the pictures before anybody looks. Said, not judged: how soon a pharmacist sees one then."""
    pharmacy.customer("ORD-17", "three.pdf")
    [rx] = pharmacy.sent("ORD-17")
    asha = pharmacy.signed_in("asha")
    pharmacy.start(asha)
    ready = "SELECT count(*) FROM prescriptions_variant v JOIN prescriptions_page p ON p.id = v.page_id "
    ready += "WHERE p.prescription_id = ? AND v.state = 'ready'"
    until(lambda: pharmacy.site.rows(ready, rx)[0][0] >= 6)
    misses: list[str] = []
    visitor = pharmacy.signed_in("bela")  # a browser that has nothing of the review page yet
    visitor.on("request", lambda asked: "/generate/" in asked.url and misses.append(asked.url))
    visitor.goto(pharmacy.address(rx))
    shown(visitor)
    first = visitor.evaluate(FIRST_PIXELS)
    visitor.reload()
    shown(visitor)
    print(  # noqa: T201
        "ms after navigation, first visit and reload:", first, visitor.evaluate(FIRST_PIXELS), sep="\n  "
    )
    assert misses == []


# What the browser has noted: when the first bytes of the page came, when its picture had come, when it was painted.
FIRST_PIXELS = """() => new Promise(done => {
  const [page] = performance.getEntriesByType('navigation')
  const { src } = document.querySelector('[data-stage] img')
  const pictures = performance.getEntriesByType('resource').filter(entry => entry.name == src), [picture] = pictures
  const round = Math.round, say = painted => done({
    html: round(page.responseStart), picture: round(picture?.responseEnd), bytes: picture?.encodedBodySize,
    times: pictures.length,    painted: round(painted), scripts: round(page.domContentLoadedEventEnd)})
  new PerformanceObserver(list => {
    const entry = list.getEntries().findLast(entry => entry.url == src)
    if (entry) say(entry.renderTime || entry.startTime)
  }).observe({type: 'largest-contentful-paint', buffered: true})
  setTimeout(() => say(NaN), 2000)
})"""


# Whether the element in focus can be seen, and that it is the one: it or its label has an outline, and at least one of
# five points of it is not under anything else.
FOCUS = """() => {
  const at = document.activeElement
  if (!at || at == document.body) return ''
  const marks = [at, at.nextElementSibling, at.closest('label')].filter(Boolean)
  const button = at.matches('[type=date]:not(:focus)') // the one inside it has a ring of the browser's own
  const marked = button || marks.some(e => { const s = getComputedStyle(e)
    return s.outlineStyle != 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow != 'none' })
  const seen = marks.some(e => { const b = e.getBoundingClientRect()
    return [[.5, .5], [.1, .2], [.9, .2], [.1, .8], [.9, .8]].some(([x, y]) => {
      const top = document.elementFromPoint(b.x + b.width * x, b.y + b.height * y)
      return top && (e.contains(top) || top.contains(e) && !top.matches('body, html, .review, .details')) }) })
  return (marked ? '' : 'no outline: ') + (seen ? '' : 'hidden: ') + (marked && seen ? '' : at.outerHTML.slice(0, 200))
}"""


def tab_to(page: Page, selector: str) -> None:
    """Tab until that has the focus; on the way the focus can be seen at every step."""
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS) == ""
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with Tab")
