"""Reviews that take longer than a link or a session lives."""

import time

from playwright.sync_api import expect

from tests.browser.journeys.people import (
    QUEUE,
    Pharmacy,
    approve,
    check,
    choose,
    look_at_all,
    rewritten,
    shown,
    submit,
    write_down,
)
from tests.browser.staff import sign_in
from tests.links import mint


def test_a_review_outlives_its_links(pharmacy: Pharmacy) -> None:
    # given a review page whose picture came by links that end after that
    pharmacy.customer("ORD-10", "three.pdf")
    [rx] = pharmacy.sent("ORD-10")
    asha = pharmacy.signed_in("asha")
    refused: list[str] = []
    asha.on("response", lambda answer: answer.status == 403 and refused.append(answer.url))
    pharmacy.start(asha)
    # Not rounded as the service does it, so it is never the same as a fresh one.
    old = mint(rx, expires=int(time.time()) + 3599, keys=pharmacy.site.stack.keys.link_keys)
    asha.route(pharmacy.address(rx), lambda route: rewritten(route, rf"/iiif/3/[^/]+/(?={rx})", f"/iiif/3/{old}/"))
    asha.reload()
    stage = asha.locator("[data-main] [data-stage]")
    shown(asha)
    assert old in str(stage.locator("img").get_attribute("src"))
    asha.route(f"**/{old}/**", lambda route: route.fulfill(status=403))

    # when somebody comes back to it, zooms in and turns the page
    with asha.expect_response(lambda answer: "/heartbeat/" in answer.url):
        asha.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    stage.focus()
    with asha.expect_response(lambda answer: f"{rx}_1/" in answer.url and ",2048/0/" in answer.url) as tile:
        for _ in range(10):
            asha.keyboard.press("+")
    asha.keyboard.press("]")
    expect(asha.locator("[data-page='2']")).to_have_attribute("aria-current", "page")
    shown(asha)

    # then nothing of it is refused
    assert tile.value.status in (200, 307)
    assert old not in tile.value.url
    approve(asha)
    expect(asha.locator("[data-failed]:visible")).to_have_count(0)
    assert refused == []
    assert pharmacy.status(rx) == "approved"


def test_a_session_ends_in_mid_review(pharmacy: Pharmacy) -> None:
    pharmacy.customer("ORD-11", "one.jpg")
    asha = pharmacy.open_page(pharmacy.site.stack.base_url + QUEUE)
    sign_in(asha, pharmacy.staff["asha"])
    rx = pharmacy.start(asha)
    look_at_all(asha)
    write_down(asha)
    asha.fill("#internal_note", "Called the doctor.")
    choose(asha, "Approve")

    # when the server knows nobody any more
    session = next(cookie["value"] for cookie in asha.context.cookies() if cookie["name"] == "sessionid")
    pharmacy.site.change("DELETE FROM django_session WHERE session_key = ?", session)
    asha.locator("[data-submit]").click()
    expect(asha.locator("[data-notice=session]")).to_contain_text("Your session has ended.")
    assert pharmacy.status(rx) == "in_review"
    check(asha)

    # then the words are there, and after signing in beside it the decision goes through
    assert asha.input_value("#internal_note") == "Called the doctor."
    with asha.context.expect_page() as beside:
        asha.locator("[data-notice=session] a").click()
    sign_in(beside.value, pharmacy.staff["asha"])
    beside.value.wait_for_url("**" + QUEUE)
    submit(asha)
    assert pharmacy.status(rx) == "approved"
