"""Who looked, on the order's page: roles and times, no names; off where it is switched off."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions import audit
from prescriptions.audit import listings
from prescriptions.audit.actors import CUSTOMER, LINK, Actor, ActorKind, staff
from prescriptions.intake import order_links
from prescriptions.intake.order_links import OrderLink
from prescriptions.order_pages import onlookers
from rxproject.local.stack.stack import Stack
from tests.prescriptions.customer import PAGE, sent, text
from tests.prescriptions.staff import Clock, person, seed

SHOP = Actor(ActorKind.CLIENT, "0123456789abcdef", "Till 1")
TITLE = "Who has looked at this"


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.now = timezone.localtime(clock.now).replace(hour=12, minute=5)
    return clock


@pytest.fixture
def link(noon: Clock, servers: Stack, db: None) -> OrderLink:
    """Of that noon, and good until the evening."""
    seed()
    return order_links.mint(order_ref="A-1", client="shop", expires_in=21_600)


def looks(rx: str) -> list[tuple[str, int]]:
    """Each role, and how many minutes passed from its first look of the day to its last."""
    return [
        (one.role, round((one.last - one.first).total_seconds() / 60)) for one in onlookers.of_prescriptions([rx])[rx]
    ]


def test_the_order_page_says_which_roles_looked_and_when(noon: Clock, customer: Client, link: OrderLink) -> None:
    rx = sent(link, status="in_review").pk
    rao = staff(person("Dr Rao", "pharmacist"))
    audit.looked(rx, audit.Verb.REVIEW_VIEWED, actor=rao)
    noon.forward(minutes=50)
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=rao, data={"page": 1})
    audit.record(rx, audit.Verb.PRESCRIPTION_VIEWED, actor=SHOP)

    page = unescape(text(customer.get(PAGE).content))

    assert TITLE in page
    assert "A pharmacist" in page
    assert "The shop's system" in page
    assert "12:05 PM" in page
    assert "Rao" not in page
    assert "Till 1" not in page
    assert sorted(looks(rx)) == [
        ("A pharmacist", 50),
        ("The shop's system", 0),
        ("You, or somebody with the same link", 0),
    ]


def test_looks_by_link_are_of_those_who_were_given_it(db: None, seeded: None, noon: Clock) -> None:
    rx, lee = "e" * 32, staff(person("lee", "senior"))
    for actor, until in ((lee, 100), (CUSTOMER, 200), (SHOP, 300)):
        audit.record(rx, audit.Verb.LINK_MINTED, actor=actor, data={"until": until})
    span = {"count": 9, "first": noon.now.isoformat(), "last": (noon.now + timedelta(minutes=30)).isoformat()}
    other = Actor(ActorKind.CLIENT, "1" * 16, "Till 2")
    listings.record([rx, "d" * 32], actor=other, until=500, asked={})
    for until in (100, 200, 300, 400, 500):
        audit.record(rx, audit.Verb.PICTURE_SENT, actor=LINK, data={"page": 1, "until": until, **span})

    assert sorted(looks(rx)) == [
        ("A senior pharmacist", 30),
        ("Somebody with a link to the pages", 30),
        ("The shop's system", 30),
    ]


@pytest.mark.parametrize("role", ["auditor", "ops", None])
def test_each_role_has_its_word_and_no_other_is_named(db: None, seeded: None, role: str | None) -> None:
    user = person("x", role or "ops")
    if role is None:
        user.groups.clear()
        user.groups.create(name="Project Moonlight")
    audit.record("e" * 32, audit.Verb.REVIEW_VIEWED, actor=staff(user))

    expected = {"auditor": "An auditor", "ops": "Technical staff", None: "Pharmacy staff"}[role]
    assert looks("e" * 32) == [(expected, 0)]


def test_what_is_no_look_is_not_told(db: None, seeded: None) -> None:
    rao = staff(person("rao", "pharmacist"))
    for verb in ("review.claim", "access.refused", "link.minted", "order.polled", "audit.viewed"):
        audit.record("e" * 32, verb, actor=rao)

    assert looks("e" * 32) == []


def test_it_can_be_switched_off_and_is_nothing_for_links_that_only_send(
    customer: Client, link: OrderLink, settings: Settings
) -> None:
    rx = sent(link, status="in_review").pk
    audit.record(rx, audit.Verb.REVIEW_VIEWED, actor=staff(person("rao", "pharmacist")))
    only = order_links.mint(order_ref="A-1", client="shop", expires_in=600, scope=order_links.LinkScope.UPLOAD)
    sender = Client()
    sender.get(order_links.page_path(only))
    assert TITLE in text(customer.get(PAGE).content)
    assert TITLE not in text(sender.get(PAGE).content)
    assert sender.get(f"{PAGE}/status").status_code == 404

    settings.RX_SHOW_LOOKS = False

    assert TITLE not in text(customer.get(PAGE).content)


def test_it_costs_the_same_however_much_was_looked(db: None, seeded: None, django_assert_num_queries: Any) -> None:
    for number in range(30):
        rx, user = f"{number:032x}", staff(person(f"p{number}", "pharmacist"))
        audit.record(rx, audit.Verb.LINK_MINTED, actor=user, data={"until": 1})
        audit.record(rx, audit.Verb.PICTURE_SENT, actor=LINK, data={"page": 1, "until": 1})

    with django_assert_num_queries(4):
        found = onlookers.of_prescriptions([f"{number:032x}" for number in range(30)])

    assert [len(one) for one in found.values()] == [1] * 30
