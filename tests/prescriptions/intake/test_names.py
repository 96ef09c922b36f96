"""File names are text from strangers: shown, never trusted."""

import json
import unicodedata
from pathlib import Path

import pytest
from django.utils.http import content_disposition_header
from hypothesis import given
from hypothesis import strategies as st

from prescriptions.intake.accepting import display_name

BLNS = Path(__file__).parents[3] / "../shared/corpus/blns.json"
NASTY = [
    "../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "a.jpg\r\nX-Injected: yes",
    "a\x00.jpg",
    "photo\u202egpj.exe",
    "\u2066hidden\u2069",
    "\ufeffbom",
    "x" * 5000,
    "é" * 500,
    "CON",
    "",
    ".",
    "..",
    "/",
    "\\",
    "a/",
    '";filename="evil',
    "%2e%2e%2f",
    "\ud800",
    "\U0001f600" * 200,
    "<script>alert(1)</script>.jpg",
    "${jndi:ldap://x}",
    "\x1b[31mred",
    "\u0085next line",
    "\u2028line",
    "\u2029paragraph",
    "e\u0301" * 200,
    "e\u200f\u0301",
    "x" * 149 + " y",
    "\u061carabic letter mark",
]


def assert_harmless(name: str) -> None:
    assert len(name) <= 150
    assert "/" not in name
    assert "\\" not in name
    assert name == name.strip()
    assert unicodedata.is_normalized("NFC", name)
    assert not {unicodedata.category(letter) for letter in name} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(name) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    header = content_disposition_header(as_attachment=True, filename=name) or ""
    assert header.isascii()
    assert header.isprintable()
    name.encode()  # to a database, a log, a page


@pytest.mark.parametrize("raw", NASTY, ids=ascii)
def test_a_nasty_name_becomes_harmless(raw: str) -> None:
    assert_harmless(display_name(raw))


def test_the_big_list_of_naughty_strings() -> None:
    if not BLNS.exists():
        pytest.skip("the corpus of naughty strings is not on this machine")
    for raw in json.loads(BLNS.read_text()):
        assert_harmless(display_name(raw))


@given(raw=st.text(st.characters(), max_size=400))
def test_any_name_becomes_harmless(raw: str) -> None:
    once = display_name(raw)
    assert_harmless(once)
    assert display_name(once) == once


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Rezept März.pdf", "Rezept März.pdf"),
        ("処方箋.jpg", "処方箋.jpg"),
        ("C:\\Users\\me\\scan 1.png", "scan 1.png"),
        ("/a/folder/scan.png", "scan.png"),
        ("Ma\u0308rz.pdf", "März.pdf"),
        ("नुस्खा\u200d.jpg", "नुस्खा\u200d.jpg"),
        ("n" * 300 + ".pdf", "n" * 146 + ".pdf"),
        ("n" * 140 + " " * 20 + ".jpeg", "n" * 140 + ".jpeg"),
        ("n" * 300 + ".not an extension", "n" * 150),
    ],
)
def test_a_good_name_stays(raw: str, shown: str) -> None:
    assert display_name(raw) == shown
