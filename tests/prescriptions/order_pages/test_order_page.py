"""The customer's pages, by plain forms: nothing without a link, and clear words for each bad file."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.intake import drafts, order_links
from prescriptions.models import Draft, DraftFile, Prescription
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, assert_problem, file, fresh_address, objects, picture
from transforms.limits import LIMITS

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
    cookie = response.cookies["rx_order"]
    assert cookie.value == made.signed
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/orders/ORDER-7/", True, "Lax")
    assert cookie["expires"]
    assert not cookie["secure"]
    assert Client().get(order_links.page_path(made), secure=True).cookies["rx_order"]["secure"]


def test_the_bare_form_has_a_cookie_of_its_own(http: Client) -> None:
    response = http.get(order_links.upload_path(mint()))

    assert (response.status_code, response["Location"]) == (303, "/upload/")
    assert response.cookies["rx_order"]["path"] == "/upload/"
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
    http.cookies["rx_order"] = signed
    assert http.get(PAGE).status_code == 404


def test_a_bad_link_in_the_address_is_not_rescued_by_the_cookie(customer: Client) -> None:
    assert customer.get(PAGE, {"link": "forged"}).status_code == 404
    assert customer.get(PAGE).status_code == 200


def test_too_many_links_that_open_nothing_and_none_is_looked_at(http: Client, settings: Settings) -> None:
    # given a forged and an expired link from one address
    settings.RX_WRONG_TRIES = 2
    here = {"X-Forwarded-For": fresh_address()}
    for bad in ("forged", mint(expires_in=-1).signed):
        assert http.get(PAGE, {"link": bad}, headers=here).status_code == 404
    assert http.get(PAGE, headers=here).status_code == 404, "no link is not a wrong one"

    # then people are told to wait, and scripts and the edge in their words
    good = mint()
    page = http.get(order_links.page_path(good), headers=here)
    assert (page.status_code, page["Content-Type"]) == (429, "text/html; charset=utf-8")
    assert "In 5 minutes" in page.content.decode()
    assert 0 < int(page["Retry-After"]) <= 300
    http.cookies["rx_order"] = good.signed
    asked = {**here, "X-Rx-Address": f"{PAGE}/files"}
    assert http.get("/-may-send", headers=asked).status_code == 403
    script = Client().post(f"{PAGE}/files?link={good.signed}", headers={**here, "Idempotency-Key": "k"})
    assert_problem(script, 429, "too-many-tries")

    # and the same link from elsewhere opens the page
    assert http.get(order_links.page_path(good), headers={"X-Forwarded-For": fresh_address()}).status_code == 303


def test_an_order_takes_so_many_prescriptions_a_day(customer: Client, settings: Settings) -> None:
    settings.RX_ORDER_UPLOADS = 1
    page = f"{PAGE}?send"
    chosen = file("front.jpg")
    assert send(customer, chosen).status_code == 303

    # the next one is refused in words, file by file or as a whole
    refused = send(customer, file("more.jpg"), path=page)
    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")
    assert "A prescription was sent for this order within a day" in refused.content.decode()
    token = customer.cookies["csrftoken"].value
    script = customer.post(f"{PAGE}/files", {"file": file()}, headers={"X-CSRFToken": token, "Idempotency-Key": "k"})
    assert_problem(script, 429, "order-full")
    assert script["RateLimit-Policy"] == '"order";q=1;w=86400;qu="prescriptions"'
    assert Prescription.objects.count() == 1
    assert not DraftFile.objects.exists()

    # until the day is over
    Prescription.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    assert send(customer, file("more.jpg"), path=page).status_code == 303


def test_what_was_chosen_before_the_order_was_full_is_kept(customer: Client, settings: Settings) -> None:
    drafts.add(mint(), file("front.jpg"))
    settings.RX_ORDER_UPLOADS = 0
    row = DraftFile.objects.get()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', customer.get(PAGE).content.decode())[0]

    refused = customer.post(PAGE, {"csrfmiddlewaretoken": token, "order": [row.pk], "consent": "on", "action": "send"})

    assert refused.status_code == 429
    assert (Prescription.objects.count(), DraftFile.objects.get().pk) == (0, row.pk)


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


def test_one_file_too_many_is_refused(customer: Client) -> None:
    draft = Draft.objects.create(client="shop", order_ref="ORDER-7")
    DraftFile.objects.bulk_create(
        DraftFile(draft=draft, key=str(n), position=n, media_type="image/png", size=1, sha256="0", pages=[[1, 1]])
        for n in range(LIMITS.order_files - 1)
    )

    response = send(customer, *(file(f"{n}.jpg", picture(30 + n, 40)) for n in range(2)))

    assert response.status_code == 422
    assert "1.jpg was not added, because one prescription has at most 20 files" in response.content.decode()
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


# --- Links that only upload, links that are taken back, links that somebody else sent -------------------------------


def test_a_link_that_only_uploads_shows_nothing_of_what_is_there(upload: Upload, http: Client) -> None:
    upload(client="shop", order_ref="ORDER-7")
    owner, helper = Client(), http
    owner.get(order_links.page_path(mint()))
    owner.post(f"{PAGE}/files", {"file": file("private.jpg")})
    draft = DraftFile.objects.get()
    helper.get(order_links.page_path(mint(scope="upload", patient_ref="P-1")))

    page = helper.get(f"{PAGE}?send").content.decode()

    assert draft.pk not in page
    assert "private.jpg" not in page
    assert helper.get(f"{PAGE}/files/{draft.pk}").status_code == 404
    assert owner.get(f"{PAGE}/files/{draft.pk}").status_code == 200
    assert helper.get(f"{PAGE}/status").status_code == 404
    helper.handler.enforce_csrf_checks = False
    assert helper.post(f"{PAGE}/status", {"action": f"withdraw:{Prescription.objects.get().pk}"}).status_code == 404
    assert send(helper, file("mine.jpg"), path=f"{PAGE}?send").status_code == 303
    sent = helper.get(PAGE).content.decode()
    assert Prescription.objects.count() == 2
    assert "Your prescription was sent" in sent
    assert "/iiif/" not in sent


def test_a_link_that_only_uploads_touches_nothing_that_others_chose(http: Client) -> None:
    owner, helper = Client(), http
    owner.get(order_links.page_path(mint()))
    for name in ("first.jpg", "second.jpg"):
        owner.post(f"{PAGE}/files", {"file": file(name, picture(40, 40 + len(name)))})
    first, second = (row.pk for row in DraftFile.objects.order_by("position"))
    helper.get(order_links.page_path(mint(scope="upload")))
    helper.handler.enforce_csrf_checks = False

    for action in (f"remove:{first}", f"up:{second}"):
        helper.post(PAGE, {"action": action})
    helper.post(PAGE, {"action": "order", "order": [second, first]})
    helper.post(PAGE, {"action": "send", "consent": "on", "order": [second]})
    assert not Prescription.objects.exists()
    assert send(helper, file("theirs.jpg"), path=f"{PAGE}?send").status_code == 303

    assert [document.name for document in Prescription.objects.get().documents.all()] == ["theirs.jpg"]
    assert list(DraftFile.objects.order_by("position").values_list("pk", flat=True)) == [first, second]
    assert helper.get(f"{PAGE}?send").content.count(b'class="file kept"') == 0
    assert owner.get(f"{PAGE}?send").content.count(b'class="file kept"') == 2


def test_a_link_that_was_taken_back_opens_nothing_not_even_in_a_browser_that_has_it(customer: Client) -> None:
    other, kept = mint(), order_links.verify(customer.cookies["rx_order"].value)
    assert kept is not None
    until = order_links.ends(kept)

    order_links.revoke("clinic", kept.id, longest=until)  # another client's word counts for nothing
    assert customer.get(PAGE).status_code == 200
    order_links.revoke("shop", kept.id, longest=until)

    assert customer.get(PAGE).status_code == 404
    customer.handler.enforce_csrf_checks = False
    assert customer.post(f"{PAGE}/files", {"file": file()}).status_code == 404
    assert Client().get(order_links.page_path(kept)).status_code == 404
    assert Client().get(order_links.page_path(other)).status_code == 303


def test_a_strangers_link_does_not_take_over_a_browser_that_has_an_order_open(http: Client) -> None:
    mine, theirs = mint(), mint(order_ref="ORDER-8", client="clinic")
    http.get(order_links.upload_path(mine))

    asked = http.get(order_links.upload_path(theirs))

    assert asked.status_code == 200
    assert "rx_order" not in asked.cookies
    assert "ORDER-7" in asked.content.decode()
    assert http.post(order_links.upload_path(theirs)).status_code == 403  # no CSRF token: not from that page
    assert "ORDER-7" in http.get("/upload/").content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', asked.content.decode())[0]
    assert http.post(order_links.upload_path(theirs), {"csrfmiddlewaretoken": token}).status_code == 303
    assert "ORDER-8" in http.get("/upload/").content.decode()


def test_a_fresh_link_of_the_same_order_asks_nothing(customer: Client) -> None:
    assert customer.get(order_links.page_path(mint())).status_code == 303
