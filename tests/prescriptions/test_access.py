"""Who sees what: each route of the site, for everybody who may come, by each way of asking.

The table names for each route who may see what is behind it; a route that is not in the table fails. Everybody else is
answered as if it were not there, with the same words as for what really is not there, or is told to sign in.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.infra import per_process
from prescriptions.intake import handovers, order_links
from prescriptions.models import (
    ClarificationMessage,
    Document,
    MessageAuthor,
    OrderLine,
    Page,
    Prescription,
    ReviewStatus,
    Variant,
)
from tests.links import mint
from tests.prescriptions.access_rules import RULES, SCOPES, STAFF
from tests.prescriptions.conftest import CLOSED, claim
from tests.prescriptions.staff import Make, person
from tests.prescriptions.test_urls import routes

pytestmark = pytest.mark.django_db

CANARY: Final = "KANARIENVOGEL"
TABLE: Final = {route: (let_in, sees) for let_in, sees, block in RULES for route in block.split()}
BY_OBJECT: Final = re.compile(r"%\((?:rx|identifier|job|order_ref)\)s")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who comes: with a browser, and perhaps with a token and a link of their own."""

    http: Client
    image_token: str


@pytest.fixture
def objects(make: Make) -> dict[str, str]:
    """One of everything that can stand in an address, with the canary in whatever a person may have written."""
    review = make(order_ref="A-1", pages=1, lines=1, client="shop", status=ReviewStatus.CLARIFICATION)
    rx, page = review.pk, Page.objects.select_related("document", "prescription").get()
    Prescription.objects.update(patient_ref=f"P-{CANARY}")
    Document.objects.update(name=f"{CANARY}.jpg")
    OrderLine.objects.update(name=f"{CANARY} 500")
    ClarificationMessage.objects.create(
        review=review, author=MessageAuthor.STAFF, text=f"Is it {CANARY}?", expires_at=timezone.now()
    )
    variant: Variant = claim(page, state="ready", ready_at=timezone.now())
    return {
        "rx": rx, "object_id": rx, "identifier": f"{rx}_1", "number": "1", "spec": "thumb",
        "tail": "full/150,200/0/default.webp", "job": variant.pk, "link": "0" * 16, "lent": "0" * 12,
        "order_ref": "A-1", "file_id": "0" * 32, "app_label": "prescriptions", "url": "nothing", "content_type_id": "1",
        "id": "1", "webhook": "0" * 16, "uidb64": "x", "pk": "1", "provider_id": "sso", "by": "patient",
        "incoming": "0" * 32,
    }  # fmt: skip


@pytest.fixture
def callers(objects: dict[str, str]) -> dict[str, Caller]:
    """Everybody, in each of the ways in which one can come."""
    foreign = Prescription.objects.create(client="rival", order_ref="A-2").pk
    users = {name: person(name, name) for name in sorted(STAFF)}
    users["no role"] = get_user_model().objects.create_user("no-role", is_staff=True)
    users["customer with an account"] = get_user_model().objects.create_user("no-staff")
    stranger = mint(foreign)

    def signed_in(user: Any) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(user)
        return client

    def with_token(client: str, *scopes: str) -> Client:
        _token, text = tokens.make(name="t", client=client, scopes=list(scopes), user=users["pharmacist"])
        return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"})

    def with_link(scope: str = "order", **changes: Any) -> Client:
        link = order_links.mint(**{"order_ref": "A-1", "client": "shop", "expires_in": 600, "scope": scope, **changes})
        client = Client(raise_request_exception=False)
        for path in (order_links.page_path(link), order_links.upload_path(link)):
            client.get(path)
        return client

    def phone() -> Client:
        code = handovers.begin(order_links.mint(order_ref="A-1", client="shop", expires_in=600))
        client = Client(raise_request_exception=False)
        client.post(f"/upload/phone?link={code}")
        return client

    return {
        "nobody": Caller(Client(raise_request_exception=False), stranger),
        "link": Caller(Client(raise_request_exception=False), mint(objects["rx"])),
        "redacted link": Caller(Client(raise_request_exception=False), mint(objects["rx"], scope="r")),
        "customer": Caller(with_link(), stranger),
        "sender": Caller(with_link("upload"), stranger),
        "phone": Caller(phone(), stranger),
        "other customer": Caller(with_link(order_ref="A-2"), stranger),
        "same order elsewhere": Caller(with_link(client="rival"), stranger),
        **{name: Caller(signed_in(user), stranger) for name, user in users.items()},
        **{f"token {scope}": Caller(with_token("shop", scope), stranger) for scope in SCOPES},
        "rival": Caller(with_token("rival", *SCOPES), stranger),
    }


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    """Neither S3 nor Redis is there: who is let in may be told so."""
    settings.RX_S3_ENDPOINT, settings.RX_REDIS_URL = f"http://{CLOSED}", f"redis://{CLOSED}/0"
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(
        settings.RX_S3_CLIENT_CONFIG.__class__(retries={"total_max_attempts": 1})
    )
    settings.RX_READY_KEEP, settings.RX_WAIT = 60, 0
    with per_process.anew():
        yield


def ask(caller: Caller, method: str, address: str, **headers: str) -> Any:
    held = deepcopy(caller.http.cookies)
    with transaction.atomic():
        # Whoever does not speak tus is told so, whoever it is: that is no answer to who is let in.
        answer = caller.http.generic(method, address, b"", "text/plain", headers={"Tus-Resumable": "1.0.0"} | headers)
        answer.text_of_it = "" if answer.streaming else answer.content.decode(errors="replace")
        transaction.set_rollback(True)
    caller.http.cookies = held  # whoever signed out is signed in again
    return answer


def refused(answer: Any) -> bool:
    """Told to sign in, or to go away; or that this is not how to ask."""
    to_login = answer.status_code == 302 and "/login/" in answer.headers["Location"]
    return to_login or answer.status_code in (401, 403, 404, 405)


def methods_of(route: str) -> tuple[str, ...]:
    return ("GET", "POST", "PUT", "DELETE") if route.startswith("/api/") else ("GET", "POST")


def address_of(route: str, objects: dict[str, str], caller: Caller) -> str:
    return route % {**objects, "token": caller.image_token}


def test_every_route_has_a_rule() -> None:
    assert set(TABLE) == set(routes(get_resolver().url_patterns))


@pytest.mark.parametrize("name", ["nobody", "rival", "no role", "same order elsewhere"])
def test_strangers_see_nothing(name: str, objects: dict[str, str], callers: dict[str, Caller]) -> None:
    for route, (let_in, sees) in TABLE.items():
        assert name not in sees
        answer = ask(callers[name], "GET", address_of(route, objects, callers[name]))
        assert CANARY not in answer.text_of_it, route
        if name not in let_in:
            assert refused(answer), (route, answer.status_code)


@pytest.mark.long
def test_who_is_let_in_and_who_sees(objects: dict[str, str], callers: dict[str, Caller]) -> None:
    for route, (let_in, sees) in TABLE.items():
        for name, caller in callers.items():
            address = address_of(route, objects, caller)
            answers = [ask(caller, method, address) for method in methods_of(route)]
            assert (name in let_in) != all(map(refused, answers)), (route, name, [a.status_code for a in answers])
            assert (name in sees) == any(CANARY in answer.text_of_it for answer in answers), (route, name)


@pytest.mark.long
def test_who_is_not_let_in_learns_nothing_in_any_other_way(objects: dict[str, str], callers: dict[str, Caller]) -> None:
    """By HEAD, a range or a condition; and from no difference to what is not there at all."""
    missing = {**objects, "rx": "0" * 32, "identifier": f"{'0' * 32}_1", "job": "1" * 32, "order_ref": "A-9"}
    ways = (("HEAD", {}), ("GET", {"Range": "bytes=0-9"}), ("GET", {"If-None-Match": "*"}), ("OPTIONS", {}))

    def told(answer: Any) -> tuple[int, str]:
        words = re.sub(r"[0-9a-f]{16,}|A-[19]|csrf\S+ value=\S+", "", answer.text_of_it)
        return answer.status_code, words

    for route, (let_in, _sees) in TABLE.items():
        for name, caller in callers.items():
            if name in let_in:
                continue
            address, twin = address_of(route, objects, caller), address_of(route, missing, caller)
            for method, headers in ways:
                answer = ask(caller, method, address, **headers)
                assert answer.status_code not in (206, 304), (route, name, method)
                assert CANARY not in f"{answer.headers} {answer.text_of_it}", (route, name, method)
            if BY_OBJECT.search(route) and "link" not in name:  # whoever has a link knows that it is there
                assert told(ask(caller, "GET", address)) == told(ask(caller, "GET", twin)), (route, name)
