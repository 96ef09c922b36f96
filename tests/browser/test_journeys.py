"""Whole journeys on a real stack, through the browser as people go them: the customer sends, a pharmacist decides, the
customer hears of it. On the way every kind of page is looked at on every screen."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.people import (
    ALPRAZOLAM,
    CHECKING,
    HIRE,
    METFORMIN,
    PASSWORD,
    QUEUE,
    TELMISARTAN,
    UNDO,
    Pharmacy,
    approve,
    check,
    choose,
    line,
    look_at_all,
    rx_of,
    shown,
    sign_in,
    submit,
    write_down,
)
from tests.conftest import Site
from tests.links import mint

OTHERS_DONE = "UPDATE prescriptions_review SET status = 'withdrawn' WHERE status IN "
OTHERS_DONE += "('queued', 'in_review', 'clarification', 'second_check')"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack of this module's own: its queue is nobody else's, and decisions stand after a few seconds."""
    expect.set_options(timeout=20_000)
    folder = tmp_path_factory.mktemp("journeys")
    with Stack(state_dir=folder, overrides={"RX_REVIEW_UNDO": str(UNDO)}, quick_stop=True) as running:
        made = Site(running, "")
        made.token = made.manage("rxtoken", "create", "--name", "shop", "--scopes", "rx:read,rx:write,orders:write")
        made.manage("shell", "-v", "0", "-c", HIRE)
        yield made
        made.http.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    content = {f"{name}.jpg": samples.phone_photo(seed, megapixels=2) for seed, name in enumerate(("one", "two"), 1)}
    content["three.pdf"] = samples.three_page_pdf()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


@pytest.fixture
def pharmacy(site: Site, files: dict[str, Path], open_page: OpenPage) -> Pharmacy:
    """With an empty queue."""
    made = Pharmacy(site, open_page, files)
    made.change(OTHERS_DONE)
    return made


# --- Customer, pharmacist, customer ---------------------------------------------------------------------------------
def test_approved(pharmacy: Pharmacy) -> None:
    # given a customer's two photos
    customer = pharmacy.customer("ORD-1", "one.jpg", "two.jpg")
    check(customer)
    rx = pharmacy.ordered("ORD-1", TELMISARTAN, METFORMIN)

    # when a pharmacist takes the next one, looks at it, and approves
    asha = pharmacy.sign_in("asha")
    assert pharmacy.start(asha) == rx
    assert asha.locator("[data-page]").count() == 2
    asha.get_by_role("checkbox", name="then the next one").uncheck()
    asha.route("**" + QUEUE, lambda route: rewritten(route, r'data-undo="\d+"', 'data-undo="600000"'))
    approve(asha)
    decided = datetime.now(UTC)

    # then as long as it can be taken back nobody hears of it, and after that the page says it by itself
    customer.reload()
    heard = customer.get_by_role("heading", level=1).inner_text()
    assert heard == CHECKING or datetime.now(UTC) > decided + timedelta(seconds=UNDO - 1)
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
    asha = pharmacy.sign_in("asha")
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
    expect(notice).to_contain_text("The picture is blurred")
    expect(notice.get_by_role("link")).to_have_attribute("href", re.compile(first))


def test_a_question_and_its_answer(pharmacy: Pharmacy) -> None:
    customer = pharmacy.customer("ORD-3", "one.jpg")
    rx = pharmacy.sent("ORD-3")[0]
    pharmacy.customer("ORD-3-WAITS", "two.jpg")
    asha = pharmacy.sign_in("asha")
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
    expect(customer.get_by_role("heading", level=1)).to_have_text(CHECKING)

    # then it is the next one, with question and answer, and can be approved
    assert pharmacy.start(asha) == rx
    expect(asha.locator(".thread li")).to_contain_text(["Is it 40 or 80 mg?", "It is 40 mg."])
    approve(asha)
    pharmacy.news(customer, "Your prescription is approved")


def test_a_part_is_approved(pharmacy: Pharmacy) -> None:
    customer = pharmacy.customer("ORD-4", "one.jpg")
    rx = pharmacy.ordered("ORD-4", TELMISARTAN, METFORMIN, {**ALPRAZOLAM, "schedule": "H"})
    asha = pharmacy.sign_in("asha")
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
    chitra = pharmacy.sign_in("chitra")
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
    bela = pharmacy.sign_in("bela", f"{QUEUE}{rx}/")
    expect(bela.locator(".banner")).to_have_text("This is waiting for a second check by a senior.")
    assert customer.get_by_role("heading", level=1).inner_text() == CHECKING

    # when another senior does not agree, it goes back, to the front, with the note
    pharmacy.change("UPDATE prescriptions_review SET reviewer_id = (SELECT id FROM auth_user WHERE username = 'asha')")
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
    chitra.goto(pharmacy.address(rx))
    choose(chitra, "I agree")
    submit(chitra)
    pharmacy.news(customer, "Your prescription is approved")


# --- Two people, one item -------------------------------------------------------------------------------------------
def test_two_press_start_and_one_gets_it(pharmacy: Pharmacy) -> None:
    pharmacy.customer("ORD-6", "one.jpg")
    [rx] = pharmacy.sent("ORD-6")
    pages = {name: pharmacy.sign_in(name) for name in ("asha", "bela")}

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
    pages = {name: pharmacy.sign_in(name, f"{QUEUE}{rx}/") for name in ("asha", "bela")}

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
    asha = pharmacy.sign_in("asha")
    rx = pharmacy.start(asha)
    look_at_all(asha)
    write_down(asha)
    choose(asha, "Approve")
    asha.fill("#customer_text", "Take it in the morning.")
    chitra = pharmacy.sign_in("chitra", f"{QUEUE}{rx}/")
    chitra.get_by_role("button", name="Put back into the queue").click()
    chitra.wait_for_url("**" + QUEUE)
    bela = pharmacy.sign_in("bela")
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
    # given a toast that stands still to be looked at
    customer = pharmacy.customer("ORD-9", "one.jpg")
    asha = pharmacy.sign_in("asha")
    rx = pharmacy.start(asha)
    pharmacy.customer("ORD-9-NEXT", "two.jpg")
    asha.route("**/review/*/?decided=*", lambda route: rewritten(route, r'data-undo="\d+"', 'data-undo="600000"'))
    choose(asha, "Not accepted")
    asha.select_option("#reason", "image_blurry")
    submit(asha)

    # when it is pressed in time
    asha.locator("[data-undo] button").click()
    asha.wait_for_url(pharmacy.address(rx))

    # then the customer never heard of it
    assert pharmacy.status(rx) == "in_review"
    assert customer.get_by_role("heading", level=1).inner_text() == CHECKING

    # and too late it says so
    choose(asha, "Not accepted")
    submit(asha)
    check(asha)
    pharmacy.news(customer, "We could not accept this prescription")
    asha.locator("[data-undo] button").click()
    expect(asha.locator("#summary")).to_be_visible()
    assert pharmacy.status(rx) == "rejected"
    check(asha)


# --- Long reviews ---------------------------------------------------------------------------------------------------
def test_a_review_outlives_its_links(pharmacy: Pharmacy, wait_until: Callable[[Callable[[], bool]], None]) -> None:
    # given a review page that was opened long ago: its links end in a few seconds
    pharmacy.customer("ORD-10", "three.pdf")
    [rx] = pharmacy.sent("ORD-10")
    asha = pharmacy.sign_in("asha")
    refused: list[str] = []
    asha.on("response", lambda answer: answer.status == 403 and refused.append(answer.url))
    pharmacy.start(asha)
    keys = pharmacy.site.stack.env_for("web")["RX_LINK_KEYS"]
    old = mint(rx, expires=int(time.time()) + 5, keys=keys)
    asha.route(pharmacy.address(rx), lambda route: rewritten(route, rf"/iiif/3/[^/]+/(?={rx})", f"/iiif/3/{old}/"))
    asha.reload()
    stage = asha.locator("[data-main] [data-stage]")
    shown(asha)
    first = str(stage.locator("img").get_attribute("src"))
    assert old in first
    wait_until(lambda: pharmacy.site.http.get(first).status_code == 403)

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
    asha = pharmacy.sign_in("asha")
    rx = pharmacy.start(asha)
    look_at_all(asha)
    write_down(asha)
    asha.fill("#internal_note", "Called the doctor.")
    choose(asha, "Approve")

    # when the server knows nobody any more
    pharmacy.change("DELETE FROM django_session")
    asha.locator("[data-submit]").click()
    expect(asha.locator("[data-notice=session]")).to_contain_text("Your session has ended.")
    assert pharmacy.status(rx) == "in_review"
    check(asha)

    # then the words are there, and after signing in beside it the decision goes through
    assert asha.input_value("#internal_note") == "Called the doctor."
    with asha.context.expect_page() as beside:
        asha.locator("[data-notice=session] a").click()
    sign_in(beside.value, "asha")
    beside.value.wait_for_url("**" + QUEUE)
    submit(asha)
    assert pharmacy.status(rx) == "approved"


# --- Other ways of using it -----------------------------------------------------------------------------------------
def test_the_keyboard_is_enough_for_a_decision(pharmacy: Pharmacy) -> None:
    # given somebody without a mouse, signed out, and an item with two pages and two lines
    pharmacy.customer("ORD-12", "one.jpg", "two.jpg")
    rx = pharmacy.ordered("ORD-12", TELMISARTAN, METFORMIN)
    asha = pharmacy.open_page(pharmacy.site.stack.base_url + QUEUE)
    keys = asha.keyboard

    # when they sign in and take the next one
    tab_to(asha, "#id_username")
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
    tab_to(asha, "[data-main] [data-stage]")
    with asha.expect_response(lambda answer: "/opened/" in answer.url):
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
    keys.type(timezone.localdate().strftime("%m%d%Y"))
    expect(asha.locator("#prescribed_on")).to_have_value(timezone.localdate().isoformat())
    tab_to(asha, "#prescriber")
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
    expect(heading).to_have_text(CHECKING)
    rx = pharmacy.ordered("ORD-13", TELMISARTAN)

    asha = pharmacy.sign_in("asha", **plain)
    assert pharmacy.start(asha) == rx
    asha.locator("[data-page='2']").click()
    expect(asha.locator("[data-page='2']")).to_have_attribute("aria-current", "page")
    expect(asha.locator("[data-first]")).to_have_js_property("complete", True)
    write_down(asha)
    choose(asha, "Approve")
    asha.get_by_role("checkbox", name="then the next one").uncheck()
    submit(asha)
    assert pharmacy.status(rx) == "approved"

    for _ in range(60):
        customer.get_by_role("link", name="Look for news").click()
        if heading.inner_text() != CHECKING:
            break
        customer.wait_for_timeout(500)
    expect(heading).to_have_text("Your prescription is approved")


def test_on_a_slow_network(pharmacy: Pharmacy) -> None:
    # given a customer with 50 kB/s and 0.4 s to every answer
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
    for _ in range(3):
        customer.click("#send")
    expect(customer.locator("#wait")).to_contain_text("still on")
    expect(customer.get_by_role("heading", level=1)).to_have_text(CHECKING, timeout=60_000)
    assert posts.count("files") == 1
    [rx] = pharmacy.sent("ORD-14")

    # and a pharmacist on such a line has a picture, and decides
    asha = pharmacy.sign_in("asha")
    slow(asha)
    asha.set_default_timeout(60_000)
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


def test_send_pressed_twice_sends_once(pharmacy: Pharmacy) -> None:
    customer = pharmacy.open_page(pharmacy.order("ORD-15"))
    customer.set_input_files("#choose", [pharmacy.files["one.jpg"]])
    expect(customer.locator(".kept")).to_have_count(1)
    customer.check("#consent")
    slow(customer)

    customer.dblclick("#send")

    expect(customer.get_by_role("heading", level=1)).to_have_text(CHECKING)
    assert len(pharmacy.sent("ORD-15")) == 1


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
    pharmacy.change(state, "expired", rx)
    customer.reload()
    expect(customer.get_by_role("heading", level=1)).to_have_text("This prescription is no longer valid")
    check(customer)

    chitra = pharmacy.sign_in("chitra", f"{QUEUE}{rx}/")
    expect(chitra.get_by_role("link", name="Back to the queue")).to_be_visible()
    check(chitra)
    pharmacy.change(state, "approved", rx)
    chitra.reload()
    expect(chitra.get_by_role("button", name="Reopen")).to_be_visible()
    check(chitra)


def test_the_first_pixels_of_a_page(pharmacy: Pharmacy, wait_until: Callable[[Callable[[], bool]], None]) -> None:
    """Said, not judged: how long a pharmacist waits for the picture, once claiming has warmed it."""
    pharmacy.customer("ORD-17", "three.pdf")
    [rx] = pharmacy.sent("ORD-17")
    asha = pharmacy.sign_in("asha")
    pharmacy.start(asha)
    ready = "SELECT count(*) FROM prescriptions_variant v JOIN prescriptions_page p ON p.id = v.page_id "
    ready += "WHERE p.prescription_id = ? AND v.state = 'ready'"
    wait_until(lambda: pharmacy.site.rows(ready, rx)[0][0] >= 6)
    said = []
    for _ in range(3):
        visitor = pharmacy.sign_in("bela")  # a browser that has nothing of the review page yet
        visitor.goto(pharmacy.address(rx))
        shown(visitor)
        said.append(visitor.evaluate(FIRST_PIXELS))
        visitor.reload()
        shown(visitor)
        said.append(visitor.evaluate(FIRST_PIXELS))
        visitor.context.close()
    print(  # noqa: T201
        "ms after navigation, first visit and reload in turn:", *said, sep="\n  "
    )


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


def slow(page: Page) -> None:
    """50 kB/s and 0.4 s, both ways."""
    line_of = page.context.new_cdp_session(page)
    line_of.send("Network.enable")
    limits = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
    line_of.send("Network.emulateNetworkConditions", limits)


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


def rewritten(route: Route, pattern: str, replacement: str) -> None:
    """The server's page with something in it changed."""
    answer = route.fetch()
    route.fulfill(response=answer, body=re.sub(pattern, replacement, answer.text()))
