"""The design system keeps its promises: contrast in light and dark, one set of values, small scripts."""

import gzip
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


UPLOAD = ("upload.js", "upload-send.js", "upload-held.js", "upload-picture.js")


def test_the_scripts_stay_small() -> None:
    """As the edge sends them."""
    assert sum(len(gzip.compress(static(name).encode())) for name in UPLOAD) <= 10_000
    assert set(re.findall(r"from '\./([\w.-]+)'", "".join(map(static, UPLOAD)))) == set(UPLOAD[1:])
    assert len(static("status.js").encode()) <= 2048


@pytest.mark.parametrize("name", [*UPLOAD, "status.js"])
def test_the_scripts_are_written_for_browsers_of_2018(name: str) -> None:
    """Chrome 70 and Safari 12 read no optional chaining, no `??`, no logical assignment, no class fields and no `await`
    outside of functions: one of them, and nothing of the script runs.
    """
    code = re.sub(r"/\*.*?\*/|//[^\n]*|'(?:\\.|[^'\\\n])*'", "", static(name), flags=re.S)
    assert re.findall(r"\?\.(?!\d)|\?\?|(?:\|\||&&)=|\bclass\b|^await\b|\d_\d|\d+n\b|\(\?<", code, flags=re.M) == []


def test_the_script_is_told_the_limits_that_the_server_keeps(customer: Client) -> None:
    page = customer.get("/orders/A-1/prescription").content.decode()
    found = re.search(r'<script id="rules"[^>]*>(.*?)</script>', page)
    assert found is not None
    rules = json.loads(found[1])

    assert {name: rules[name] for name in ("most", "image", "pdf", "small", "dark", "blurred")} == {
        "most": LIMITS.order_files,
        "image": LIMITS.image_bytes,
        "pdf": LIMITS.pdf_bytes,
        "small": LIMITS.small_side_advice,
        "dark": LIMITS.dark_luminance_advice,
        "blurred": LIMITS.blurred_advice,
    }
    assert set(re.findall(r"\brules\.(\w+)", "".join(map(static, UPLOAD)))) == set(rules)
    used = "".join(map(static, UPLOAD))
    assert {name for name in rules["say"] if f"say.{name}" in used} == set(rules["say"]) - {"small", "dark", "blurry"}


def test_tokens_style_no_bare_element() -> None:
    css = re.sub(r"/\*.*?\*/", "", static("tokens.css"), flags=re.S)
    for selectors in re.findall(r"(?:^|\})\s*([^{}@]+)\{", css):
        for selector in selectors.split(","):
            assert re.match(r"\s*[.:]", selector), selector
