"""The customer's pages, by plain forms: nothing without a link, and clear words for each bad file."""

import re
from typing import Any

import pytest
from django.test import Client

from prescriptions.intake import order_links
from prescriptions.models import Draft, DraftFile, Prescription
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, file, objects, picture

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
PAGE = "/orders/ORDER-7/prescription"


def mint(**changes: Any) -> order_links.OrderLink:
    return order_links.mint(**{"order_ref": "ORDER-7", "client": "shop", "expires_in": 600, **changes})


@pytest.fixture
def customer(http: Client) -> Client:
    """Somebody who opened the link of ORDER-7."""
    assert http.get(order_links.page_path(mint())).status_code == 303
    return http


def send(client: Client, *files: Any, path: str = PAGE, token: str | None = None) -> Any:
    """The form as a browser sends it: its own CSRF token unless told otherwise."""
    if token is None:
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(path).content.decode())[0]
    fields = {"csrfmiddlewaretoken": token, "files": list(files), "consent": "on", "action": "send"}
    return client.post(path, fields)


@pytest.mark.parametrize("path", [PAGE, "/upload/", f"{PAGE}?link=", "/upload/?link=x", f"{PAGE}?link=a:b:c"])
@pytest.mark.parametrize(
    ("method", "status"), [("get", 404), ("head", 404), ("options", 404), ("put", 405), ("delete", 405)]
)
def test_without_a_link_there_is_nothing(method: str, status: int, path: str) -> None:
    response = getattr(Client(), method)(path)

    assert response.status_code == status
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("path", [PAGE, "/upload/"])
def test_without_a_link_nothing_can_be_sent(path: str, http: Client, servers: Stack) -> None:
    before = objects(servers)
    without_csrf = Client()

    assert http.post(path, {"files": file()}).status_code in (403, 404)
    assert without_csrf.post(path, {"files": file()}).status_code == 404
    assert (Prescription.objects.count(), objects(servers)) == (0, before)


def test_the_link_moves_out_of_the_address_into_a_cookie_of_this_order(http: Client) -> None:
    made = mint()

    response = http.get(order_links.page_path(made))

    assert (response.status_code, response["Location"], response["Cache-Control"]) == (303, PAGE, "no-store")
    cookie = response.cookies[order_links.COOKIE]
    assert cookie.value == made.signed
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/orders/ORDER-7/", True, "Lax")
    assert cookie["expires"]
    assert not cookie["secure"]
    assert Client().get(order_links.page_path(made), secure=True).cookies[order_links.COOKIE]["secure"]


def test_the_bare_form_has_a_cookie_of_its_own(http: Client) -> None:
    response = http.get(order_links.upload_path(mint()))

    assert (response.status_code, response["Location"]) == (303, "/upload/")
    assert response.cookies[order_links.COOKIE]["path"] == "/upload/"
    assert http.get("/upload/").status_code == 200


@pytest.mark.parametrize(
    "signed",
    [
        mint(expires_in=-1).signed,
        mint(order_ref="ORDER-8").signed,
        mint().signed[:-1] + "?",
        "",
    ],
    ids=["expired", "another order's", "forged", "empty"],  # the same in every test process
)
def test_a_link_that_is_not_this_orders_opens_nothing(signed: str, http: Client) -> None:
    assert http.get(PAGE, {"link": signed}).status_code == 404
    http.cookies[order_links.COOKIE] = signed
    assert http.get(PAGE).status_code == 404


def test_a_bad_link_in_the_address_is_not_rescued_by_the_cookie(customer: Client) -> None:
    assert customer.get(PAGE, {"link": "forged"}).status_code == 404
    assert customer.get(PAGE).status_code == 200


def test_a_plain_form_uploads(customer: Client) -> None:
    response = send(customer, file("front.jpg"), file("back.jpg"))

    prescription = Prescription.objects.get()
    assert (response.status_code, response["Location"]) == (303, PAGE)
    assert (prescription.order_ref, prescription.client, prescription.pages.count()) == ("ORDER-7", "shop", 2)
    shown = customer.get(response["Location"])
    assert (shown.status_code, shown["Cache-Control"]) == (200, "private, no-store")
    links = re.findall(
        rf'src="/iiif/3/[^/]+/{prescription.id}_(\d)/full/150,200/0/default.webp"', shown.content.decode()
    )
    assert links == ["1", "2"]


def test_another_order_and_another_client_see_nothing_of_it(upload: Upload, http: Client) -> None:
    prescription = upload(client="shop", order_ref="ORDER-7")
    for other in (mint(order_ref="ORDER-8"), mint(client="clinic")):
        client = Client()
        page = client.get(order_links.page_path(other), follow=True)
        assert page.status_code == 200
        assert prescription.id not in page.content.decode()


def test_the_page_names_each_bad_file_and_sends_nothing(customer: Client, servers: Stack) -> None:
    response = send(customer, file("good.jpg"), file("notes.jpg", b"just text"), file("none.pdf", b""))

    content = response.content.decode()
    assert response.status_code in (415, 422)
    assert "notes.jpg is not a file we can read" in content
    assert "none.pdf is empty" in content
    assert Prescription.objects.count() == 0
    # what passed waits for the rest, so that nothing has to be chosen twice
    assert [row.name for row in DraftFile.objects.all()] == ["good.jpg"]
    assert len(objects(servers, prefix=Draft.objects.get().pk)) == 1


def test_a_name_is_shown_as_text(customer: Client) -> None:
    content = send(customer, file("<img src=x onerror=alert(1)>.jpg", b"text")).content.decode()

    assert "<img src=x" not in content
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in content


def test_a_form_without_files_or_consent_says_what_to_do(customer: Client) -> None:
    response = send(customer)

    assert response.status_code == 400
    assert "Choose at least one photo, scan or PDF" in response.content.decode()


def test_the_eleventh_file_is_refused(customer: Client) -> None:
    response = send(customer, *(file(f"{n}.jpg", picture(30 + n, 40)) for n in range(11)))

    assert response.status_code == 422
    assert "10.jpg was not added" in response.content.decode()
    assert Prescription.objects.count() == 0


@pytest.mark.parametrize("token", ["", "x" * 64, "0" * 32])
def test_a_form_of_another_site_is_refused(token: str, customer: Client, servers: Stack) -> None:
    before = objects(servers)
    customer.get(PAGE)

    assert send(customer, file(), token=token).status_code == 403
    assert (Prescription.objects.count(), objects(servers)) == (0, before)


def test_storage_that_is_down_is_told_to_people_in_words(customer: Client, no_s3: None) -> None:
    response = send(customer, file())

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response["Content-Type"].startswith("text/html")
    assert "try again" in response.content.decode()
    assert Prescription.objects.count() == 0


def test_the_page_has_nothing_inline(customer: Client) -> None:
    response = customer.get(PAGE)

    content = response.content.decode()
    assert "'unsafe-inline'" not in response["Content-Security-Policy"]
    assert not re.search(r"<style|<script(?![^>]*(?:src=|application/json))| style=| on[a-z]+=", content)
    assert response["Referrer-Policy"] in ("same-origin", "no-referrer")
