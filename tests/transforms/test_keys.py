"""Keys and identifiers: nothing that a person typed, and one spelling of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescriptions.models import REFERENCE, new_identifier
from transforms.keys import (
    ImageIdentifier,
    OriginalKey,
    VariantKey,
    image_identifier,
    is_id,
    original_key,
    page_identifier,
    parse_image_identifier,
    parse_original_key,
    parse_variant_key,
    prefix,
    prescription_of,
    variant_key,
)
from transforms.request.spec import Stored

RX = "5f1c3a9e7b2d4860a1c2e3f405162738"
DOCUMENT = "d" * 32
TAIL = "0,0,50,60/50,60/90/gray.jpg"
IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
NUMBERS = st.integers(1, 999)


def test_a_variants_key_is_its_url_with_the_pipeline_in_it() -> None:
    assert variant_key(RX, 12, "p1", Stored.parse(TAIL)) == f"{RX}/12/p1/{TAIL}"
    assert variant_key(RX, 12, "p1", TAIL) == f"{RX}/12/p1/{TAIL}"


def test_an_originals_key_is_two_ids() -> None:
    assert original_key(RX, DOCUMENT) == f"{RX}/{DOCUMENT}"


def test_a_sheet_is_named_behind_its_page() -> None:
    assert variant_key(RX, 12, "p1", TAIL, sheet="0a1b2c3d") == f"{RX}/12s0a1b2c3d/p1/{TAIL}"
    assert image_identifier(RX, 12, "0a1b2c3d") == f"{RX}_12s0a1b2c3d"
    assert image_identifier(RX, 12) == page_identifier(RX, 12)
    assert parse_image_identifier(f"{RX}_12s") == ImageIdentifier(RX, 12, "")


@given(rx=IDS, number=NUMBERS, pipeline=st.integers(1, 9999), sheet=st.text("0123456789abcdef", min_size=8, max_size=8))
def test_what_was_built_of_a_sheet_is_read(rx: str, number: int, pipeline: int, sheet: str) -> None:
    variant, named = variant_key(rx, number, f"p{pipeline}", TAIL, sheet=sheet), image_identifier(rx, number, sheet)

    assert parse_variant_key(variant) == VariantKey(rx, number, f"p{pipeline}", TAIL, sheet)
    assert parse_image_identifier(named) == ImageIdentifier(rx, number, sheet)
    assert variant.startswith(prefix(rx))
    assert prescription_of(variant) == rx


@given(rx=IDS, document=IDS, number=NUMBERS, pipeline=st.integers(1, 9999))
def test_what_was_built_is_read(rx: str, document: str, number: int, pipeline: int) -> None:
    original, page = original_key(rx, document), page_identifier(rx, number)
    variant = variant_key(rx, number, f"p{pipeline}", TAIL)

    assert parse_original_key(original) == OriginalKey(rx, document)
    assert parse_variant_key(variant) == VariantKey(rx, number, f"p{pipeline}", TAIL)
    assert parse_image_identifier(page) == ImageIdentifier(rx, number)
    assert original.startswith(prefix(rx))
    assert variant.startswith(prefix(rx))
    assert prescription_of(original) == prescription_of(variant) == rx
    assert is_id(rx)


@pytest.mark.parametrize(("text", "number"), [(f"{RX}_1", 1), (f"{RX}_10", 10), (f"{RX}_999", 999)])
def test_page_identifiers(text: str, number: int) -> None:
    assert parse_image_identifier(text) == ImageIdentifier(RX, number)


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
        f"{RX}_s",
        f"{RX}_s01234567",
        f"{RX}_1s0123456",
        f"{RX}_1s012345678",
        f"{RX}_1sABCDEF01",
        f"{RX}_1S01234567",
        f"{RX}_1s01234567s01234567",
        f"{RX}_1s01234567\n",
        f"{RX}_1ss",
    ],
)
def test_what_is_no_page_identifier(text: str) -> None:
    assert parse_image_identifier(text) is None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "probe",
        RX,
        f"{RX}/",
        f"{RX}/{DOCUMENT}/",
        f"{RX}/{DOCUMENT}/x",
        f"{RX}/{DOCUMENT}\n",
        f"{RX}/{DOCUMENT[1:]}",
        f"{RX.upper()}/{DOCUMENT}",
        f"/{RX}/{DOCUMENT}",
        f"{RX}/../{DOCUMENT}",
    ],
)
def test_what_is_no_originals_key(key: str) -> None:
    assert parse_original_key(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "probe",
        f"{RX}/{DOCUMENT}",
        f"{RX}/1/p1/",
        f"{RX}/0/p1/{TAIL}",
        f"{RX}/01/p1/{TAIL}",
        f"{RX}/1000/p1/{TAIL}",
        f"{RX}/1/{TAIL}",
        f"{RX}/1/p0/{TAIL}",
        f"{RX}/1/p10000/{TAIL}",
        f"{RX}/1/bench/{TAIL}",
        f"{RX}/1/p1/{TAIL}\n",
        f"{RX[1:]}/1/p1/{TAIL}",
        f"{RX}/1s/p1/{TAIL}",
        f"{RX}/1s0123456/p1/{TAIL}",
        f"{RX}/1s01234567{TAIL}",
        f"{RX}/1sABCDEF01/p1/{TAIL}",
    ],
)
def test_what_is_no_variants_key(key: str) -> None:
    assert parse_variant_key(key) is None


@pytest.mark.parametrize(
    ("key", "rx"), [(f"{RX}/", RX), (f"{RX}/a/b", RX), (RX, None), ("probe", None), (f"x{RX}/", None)]
)
def test_a_key_lies_under_a_prescription_whatever_comes_after(key: str, rx: str | None) -> None:
    assert prescription_of(key) == rx


@pytest.mark.parametrize("text", ["", RX[1:], f"{RX}0", RX.upper(), f"{RX}\n", f" {RX}", "g" * 32])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)


def test_ids_are_random() -> None:
    made = {new_identifier() for _ in range(1000)}

    assert len(made) == 1000
    assert all(map(is_id, made))


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
