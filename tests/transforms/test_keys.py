"""Keys and identifiers: nothing that a person typed, and one spelling of each."""

import pytest

from prescriptions.models import REFERENCE, new_identifier
from transforms.keys import IDENTIFIER, original_key, variant_key
from transforms.request.spec import Stored

RX = "5f1c3a9e7b2d4860a1c2e3f405162738"


def test_a_variants_key_is_its_url_with_the_pipeline_in_it() -> None:
    stored = "0,0,50,60/50,60/90/gray.jpg"

    assert variant_key(RX, 12, "p1", Stored.parse(stored)) == f"{RX}/12/p1/{stored}"
    assert variant_key(RX, 12, "p1", stored) == f"{RX}/12/p1/{stored}"


def test_an_originals_key_is_two_ids() -> None:
    assert original_key(RX, "d" * 32) == f"{RX}/{'d' * 32}"


@pytest.mark.parametrize(("text", "number"), [(f"{RX}_1", "1"), (f"{RX}_10", "10"), (f"{RX}_999", "999")])
def test_page_identifiers(text: str, number: str) -> None:
    match = IDENTIFIER.match(text)

    assert match is not None
    assert match.groupdict() == {"rx": RX, "number": number}


@pytest.mark.parametrize(
    "text",
    [
        "",
        RX,
        f"{RX}_",
        f"{RX}_0",
        f"{RX}_01",
        f"{RX}_1000",
        f"{RX}_-1",
        f"{RX}_1\n",
        f"{RX}_1/",
        f" {RX}_1",
        f"{RX.upper()}_1",
        f"{RX[1:]}_1",
        f"a{RX}_1",
        f"{RX}_١",
        "http://169.254.169.254/_1",
        "..%2f..%2f_1",
    ],
)
def test_what_is_no_page_identifier(text: str) -> None:
    assert IDENTIFIER.match(text) is None


def test_ids_are_random() -> None:
    made = {new_identifier() for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in made)


@pytest.mark.parametrize("text", ["A", "ORDER-7", "a.b_c-d", "9" * 64])
def test_references(text: str) -> None:
    assert REFERENCE.match(text)
    assert REFERENCE.search(text)


@pytest.mark.parametrize(
    "text", ["", ".", "-A", "_A", "A/B", "../A", "A\n", "A B", "A\x00", "é", "A" * 65, "<b>A", "\nA", "A?x=1", "٣"]
)
def test_what_is_no_reference_however_it_is_looked_for(text: str) -> None:
    # REST frameworks search, we match: both must refuse.
    assert REFERENCE.match(text) is None
    assert REFERENCE.search(text) is None
