"""Two people and one item, two moments and one decision: one wins, the other is told why."""

from playwright.sync_api import expect

from tests.browser.journeys.people import (
    QUEUE,
    RECEIVED,
    Pharmacy,
    check,
    choose,
    look_at_all,
    slow,
    submit,
    write_down,
)


def test_two_press_start_and_one_gets_it(pharmacy: Pharmacy) -> None:
    pharmacy.customer("ORD-6", "one.jpg")
    [rx] = pharmacy.sent("ORD-6")
    pages = {name: pharmacy.signed_in(name) for name in ("asha", "bela")}

    # when both press at the same moment
    for page in pages.values():
        page.evaluate("setTimeout(() => document.querySelector('.rx-start').requestSubmit())")
    for page in pages.values():
        page.wait_for_selector("[data-submit], .rx-start button:disabled")

    # then one has it, and the other sees who
    have = [name for name, page in pages.items() if page.locator("[data-submit]").count()]
    assert len(have) == 1
    winner, other = have[0], next(page for name, page in pages.items() if name not in have)
    other.goto(pharmacy.address(rx))
    expect(other.locator(".banner")).to_contain_text(f"{winner.title()} holds this until")
    expect(other.locator("[data-submit]")).to_have_count(0)
    check(other)


def test_two_claim_the_same_item(pharmacy: Pharmacy) -> None:
    pharmacy.customer("ORD-7", "one.jpg")
    [rx] = pharmacy.sent("ORD-7")
    pages = {name: pharmacy.signed_in(name, f"{QUEUE}{rx}/") for name in ("asha", "bela")}

    for page in pages.values():
        page.evaluate("setTimeout(() => document.querySelector('.bar button').click())")
    for page in pages.values():
        page.wait_for_selector("[data-submit], #summary")

    have = [name for name, page in pages.items() if page.locator("[data-submit]").count()]
    assert len(have) == 1
    other = next(page for name, page in pages.items() if name not in have)
    expect(other.locator(".alerts")).to_contain_text(f"{have[0].title()} holds")


def test_a_decision_that_comes_too_late_is_explained(pharmacy: Pharmacy) -> None:
    # given somebody at work, whose item a senior puts back and a colleague decides
    pharmacy.customer("ORD-8", "one.jpg")
    asha = pharmacy.signed_in("asha")
    rx = pharmacy.start(asha)
    look_at_all(asha)
    write_down(asha)
    choose(asha, "Approve")
    asha.fill("#customer_text", "Take it in the morning.")
    chitra = pharmacy.signed_in("chitra", f"{QUEUE}{rx}/")
    chitra.get_by_role("button", name="Put back into the queue").click()
    chitra.wait_for_url("**" + QUEUE)
    bela = pharmacy.signed_in("bela")
    assert pharmacy.start(bela) == rx
    choose(bela, "Not accepted")
    bela.select_option("#reason", "image_dark")
    submit(bela)

    # when the first one submits
    with asha.expect_response(lambda answer: "/decide/" in answer.url) as refused:
        asha.locator("[data-submit]").click()

    # then it is said why nothing was changed, and every word is there to be copied
    assert refused.value.status == 409
    expect(asha.locator("#summary")).to_be_focused()
    expect(asha.locator("#summary")).to_contain_text("changed")
    expect(asha.locator(".kept")).to_contain_text("Take it in the morning.")
    expect(asha.locator(".kept")).to_contain_text("Dr A. Rao")
    expect(asha.locator("[data-submit]")).to_have_count(0)
    assert pharmacy.status(rx) == "rejected"
    check(asha)


def test_a_slip_is_taken_back_in_time(pharmacy: Pharmacy) -> None:
    customer = pharmacy.customer("ORD-9", "one.jpg")
    asha = pharmacy.signed_in("asha")
    rx = pharmacy.start(asha)
    pharmacy.customer("ORD-9-NEXT", "two.jpg")
    choose(asha, "Not accepted")
    asha.select_option("#reason", "image_blurry")
    submit(asha)

    # when it is pressed in time
    asha.locator("[data-undo] button").click()
    asha.wait_for_url(pharmacy.address(rx))

    # then the customer never heard of it
    assert pharmacy.status(rx) == "in_review"
    assert customer.get_by_role("heading", level=1).inner_text() == RECEIVED

    # and too late it says so
    choose(asha, "Not accepted")
    submit(asha)
    check(asha)
    pharmacy.news(customer, "We could not accept this prescription")
    asha.locator("[data-undo] button").click()
    expect(asha.locator("#summary")).to_be_visible()
    assert pharmacy.status(rx) == "rejected"
    check(asha)


def test_send_pressed_twice_sends_once(pharmacy: Pharmacy) -> None:
    customer = pharmacy.open_page(pharmacy.order("ORD-15"))
    customer.set_input_files("#choose", [pharmacy.files["one.jpg"]])
    expect(customer.locator(".kept")).to_have_count(1)
    customer.check("#consent")
    slow(customer)

    customer.dblclick("#send")

    expect(customer.get_by_role("heading", level=1)).to_have_text(RECEIVED)
    assert len(pharmacy.sent("ORD-15")) == 1
