"""The order's pages over HTTP, without JavaScript: who gets in, what a form does, how a prescription fares."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.intake import drafts, order_links, submission
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import (
    Consent,
    Document,
    Draft,
    DraftFile,
    OrderLine,
    Prescription,
    Review,
)
from rxproject.local import samples
from tests.prescriptions.customer import PAGE, file, picture, sent, text
from tests.transforms.fixtures import vector_pdf
from tests.transforms.unembedded import by_glyphs, document

# --- Who gets in ---


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/status", f"{PAGE}/files/{'0' * 32}", "/upload/", "/upload/status"])
@pytest.mark.parametrize("cookie", ["", "forged"])
def test_without_a_link_there_is_nothing(link: OrderLink, path: str, cookie: str) -> None:
    client = Client()
    client.cookies["rx_order"] = cookie

    assert client.get(path).status_code == 404
    assert client.get(path, {"link": cookie}).status_code == 404


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/status", f"{PAGE}/files/{'0' * 32}"])
def test_another_orders_link_opens_nothing(link: OrderLink, path: str) -> None:
    client = Client()
    client.cookies["rx_order"] = order_links.mint(order_ref="A-2", client="shop", expires_in=600).signed

    assert client.get(path).status_code == 404


def test_strangers_cannot_post(link: OrderLink) -> None:
    client = Client()
    for path, data in (
        (PAGE, {"action": "send", "files": file(), "consent": "on"}),
        (f"{PAGE}/files", {"file": file()}),
        (f"{PAGE}/status", {"action": "withdraw:x"}),
    ):
        assert client.post(path, data).status_code == 404
    assert (Draft.objects.count(), Prescription.objects.count()) == (0, 0)


def test_a_post_without_csrf_token_writes_nothing(link: OrderLink) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(order_links.page_path(link))

    assert client.post(f"{PAGE}/files", {"file": file()}).status_code == 403
    assert Draft.objects.count() == 0


def test_opening_a_link_moves_it_into_a_cookie_of_this_order_alone(link: OrderLink) -> None:
    client = Client()
    response = client.get(order_links.page_path(link))

    assert (response.status_code, response.headers["location"]) == (303, PAGE)
    cookie = response.cookies["rx_order"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/orders/A-1/", True, "Lax")
    page = client.get(PAGE)
    assert page.headers["cache-control"] == "private, no-store"
    assert page.headers["referrer-policy"] == "same-origin"  # else browsers send "Origin: null" with the form


def test_an_expired_link_is_nothing(link: OrderLink, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.get(order_links.page_path(link))
    monkeypatch.setattr(order_links.time, "time", lambda: link.expires + 1)

    assert client.get(PAGE).status_code == 404


# --- Sending ---


def test_one_form_sends_everything(customer: Client) -> None:
    response = customer.post(PAGE, {"files": [file("a.png"), file("b.png", picture("red"))], "consent": "on"})

    assert (response.status_code, response.headers["location"]) == (303, PAGE)
    prescription = Prescription.objects.get()
    assert [d.name for d in prescription.documents.all()] == ["a.png", "b.png"]
    assert Consent.objects.get(prescription=prescription).version == "2026-11"
    status = customer.get(PAGE)
    assert "We have your prescription" in text(status.content)


def key_of(page: bytes) -> str:
    (key,) = re.findall(r'name="key" value="([0-9a-f]{32})"', page.decode())
    return key


def test_a_form_sent_twice_is_one_prescription(customer: Client) -> None:
    key = key_of(customer.get(PAGE).content)

    def send(*files: str, action: str = "send", key: str = key) -> int:
        chosen = [file(f"{shade}.png", picture(shade)) for shade in files]
        return customer.post(PAGE, {"files": chosen, "consent": "on", "key": key, "action": action}).status_code

    assert [send("red", action="add"), send("red", action="add")] == [303, 303]
    assert DraftFile.objects.count() == 1
    order = [row.pk for row in DraftFile.objects.all()]
    again = customer.post(PAGE, {"order": order, "consent": "on", "key": key, "action": "send"})
    assert (again.status_code, Prescription.objects.count()) == (303, 1)
    assert [send("blue"), send("blue")] == [303, 303]  # somebody has gone back to the page, and chosen something else
    assert (Prescription.objects.count(), Draft.objects.count()) == (2, 0)
    assert send("blue", key="not ours") == 303
    assert Prescription.objects.count() == 3


def test_of_two_that_are_sent_at_once_the_later_one_leaves_nothing(link: OrderLink) -> None:
    # given a form whose twin comes through after its own files were taken
    files = [file()]
    sending = submission.Sending.of("0" * 32, [], files)
    first = submission.submit(link, [drafts.add(link, files[0], key=sending.key_of(files[0])).pk], sending)
    late = drafts.add(link, file(), key=sending.key_of(files[0]))

    assert submission.was_sent(link, sending)
    assert submission.submit(link, [late.pk], sending) is None

    assert list(Prescription.objects.all()) == [first]
    assert drafts.files_of(link) == []


def test_good_files_are_kept_when_others_are_refused(customer: Client, link: OrderLink) -> None:
    # when a good and a bad file are sent together
    response = customer.post(PAGE, {"files": [file("a.png"), file("scan.bmp", b"BM" + b"0" * 99)], "consent": "on"})

    # then the answer names the bad one and how to go on, and the good one waits in the list
    assert response.status_code == 415
    page = text(response.content)
    assert "Not sent yet" in page
    assert "scan.bmp is not a file we can read. It must be one of: JPEG, PNG, WebP, HEIC, PDF. Take a photo" in page
    assert [row.name for row in drafts.files_of(link)] == ["a.png"]
    assert b'id="consent" value="on" required checked' in response.content
    assert Prescription.objects.count() == 0


def test_consent_is_asked_for_and_the_files_stay(customer: Client, link: OrderLink) -> None:
    response = customer.post(PAGE, {"files": file("a.png")})

    assert response.status_code == 400
    assert b'href="#consent"' in response.content
    assert b'aria-describedby="consent-error"' in response.content
    assert [row.name for row in drafts.files_of(link)] == ["a.png"]
    [row] = drafts.files_of(link)
    assert customer.post(PAGE, {"consent": "on", "order": row.pk}).status_code == 303
    assert Document.objects.get().pk == row.pk


def test_nothing_chosen_is_said_kindly(customer: Client) -> None:
    response = customer.post(PAGE, {"consent": "on"})

    assert response.status_code == 400
    assert "Choose at least one photo, scan or PDF." in text(response.content)
    assert (Draft.objects.count(), Prescription.objects.count()) == (0, 0)


def test_the_list_is_arranged_by_plain_buttons(customer: Client, link: OrderLink) -> None:
    assert customer.post(PAGE, {"action": "add", "files": [file("a.png"), file("b.png")]}).status_code == 303
    first, second = drafts.files_of(link)

    assert customer.post(PAGE, {"action": f"down:{first.pk}"}).headers["location"] == f"{PAGE}?send#files"
    assert [row.pk for row in drafts.files_of(link)] == [second.pk, first.pk]
    customer.post(PAGE, {"action": f"remove:{second.pk}"})
    assert [row.pk for row in drafts.files_of(link)] == [first.pk]


def test_the_bare_form_is_the_same_page(link: OrderLink) -> None:
    client = Client()
    opened = client.get(order_links.upload_path(link))
    assert (opened.status_code, opened.headers["location"]) == (303, "/upload/")

    assert client.post("/upload/", {"files": file(), "consent": "on"}).headers["location"] == "/upload/"
    assert Prescription.objects.get().order_ref == "A-1"
    assert client.get("/upload/status").status_code == 200


# --- One by one, as upload.js does ---


def test_a_file_is_answered_with_its_row(customer: Client, link: OrderLink) -> None:
    first = customer.post(f"{PAGE}/files", {"file": file("<b>.png")}, headers={"Idempotency-Key": "k"})
    again = customer.post(f"{PAGE}/files", {"file": file("<b>.png")}, headers={"Idempotency-Key": "k"})

    [row] = drafts.files_of(link)
    assert (first.status_code, again.status_code) == (201, 201)
    assert f'data-id="{row.pk}"'.encode() in first.content
    assert b"&lt;b&gt;.png" in first.content
    assert b"<b>.png" not in first.content


def test_what_a_file_does_not_show_is_said_at_once_and_until_it_is_decided(customer: Client, link: OrderLink) -> None:
    row = drafts.add(link, file("form.pdf", vector_pdf(2)))
    DraftFile.objects.filter(pk=row.pk).update(notices=[[], ["xfa", "of a newer version"]])
    told = "Page 2: This PDF only shows its content in a PDF program. Please send a photo or a print to PDF."
    bad = document(*by_glyphs("ArialMT", "नमस्ते"))

    answer = customer.post(f"{PAGE}/files", {"file": file("bad.pdf", bad)})
    page = customer.get(f"{PAGE}?send")

    assert answer.status_code == 201
    assert "Some text of this PDF cannot be shown" in text(answer.content)
    assert told in text(page.content)
    sent = submission.submit(link, [row.pk])
    assert sent is not None
    assert told in text(customer.get(PAGE).content)
    assert told in text(customer.get(f"{PAGE}/status").content)
    Review.objects.filter(pk=sent.pk).update(status="approved", decided_at=timezone.now() - timedelta(days=1))
    assert "PDF program" not in text(customer.get(PAGE).content)


def test_a_refused_file_is_problem_json_in_the_customers_words(customer: Client, link: OrderLink) -> None:
    response = customer.post(f"{PAGE}/files", {"file": file("x.bmp", b"BM" + b"0" * 99)})

    assert (response.status_code, response.headers["content-type"]) == (415, "application/problem+json")
    assert response.json()["detail"].startswith("x.bmp is not a file we can read.")
    assert drafts.files_of(link) == []


def test_a_thumbnail_is_private_and_inert(customer: Client, link: OrderLink) -> None:
    row = drafts.add(link, file("page.heic", samples.photo_heic()))

    response = customer.get(f"{PAGE}/files/{row.pk}")

    assert response.status_code == 200
    assert response.content[8:12] == b"WEBP"
    assert (
        response.headers["content-security-policy"]
        == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
    )
    assert response.headers["cache-control"].startswith("private")


# --- Using an earlier one again ---


@pytest.mark.parametrize(
    ("change", "offered"),
    [
        ({}, True),
        ({"status": "partially_approved"}, True),
        ({"status": "rejected"}, False),
        ({"valid_until": "2001-01-01"}, False),
        ({"valid_until": None}, False),
    ],
)
def test_an_earlier_prescription_of_the_patient_is_offered_while_valid(
    customer: Client, link: OrderLink, change: dict[str, object], offered: bool
) -> None:
    before = order_links.mint(order_ref="A-0", client="shop", expires_in=600, patient_ref="P-1")
    earlier = sent(before, **{"status": "approved", "valid_until": "2099-01-01", **change})

    OrderLine.objects.create(prescription=earlier, position=1, name="Telmisartan", strength="40 mg", quantity_ordered=3)
    page = customer.get(PAGE).content.decode()
    assert ("Use it again" in page) is offered
    assert (f"/{earlier.pk}_1/" in page and "Telmisartan 40 mg" in page and "until 1 January 2099" in page) is offered
    response = customer.post(PAGE, {"action": f"reuse:{earlier.pk}"})

    assert response.status_code == (303 if offered else 404)
    assert len(drafts.files_of(link)) == offered
    # a choice is made once, and can be taken back
    chosen = text(customer.get(PAGE).content)
    assert ("It is in the list below." in chosen) is offered
    assert "Use it again" not in chosen
    for row in drafts.files_of(link):
        customer.post(PAGE, {"action": f"remove:{row.pk}"})
    assert (b"Use it again" in customer.get(PAGE).content) is offered


@pytest.mark.parametrize(
    ("order_ref", "client", "patient_ref"),
    [("A-0", "shop", "P-2"), ("A-0", "rival", "P-1"), ("A-0", "shop", "")],
)
def test_other_peoples_prescriptions_are_never_offered(
    customer: Client, order_ref: str, client: str, patient_ref: str
) -> None:
    theirs = order_links.mint(order_ref=order_ref, client=client, expires_in=600, patient_ref=patient_ref)
    foreign = sent(theirs, status="approved", valid_until="2099-01-01")

    assert b"Use it again" not in customer.get(PAGE).content
    assert customer.post(PAGE, {"action": f"reuse:{foreign.pk}"}).status_code == 404
    assert DraftFile.objects.count() == 0


def test_everything_a_page_loads_is_ours(customer: Client) -> None:
    content = customer.get(PAGE).content.decode()

    for address in re.findall(r'(?:src|href|action)="([^"]+)"', content):
        assert urlsplit(address).netloc == "", address
    assert " style=" not in content
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", content)
    assert not re.search(r"\son[a-z]+=", content)
