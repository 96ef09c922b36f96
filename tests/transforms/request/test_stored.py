"""The stored form of a variant: written, read back exactly, and matched to a page."""

import json
from pathlib import Path

import pytest

from transforms.errors import SpecError
from transforms.formats import OutputFormat
from transforms.geometry import Box, Size
from transforms.request.spec import STORED_FORM, Stored

A4 = Size(2480, 3508)
LARGE = Size(8192, 6144)


# Shared with the edge, which recognises the same forms by a pattern of its own.
FORMS = json.loads((Path(__file__).parents[2] / "vectors" / "stored_forms.json").read_text())


@pytest.mark.parametrize("text", FORMS["stored"] + FORMS["beyond_the_edge"], ids=ascii)
def test_stored_forms_read_back_as_written(text):
    stored = Stored.parse(text)

    assert str(stored) == text


def test_a_stored_form_has_its_numbers():
    assert Stored.parse("0,10,50,60/25,30/90/gray.jpg") == Stored(
        Box(0, 10, 50, 60), Size(25, 30), 90, "gray", OutputFormat.JPG
    )
    assert Stored.parse("full/25,30/0/default.pdf") == Stored(None, Size(25, 30), 0, "default", OutputFormat.PDF)


@pytest.mark.parametrize("text", FORMS["other"], ids=ascii)
def test_nothing_but_the_exact_stored_form_is_read(text):
    with pytest.raises(SpecError, match="is not a stored form"):
        Stored.parse(text)


def test_the_pattern_of_the_stored_form_has_no_python_only_syntax():
    """The edge matches the same pattern with PCRE and JavaScript."""
    assert "(?P" not in STORED_FORM
    assert "\\Z" not in STORED_FORM


@pytest.mark.parametrize(
    "text",
    [
        "full/2480,3508/0/default.png",
        "full/141,200/90/default.webp",
        "full/1,3508/0/default.webp",  # distorted: level 2 demands it
        "0,0,2048,2048/1024,1024/0/gray.jpg",
        "2479,3507,1,1/1,1/0/default.jpg",
    ],
)
def test_a_stored_form_that_a_request_leads_to_fits(text):
    Stored.parse(text).fits(A4)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("full/2481,3508/0/default.webp", A4),
        ("full/2480,3509/0/default.webp", A4),
        ("0,0,50,60/51,60/0/default.webp", A4),
        ("0,0,2480,3508/100,100/0/default.webp", A4),  # the full page has one name
        ("0,0,2481,3508/100,100/0/default.webp", A4),
        ("2480,0,1,1/1,1/0/default.webp", A4),
        ("2470,0,20,20/1,1/0/default.webp", A4),  # crosses the edge
        ("full/4096,4096/0/default.webp", LARGE),
        ("full/4097,1/0/default.webp", LARGE),
        ("full/8191,6144/0/default.webp", LARGE),
    ],
)
def test_a_stored_form_that_no_request_leads_to_does_not_fit(text, page):
    with pytest.raises(SpecError):
        Stored.parse(text).fits(page)


def test_a_stored_form_that_crosses_the_edge_is_answered_with_the_right_one():
    with pytest.raises(SpecError, match=r"ask for 2470,0,10,20/1,1/0/default\.webp"):
        Stored.parse("2470,0,20,20/1,1/0/default.webp").fits(A4)


@pytest.mark.parametrize(
    ("text", "page", "canonical"),
    [
        ("full/2480,3508/0/default.webp", A4, "full/max/0/default.webp"),
        ("full/141,200/0/default.webp", A4, "full/141,200/0/default.webp"),
        ("0,0,50,60/50,60/90/gray.jpg", A4, "0,0,50,60/max/90/gray.jpg"),
        ("0,0,50,60/25,30/90/gray.jpg", A4, "0,0,50,60/25,30/90/gray.jpg"),
        ("full/8192,6144/0/default.jpg", LARGE, "full/max/0/default.jpg"),
        ("full/4000,3000/0/default.jpg", LARGE, "full/4000,3000/0/default.jpg"),
    ],
)
def test_the_canonical_tail_says_max_for_the_largest_size(text, page, canonical):
    assert Stored.parse(text).canonical(page) == canonical
