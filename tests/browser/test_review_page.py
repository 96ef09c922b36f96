"""The pharmacist's page in a real browser, on the real stack: look, decide, slip and take it back, sign in again."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, check_accessible, check_layout
from tests.browser.review_site import (
    OpenAs,
    Uploaded,
    ambiguous_date,
    choose,
    complete,
    look_at_all,
    review_of,
    rx_of,
)
from tests.browser.staff import hire
from tests.conftest import CLIENT, Site
from tests.waiting import until


def test_an_approval_says_what_is_missing_and_leads_on(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    # given a claimed item, with nothing chosen
    address = uploaded()
    page = open_as(address)
    submit = page.locator("[data-submit]")
    expect(page.locator("[name=outcome]:checked")).to_have_count(0)
    expect(submit).to_have_attribute("aria-disabled", "true")

    # when it is to be approved at once, then it is said what is missing, with links that lead there
    expect(page.locator("[data-page='1']")).to_have_attribute("data-seen", "")
    choose(page, "Approve")
    submit.click(force=True)
    assert review_of(site, address)["status"] == "in_review"
    missing = page.locator("#missing a")
    expect(missing).to_have_text(["date", "prescriber", "checklist 0/5", "2 of 3 pages not looked at: page 2, 3"])
    expect(missing.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#prescribed_on")).to_be_focused()

    # and a line that is refused makes it a partial approval
    complete(page)
    look_at_all(page)
    expect(submit).to_have_attribute("aria-disabled", "false")
    expect(page.locator("#valid")).to_have_text(re.compile("Valid until "))
    page.locator("[data-line='2']").get_by_role("radio", name="Refuse").check(force=True)
    expect(missing).to_have_text(["a line is not accepted: choose “Approve in part”"])
    choose(page, "Approve in part")
    expect(missing).to_have_text(["a decision on every line", "the reason for a line"])
    page.get_by_role("button", name="Accept the others as ordered").click()
    page.select_option("#line-2-reason", "item_not_on_prescription")
    page.get_by_role("checkbox", name="then the next one").uncheck()
    submit.click()

    # then the queue follows, and nothing of it is left in the browser
    page.wait_for_url("**/prescriptions/review/")
    assert review_of(site, address)["status"] == "partially_approved"
    assert page.evaluate("sessionStorage.length") == 0
    assert "Rao" not in page.evaluate("JSON.stringify(localStorage)")


def test_the_server_has_the_last_word_and_nothing_typed_is_lost(
    site: Site, uploaded: Uploaded, open_as: OpenAs
) -> None:
    address = uploaded(schedule="X")
    page = open_as(address)
    complete(page)
    look_at_all(page)
    opened = review_of(site, address)["version"]
    page.fill("#registration_number", "KMC 1")
    choose(page, "Approve")
    page.locator("#prescriber").evaluate("field => { field.maxLength = 500; field.value = 'x'.repeat(121) }")
    stage = page.locator("[data-stage] canvas, [data-stage] img").first.element_handle()

    page.locator("[data-submit]").click()

    expect(page.locator("#summary")).to_be_focused()
    page.get_by_role("link", name="At most 120 characters.").click()
    expect(page.locator("#prescriber")).to_be_focused()
    expect(page.locator("#prescriber-error")).to_be_visible()
    assert page.input_value("#registration_number") == "KMC 1"
    expect(page.locator("[data-unseen]")).to_have_text(re.compile("all seen"), use_inner_text=True)
    assert page.locator("[name=checklist]:checked").count() == 5
    assert stage is not None
    assert stage.evaluate("element => element.isConnected"), "the viewer stays"
    assert review_of(site, address)["version"] == opened
    check_accessible(page)


@pytest.mark.xdist_group("queue")
def test_a_slip_is_taken_back_with_all_that_was_typed(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    # given two items, of which the second is the next one for everybody
    address, following = uploaded(), uploaded()
    priority = "UPDATE prescriptions_review SET priority = ? WHERE prescription_id = ?"
    site.change(priority, 1000, rx_of(following))

    # when the first is decided, which brings the other, and taken back
    page = open_as(address)
    choose(page, "Not accepted")
    page.select_option("#reason", "image_blurry")
    expect(page.locator("#preview")).to_have_text(re.compile("Take a new photo"))
    page.fill("#customer_text", "Page two is blurred.")
    page.locator("[data-submit]").click()
    page.wait_for_url(f"{following}?decided=*")
    assert [review_of(site, each)["status"] for each in (address, following)] == ["rejected", "in_review"]
    page.locator("[data-undo]").get_by_role("button").click()
    page.wait_for_url(address)
    site.change(priority, 0, rx_of(following))

    # then both are where they were, with all that was typed
    assert [review_of(site, each)["status"] for each in (address, following)] == ["in_review", "queued"]
    expect(page.locator("[name=outcome]:checked")).to_have_count(0)
    choose(page, "Not accepted")
    assert page.input_value("#reason") == "image_blurry"
    assert page.input_value("#customer_text") == "Page two is blurred."


@pytest.mark.xdist_group("queue")
def test_the_next_item_takes_the_place_of_the_last_and_nothing_of_that_goes_on(
    site: Site, uploaded: Uploaded, open_as: OpenAs
) -> None:
    # given an item of which two pages were seen, and three that are next for everybody
    address, *rest = [uploaded() for _ in range(4)]
    priority = "UPDATE prescriptions_review SET priority = ? WHERE prescription_id = ?"
    for number, each in enumerate(rest):
        site.change(priority, 1000 - number, rx_of(each))
    page = open_as(address)
    page.locator("[data-page='2']").click()
    expect(page.locator("[data-page][data-seen]")).to_have_count(2)
    page.evaluate("window.mark = 1")

    # when it and the next one are decided
    for before, after in zip((address, rest[0]), rest, strict=False):
        choose(page, "Not accepted")
        page.select_option("#reason", "image_blurry")
        page.locator("[data-submit]").click()
        page.wait_for_url(f"{after}?decided={rx_of(before)}")

        # then the other one is there, in the same document, as if it had been loaded
        expect(page.locator("[data-main] [data-stage]")).to_be_focused()
        expect(page.locator("h1")).to_have_text(f"RX-{rx_of(after)[:8]}")
        expect(page).to_have_title(re.compile(rx_of(after)[:8]))
        expect(page.locator("[data-main] [data-stage] > img")).to_have_attribute("src", re.compile(rx_of(after)))
        expect(page.locator("[data-page][data-seen]")).to_have_count(1)
        expect(page.locator("[data-undo] [data-seconds]")).to_have_text(re.compile(r"\d"))
        assert page.evaluate("window.mark") == 1
        assert (review_of(site, before)["status"], review_of(site, after)["status"]) == ("rejected", "in_review")
    seen = "SELECT p.number FROM prescriptions_pageseen s JOIN prescriptions_page p ON p.id = s.page_id "
    assert site.rows(seen + "WHERE p.prescription_id = ?", rx_of(rest[1])) == [(1,)]
    assert review_of(site, rest[2])["status"] == "queued"
    page.keyboard.press("n")
    expect(page.get_by_role("radio", name="Not accepted", exact=True)).to_be_checked()
    expect(page.locator("#reason")).to_be_focused()
    check_accessible(page)

    # and the way back leads to what was decided
    page.go_back()
    expect(page.locator("h1")).to_have_text(f"RX-{rx_of(rest[0])[:8]}")
    expect(page.get_by_text("There is nothing for you to decide here.")).to_be_visible()
    for each in rest:
        site.change(priority, 0, rx_of(each))


def test_the_toast_goes_when_it_is_too_late(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    address = uploaded()
    page = open_as(address)
    choose(page, "Ask the customer")
    page.fill("#question", "Which strength?")
    page.get_by_role("checkbox", name="then the next one").uncheck()
    page.locator("[data-submit]").click()
    page.wait_for_url("**/prescriptions/review/")
    expect(page.locator("[data-undo]")).to_have_count(0)  # a question is no decision
    assert review_of(site, address)["status"] == "clarification"


def test_without_scripts_everything_can_be_done(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    address = uploaded()
    page = open_as(address, java_script_enabled=False)
    page.get_by_role("button", name="Turn right").click()
    expect(page.locator("[data-first]")).to_have_attribute("src", re.compile("/90/default.webp"))
    page.locator("[data-page='3']").click()
    for number in (3, 1, 2):
        page.get_by_role("button", name=f"I have looked at page {number}").click()
    day, _other = ambiguous_date()
    page.fill("#prescribed_on", day.isoformat())
    page.get_by_role("radio", name="Approve", exact=True).check(force=True)
    page.locator("[data-submit]").click()

    # refused, with everything that is missing
    expect(page.locator("#summary a").first).to_have_text("Enter the prescriber's name.")
    assert page.input_value("#prescribed_on") == day.isoformat()
    choose(page, f"{day:%-d %b %Y}")
    page.fill("#prescriber", "Dr A. Rao")
    page.fill("#override_reason", "Called the doctor.")
    page.get_by_role("checkbox", name="then the next one").uncheck()
    page.locator("[data-submit]").click()
    assert review_of(site, address)["status"] == "approved"


def test_a_redaction_is_drawn_confirmed_and_shown(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    address = uploaded()
    page = open_as(address)
    page.locator("[data-viewer] [data-do=redact]").click()
    expect(page.locator("[data-redact-now]")).to_have_text("Nothing on page 1 is redacted.")
    page.locator("[data-viewer] [data-do=add]").click()
    expect(page.locator("[data-redact-count]")).to_have_text("Drawn: 1")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]

    with page.expect_response(lambda answer: "/redact/" in answer.url) as confirmed:
        page.get_by_role("button", name="Confirm these boxes").click()

    assert len(confirmed.value.json()["boxes"]) == 1
    expect(page.locator("#say")).to_have_text(re.compile("Older versions of it are withdrawn"))
    page.locator("[data-viewer] [data-do=redact]").click()
    expect(page.locator("[data-redact-now]")).to_have_text("Confirmed boxes on page 1: 1")
    page.locator("[data-viewer] [data-do=redact]").click()

    # who decides looks under it for as long as a key or the button is held, once that is written down
    covered, boxes = page.locator("[data-covered]"), page.locator(".viewer-boxes > *")
    expect(covered).to_contain_text("Blacked out for others: 1")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.locator("[data-main] [data-stage]").focus()
    page.route("**/uncover/", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.keyboard.down("h")
    page.keyboard.up("h")
    expect(page.locator("[data-notice=lost]")).to_be_visible()
    expect(boxes).to_be_visible()
    page.unroute("**/uncover/")
    page.keyboard.down("h")
    expect(boxes).to_be_hidden()
    page.keyboard.up("h")
    expect(boxes).to_be_visible()
    button = covered.get_by_role("button")
    button.focus()
    page.keyboard.down(" ")
    expect(boxes).to_be_hidden()
    page.keyboard.up(" ")
    expect(boxes).to_be_visible()
    button.hover()
    page.mouse.down()
    expect(boxes).to_be_hidden()
    page.mouse.up()
    expect(boxes).to_be_visible()
    uncovered = "SELECT count(*) FROM prescriptions_auditevent WHERE rx = ? AND verb = 'page.uncovered'"
    assert site.rows(uncovered, rx_of(address)) == [(1,)], "those of an hour are counted, and told at its end"


@pytest.mark.long
def test_every_kind_of_page_is_accessible(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    address = uploaded(schedule="X")
    looking = open_as(address, claim=False)
    check_accessible(looking)
    [who] = hire(site, {f"auditor-{CLIENT}": "auditor"}).values()
    auditor = open_as(address, who, claim=False)
    expect(auditor.locator("img[src*='/iiif/']")).to_have_count(0)
    check_accessible(auditor)

    page = open_as(address)
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    for part in ("[data-submit]", ".outcomes", "[name=next]"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= DESKTOP["height"] - box["height"]
    for outcome in ("Approve", "Approve in part", "Ask the customer", "Not accepted"):
        choose(page, outcome)
        check_accessible(page)


def test_the_paper_for_the_file_is_printed_without_what_surrounds_it(uploaded: Uploaded, open_as: OpenAs) -> None:
    page = open_as(uploaded())
    page.get_by_role("link", name="Paper for the file").click()
    code = page.locator(".code b").inner_text()
    expect(page.locator(".paper figure img")).to_have_count(3)
    check_accessible(page)
    page.get_by_label("Code on a paper").fill(code)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("status")).to_have_text(
        "This code was printed for what stands below: compare the paper with it."
    )
    check_accessible(page)

    # when it is printed, then each picture has a sheet of its own behind the first
    page.evaluate("window.print = () => { window.printed = [...document.images].every(image => image.naturalWidth) }")
    page.get_by_role("button", name="Print").click()
    until(lambda: page.evaluate("window.printed"))
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".paper-bar")).to_be_hidden()
    expect(page.get_by_role("status")).to_be_hidden()
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 4


@pytest.mark.parametrize("size", [{"width": 320, "height": 180}, {"width": 320, "height": 256}])
def test_at_400_percent_picture_and_bar_have_the_window_in_turn(
    uploaded: Uploaded, open_as: OpenAs, size: dict[str, int]
) -> None:
    page = open_as(uploaded(), viewport=size)
    check_layout(page)
    stage = page.locator("[data-main] [data-stage]")
    page.locator(".centre").evaluate("part => part.scrollIntoView()")
    box = stage.bounding_box()
    assert box is not None
    assert box["width"] >= 300
    assert box["height"] >= size["height"] * 0.55
    covered = """stage => { const box = stage.getBoundingClientRect()
      return [0.1, 0.5, 0.9].every(part => stage.contains(document.elementFromPoint(
        box.x + box.width * part, Math.min(box.y + box.height * part, innerHeight - 2)))) }"""
    assert stage.evaluate(covered), "nothing lies over it"
    for part in (*page.locator(".outcomes label").all(), page.locator("[data-submit]")):
        part.scroll_into_view_if_needed()
        box = part.bounding_box()
        assert box is not None
        assert box["width"] >= 150
        assert 44 <= box["height"] <= size["height"]
    choose(page, "Approve")
    page.get_by_role("button", name="Details").click()
    check_layout(page)
    page.locator("#missing a").first.click()
    expect(page.locator("#prescribed_on")).to_be_focused()
    expect(page.locator("#prescribed_on")).to_be_in_viewport(ratio=1)


def test_on_a_phone_the_bar_never_hides_what_has_the_focus(uploaded: Uploaded, open_as: OpenAs) -> None:
    page = open_as(uploaded(), viewport=PHONE)
    choose(page, "Approve")
    page.get_by_role("button", name="Details").click()
    page.locator("[data-line='1'] input").first.focus()
    for _ in range(25):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => {
              const at = document.activeElement.getBoundingClientRect(), bar = document.querySelector('.bar')
              const tabs = document.querySelector('.tabs').getBoundingClientRect()
              const inside = !document.activeElement.closest('.details') || !at.height
              return inside ? '' : at.bottom > bar.getBoundingClientRect().top + 1 || at.top < tabs.bottom - 1
                ? document.activeElement.outerHTML.slice(0, 120) : ''
            }"""
        )
        assert hidden == ""
