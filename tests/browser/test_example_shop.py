"""The example shop as its README has it: an order from link to decision, with a question, another photo as its answer,
an approval in part, and an erasure. It is told by webhook alone.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.browser.conftest import OpenPage
from tests.conftest import PROJECT, Site, site_of
from tests.shared_stack import OVERRIDES

PUBLIC = "https://shop.example"
SCOPES = "rx:read,orders:write,webhooks:write,rx:erase,rx:override"
# A robot decides, and its decisions stand at once.
SANDBOX = {**OVERRIDES, "RX_SANDBOX": "on", "RX_REVIEW_UNDO": "0"}
CLIENT = PROJECT / "clients" / "python" / "src"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("sandbox")
    with Stack(state_dir=folder, quick_stop=True, overrides=SANDBOX) as running, site_of(running) as site:
        yield site


@pytest.fixture
def shop(sandbox: Site) -> Iterator[str]:
    """Its address on this machine."""
    token = sandbox.manage("rxtoken", "create", "--name", "shop", "--scopes", SCOPES)
    sandbox.manage("rxtoken", "origins", "shop", "--set", PUBLIC)
    program = [sys.executable, "docs/examples/shop/shop.py", "--rx", sandbox.stack.base_url, "--port", "0"]
    env = {**os.environ, "RX_TOKEN": token, "PYTHONPATH": str(CLIENT)}
    with subprocess.Popen(program, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip().rstrip("/")
        process.terminate()
    assert process.returncode == 0
    assert sandbox.rows("SELECT count(*) FROM prescriptions_webhook") == [(0,)]


def test_an_order_from_link_to_erasure(sandbox: Site, shop: str, open_page: OpenPage, tmp_path: Path) -> None:
    # given a shop that people reach by https
    page = open_page(java_script_enabled=True)
    page.context.route(f"{PUBLIC}/**", lambda route: to_this_machine(route, shop))
    page.goto(f"{PUBLIC}/")

    # when a customer orders, and sends a photo on the pharmacy's page
    page.get_by_role("button", name="Order").click()
    send(page, photo(tmp_path, 1))
    page.get_by_role("link", name="Back to the pharmacy").click()
    page.wait_for_url(f"{PUBLIC}/orders/sandbox-ask-partial-*")

    # then the pharmacist's question is on the shop's page, and another photo answers it
    news(page, "The pharmacist has a question")
    page.get_by_role("button", name="Go to the pharmacy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Our pharmacist has a question")
    page.get_by_role("link", name="Send another prescription").click()
    send(page, photo(tmp_path, 2))
    page.get_by_role("link", name="Back to the pharmacy").click()
    news(page, "A part of it is approved")
    expect(page.locator("ul li")).to_have_text(["Telmisartan: accepted", "Metformin SR: refused"])

    # and what was sent is erased when the customer wants that
    page.get_by_role("button", name="Cancel, and erase my prescription").click()
    news(page, "Your prescription was erased.")
    assert sandbox.rows("SELECT count(*), count(erased_at) FROM prescriptions_prescription") == [(2, 2)]


def to_this_machine(route: Route, shop: str) -> None:
    """What a proxy with a certificate would do. What a redirect leads to is not routed, so a page leads there."""
    answer = route.fetch(url=route.request.url.replace(PUBLIC, shop), max_redirects=0)
    onward = answer.headers.get("location", "")
    if onward.startswith("/"):
        page = f'<meta http-equiv="refresh" content="0;url={PUBLIC}{onward}">'
        route.fulfill(status=200, content_type="text/html", body=page)
    else:
        route.fulfill(response=answer)


def photo(folder: Path, seed: int) -> Path:
    made = folder / f"{seed}.jpg"
    made.write_bytes(samples.phone_photo(seed, megapixels=1))
    return made


def send(page: Page, file: Path) -> None:
    page.set_input_files("#choose", [file])
    expect(page.locator(".kept")).to_have_count(1)
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".steps [aria-current]")).to_have_text(re.compile("Pharmacist checks|Answer"))


def news(page: Page, text: str) -> None:
    """The shop knows it without asking; the customer looks again."""
    deadline = time.monotonic() + 60
    while text not in page.locator("#status").inner_text():
        assert time.monotonic() < deadline, page.locator("body").inner_text()
        page.wait_for_timeout(500)
        page.reload()
