"""Every route of the site by every method, with odd queries and odd bodies: never a crash, always a true Allow."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django.utils.regex_helper import normalize
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.infra import per_process
from prescriptions.intake import handovers, order_links
from prescriptions.models import Page, Prescription
from prescriptions.variants import links
from tests.links import mint
from tests.prescriptions.conftest import CLOSED, claim
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
HOST = "testserver:47110"
QUERIES = (
    "%00=%00&q=%00&p=%00&o=%00&link=%00&fit=%00&cursor=%00&rx=%00",
    "%ed%a0%80=1&q=%ed%a0%80&rx=%ed%a0%80&link=%ed%a0%80",
    f"q={'x' * 9000}&p={'9' * 4000}&page={'9' * 400}&o=-{'1.' * 2000}&rx={'f' * 5000}",
    "q=a&q=b&p=-1&p=x&o=x&e=1&all=&_popup=1&_to_field=x&_changelist_filters=%25&show[]=&created_at__year=99999",
    "[]=&&&;==;%zz&%",
)
_DEEP = b"[" * 100_000
BODIES = (
    ("application/json", b'{"order_ref": "\\u0000\\ud800", "outcome": "\\ud800", "name": true}'),
    ("application/json", b'{"expires_in": 1' + b"0" * 5000 + b"}"),
    ("application/json", b'[{"quantity_ordered": true}, [], null, "x"]'),
    ("application/json", _DEEP),
    ("application/json; charset=utf-16", b"\xff\xfe{\x00"),
    (
        "application/x-www-form-urlencoded",
        b"action=%00&answer=%ed%a0%80&outcome=%00&order_ref=%00&_save=&page=%00&username=%00",
    ),
    (
        "application/x-www-form-urlencoded",
        b"action=answer:" + b"f" * 9000 + b"&version=" + b"9" * 9000 + b"&page=1e9&lines=x",
    ),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n\xed\xa0\x80\r\n--x',
    ),
    ("multipart/form-data", b"--x"),
    ("text/plain", b"\x00"),
)


def routes(patterns: list[Any], before: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Each route of the site as a template for its address, and the parameters in it."""
    for entry in patterns:
        text = str(entry.pattern)
        if hasattr(entry.pattern, "converters") and not text.startswith("^") and "(?P" not in text:
            template = re.sub(r"<(?:\w+:)?(\w+)>", r"%(\1)s", text)
        else:
            template = normalize(text)[0][0]
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, before + template)
        elif isinstance(entry, URLPattern):
            yield "/" + before + template


@pytest.fixture
def addresses(make: Make) -> list[str]:
    rx = make(order_ref="A-1", pages=1, lines=1).pk
    words = {
        "rx": rx,
        "object_id": rx,
        "token": mint(rx),
        "identifier": f"{rx}_1",
        "number": "1",
        "spec": "thumb",
        "tail": "full/150,200/0/default.webp",
        "job": "0" * 32,
        "link": "0" * 16,
        "lent": "0" * 12,
        "incoming": "0" * 32,
        "webhook": "0" * 16,
        "order_ref": "A-1",
        "file_id": "0" * 32,
        "app_label": "prescriptions",
        "url": "nothing",
        "content_type_id": "1",
        "id": "1",
        "uidb64": "x",
        "pk": "1",
        "provider_id": "sso",
        "by": "patient",
    }
    found = sorted({template % words for template in routes(get_resolver().url_patterns)})
    assert len(found) > 80
    return found


@pytest.fixture
def callers(seeded: None) -> dict[str, Client]:
    """Who may do everything, in each of the ways in which one can come."""
    user = get_user_model().objects.create_superuser("asha")
    _token, text = tokens.make(name="all", client="shop", scopes=list(tokens.SCOPES), user=user)
    staff = Client(raise_request_exception=False)
    staff.force_login(user)
    staff.get(order_links.page_path(order_links.mint(order_ref="A-1", client="shop", expires_in=600)))
    phone = Client(raise_request_exception=False)
    shop = order_links.mint(order_ref="A-1", client="shop", expires_in=600)
    phone.post(f"/upload/phone?link={handovers.begin(shop)}")
    return {
        "phone": phone,
        "staff": staff,
        "token": Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"}),
        "nobody": Client(raise_request_exception=False, enforce_csrf_checks=True),
    }


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    """Neither S3 nor Redis is there: what needs them is 503 at once."""
    settings.RX_S3_ENDPOINT, settings.RX_REDIS_URL = f"http://{CLOSED}", f"redis://{CLOSED}/0"
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(
        settings.RX_S3_CLIENT_CONFIG.__class__(retries={"total_max_attempts": 1})
    )
    settings.RX_READY_KEEP = 60
    settings.RX_WAIT = 0
    with per_process.anew():
        yield


def ask(client: Client, method: str, address: str, body: bytes = b"", kind: str = "text/plain") -> Any:
    """One request, whose changes are taken back; what holds for every answer is looked at here."""
    with transaction.atomic():
        answer = client.generic(method, address, body, kind, headers={"Host": HOST})
        content = b"" if answer.streaming else answer.content
        transaction.set_rollback(True)
    said = f"{method} {address[:200]} {kind} {body[:60]!r}: {answer.status_code} {content[:300]!r}"
    assert answer.status_code < 500 or (answer.status_code == 503 and "Retry-After" in answer.headers), said
    assert b":47110" not in content, said
    random = {"X-Request-ID"}
    assert ":47110" not in str({name: value for name, value in answer.headers.items() if name not in random}), said
    assert b"Traceback" not in content, said
    if answer.headers.get("Content-Type", "") == "application/problem+json" and content:
        assert json.loads(content)["status"] == answer.status_code
    return answer


@pytest.mark.slow
def test_every_method_at_every_address(addresses: list[str], callers: dict[str, Client]) -> None:
    for address in addresses:
        for name, client in callers.items():
            if name == "token" and not address.startswith(("/api/", "/metrics")):
                continue
            answers = {method: ask(client, method, address) for method in METHODS}
            refused = {method for method, answer in answers.items() if answer.status_code == 405}
            allows = {answer.headers["Allow"] for method, answer in answers.items() if method in refused}
            assert {"TRACE", "PROPFIND"} <= refused, (name, address)
            assert len(allows) == 1, (name, address, allows)
            assert set(allows.pop().split(", ")) == set(METHODS) - refused, (name, address, refused)


@pytest.mark.slow
def test_odd_queries_and_bodies_at_every_address(addresses: list[str], callers: dict[str, Client]) -> None:
    for address in addresses:
        client = callers["token" if address.startswith(("/api/", "/metrics")) else "staff"]
        for query in QUERIES:
            ask(client, "GET", f"{address}?{query}")
        method = "PUT" if address.endswith(("order-lines", "v1/orders/A-1")) else "POST"
        if ask(client, method, address).status_code != 405:
            for kind, body in BODIES:
                ask(client, method, address, body, kind)


def test_links_for_people_and_viewers_may_collect_parameters(row: Page) -> None:
    """Mail programs, browsers and social sites add theirs. Under /api/v1 they are refused: api/test_parameters.py."""
    link = order_links.page_path(order_links.mint(order_ref="A-1", client="shop", expires_in=600))
    claim(row, "full/150,200/0/default.webp", state="ready", ready_at=timezone.now())
    rx, more, customer = (
        row.prescription_id,
        "utm_source=mail&utm_source=x&fbclid=%00&status=approved&q&rid=" + "a" * 32,
        Client(),
    )
    image = f"/iiif/3/{mint(rx)}/{rx}_1"

    opened = customer.get(f"{link}&{more}")
    assert (opened.status_code, opened["Location"]) == (303, "/orders/A-1/prescription")
    for path in ("/orders/A-1/prescription", "/orders/A-1/prescription/status", f"{image}/info.json"):
        with_more, without = customer.get(f"{path}?{more}"), customer.get(path)
        assert (with_more.status_code, with_more.headers.get("ETag")) == (200, without.headers.get("ETag"))
    assert customer.get(f"{links.manifest_path(rx, mint(rx))}?{more}").status_code == 200
    for address, target in (
        (f"{image}/full/max/0/default.jpg", f"{image}/full/300,400/0/default.jpg"),
        (f"/generate{image}/full/150,200/0/default.webp", f"{image}/full/150,200/0/default.webp?hop=1&rid={'a' * 32}"),
        (image, f"{image}/info.json"),
    ):
        answer = customer.get(f"{address}?{more}")
        assert (answer.status_code, answer["Location"]) == (303, target)
    assert customer.get(f"/docs/problems?{more}").status_code == 200
    assert customer.get(f"/healthz?{more}").status_code == 200


def test_addresses_in_answers_are_the_configured_ones(row: Page, settings: Settings, bearer: Any) -> None:
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://rx.example", ["inside"]
    rx, headers = row.prescription_id, {**bearer(), "Host": "inside:9", "X-Forwarded-Host": "made-up:9"}
    Prescription.objects.create(client="shop")

    answers = [
        Client().get(f"/api/v1/prescriptions/{rx}", headers=headers),
        Client().get("/api/v1/prescriptions?page_size=1", headers=headers),
        Client().post("/api/v1/order-links", {"order_ref": "A"}, content_type="application/json", headers=headers),
        Client().get(f"/iiif/3/{mint(rx)}/{rx}_1/info.json", headers=headers),
        Client().get(links.manifest_path(rx, mint(rx)), headers=headers),
    ]

    for answer in answers:
        text = answer.content.decode()
        said = set(re.findall(r"https?://[^/\"]+", text)) - {"http://iiif.io", "http://library.stanford.edu"}
        assert said == {"https://rx.example"}, text
    following = answers[1].json()["next"]
    assert following.startswith("https://rx.example/api/v1/prescriptions?")
    assert Client().get(following, headers={**headers, "Host": "inside"}).status_code == 200
