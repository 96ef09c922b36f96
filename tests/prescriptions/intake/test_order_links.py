"""Order links: what one customer may open, and nothing else."""

import time
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from prescriptions.intake import order_links


def link(**changes: object) -> order_links.OrderLink:
    return order_links.mint(**{"order_ref": "ORDER-7", "client": "shop", "expires_in": 60, **changes})  # type: ignore[arg-type]


def test_a_link_says_what_it_was_minted_for() -> None:
    made = link(patient_ref="P-1")

    assert order_links.verify(made.signed) == made
    assert (made.order_ref, made.client, made.patient_ref) == ("ORDER-7", "shop", "P-1")
    assert 55 < made.expires - time.time() <= 60


def test_an_expired_link_opens_nothing() -> None:
    assert order_links.verify(link(expires_in=0).signed) is None
    assert order_links.verify(link(expires_in=-1).signed) is None


@settings(deadline=None)
@given(position=st.integers(0, 200), letter=st.sampled_from("aZ0-_:. \x00é"))
def test_no_single_change_leaves_a_link_valid(position: int, letter: str) -> None:
    signed = link().signed
    position %= len(signed)
    changed = signed[:position] + letter + signed[position + 1 :]

    assert (order_links.verify(changed) is None) == (changed != signed)


@given(text=st.text(max_size=80))
def test_nothing_that_is_not_a_link_opens_anything(text: str) -> None:
    assert order_links.verify(text) is None


@pytest.mark.parametrize("salt", ["", "rx-order-link-v1", "django.core.signing"])
def test_what_was_signed_for_something_else_opens_nothing(salt: str) -> None:
    content = ["ORDER-7", "shop", int(time.time()) + 60, ""]

    assert order_links.verify(signing.dumps(content, salt=salt)) is None


@pytest.mark.parametrize("content", [5, None, [], ["A"], {"a": 1}, ["../x", "shop", 9e12, ""]])
def test_signed_nonsense_opens_nothing(content: object) -> None:
    assert order_links.verify(signing.dumps(content, salt=order_links.SALT)) is None


def test_paths_hold_the_link() -> None:
    made = link()

    assert order_links.page_path(made) == f"/orders/ORDER-7/prescription?link={made.signed}"
    assert order_links.upload_path(made) == f"/upload/?link={made.signed}"


@pytest.mark.django_db
def test_what_was_taken_back_is_remembered_as_long_as_it_matters() -> None:
    now = timezone.now()
    first, second = link(), link()
    order_links.revoke("shop", first.id, longest=now + timedelta(days=30))
    order_links.revoke("shop", first.id, longest=now + timedelta(days=30))
    order_links.revoke("shop", second.id, longest=now - timedelta(seconds=1))

    assert order_links.sweep() == 1

    assert (order_links.opened(first.signed), order_links.opened(second.signed)) == (None, second)
