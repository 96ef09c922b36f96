"""A site with nothing but the viewer on it, and pictures that say where they come from: a coloured, numbered grid."""

import functools
import io
import re
from typing import Any, Final

from django.contrib.staticfiles.finders import find
from django.http import Http404, HttpRequest, HttpResponse
from django.template import engines
from django.urls import path, re_path
from PIL import Image, ImageDraw, ImageFont

from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.request.presets import preset
from transforms.request.spec import Stored

RX: Final = "0123456789abcdef0123456789abcdef"
SIZES: Final = {1: Size(2480, 3508), 2: Size(3600, 2400), 3: Size(5000, 7000)}
SKEW: Final = {1: 4.0, 2: None, 3: None}
ROTATION: Final = {1: 0, 2: 90, 3: 0}
# Requests whose path fits are answered with 503.
broken: list[str] = []

_PAGE = """{% load static %}<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Viewer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{% static 'prescriptions/tokens.css' %}">
<link rel="stylesheet" href="{% static 'prescriptions/viewer.css' %}">
<link rel="stylesheet" href="site.css">
<script src="{% static 'openseadragon/openseadragon.min.js' %}" defer></script>
<script src="site.js" type="module"></script>
{{ pages|json_script:"pages" }}</head>
<body class="rx"><h1 class="rx-hidden">Viewer</h1><main><aside><p>1</p><p>2</p><p>3</p></aside>
{% include "prescriptions/review/viewer.html" %}<aside><p>Order, patient, items, checklist</p></aside></main>
</body></html>"""

# The narrowest place that the review page gives the viewer.
_STYLE = """body { margin: 0; } main { display: grid; grid-template-columns: 96px minmax(0, 1fr) 360px; height: 100vh; }
aside { padding: 8px; background: var(--rx-paper); color: var(--rx-ink); font-family: var(--rx-font); }
@media (max-width: 900px) { main { display: block; } .viewer { height: 70vh; } aside:first-child { display: none; } }"""

_SCRIPT = """import { Viewer } from '/static/prescriptions/viewer.js'
const pages = JSON.parse(document.querySelector('#pages').textContent), events = window.events = []
const section = document.querySelector('[data-viewer]')
for (const name of ['shown', 'rotated', 'boxes', 'zoom', 'failed', 'help']) {
  section.addEventListener('viewer:' + name, e => events.push([name, e.detail]))
}
window.pages = pages
window.start = () => { window.viewer = new Viewer(section, { pages }) }
start()"""


def site(request: HttpRequest) -> HttpResponse:
    pages = [_page(number, "t1") for number in SIZES]
    shown = int(request.GET.get("shown", 1))
    first = {**pages[shown - 1], **dict(zip(("width", "height"), _turned(shown), strict=True))}
    context = {"pages": pages, "viewer_pages": len(pages), "viewer_first": first}
    return HttpResponse(engines["django"].from_string(_PAGE).render(context, request))


def _page(number: int, token: str) -> dict[str, Any]:
    size, service = SIZES[number], f"/iiif/3/{token}/{RX}_{number}"
    stored = preset("review", size)
    return {
        "number": number,
        "width": size.width,
        "height": size.height,
        "tile": LIMITS.tile_side,
        "rotation": ROTATION[number],
        "skew": SKEW[number],
        "service": service,
        "first": f"{service}/" + str(stored).replace("/0/", f"/{ROTATION[number]}/"),
        "boxes": None,
    }


def _turned(number: int) -> tuple[int, int]:
    size = preset("review", SIZES[number]).size
    return (size.height, size.width) if ROTATION[number] % 180 else (size.width, size.height)


@functools.cache
def _drawn(number: int) -> Image.Image:
    """A quarter of the page's size: paper, a grid in the page's colour, and the place of each cell."""
    size = SIZES[number]
    image = Image.new("RGB", (size.width // 4, size.height // 4), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(28)
    colour = ("#0a6a4d", "#1a56b8", "#a81e1b")[number - 1]
    for y in range(0, image.height, 100):
        for x in range(0, image.width, 125):
            draw.rectangle((x, y, x + 125, y + 100), outline=colour, width=2)
            draw.text((x + 10, y + 30), f"{number}:{x // 125},{y // 100}", fill=colour, font=font)
    return image


@functools.lru_cache(64)
def _tile(number: int, text: str) -> bytes:
    stored = Stored.parse(text)
    page, box = _drawn(number), stored.region
    crop = (box.x / 4, box.y / 4, (box.x + box.width) / 4, (box.y + box.height) / 4) if box else None
    turned = stored.size if not stored.rotation % 180 else Size(stored.size.height, stored.size.width)
    image = page.resize((turned.width, turned.height), Image.Resampling.BILINEAR, box=crop)
    image = image.rotate(-stored.rotation, expand=True)
    if stored.quality == "enhanced":
        image = image.point(lambda value: 0 if value < 128 else 255)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()


def picture(request: HttpRequest, token: str, number: str, stored: str) -> HttpResponse:
    if any(re.search(pattern, request.path) for pattern in broken):
        return HttpResponse(status=503)
    return HttpResponse(_tile(int(number), stored), "image/webp", headers={"Cache-Control": "max-age=600"})


def asset(request: HttpRequest, name: str) -> HttpResponse:
    """Static files, uncached: the tests read what is on the disk now."""
    found = find(name)
    if not found:
        raise Http404(name)
    with open(found, "rb") as file:  # noqa: PTH123
        return HttpResponse(file.read(), "text/javascript" if name.endswith(".js") else "text/css")


urlpatterns = [
    path("viewer/", site),
    path("viewer/site.css", lambda request: HttpResponse(_STYLE, "text/css")),
    path("viewer/site.js", lambda request: HttpResponse(_SCRIPT, "text/javascript")),
    re_path(rf"^iiif/3/(?P<token>\w+)/{RX}_(?P<number>\d)/(?P<stored>.+)$", picture),
    path("static/<path:name>", asset),
]
