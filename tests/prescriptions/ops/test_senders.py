"""Whom the edge lets send a large body: the same as the view behind it would listen to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from prescriptions.api import tokens
from prescriptions.intake import handovers, order_links
from prescriptions.intake.order_links import OrderLink

pytestmark = pytest.mark.django_db
API, PAGE, FILES = "/api/v1/prescriptions", "/orders/A-1/prescription?send", "/orders/A-1/prescription/files"


def asked(address: str, **by: Any) -> int:
    return answer(address, **by).status_code


def answer(address: str, *, token: str = "", link: str = "", client: Client | None = None) -> HttpResponse:
    http = client or Client()
    if link:
        http.cookies["rx_order"] = link
    headers = {"X-Rx-Address": address} | ({"Authorization": token} if token else {})
    return http.get("/-may-send", headers=headers)  # type: ignore[return-value]


def mint(**changes: object) -> OrderLink:
    return order_links.mint(**{"order_ref": "A-1", "client": "shop", "expires_in": 60, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("address", [PAGE, FILES, "/upload/", "/upload/files"])
def test_an_order_is_for_who_holds_its_link(address: str) -> None:
    good = mint()

    assert asked(address) == 403
    assert asked(address, link=good.signed) == 204
    assert asked(address, link=good.signed[:-1]) == 403
    assert asked(address, link=mint(expires_in=-1).signed) == 403
    assert (asked(address, link=mint(order_ref="A-2").signed) == 204) == address.startswith("/upload")
    order_links.revoke("shop", good.id, longest=order_links.ends(good))
    assert asked(address, link=good.signed) == 403


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda text: f"Bearer {text}", 204),
        (lambda text: f"bearer  {text}", 204),
        (lambda text: text, 401),
        (lambda text: f"Bearer {text[:-1]}", 401),
        (lambda text: f"Bearer {text[:-1]}_", 401),
        (lambda _text: "Bearer", 401),
        (lambda _text: "Basic YTpi", 401),
        (lambda _text: "", 401),
    ],
)
def test_the_api_is_for_who_holds_a_token(spoil: Callable[[str], str], expected: int) -> None:
    _token, text = tokens.make(name="shop", client="shop", scopes=["rx:write"])

    assert asked(API, token=spoil(text)) == expected


def test_a_token_that_is_over_lets_nobody_send() -> None:
    _old, ended = tokens.make(name="a", client="shop", scopes=["rx:write"], expires_at=timezone.now() - timedelta(1))

    assert asked(API, token=f"Bearer {ended}") == 401


def test_an_orders_link_does_not_open_the_api_nor_a_token_an_order() -> None:
    _token, text = tokens.make(name="a", client="shop", scopes=["rx:write"])

    assert asked(API, link=mint().signed) == 401
    assert asked(PAGE, token=f"Bearer {text}") == 403


def test_a_phone_sends_into_the_order_that_it_was_handed() -> None:
    phone = Client()
    phone.post(f"/upload/phone?link={handovers.begin(mint())}")

    assert asked("/upload/phone/files", client=phone) == asked("/upload/phone", client=phone) == 204
    for address in (FILES, "/upload/files", "/upload/phones", API):
        assert asked(address, client=phone) in (401, 403)
    assert asked("/upload/phone/files", link=mint().signed) == 403


def test_staff_send_by_their_session() -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_user("asha", is_staff=True))

    assert asked(API, client=client) == 204
    assert asked(PAGE, client=client) == 403


def test_a_piece_of_a_file_may_come_with_the_link_itself() -> None:
    link = mint()

    for path in ("/orders/A-1/prescription/uploads/0", "/upload/uploads"):
        assert answer(path, token=f"Bearer {link.signed}").headers["X-Rx-Sender"] == f"link-{link.id}"
        assert answer(path, token=f"Bearer {link.signed}x").status_code == 403
    assert answer("/upload/files", token=f"Bearer {link.signed}").status_code == 403


def test_one_sender_is_one_whatever_else_the_request_says() -> None:
    """The edge has room for so many bodies of one."""
    link, (token, text) = mint(), tokens.make(name="a", client="shop", scopes=["rx:write"])

    told = {
        answer("/upload/", link=link.signed, token=f"Bearer rxk_{made_up:016x}_x").headers["X-Rx-Sender"]
        for made_up in range(3)
    }

    assert told == {f"link-{link.id}"}
    assert answer(API, token=f"Bearer {text}", link=mint().signed).headers["X-Rx-Sender"] == f"token-{token.pk}"
    assert "X-Rx-Sender" not in answer("/upload/").headers
