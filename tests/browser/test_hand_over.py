"""The computer shows a code, a phone takes the photos: two browsers, one order."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, OpenPage, check_accessible
from tests.browser.order_site import names, ref_of, send
from tests.conftest import Site
from tests.waiting import until


def photos(folder: Path, count: int) -> list[Path]:
    """Each page of another shade."""
    made = []
    for number in range(count):
        image = Image.effect_noise((1200, 1600), 20 + number)
        made.append(folder / f"page {number + 1}.jpg")
        image.save(made[-1], quality=40)
    return made


def code_on(page: Page) -> str:
    page.get_by_role("button", name="Use my phone").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    return page.locator(".address").inner_text()


def test_twelve_pages_are_taken_on_a_phone_and_sent_from_the_computer(
    site: Site, order: str, open_page: OpenPage, tmp_path: Path
) -> None:
    # given a computer that shows a code
    computer = open_page(order)
    address = code_on(computer)
    expect(computer.locator("#phone")).to_have_text("Waiting for your phone.")
    check_accessible(computer)

    # when a phone reads it
    phone = open_page(address, viewport=PHONE, has_touch=True, is_mobile=True)
    check_accessible(phone)
    phone.get_by_role("button", name="Begin").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Take a photo of every page")
    expect(computer.locator("#phone")).to_have_text("Your phone is connected. Its photos appear in the list.")

    # then a second one is refused, and so is the address once more
    for again in (open_page(address), open_page(address, viewport=PHONE)):
        expect(again.get_by_role("heading", level=1)).to_have_text("This code is over")
    assert phone.goto(order.split("?")[0]).status == 404  # type: ignore[union-attr]
    phone.goto(address)
    expect(phone.get_by_role("heading", level=1)).to_have_text("Take a photo of every page")

    # and pages are on the computer while they are taken, in their order
    wanted = []
    for photo in photos(tmp_path, 12):
        phone.set_input_files("#camera", photo)
        wanted.append(photo.name)
        expect(phone.locator(".kept")).to_have_count(len(wanted))
        if len(wanted) in (1, 6, 12):
            expect(computer.locator(".kept")).to_have_count(len(wanted))
            assert names(computer) == wanted
    for image in computer.locator(".kept img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    check_accessible(phone)
    phone.locator(".kept").last.get_by_role("button", name="Remove").click()
    expect(computer.locator(".kept")).to_have_count(11)

    # when they are sent
    send(computer)

    # then the phone has nothing to do with it any more
    phone.set_input_files("#camera", tmp_path / "page 12.jpg")
    expect(phone.get_by_role("heading", level=1)).to_have_text("This code is over")
    sent = site.rows(
        "SELECT d.name FROM prescriptions_document d JOIN prescriptions_prescription p ON p.id = d.prescription_id "
        "WHERE p.order_ref = ? ORDER BY d.position",
        ref_of(order),
    )
    assert [name for (name,) in sent] == wanted[:11]


def test_a_computer_asks_no_more_once_its_link_is_taken_back(site: Site, order: str, open_page: OpenPage) -> None:
    computer = open_page(order)
    computer.clock.install()
    asked: list[int] = []
    computer.on("response", lambda answer: asked.append(answer.status) if answer.url.endswith("/files") else None)
    code_on(computer)
    expect(computer.locator("#phone")).to_have_text("Waiting for your phone.")

    # when the server is away, then it is asked more and more seldom
    computer.route("**/files", lambda route: route.fulfill(status=503))
    asked.clear()
    for _ in range(30):
        computer.clock.run_for(1000)
    until(lambda: len(asked) >= 3)
    assert set(asked) == {503}
    assert len(asked) <= 4
    computer.unroute("**/files")

    # when it says that the link is no good, then it is not asked again
    computer.context.clear_cookies()
    asked.clear()
    for _ in range(120):
        computer.clock.run_for(1000)
    until(lambda: bool(asked))
    assert asked == [404]


def test_without_scripts_on_either_side(order: str, open_page: OpenPage, tmp_path: Path) -> None:
    computer = open_page(order, java_script_enabled=False)
    phone = open_page(code_on(computer), viewport=PHONE, java_script_enabled=False)
    phone.get_by_role("button", name="Begin").click()
    phone.set_input_files("#camera", photos(tmp_path, 1))
    phone.get_by_role("button", name="Add to the list").click()
    assert names(phone) == ["page 1.jpg"]

    computer.get_by_role("link", name="Show what has come").click()
    assert names(computer) == ["page 1.jpg"]
    send(computer)
    phone.reload()
    expect(phone.get_by_role("heading", level=1)).to_have_text("This code is over")
