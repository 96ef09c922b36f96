"""Which language a page speaks, and that no cache and no program gets another than it should."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Order, ReasonCode
from tests.prescriptions.customer import PAGE, file, sent

HEADINGS = {"en": "Send your prescription", "hi": "अपना प्रिस्क्रिप्शन भेजें"}
pytestmark = pytest.mark.django_db


def spoken(client: Client, path: str = PAGE, **headers: str) -> tuple[str, str]:
    """What the page says that it is in, and what it is in."""
    answer = client.get(path, headers=headers)
    text = answer.content.decode()
    [attribute] = re.findall(r'<html lang="([\w-]+)"', text)
    assert answer["Content-Language"] == attribute
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in answer["Vary"].split(",")}
    return attribute, next((code for code, heading in HEADINGS.items() if heading in text), "")


def choose(client: Client, language: str, back: str = PAGE) -> Any:
    return client.post("/language", {"language": language, "next": back})


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("hi", "hi"),
        ("hi-IN,hi;q=0.9,en;q=0.8", "hi"),
        ("de, hi;q=0.5, en;q=0.1", "hi"),
        ("de,fr", "en"),
        ("hi;q=0, en", "en"),
        ("*", "en"),
        ("\x00;;q=, hi", "en"),
    ],
)
def test_the_browser_is_asked_where_nobody_has_chosen(customer: Client, accepted: str, language: str) -> None:
    assert spoken(customer, **{"Accept-Language": accepted}) == (language, language)


def test_what_is_chosen_goes_before_the_order_which_goes_before_the_browser(customer: Client, link: OrderLink) -> None:
    Order.objects.create(client=link.client, ref=link.order_ref, language="hi")
    other = Order.objects.create(client="rival", ref=link.order_ref, language="ur")

    assert spoken(customer, **{"Accept-Language": "en"}) == ("hi", "hi")

    answer = choose(customer, "en")
    cookie = answer.cookies["rx_language"]
    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (302, PAGE, "no-store")
    assert (cookie.value, cookie["path"], cookie["httponly"], cookie["samesite"]) == ("en", "/", True, "Lax")
    assert spoken(customer, **{"Accept-Language": "hi"}) == ("en", "en")
    assert other.language == "ur"


def test_an_order_may_say_a_language_that_no_page_speaks(customer: Client, link: OrderLink) -> None:
    Order.objects.create(client=link.client, ref=link.order_ref, language="pt-br")

    assert spoken(customer, **{"Accept-Language": "hi"}) == ("hi", "hi")


@pytest.mark.parametrize("language", ["", "xx", "de", "hi\x00", "../en", "h" * 5000])
def test_what_nobody_speaks_changes_nothing(customer: Client, language: str) -> None:
    assert choose(customer, language).status_code == 302
    assert spoken(customer) == ("en", "en")
    choose(customer, "hi")
    assert choose(customer, language).status_code == 302
    assert spoken(customer) == ("hi", "hi")


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_nobody_is_sent_elsewhere(customer: Client, back: str) -> None:
    assert choose(customer, "hi", back)["Location"] == "/"


def test_choosing_is_a_form_with_a_token_on_every_page_of_the_order(customer: Client, link: OrderLink) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = customer.cookies
    for query in ("", "?send"):
        text = strict.get(PAGE + query).content.decode()
        [form] = re.findall(r'<form method="post" action="/language".*?</form>', text, re.DOTALL)
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        [back] = re.findall(r'name="next" value="([^"]+)"', form)

        assert back == PAGE + query
        assert re.findall(r'name="language" value="(\w+)"', form) == ["en", "hi", "bn", "mr", "ta", "te", "ur"]
        assert strict.post("/language", {"language": "hi", "next": back}).status_code == 403
        chosen = {"language": "hi", "next": back, "csrfmiddlewaretoken": token}
        assert strict.post("/language", chosen).status_code == 302
        sent(link)


def test_a_page_that_answers_a_form_leads_back_to_the_form(customer: Client) -> None:
    text = customer.post(PAGE, {"action": "send"}, headers={"Accept-Language": "ur"}).content.decode()

    assert f'name="next" value="{PAGE}"' in text
    assert '<html lang="ur" dir="rtl">' in text


def test_a_tag_is_of_one_language(customer: Client, link: OrderLink) -> None:
    sent(link)
    status = f"{PAGE}/status"
    english = customer.get(status)
    assert customer.get(status, headers={"If-None-Match": english["ETag"]}).status_code == 304

    hindi = customer.get(status, headers={"If-None-Match": english["ETag"], "Accept-Language": "hi"})

    assert (hindi.status_code, hindi["Content-Language"]) == (200, "hi")
    assert hindi["ETag"] != english["ETag"]
    assert "Accept-Language" in hindi["Vary"]


def test_what_the_script_is_told_of_a_file_is_in_the_page_s_language(customer: Client) -> None:
    answer = customer.post(
        f"{PAGE}/files", {"file": file("a.png", b"BM" + b"0" * 99)}, headers={"Accept-Language": "hi"}
    )

    assert (answer.status_code, answer["Content-Language"]) == (415, "hi")
    assert "a.png ऐसी फ़ाइल नहीं है" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/v1/prescriptions", "/iiif/3/x/y/info.json", "/docs/problems", "/livez"])
def test_programs_are_answered_in_english(customer: Client, path: str) -> None:
    choose(customer, "hi")
    answer = customer.get(path, headers={"Accept-Language": "hi"})

    assert answer.content.isascii() or path == "/docs/problems"
    assert "Content-Language" not in answer
    assert "Accept-Language" not in answer.get("Vary", "")


def test_one_request_leaves_its_language_to_no_other(customer: Client) -> None:
    spoken(customer, **{"Accept-Language": "ur"})

    assert spoken(customer) == ("en", "en")


def test_staff_pages_speak_what_staff_speak(client: Client, settings: Settings) -> None:
    settings.RX_STAFF_LANGUAGES = ("en", "hi")
    login = "/accounts/login/"
    assert spoken(client, login, **{"Accept-Language": "ta, hi;q=0.5"})[0] == "hi"
    assert spoken(client, login, **{"Accept-Language": "ta"})[0] == "en"
    choose(client, "ta", login)
    assert spoken(client, login, **{"Accept-Language": "hi"})[0] == "hi"


def test_a_shop_s_own_words_for_a_reason_go_before_the_catalogue_s(customer: Client, link: OrderLink) -> None:
    sent(link, status="rejected", reason_id="image_blurry")
    reason = ReasonCode.objects.get(pk="image_blurry")
    hindi = {"Accept-Language": "hi"}
    assert "फ़ोटो धुंधली है" in customer.get(PAGE, headers=hindi).content.decode()

    reason.customer_title = "Blurry, sorry"  # in no catalogue
    reason.save()
    assert "Blurry, sorry" in customer.get(PAGE, headers=hindi).content.decode()

    reason.translations = {"hi": {"customer_title": "तस्वीर साफ़ नहीं"}}
    reason.save()
    told = customer.get(PAGE, headers=hindi).content.decode()
    assert "तस्वीर साफ़ नहीं" in told
    assert "अच्छी रोशनी में फ़ोन स्थिर रखें" in told  # the text below it still comes from the catalogue
    assert "Blurry, sorry" in customer.get(PAGE).content.decode()
