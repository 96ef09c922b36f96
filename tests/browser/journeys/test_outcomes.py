"""A customer sends, a pharmacist decides, the customer hears of it: once for every outcome. On the way every kind of
page is looked at on every screen."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.journeys.people import (
    ALPRAZOLAM,
    CHECKING,
    METFORMIN,
    QUEUE,
    RECEIVED,
    TELMISARTAN,
    Pharmacy,
    agree,
    approve,
    check,
    choose,
    line,
    look_at_all,
    rx_of,
    submit,
    write_down,
)


def test_approved(pharmacy: Pharmacy) -> None:
    # given a customer's two photos
    customer = pharmacy.customer("ORD-1", "one.jpg", "two.jpg")
    check(customer)
    rx = pharmacy.ordered("ORD-1", TELMISARTAN, METFORMIN)

    # when a pharmacist takes the next one, looks at it, and approves
    asha = pharmacy.signed_in("asha")
    assert pharmacy.start(asha) == rx
    assert asha.locator("[data-page]").count() == 2
    asha.get_by_role("checkbox", name="then the next one").uncheck()
    approve(asha)

    # then as long as it can be taken back nobody hears of it, and after that the page says it by itself
    customer.reload()
    expect(customer.get_by_role("heading", level=1)).to_have_text(CHECKING)
    pharmacy.news(customer, "Your prescription is approved")
    expect(customer.locator(".lines .rx-chip-good")).to_have_count(2)
    check(customer)
    toast = asha.locator("[data-undo]")
    expect(toast).to_contain_text(f"RX-{rx[:8]}: Approved")
    expect(toast).to_be_visible()
    check(asha)


def test_not_accepted_and_sent_again(pharmacy: Pharmacy) -> None:
    customer = pharmacy.customer("ORD-2", "one.jpg", "two.jpg")
    [first] = pharmacy.sent("ORD-2")
    pharmacy.customer("ORD-2-WAITS", "three.pdf")

    # when it is not accepted, because of its second page
    asha = pharmacy.signed_in("asha")
    assert pharmacy.start(asha) == first
    choose(asha, "Not accepted")
    asha.select_option("#reason", "image_blurry")
    asha.select_option("#reason_page", "2")
    submit(asha)
    other = rx_of(asha)
    assert other == pharmacy.sent("ORD-2-WAITS")[0], "the next one is there at once"
    asha.get_by_role("button", name="Release").click()

    # then the customer reads why, and there is one thing to do
    pharmacy.news(customer, "We could not accept this prescription")
    expect(customer.locator(".status")).to_contain_text("The picture is blurred (page 2)")
    expect(customer.locator("main .rx-button:visible")).to_have_text(["Send it again"])
    check(customer)
    customer.get_by_role("link", name="Send it again").click()
    pharmacy.send(customer, "three.pdf")
    again = pharmacy.sent("ORD-2")[0]
    assert again != first

    # and what was sent again comes before who has waited longer, beside what it replaces
    asha.goto(pharmacy.site.stack.base_url + QUEUE)
    rows = asha.locator("#result_list tbody tr .rx-ref")
    expect(rows).to_have_text([again[:8], other[:8]])
    assert pharmacy.start(asha) == again
    notice = asha.locator(".details .rx-notice", has_text=f"Sent again for RX-{first[:8]}")
    expect(notice).to_contain_text("Blurred")
    expect(notice.get_by_role("link")).to_have_attribute("href", re.compile(first))


def test_a_question_and_its_answer(pharmacy: Pharmacy) -> None:
    customer = pharmacy.customer("ORD-3", "one.jpg")
    rx = pharmacy.sent("ORD-3")[0]
    pharmacy.customer("ORD-3-WAITS", "two.jpg")
    asha = pharmacy.signed_in("asha")
    assert pharmacy.start(asha) == rx
    choose(asha, "Ask the customer")
    asha.fill("#question", "Is it 40 or 80 mg?")
    asha.select_option("#reason_page", "1")
    asha.get_by_role("checkbox", name="then the next one").uncheck()
    submit(asha)

    # when the customer answers
    pharmacy.news(customer, "Our pharmacist has a question")
    expect(customer.locator(".answer")).to_contain_text("Is it 40 or 80 mg?")
    check(customer)
    customer.get_by_label("Your answer").fill("It is 40 mg.")
    customer.get_by_role("button", name="Send the answer").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text(RECEIVED)

    # then it is the next one, with question and answer, and can be approved
    assert pharmacy.start(asha) == rx
    expect(asha.locator(".thread li")).to_contain_text(["Is it 40 or 80 mg?", "It is 40 mg."])
    approve(asha)
    pharmacy.news(customer, "Your prescription is approved")


def test_a_part_is_approved(pharmacy: Pharmacy) -> None:
    customer = pharmacy.customer("ORD-4", "one.jpg")
    rx = pharmacy.ordered("ORD-4", TELMISARTAN, METFORMIN, {**ALPRAZOLAM, "schedule": "H"})
    asha = pharmacy.signed_in("asha")
    assert pharmacy.start(asha) == rx

    look_at_all(asha)
    write_down(asha)
    choose(asha, "Approve in part")
    line(asha, 2, "Less")
    asha.fill("#line-2-quantity", "30")
    line(asha, 3, "Refuse")
    asha.select_option("#line-3-reason", "item_not_on_prescription")
    asha.get_by_role("button", name="Accept the others as ordered").click()
    asha.fill("#customer_text", "The rest next month.")
    submit(asha)

    pharmacy.news(customer, "A part of your order is approved")
    expect(customer.locator(".lines li")).to_have_count(3)
    for number, words in enumerate((["Approved"], ["30 of 60"], ["Not approved", "not on the prescription"])):
        for word in words:
            expect(customer.locator(".lines li").nth(number)).to_contain_text(word)
    expect(customer.locator(".note")).to_contain_text("The rest next month.")
    check(customer)


def test_a_second_pair_of_eyes(pharmacy: Pharmacy) -> None:
    # given an approval of a line that needs a second person
    customer = pharmacy.customer("ORD-5", "one.jpg")
    rx = pharmacy.ordered("ORD-5", ALPRAZOLAM)
    chitra = pharmacy.signed_in("chitra")
    assert pharmacy.start(chitra) == rx
    chitra.fill("#registration_number", "KMC 4711")
    approve(chitra)
    assert pharmacy.status(rx) == "second_check"

    # then who decided is told why that is not enough, and who has not the right waits
    chitra.goto(pharmacy.address(rx))
    expect(chitra.locator(".banner")).to_have_text(
        "You made the first decision. The second check needs another person."
    )
    expect(chitra.locator("[data-submit]")).to_have_count(0)
    check(chitra)
    bela = pharmacy.signed_in("bela", f"{QUEUE}{rx}/")
    expect(bela.locator(".banner")).to_have_text("This is waiting for a second check by a senior.")
    assert customer.get_by_role("heading", level=1).inner_text() == RECEIVED

    # when another senior does not agree, it goes back, to the front, with the note
    pharmacy.site.change(
        "UPDATE prescriptions_review SET reviewer_id = (SELECT id FROM auth_user WHERE username = 'asha')"
    )
    chitra.reload()
    expect(chitra.locator(".banner")).to_have_text(
        "Asha made the first decision. Check the pages yourself, then say whether you agree."
    )
    check(chitra)
    choose(chitra, "I do not agree")
    chitra.fill("#note", "The strength cannot be read.")
    submit(chitra)
    assert pharmacy.status(rx) == "queued"
    bela.goto(pharmacy.site.stack.base_url + QUEUE)
    assert pharmacy.start(bela) == rx
    expect(bela.locator(".details")).to_contain_text("The strength cannot be read.")

    # and once a colleague approves again and a senior agrees, the customer hears it
    bela.fill("#registration_number", "KMC 4711")
    approve(bela)
    missing = ["1 of 1 pages not looked at: page 1", "tick what you see: 2"]
    chitra.route("**/seen/", lambda route: route.abort())
    chitra.goto(pharmacy.address(rx))
    choose(chitra, "I agree")
    expect(chitra.locator("#missing a")).to_have_text(missing)
    chitra.unroute("**/seen/")
    agree(chitra)
    submit(chitra)
    pharmacy.news(customer, "Your prescription is approved")


@pytest.mark.long
def test_every_answer_on_every_screen(pharmacy: Pharmacy) -> None:
    """Those that no journey above ends with."""
    customer = pharmacy.customer("ORD-16", "one.jpg")
    [rx] = pharmacy.sent("ORD-16")
    state = "UPDATE prescriptions_review SET status = ?, version = version + 1 WHERE prescription_id = ?"
    customer.get_by_text("Sent the wrong one?").click()
    check(customer)
    customer.get_by_role("button", name="Take it back").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text("You withdrew this prescription")
    check(customer)
    chitra = pharmacy.signed_in("chitra", f"{QUEUE}{rx}/")
    expect(chitra.get_by_role("link", name="Back to the queue")).to_be_visible()
    check(chitra)
    pharmacy.site.change(state, "expired", rx)
    customer.reload()
    expect(customer.get_by_role("heading", level=1)).to_have_text("This prescription is no longer valid")
    check(customer)
    chitra.reload()
    expect(chitra.get_by_role("button", name="Reopen")).to_be_visible()
    check(chitra)
