"""Link tokens: the vectors that njs proves itself with, expiry, rotation, no way around them, none unrecorded."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from prescriptions.audit.actors import CUSTOMER, SYSTEM
from prescriptions.models import AuditEvent, new_identifier
from prescriptions.variants import links
from tests.links import mint
from tests.prescriptions.faces import GIVING, MANIFEST, UPLOAD, Face, Reader, links_in

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "links.json").read_text())["vectors"]
RX = "5f1c3a9e7b2d4860a1c2e3f405162738"
NEW, OLD = "k2:" + "22" * 32, "k1:" + "11" * 32


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_token_is_judged_as_the_edge_judges_it(vector: dict[str, Any], settings: Settings) -> None:
    settings.RX_LINK_KEYS = vector["keys"]

    link = links.verify(vector["token"], vector["rx"], page=vector.get("page", 0), now=vector["now"])

    if vector["expected"] == "ok":
        assert link is not None
        assert (link.scope, link.token) == (vector["scope"], vector["token"])
        assert link.expires > vector["now"]
    else:
        assert link is None


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock that links are made by."""

    def set_clock(now: float) -> None:
        monkeypatch.setattr(time, "time", lambda: now)

    return set_clock


@pytest.mark.django_db
@pytest.mark.parametrize("vector", [v for v in VECTORS if v.get("mint")], ids=lambda vector: vector["name"])
def test_what_is_handed_out_is_exactly_the_vectors_token(
    vector: dict[str, Any], settings: Settings, at: Callable[[float], None]
) -> None:
    settings.RX_LINK_KEYS = vector["keys"]
    asked = vector["mint"]
    at(asked["now"])

    given = links.hand_out([asked["rx"]], SYSTEM, scope=asked["scope"], lifetime=asked["ttl"])

    assert given == {asked["rx"]: vector["token"]}


@pytest.mark.django_db
@pytest.mark.parametrize("vector", [v for v in VECTORS if v.get("lend")], ids=lambda vector: vector["name"])
def test_what_is_lent_is_exactly_the_vectors_token(vector: dict[str, Any], settings: Settings) -> None:
    settings.RX_LINK_KEYS = vector["keys"]
    asked, pages = vector["lend"], vector["lend"].get("pages", [])

    given = links.lend(
        vector["rx"], asked["id"], scope=asked["scope"], expires=asked["expires"], actor=SYSTEM, pages=pages
    )

    assert given == {pages[0] if pages else 0: vector["token"]}
    event = AuditEvent.objects.get(rx=vector["rx"])
    assert (event.verb, event.data["link"]) == ("link.minted", asked["id"])


@given(now=st.integers(1, 10**11), lifetime=st.integers(1, 10**7))
def test_an_expiry_is_rounded_up_to_a_quarter_of_an_hour(now: int, lifetime: int) -> None:
    expires = links.expiry(lifetime, now=now)

    assert expires % links.ROUNDING == 0
    assert now + lifetime <= expires < now + lifetime + links.ROUNDING


@pytest.mark.django_db
def test_the_same_quarter_gives_the_same_token_until_when_the_settings_say(
    settings: Settings, at: Callable[[float], None]
) -> None:
    settings.RX_LINK_TTL, start = 3600, 900 * 2_000_000 + 1
    tokens = []
    for second in (0, 1, 450, 898, 900):
        at(start + second)
        tokens.append(links.hand_out([RX], SYSTEM)[RX])

    assert len(set(tokens[:4])) == 1
    assert tokens[4] not in tokens[:4]
    link = links.verify(tokens[0], RX, now=start)
    assert link is not None
    assert link.expires == 900 * 2_000_000 + 3600 + 900


def test_a_token_dies_at_its_expiry() -> None:
    token = mint(RX, expires=900_900)

    assert links.verify(token, RX, now=900_899.9) is not None
    assert links.verify(token, RX, now=900_900) is None


@pytest.mark.django_db
def test_keys_rotate_without_breaking_links(settings: Settings) -> None:
    # given a link that was signed with the only key
    settings.RX_LINK_KEYS = OLD
    before = links.hand_out([RX], SYSTEM)[RX]

    # when a new key is put in front, then both open; the new one signs
    settings.RX_LINK_KEYS = f"{NEW},{OLD}"
    assert links.verify(before, RX) is not None
    after = links.hand_out([RX], SYSTEM)[RX]
    assert after.startswith("k2.")
    assert links.verify(after, RX) is not None

    # and when the old one is taken out, its links are dead
    settings.RX_LINK_KEYS = NEW
    assert links.verify(before, RX) is None
    assert links.verify(after, RX) is not None


@given(position=st.integers(0, 40), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.~%/\n \x00é"))
def test_no_single_change_leaves_a_token_valid(position: int, letter: str) -> None:
    token = mint(RX, expires=1_003_600)
    position %= len(token)
    changed = token[:position] + letter + token[position + 1 :]

    assert (links.verify(changed, RX, now=1_000_000) is None) == (changed != token)


@given(text=st.text(max_size=60))
def test_nothing_that_is_not_a_token_opens_anything(text: str) -> None:
    assert links.verify(text, RX) is None


def test_a_token_opens_its_own_prescription_only() -> None:
    token = mint(RX)

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


# --- Who was given one ------------------------------------------------------------------------------------------------
def given(actor: str) -> set[tuple[str, int]]:
    """Prescription and expiry of each link that the audit log says somebody was given."""
    events = AuditEvent.objects.filter(verb="link.minted", actor=actor)
    found = [(event.rx, event.data["until"]) for event in events]
    lists = AuditEvent.objects.filter(verb="prescriptions.listed", actor=actor)
    found += [(rx, event.data["until"]) for event in lists for rx in event.data["ids"]]
    assert len(found) == len(set(found)), "the same link is recorded once"
    return set(found)


def until(token: str, rx: str) -> int:
    link = links.verify(token, rx)
    assert link is not None
    return link.expires


@pytest.mark.django_db
def test_a_link_is_recorded_once_for_everyone_who_was_given_it(django_assert_num_queries: Any) -> None:
    rxs = [new_identifier() for _ in range(50)]

    first = links.hand_out(rxs, CUSTOMER)
    with django_assert_num_queries(1):
        again = links.hand_out(rxs, CUSTOMER)
    links.hand_out(rxs, SYSTEM)

    assert first == again
    assert {rx for rx, _until in given("customer")} == {rx for rx, _until in given("system")} == set(rxs)


@pytest.mark.django_db
def test_a_link_to_redacted_pages_is_recorded_as_one() -> None:
    [token] = links.hand_out([RX], CUSTOMER, scope="r").values()
    links.hand_out([RX], CUSTOMER)

    end = until(token, RX)
    assert [event.data for event in AuditEvent.objects.filter(rx=RX).order_by("seq")] == [
        {"until": end, "scope": "r"},
        {"until": end},
    ]


@pytest.mark.django_db
def test_nothing_is_handed_out_for_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert links.hand_out([], CUSTOMER) == {}


@pytest.mark.parametrize("face", [*GIVING.values(), UPLOAD], ids=[*GIVING, "API: upload"])
def test_whoever_is_shown_a_link_is_on_the_trail_once(face: Face, reader: Reader) -> None:
    # when somebody looks twice
    shown = links_in(face.visit(reader)) | links_in(face.visit(reader))

    # then each link that they saw is on the prescription's chain, and no other
    assert shown
    assert given(reader.actors[face.reader]) == {(rx, until(token, rx)) for token, rx in shown}


def test_who_opens_a_manifest_is_given_no_link_but_their_own(reader: Reader) -> None:
    shown = links_in(MANIFEST.visit(reader))

    assert shown == {(mint(reader.rx), reader.rx)}
    assert AuditEvent.objects.filter(rx=reader.rx, verb="manifest.opened", actor="link").count() == 1
    assert given("link") == set()
