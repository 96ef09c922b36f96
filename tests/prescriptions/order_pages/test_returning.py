"""The way back to the shop: where it leads, what goes along, and to whom it is not offered."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.intake import order_links
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Client as RestClient
from prescriptions.models import Order
from tests.prescriptions.customer import PAGE, sent

SHOP = "https://shop.example/checkout?step=3&status=old&order_ref=other#pay"


@pytest.fixture(autouse=True)
def order(link: OrderLink) -> None:
    RestClient.objects.create(name="shop", origins=["https://shop.example"])
    Order.objects.create(client="shop", ref="A-1", patient_ref="P-1", return_url=SHOP)


def back(http: Client, page: str = PAGE) -> str | None:
    found = re.search(
        r'<a class="rx-button" href="([^"]*)" rel="noreferrer">Back to the pharmacy</a>', html(http, page)
    )
    return unescape(found[1]) if found else None


def html(http: Client, page: str) -> str:
    answer = http.get(page)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("status", "told"),
    [("queued", "queued"), ("approved", "in_review"), ("clarification", "clarification"), ("rejected", "rejected")],
)
def test_it_leads_to_the_shop_with_reference_and_status(
    status: str, told: str, customer: Client, link: OrderLink, settings: Settings
) -> None:
    settings.RX_REVIEW_UNDO = 60
    asha = User.objects.create_user("asha")
    sent(link, status=status, **({"reviewer": asha, "decided_at": timezone.now()} if status == "approved" else {}))

    expected = f"https://shop.example/checkout?step=3&order_ref=A-1&status={told}#pay"
    assert [back(customer), back(customer, f"{PAGE}/status")] == [expected, expected]


def test_before_anything_is_sent_there_is_no_way_back(customer: Client) -> None:
    assert back(customer) is None


def test_a_link_that_only_sends_tells_no_status(link: OrderLink) -> None:
    sent(link)
    sender = Client()
    sender.get(order_links.page_path(order_links.mint(order_ref="A-1", client="shop", expires_in=60, scope="upload")))

    assert back(sender) == "https://shop.example/checkout?step=3&order_ref=A-1#pay"


@pytest.mark.parametrize(
    ("origins", "address"),
    [
        ([], SHOP),
        (["https://other.example"], SHOP),
        (["https://shop.example"], ""),
        (["http://localhost"], "http://localhost/"),
    ],
)
def test_it_is_offered_only_to_an_origin_that_is_listed_now(
    origins: list[str], address: str, customer: Client, link: OrderLink
) -> None:
    sent(link)
    RestClient.objects.update(origins=origins)
    Order.objects.update(return_url=address)

    assert back(customer) is None


def test_nothing_of_the_patient_goes_along_and_nobody_frames_it(customer: Client, link: OrderLink) -> None:
    sent(link)

    answer = customer.get(PAGE)

    assert "P-1" not in str(back(customer))
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
