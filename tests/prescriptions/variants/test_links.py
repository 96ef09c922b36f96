"""Link tokens: the vectors that njs proves itself with, expiry, rotation, and no way around them."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from prescriptions.variants import links

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "links.json").read_text())["vectors"]
RX = "5f1c3a9e7b2d4860a1c2e3f405162738"
NEW, OLD = "k2:" + "22" * 32, "k1:" + "11" * 32


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_token_is_judged_as_the_edge_judges_it(vector: dict[str, Any], settings: Settings) -> None:
    settings.RX_LINK_KEYS = vector["keys"]

    link = links.verify(vector["token"], vector["rx"], now=vector["now"])

    if vector["expected"] == "ok":
        assert link is not None
        assert (link.scope, link.token) == (vector["scope"], vector["token"])
        assert link.expires > vector["now"]
    else:
        assert link is None


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.get("mint")], ids=lambda vector: vector["name"])
def test_minting_gives_exactly_the_vectors_token(vector: dict[str, Any], settings: Settings) -> None:
    settings.RX_LINK_KEYS = vector["keys"]
    asked = vector["mint"]

    assert links.mint(asked["rx"], scope=asked["scope"], ttl=asked["ttl"], now=asked["now"]) == vector["token"]


@given(now=st.integers(1, 10**11), ttl=st.integers(1, 10**7))
def test_an_expiry_is_rounded_up_to_a_quarter_of_an_hour(now: int, ttl: int) -> None:
    link = links.verify(links.mint(RX, ttl=ttl, now=now), RX, now=now)

    assert link is not None
    assert link.expires % links.ROUNDING == 0
    assert now + ttl <= link.expires < now + ttl + links.ROUNDING


def test_the_same_quarter_gives_the_same_token() -> None:
    start = 900 * 2_000_000 + 1

    tokens = {links.mint(RX, ttl=3600, now=start + second) for second in (0, 1, 450, 898)}

    assert len(tokens) == 1
    assert links.mint(RX, ttl=3600, now=start + 900) not in tokens


def test_a_token_dies_at_its_expiry() -> None:
    token = links.mint(RX, ttl=900, now=900_000)

    assert links.verify(token, RX, now=900_899.9) is not None
    assert links.verify(token, RX, now=900_900) is None


def test_keys_rotate_without_breaking_links(settings: Settings) -> None:
    # given a link that was signed with the only key
    settings.RX_LINK_KEYS = OLD
    before = links.mint(RX)

    # when a new key is put in front, then both open; the new one signs
    settings.RX_LINK_KEYS = f"{NEW},{OLD}"
    assert links.verify(before, RX) is not None
    after = links.mint(RX)
    assert after.startswith("k2.")
    assert links.verify(after, RX) is not None

    # and when the old one is taken out, its links are dead
    settings.RX_LINK_KEYS = NEW
    assert links.verify(before, RX) is None
    assert links.verify(after, RX) is not None


@given(position=st.integers(0, 40), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.~%/\n \x00é"))
def test_no_single_change_leaves_a_token_valid(position: int, letter: str) -> None:
    token = links.mint(RX, now=1_000_000)
    position %= len(token)
    changed = token[:position] + letter + token[position + 1 :]

    assert (links.verify(changed, RX, now=1_000_000) is None) == (changed != token)


@given(text=st.text(max_size=60))
def test_nothing_that_is_not_a_token_opens_anything(text: str) -> None:
    assert links.verify(text, RX) is None


def test_a_token_opens_its_own_prescription_only() -> None:
    token = links.mint(RX)

    assert links.verify(token, RX[:-1] + "9") is None
    assert links.verify(token, RX.upper()) is None
    assert links.verify(token, "") is None


@pytest.mark.parametrize(
    "keys",
    [
        "",
        ",",
        "k1",
        "k1:",
        "k1:xyz",
        "k1:" + "1" * 31,
        "k1:" + "11" * 15,
        "K1:" + "11" * 32,
        "k12345678:" + "11" * 32,
        "k1:" + "AA" * 32,
        f"{OLD},k1:{'22' * 32}",
    ],
)
def test_a_keyring_that_cannot_be_trusted_is_refused(keys: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="RX_LINK_KEYS"):
        links.keyring(keys)


def test_spaces_around_keys_do_no_harm() -> None:
    assert list(links.keyring(f" {NEW} , {OLD} ")) == ["k2", "k1"]


def test_paths_are_those_that_the_edge_serves() -> None:
    assert links.service_path(RX, 3, "t") == f"/iiif/3/t/{RX}_3"
    assert links.variant_path(RX, 3, "full/1,2/0/default.png", "t") == f"/iiif/3/t/{RX}_3/full/1,2/0/default.png"
    assert links.manifest_path(RX, "t") == f"/iiif/presentation/3/t/{RX}/manifest"
