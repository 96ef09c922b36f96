"""The viewer in a page, as its tests see it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.viewer_site import RX, SIZES
from transforms.request.presets import preset

# Two frames: one in which what was asked for is laid out, one in which it is drawn.
_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Of each pane the picture, and of OpenSeadragon's all tiles of the present view.
_LOADED = """() => !document.querySelector('.busy') && (pane => !pane.osd || pane.failed
  || pane.tiles && (pane.tiles.getOpacity() == 0 || pane.tiles.getFullyLoaded()))(viewer.boxLayer.pane)"""


@dataclass
class Shown:
    """The viewer in a page, and what it asked the image server for."""

    page: Page
    asked: list[str] = field(default_factory=list)

    def js(self, expression: str, argument: object = None) -> Any:
        return self.page.evaluate(expression, argument)

    def events(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.js("name => events.filter(e => e[0] == name).map(e => e[1])", name)
        return found

    def tiles(self, number: int) -> set[str]:
        """Stored forms asked for, but for the picture that is there first."""
        start = f"/iiif/3/t1/{RX}_{number}/"
        forms = {path.removeprefix(start) for path in self.asked if path.startswith(start)}
        return {form for form in forms if str(preset("review", SIZES[number]).size) not in form}

    def ready(self) -> None:
        """Nothing is on its way any more and the canvas has drawn what it has."""
        self.js(_FRAMES)  # a change of size or zoom has arrived
        self.page.wait_for_function(_LOADED)
        self.js(_FRAMES)

    def corners(self) -> list[float]:
        """Left, top, right and bottom of the picture inside the stage, in CSS pixels."""
        found: list[float] = self.js(
            """() => { const stage = document.querySelector('[data-stage]'), { x, y } = stage.getBoundingClientRect()
            const image = stage.querySelector('img').getBoundingClientRect()
            return [image.left - x, image.top - y, image.right - x, image.bottom - y] }"""
        )
        return found

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a page pixel is in the window, by the picture's own geometry and not by the boxes'."""
        found = self.js(
            """([x, y]) => { const stage = document.querySelector('[data-stage]').getBoundingClientRect()
            const point = viewer.mainMatrix().transformPoint(new DOMPoint(x, y))
            return [point.x + stage.x, point.y + stage.y] }""",
            [x, y],
        )
        return found[0], found[1]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()
        self.js(_FRAMES)


Show = Callable[..., Shown]
PLAIN = pytest.mark.parametrize("plain", [False, True], ids=["tiles", "plain"])
