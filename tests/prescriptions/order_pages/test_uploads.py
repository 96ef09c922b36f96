"""Files in pieces (tus 1.0) by an order's link: with the link itself, as programs send it, or by the page's cookie."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from prescriptions import models
from prescriptions.intake import drafts, order_links, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Document, DraftFile, Incoming
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.customer import PAGE, file, picture

pytestmark = pytest.mark.django_db(transaction=True)
PIECE = "application/offset+octet-stream"
SPOKEN = {"Tus-Resumable": "1.0.0"}


def bearer(link: OrderLink) -> dict[str, str]:
    return {**SPOKEN, "Authorization": f"Bearer {link.signed}"}


def begin(http: Client, length: int, headers: dict[str, str], page: str = PAGE) -> Any:
    named = {"Upload-Length": str(length), "Upload-Metadata": "filename cmV6ZXB0LnBuZw==,prescription"}
    return http.post(f"{page}/uploads", headers={**headers, **named})


def patch(http: Client, path: str, offset: int, data: bytes, headers: dict[str, str]) -> Any:
    return http.patch(path, data, content_type=PIECE, headers={**headers, "Upload-Offset": str(offset)})


def test_a_whole_file_is_one_of_the_draft_and_can_be_sent(
    http: Client, link: OrderLink, originals: Callable[[str], list[str]]
) -> None:
    # given a program that has nothing but the link
    data = picture()
    path = begin(http, len(data), bearer(link))["Location"]
    assert patch(http, path, 0, data[:50], bearer(link))["Upload-Offset"] == "50"
    assert drafts.files_of(link) == []

    # when it is whole
    answer = patch(http, path, 50, data[50:], bearer(link))

    # then it has gone through intake, and is told of now and later
    [row] = drafts.files_of(link)
    assert (answer.status_code, row.name, row.pages) == (204, "rezept.png", [[300, 400]])
    assert answer["Location"] == f"http://testserver{PAGE}/files/{row.pk}"
    assert http.head(path, headers=bearer(link))["Location"] == answer["Location"]
    assert originals(f"incoming/{path[-32:]}/") == []
    # and what is sent is a prescription like any other
    prescription = submission.submit(link, [row.pk])
    assert prescription is not None
    assert Document.objects.get().name == "rezept.png"
    assert http.head(path, headers=bearer(link))["Location"] == answer["Location"]
    assert drafts.files_of(link) == []


def test_the_page_sends_by_its_cookie_and_shows_the_file(customer: Client, link: OrderLink) -> None:
    data = picture()
    path = begin(customer, len(data), SPOKEN)["Location"]
    early = customer.post(f"{PAGE}/files", {"upload": path[-32:]}, headers={"Idempotency-Key": "k"})
    assert_problem(early, 422, "upload-incomplete")
    patch(customer, path, 0, data, SPOKEN)

    shown = customer.post(f"{PAGE}/files", {"upload": path[-32:]})

    [row] = drafts.files_of(link)
    assert shown.status_code == 201
    assert row.pk in shown.content.decode()


def test_a_cookie_alone_is_a_forgery(link: OrderLink) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.get(order_links.page_path(link))

    assert_problem(begin(browser, 9, SPOKEN), 403, "forbidden")
    assert begin(browser, 9, bearer(link)).status_code == 201


def test_what_intake_refuses_is_said_in_the_customers_words_and_is_over(http: Client, link: OrderLink) -> None:
    path = begin(http, 5, bearer(link))["Location"]

    body = assert_problem(patch(http, path, 0, b"no go", bearer(link)), 415, "unsupported-media-type")

    assert body["detail"].startswith("rezept.png is not a file we can read.")
    assert http.head(path, headers=bearer(link)).status_code == 410
    assert DraftFile.objects.count() == 0


def test_it_is_of_this_order_alone(http: Client, link: OrderLink) -> None:
    path = begin(http, 9, bearer(link))["Location"]
    other = order_links.mint(order_ref="A-2", client="shop", expires_in=600)
    sender = order_links.mint(order_ref="A-1", client="shop", expires_in=600, scope="upload")

    for stranger in (other, sender):
        assert http.head(path, headers=bearer(stranger)).status_code == 404
        assert patch(http, path, 0, b"x", bearer(stranger)).status_code == 404
    assert http.head(path, headers=SPOKEN).status_code == 404
    assert begin(http, 9, bearer(other)).status_code == 404
    assert begin(http, 9, bearer(sender), "/upload").status_code == 201
    assert Incoming.objects.count() == 2


def test_an_order_that_is_full_begins_nothing(http: Client, link: OrderLink, settings: Any) -> None:
    settings.RX_ORDER_UPLOADS = 1
    submission.submit(link, [drafts.add(link, file()).pk])

    assert_problem(begin(http, 9, bearer(link)), 429, "order-full")


def test_pages_of_listed_origins_may_read_the_answers(http: Client, link: OrderLink) -> None:
    models.Client.objects.create(name="shop", origins=["https://shop.example"])
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "PATCH"}

    allowed = http.options(f"{PAGE}/uploads", headers=asked)
    answer = begin(http, 9, {**bearer(link), "Origin": "https://shop.example"})
    foreign = begin(http, 9, {**bearer(link), "Origin": "https://other.example"})

    assert "upload-offset" in allowed["Access-Control-Allow-Headers"].lower()
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    assert {"Location", "Upload-Offset"} <= set(answer["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Origin" not in foreign
