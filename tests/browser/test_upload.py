"""The order's pages in a real browser, on the real stack: files in, answer out."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_accessible, check_layout
from tests.browser.order_site import Files, choose, names, ref_of
from tests.conftest import Site
from tests.prescriptions.order_pages.pseudo import spoken, untranslated


def hand_over(page: Page, kind: str, file: Path, mime: str) -> None:
    """A drop or a paste, as the browser reports it."""
    page.evaluate(
        """([kind, name, mime, data]) => {
          const transfer = new DataTransfer()
          transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name, {type: mime}))
          const options = {bubbles: true, cancelable: true}
          document.querySelector('#drop').dispatchEvent(kind == 'drop'
            ? new DragEvent('drop', {...options, dataTransfer: transfer})
            : new ClipboardEvent('paste', {...options, clipboardData: transfer}))
        }""",
        [kind, file.name, mime, base64.b64encode(file.read_bytes()).decode()],
    )


def decide(site: Site, order: str, **columns: Any) -> str:
    """What a pharmacist does, written straight into the stack's database; the prescription's id."""
    [(rx,)] = site.rows("SELECT id FROM prescriptions_prescription WHERE order_ref = ?", ref_of(order))
    sets = ", ".join(f"{name} = ?" for name in columns)
    site.change(
        f"UPDATE prescriptions_review SET {sets}, version = version + 1 WHERE prescription_id = ?",  # noqa: S608
        *columns.values(),
        rx,
    )
    return str(rx)


def test_choose_drop_paste_advise_arrange_and_send(site: Site, order: str, open_page: OpenPage, files: Files) -> None:
    # given files chosen, dropped and pasted
    page = open_page(order)
    assert "link=" not in page.url
    choose(page, files, "good.jpg", "blurred.jpg", "dark.jpg", "small.png", "scan.bmp")
    hand_over(page, "drop", files["three.pdf"], "application/pdf")
    hand_over(page, "paste", files["iphone.heic"], "image/heic")
    expect(page.locator(".kept")).to_have_count(6)

    # then each has advice where it deserves it, and a picture, PDF and HEIC too
    advice = {
        row.locator("bdi").inner_text(): row.locator(".advice").inner_text().split("\n")[0]
        for row in page.locator(".kept:has(.advice:not([hidden]))").all()
    }
    assert set(advice) == {"blurred.jpg", "dark.jpg", "small.png"}
    assert "blurred" in advice["blurred.jpg"]
    assert "dark" in advice["dark.jpg"]
    assert "small" in advice["small.png"]
    for image in page.locator(".kept img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    wrong = page.locator(".file:not(.kept)")
    expect(wrong).to_contain_text("scan.bmp is not a file we can read. It must be one of: JPEG, PNG, WebP, HEIC, PDF.")

    # when the advice is followed once and not another time, the wrong one goes, and pages are put in order
    page.check("#consent")
    page.get_by_role("button", name="Send for review").click()
    expect(page.locator("#wait")).to_have_text("Not sent yet. First put right what is marked in the list.")
    page.uncheck("#consent")
    wrong.get_by_role("button", name="Cancel scan.bmp").click()
    page.locator(".kept", has_text="dark.jpg").get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Remove blurred.jpg").click()
    with page.expect_response(lambda answer: answer.status == 204):
        page.get_by_role("button", name="Move three.pdf up").click()
    expect(page.locator("#say")).to_have_text("three.pdf is now number 3.")
    wanted = ["good.jpg", "dark.jpg", "three.pdf", "small.png", "iphone.heic"]
    assert names(page) == wanted

    # and the page is loaded again, nothing is lost
    page.reload()
    assert names(page) == wanted

    # then it can be sent, once the box is ticked
    page.get_by_role("button", name="Send for review").click()
    expect(page.locator("#wait")).to_contain_text("Tick the box")
    expect(page.locator("#consent")).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Send for review").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")
    assert page.locator(".pages img:not([alt*='as we read it'])").count() == 7
    documents = site.rows(
        "SELECT d.name FROM prescriptions_document d JOIN prescriptions_prescription p ON p.id = d.prescription_id "
        "WHERE p.order_ref = ? ORDER BY d.position",
        ref_of(order),
    )
    assert [name for (name,) in documents] == wanted


def test_trouble_on_the_way_two_at_a_time_and_one_key(order: str, open_page: OpenPage, files: Files) -> None:
    # given a network that loses the first try of each file, and is slow
    page = open_page(order)
    keys: dict[str, list[str]] = {}
    held: list[Route] = []
    most = 0

    def carry(route: Route, request: Request) -> None:
        nonlocal most
        name = next(name for name in files if f'filename="{name}"'.encode() in (request.post_data_buffer or b""))
        tries = keys.setdefault(name, [])
        tries.append(request.headers["idempotency-key"])
        if len(tries) == 1:
            route.abort()
            return
        held.append(route)
        most = max(most, len(held))

    page.route("**/files", carry)
    page.set_input_files("#choose", [files[name] for name in ("good.jpg", "dark.jpg", "small.png")])

    # when two wait for the server, and sending is asked for early
    page.check("#consent")
    page.get_by_role("button", name="Send for review").click()
    expect(page.locator("#wait")).to_contain_text("still on their way")
    while len(held) < 2:
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Cancel small.png").click()
    while held:
        held.pop().continue_()
        page.wait_for_timeout(50)

    # then it goes out by itself as soon as all are there, each with one key
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")
    assert most == 2
    assert page.locator(".pages img:not([alt*='as we read it'])").count() == 2
    assert all(len(set(tries)) == 1 and len(tries) == 2 for name, tries in keys.items() if name != "small.png")


def test_a_file_that_does_not_get_through_can_be_tried_at_once(order: str, open_page: OpenPage, files: Files) -> None:
    page = open_page(order)
    page.clock.install()
    page.route("**/files", lambda route: route.abort())
    page.set_input_files("#choose", files["good.jpg"])
    for _ in range(4):
        page.clock.run_for(10_000)
        page.wait_for_timeout(100)
    expect(page.locator(".rx-error")).to_contain_text("good.jpg waits for the connection. It goes on by itself")

    page.unroute("**/files")
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".kept")).to_have_count(1)


def test_the_keyboard_is_enough(order: str, open_page: OpenPage, files: Files) -> None:
    page = open_page(order)
    choose(page, files, "good.jpg", "three.pdf")

    def press_until(label: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "(document.activeElement.innerText || document.activeElement.labels?.[0].innerText || '').trim()"
            )
            if label in focused:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none" or page.evaluate("!!document.activeElement.closest('.choose')")
                return
        raise AssertionError(f"{label} cannot be reached with Tab")

    page.locator("body").press("Tab")
    press_until("Choose files")
    press_until("Move good.jpg down")
    page.keyboard.press("Enter")
    assert names(page) == ["three.pdf", "good.jpg"]
    assert page.evaluate("document.activeElement.innerText").strip() == "Move good.jpg up"
    press_until("Remove good.jpg")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.innerText").strip() == "Remove three.pdf"
    press_until("This prescription was written")
    page.keyboard.press("Space")
    press_until("Send for review")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")


def test_without_javascript(site: Site, order: str, open_page: OpenPage, files: Files) -> None:
    page = open_page(order, java_script_enabled=False, viewport=PHONE)
    page.set_input_files("#choose", [files["good.jpg"], files["scan.bmp"]])
    page.set_input_files("#camera", files["dark.jpg"])
    page.check("#consent")
    page.click("#send")
    expect(page.locator("#summary")).to_contain_text("scan.bmp is not a file we can read.")
    assert names(page) == ["dark.jpg", "good.jpg"]
    page.locator("[data-do=down]").first.click()
    assert names(page) == ["good.jpg", "dark.jpg"]
    page.check("#consent")
    page.click("#send")
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")
    decide(site, order, status="approved")
    page.get_by_role("link", name="Look for news").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your prescription is approved")


def test_the_status_follows_live(site: Site, order: str, open_page: OpenPage, files: Files) -> None:
    # given a customer who waits
    page = open_page(order)
    page.clock.install()
    choose(page, files, "good.jpg")
    page.check("#consent")
    page.click("#send")
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")
    page.wait_for_load_state()  # else the clock may run before the script has set its timer

    # when it is not accepted
    decide(site, order, status="rejected", reason_id="image_blurry", reason_page=1)
    page.clock.run_for(6000)

    # then the page says so by itself, aloud, with why and one button to put it right
    expect(page.get_by_role("heading", level=1)).to_have_text("We could not accept this prescription")
    expect(page.locator("#say")).to_have_text("We could not accept this prescription")
    expect(page.locator(".status")).to_contain_text("The picture is blurred")
    page.get_by_role("link", name="Send it again").click()
    choose(page, files, "three.pdf")
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")


@pytest.mark.long
def test_accessible_on_every_screen(site: Site, order: str, open_page: OpenPage, files: Files) -> None:
    page = open_page(order)
    check_accessible(page)
    choose(page, files, "blurred.jpg", "three.pdf", "scan.bmp")
    check_accessible(page)
    page.get_by_role("button", name="Cancel scan.bmp").click()
    page.click("#send")
    expect(page.locator("#wait")).to_be_visible()
    check_accessible(page)
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()
    for columns in (
        {"status": "queued"},
        {"status": "partially_approved", "valid_until": "2099-01-01", "customer_text": "Take the rest next month."},
        {"status": "rejected", "reason_id": "image_blurry"},
    ):
        decide(site, order, **columns)
        page.reload()
        check_accessible(page)


def test_a_question_is_answered_on_the_page(site: Site, order: str, open_page: OpenPage, files: Files) -> None:
    # given a pharmacist's question
    page = open_page(order)
    choose(page, files, "good.jpg")
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()
    rx = decide(site, order, status="clarification")
    site.change(
        "INSERT INTO prescriptions_clarificationmessage (review_id, author, text, at, page, expires_at) "
        "VALUES (?, 'staff', 'Is it 40 or 80 mg?', '2026-01-01', 1, '2099-01-01')",
        rx,
    )
    page.reload()
    check_accessible(page)

    # when it is answered
    page.get_by_label("Your answer").fill("It is 40 mg.")
    page.get_by_role("button", name="Send the answer").click()

    # then the pharmacist has it, and the customer waits again
    expect(page.get_by_role("heading", level=1)).to_have_text("We have your prescription")
    assert site.rows(
        "SELECT text FROM prescriptions_clarificationmessage WHERE review_id = ? AND author = 'customer'", rx
    ) == [("It is 40 mg.",)]


@pytest.fixture
def pseudo_language() -> Iterator[None]:
    with spoken():
        yield


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_longer_words_break_no_layout(
    pseudo_language: None, servers: object, live_server: Any, open_page: OpenPage, files: Files, size: dict[str, int]
) -> None:
    from prescriptions.intake import order_links

    link = order_links.mint(order_ref="A-1", client="shop", expires_in=600)
    page = open_page(viewport=size)
    page.route("**/iiif/**", lambda route: route.abort())  # nobody is here to make them
    page.goto(live_server.url + order_links.page_path(link))
    choose(page, files, "blurred.jpg", "three.pdf", "scan.bmp")
    expect(page.locator(".advice:not([hidden])")).to_be_visible()
    check_layout(page)
    said = " ".join(page.locator(".advice span, .rx-error span, #say, .tools").all_inner_texts())
    assert untranslated(said, ("blurred.jpg", "three.pdf", "scan.bmp", "JPEG, PNG, WebP, HEIC, PDF")) == ""
    page.locator(".file:not(.kept) [data-do=cancel]").click()
    page.click("#send")
    expect(page.locator("#wait")).to_be_visible()
    check_layout(page)
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()
    check_layout(page)
