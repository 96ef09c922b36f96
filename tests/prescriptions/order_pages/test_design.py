"""The design system keeps its promises: contrast in light and dark, one set of values, small scripts."""

import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from transforms.limits import LIMITS

ROLES = re.compile(r"--rx-([a-z-]+):\s*(#[0-9a-f]{6});")
PAIRS = re.compile(r"--rx-([a-z-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
TEXT_ON = {
    "ink": ("paper", "ground", "sunken", "info-tint", "good-tint", "warn-tint", "bad-tint", "accent-tint"),
    "soft": ("paper", "ground", "sunken"),
    "accent": ("paper", "ground", "accent-tint"),
    "accent-ink": ("accent", "accent-strong"),
    "info": ("paper", "info-tint"),
    "good": ("paper", "good-tint"),
    "warn": ("paper", "warn-tint"),
    "bad": ("paper", "bad-tint"),
}
LINES_ON = {"edge": ("paper", "ground"), "focus": ("paper", "ground"), "accent": ("paper", "ground")}


def static(name: str) -> str:
    found = finders.find(f"prescriptions/{name}")
    assert isinstance(found, str)
    return Path(found).read_text()


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def themes() -> dict[str, dict[str, str]]:
    pairs = PAIRS.findall(static("tokens.css"))
    return {"light": {r: light for r, light, _ in pairs}, "dark": {r: dark for r, _, dark in pairs}}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_is_enough(theme: str) -> None:
    colours = themes()[theme]
    for table, least in ((TEXT_ON, 4.5), (LINES_ON, 3.0)):
        for role, grounds in table.items():
            for ground in grounds:
                ratio = contrast(colours[role], colours[ground])
                assert ratio >= least, f"{theme}: {role} on {ground} has {ratio:.2f}"


def test_browsers_without_light_dark_get_the_light_values() -> None:
    assert dict(ROLES.findall(static("tokens.css"))) == themes()["light"]


def test_the_scripts_stay_small() -> None:
    assert len(static("upload.js").encode()) <= 8192
    assert len(static("status.js").encode()) <= 2048


def test_the_script_is_told_the_limits_that_the_server_keeps(customer: Client) -> None:
    page = customer.get("/orders/A-1/prescription").content.decode()
    found = re.search(r'<script id="rules"[^>]*>(.*?)</script>', page)
    assert found is not None
    rules = json.loads(found[1])

    assert {name: rules[name] for name in ("most", "image", "pdf", "small", "dark", "blurred")} == {
        "most": LIMITS.files,
        "image": LIMITS.image_bytes,
        "pdf": LIMITS.pdf_bytes,
        "small": LIMITS.small_side_advice,
        "dark": LIMITS.dark_luminance_advice,
        "blurred": LIMITS.blurred_advice,
    }
    assert set(re.findall(r"\brules\.(\w+)", static("upload.js"))) == set(rules)


def test_tokens_style_no_bare_element() -> None:
    css = re.sub(r"/\*.*?\*/", "", static("tokens.css"), flags=re.S)
    for selectors in re.findall(r"(?:^|\})\s*([^{}@]+)\{", css):
        for selector in selectors.split(","):
            assert re.match(r"\s*[.:]", selector), selector
