"""Every place that shows somebody the pictures of a page, as its reader comes to it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from prescriptions.api import tokens
from prescriptions.intake import order_links
from prescriptions.models import Page
from prescriptions.review import queue
from prescriptions.variants import links
from rxproject.local.stack.stack import Stack
from tests.links import mint
from tests.prescriptions.conftest import claim, file
from tests.prescriptions.staff import make_review, seed

_LINK = re.compile(r"/([a-z0-9]{1,8}\.[0-9a-z]{1,9}\.[fr](?:[0-9a-f]{12})?\.[A-Za-z0-9_-]{22})/([0-9a-f]{32})")
THUMB = "full/150,200/90/default.webp"
FETCH = {"X-Requested-With": "fetch"}


@dataclass(frozen=True, slots=True)
class Reader:
    """All who look at one prescription: a page of 1200 x 1600 that a reviewer has turned by 90 degrees. Its thumbnail
    is made; another prescription of the same order may be compared with it.
    """

    rx: str
    job: str
    staff: Client
    customer: Client
    api: Client
    actors: dict[str, str]


@pytest.fixture
def reader(servers: Stack, db: None) -> Reader:
    seed()
    user = User.objects.create_superuser("asha")
    token, secret = tokens.make(name="shop", client="shop", scopes=["rx:read", "rx:write"])
    make_review(order_ref="A-1")
    rx = queue.claim(make_review(order_ref="A-1").pk, user).pk
    Page.objects.filter(prescription=rx).update(rotation=90)
    page = Page.objects.select_related("document").get(prescription=rx)
    thumb = claim(page, THUMB, state="ready", ready_at=timezone.now())
    servers.s3_client("bootstrap").put_object(Bucket="rx-variants", Key=thumb.key, Body=b"picture")
    staff, customer, api = Client(), Client(), Client(headers={"Authorization": f"Bearer {secret}"})
    staff.force_login(user)
    customer.get(order_links.page_path(order_links.mint(order_ref="A-1", client="shop", expires_in=600)))
    return Reader(
        rx=rx,
        job=thumb.pk,
        staff=staff,
        customer=customer,
        api=api,
        actors={"staff": f"staff:{user.pk}", "client": f"client:{token.pk}", "customer": "customer", "holder": "link"},
    )


@dataclass(frozen=True, slots=True)
class Face:
    """`reader`: who looks, by the names of `Reader.actors`."""

    reader: str
    visit: Callable[[Reader], Any]


def _admin(path: str = "") -> Callable[[Reader], Any]:
    return lambda reader: reader.staff.get(f"/admin/prescriptions/{path.format(rx=reader.rx)}")


def _api(path: str) -> Callable[[Reader], Any]:
    return lambda reader: reader.api.get(f"/api/v1/{path.format(rx=reader.rx, job=reader.job)}")


def _act(action: str, **data: str) -> Callable[[Reader], Any]:
    return lambda reader: reader.staff.post(f"/admin/prescriptions/review/{reader.rx}/{action}/", data, headers=FETCH)


# Where links are given to a reader.
GIVING = {
    "list of uploads": Face("staff", _admin("prescription/")),
    "upload in the admin": Face("staff", _admin("prescription/{rx}/change/")),
    "work queue": Face("staff", _admin("review/")),
    "review page": Face("staff", _admin("review/{rx}/")),
    "heartbeat of a review": Face("staff", _act("heartbeat")),
    "turning a page": Face("staff", _act("rotate", page="1", rotation="90")),
    "API: one": Face("client", _api("prescriptions/{rx}")),
    "API: list": Face("client", _api("prescriptions")),
    "API: variant": Face("client", _api("prescriptions/{rx}/pages/1/variants/thumb")),
    "API: job": Face("client", _api("jobs/{job}")),
    "status page": Face("customer", lambda reader: reader.customer.get("/orders/A-1/prescription")),
    "status cards": Face("customer", lambda reader: reader.customer.get("/orders/A-1/prescription/status")),
}
UPLOAD = Face("client", lambda reader: reader.api.post("/api/v1/prescriptions", {"files": [file()]}))
# Shows nothing but the link that its reader came with.
MANIFEST = Face("holder", lambda reader: Client().get(links.manifest_path(reader.rx, mint(reader.rx))))


def text_of(answer: Any) -> str:
    """What a reader is told, the address that a redirect leads to included."""
    return f"{answer.headers.get('Location', '')}\n{answer.content.decode()}"


def links_in(answer: Any) -> set[tuple[str, str]]:
    """Token and prescription of every link in it."""
    return set(_LINK.findall(text_of(answer)))


def stored_forms_in(answer: Any, rx: str) -> list[str]:
    """Of every picture of page 1 that it shows or leads to."""
    return re.findall(rf"/{rx}_1/(full/[\d,]+/\d+/\w+\.\w+)", text_of(answer))
