"""A site with the viewer alone, and the viewer opened on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test.testcases import LiveServerThread
from playwright.sync_api import expect

from tests.browser import viewer_site
from tests.browser.conftest import OpenPage
from tests.browser.viewer.shown import Show, Shown

OSD = "**/openseadragon.min.js"


@pytest.fixture(scope="session")
def viewer_host() -> Iterator[str]:
    """Django in this process, as in `live_server`, but without a database that would be emptied after each test."""
    server = LiveServerThread("127.0.0.1", lambda handler: handler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    assert server.error is None, server.error
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()


@pytest.fixture
def show(viewer_host: str, settings: Any, open_page: OpenPage) -> Iterator[Show]:
    """Opens the viewer: `show(plain=True)` without OpenSeadragon, further options as for `open_page`."""
    settings.ROOT_URLCONF = "tests.browser.viewer_site"

    def new(*, plain: bool = False, query: str = "", **options: Any) -> Shown:
        page = open_page(**options)
        shown = Shown(page)
        page.on("request", lambda request: "/iiif/" in request.url and shown.asked.append(request.url[-1000:]))
        if plain:
            page.route(OSD, lambda route: route.abort())
        page.goto(viewer_host + "/viewer/" + query)
        expect(page.locator(".viewer.ready")).to_be_visible()
        assert page.evaluate("!!window.OpenSeadragon") is not plain
        # The same geometry that the tests would otherwise have to compute from the outside.
        page.evaluate("viewer.mainMatrix = () => viewer.boxLayer.pane.matrix")
        shown.asked[:] = [url.removeprefix(viewer_host) for url in shown.asked]
        page.on("request", lambda request: _strip(shown.asked, viewer_host))
        shown.ready()
        return shown

    yield new
    viewer_site.broken.clear()


def _strip(asked: list[str], host: str) -> None:
    asked[:] = [url.removeprefix(host) for url in asked]
