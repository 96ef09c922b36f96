"""Old phones and thin lines: files in pieces that go on, pictures one at a time, less to send where sending is slow."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from rxproject.local import samples
from tests.browser.conftest import CHROMIUM, FLAGS, PATIENCE_MS, PHONE, OpenPage
from tests.browser.order_site import Files, choose, ref_of, send
from tests.conftest import Site
from tests.waiting import until

# What browsers of 2018 (Safari 12, Chrome 70) do not have, of what a script might think of.
TOO_NEW = """
for (const [of, ...names] of [
  [window, 'createImageBitmap', 'structuredClone', 'AbortController', 'ResizeObserver'],
  [HTMLFormElement.prototype, 'requestSubmit'], [Blob.prototype, 'arrayBuffer', 'text', 'stream'],
  [Element.prototype, 'replaceChildren', 'checkVisibility'], [DocumentFragment.prototype, 'replaceChildren'],
  [Array.prototype, 'at', 'flat', 'flatMap', 'findLast', 'toSorted'], [Object, 'fromEntries', 'hasOwn', 'groupBy'],
  [String.prototype, 'replaceAll', 'matchAll', 'at'], [Promise, 'allSettled', 'any', 'withResolvers'],
  [Crypto.prototype, 'randomUUID'], [SubmitEvent.prototype, 'submitter'], [URL, 'canParse'],
]) for (const name of names) if (!delete of[name] || name in of) of[name] = undefined
"""
NOT_HELD = "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }"


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 megapixels, 3 MB, its pixels lying on their side."""
    path = tmp_path_factory.mktemp("photos") / "page.jpg"
    path.write_bytes(samples.phone_photo(3))
    return path


def open_profile(browser: Browser, folder: Path, url: str, script: str = "") -> tuple[BrowserContext, Page]:
    """A browser that remembers: what is closed can be opened again."""
    context = browser.browser_type.launch_persistent_context(folder, executable_path=CHROMIUM, args=list(FLAGS))
    context.set_default_timeout(PATIENCE_MS)
    if script:
        context.add_init_script(script)
    page = context.pages[0]
    page.goto(url)
    return context, page


class Pieces:
    """What goes out of a page in pieces. From `let` pieces on, nothing gets through."""

    def __init__(self, page: Page, let: int) -> None:
        self.offsets: list[int] = []
        self.let = let
        page.route("**/uploads/*", self._carry)

    def _carry(self, route: Route, request: Request) -> None:
        if request.method == "PATCH":
            if len(self.offsets) >= self.let:
                route.abort()
                return
            self.offsets.append(int(request.headers["upload-offset"]))
        route.continue_()


@pytest.mark.parametrize("held", [True, False], ids=["held", "not-held"])
def test_a_large_file_goes_on_after_the_line_and_after_the_browser(
    browser: Browser, site: Site, order: str, photo: Path, tmp_path: Path, held: bool
) -> None:
    script = "" if held else NOT_HELD
    # given a line that breaks after two pieces, and comes back
    context, page = open_profile(browser, tmp_path, order, script)
    pieces = Pieces(page, let=2)
    page.set_input_files("#choose", photo)
    expect(page.locator(".rx-error")).to_contain_text("page.jpg waits for the connection.")
    pieces.let = 3
    page.evaluate("dispatchEvent(new Event('online'))")
    while len(pieces.offsets) < 3:
        page.wait_for_timeout(50)  # in which the page's requests are let through
    first = pieces.offsets
    expect(page.locator(".rx-error:not([hidden])")).to_have_count(1)  # it had an answer

    # when the browser is closed and opened again
    context.close()
    context, page = open_profile(browser, tmp_path, order, script)
    pieces = Pieces(page, let=99)
    if not held:
        page.reload()
        row = page.locator(".file")
        expect(row).to_contain_text("have arrived of page.jpg. Choose the same file again")
        page.set_input_files("#choose", photo)

    # then it goes on from where it was, and nothing is sent twice
    expect(page.locator(".kept")).to_have_count(1)
    expect(page.locator(".file")).to_have_count(1)
    offsets = first + pieces.offsets
    assert offsets == sorted(set(offsets))
    assert offsets[0] == 0
    assert page.evaluate("localStorage.getItem('rx-unfinished')") == "[]"
    send(page)
    context.close()
    [(size,)] = site.rows(
        "SELECT d.size FROM prescriptions_document d JOIN prescriptions_prescription p ON p.id = d.prescription_id "
        "WHERE p.order_ref = ?",
        ref_of(order),
    )
    assert size == photo.stat().st_size


def test_a_browser_of_2018_is_enough(order: str, open_page: OpenPage, files: Files, photo: Path) -> None:
    page = open_page()
    page.add_init_script(TOO_NEW + NOT_HELD)
    page.goto(order)
    choose(page, {**files, "page.jpg": photo}, "blurred.jpg", "three.pdf", "page.jpg")
    expect(page.locator(".kept .advice:not([hidden])")).to_have_count(1)
    for image in page.locator(".kept img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0

    # sent while a file is on its way: it goes by itself
    page.check("#consent")
    page.set_input_files("#choose", files["good.jpg"])
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()
    assert page.locator(".pages img:not([alt*='as we read it'])").count() == 6


def test_pictures_are_decoded_one_at_a_time_and_let_go(order: str, open_page: OpenPage, files: Files) -> None:
    page = open_page()
    page.add_init_script("""
      window.seen = {now: 0, most: 0, all: 0}
      const make = createImageBitmap, close = ImageBitmap.prototype.close
      ImageBitmap.prototype.close = function () { if (this.width) seen.now--; close.call(this) }
      window.createImageBitmap = file => {
        seen.most = Math.max(seen.most, ++seen.now); seen.all++
        return make(file).catch(error => { seen.now--; throw error })
      }""")
    page.goto(order)
    choose(page, files, "good.jpg", "blurred.jpg", "dark.jpg", "small.png", "three.pdf")
    page.wait_for_function("seen.all == 5 && !seen.now")
    assert page.evaluate("seen.most") == 1


def test_on_a_slow_line_photos_are_smaller_and_the_original_is_kept_for_who_asks(
    site: Site, order: str, open_page: OpenPage, photo: Path
) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.add_init_script("Object.defineProperty(navigator, 'connection', {value: {effectiveType: '2g'}})")
    page.goto(order)

    # given a phone: the camera comes first
    labels = page.locator(".choose label:visible").all_inner_texts()
    assert labels == ["Take a photo", "Choose files"]
    page.set_input_files("#camera", photo)

    # then about 5 megapixels go out, upright, and the customer is told
    row = page.locator(".kept")
    expect(row).to_contain_text("Made smaller for your slow line:")
    [size] = sizes(site, order)
    assert 4.9e6 < size[0] * size[1] < 5.1e6
    assert size[0] / size[1] == pytest.approx(3 / 4, rel=0.01)

    # when the original is asked for, it is sent in its place
    row.get_by_role("button", name="Send the original").click()
    until(lambda: [wide * high > 11e6 for wide, high in sizes(site, order)] == [True])
    expect(page.locator(".kept")).not_to_contain_text("Made smaller")


def test_where_nothing_takes_pieces_files_go_at_once(order: str, open_page: OpenPage, photo: Path) -> None:
    page = open_page(order)
    page.route("**/uploads/*", lambda route: route.fulfill(status=405))
    page.set_input_files("#choose", photo)
    expect(page.locator(".kept")).to_have_count(1)


def sizes(site: Site, order: str) -> list[Any]:
    """Pixels of the draft's pages, as they are upright."""
    rows = site.rows(
        "SELECT f.pages FROM prescriptions_draftfile f JOIN prescriptions_draft d ON d.id = f.draft_id "
        "WHERE d.order_ref = ?",
        ref_of(order),
    )
    return [page for (pages,) in rows for page in (json.loads(pages) if isinstance(pages, str) else pages)]
