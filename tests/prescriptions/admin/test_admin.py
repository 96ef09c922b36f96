"""The admin: facts to be looked at. Nothing is typed over, added or deleted, whoever asks."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from prescriptions.models import ApiToken, Document, Page, Prescription, Variant
from tests.prescriptions.conftest import claim

pytestmark = pytest.mark.django_db
MODELS = ("prescription", "variant", "apitoken")
Login = Callable[..., Client]


@pytest.fixture
def login() -> Login:
    def make(*permissions: str, superuser: bool = False) -> Client:
        user = User.objects.create_user(f"u{User.objects.count()}", is_staff=True, is_superuser=superuser)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return make


VIEW = ("view_prescription", "view_document", "view_page", "view_variant", "view_apitoken")


def address(model: str, action: str = "changelist", *args: object) -> str:
    return reverse(f"admin:prescriptions_{model}_{action}", args=args)


@pytest.fixture
def everything(row: Page) -> dict[str, str]:
    """One row of each kind; key: model, value: primary key."""
    variant = claim(row, state="dead", attempts=3, error_code="render-crashed", error_detail="<b>bold</b>")
    ApiToken.objects.create(id="0" * 16, name="<i>shop</i>", client="shop", scopes=["rx:read"], secret_sha256="5ec2e7")
    Document.objects.update(name="<script>alert(1)</script>.jpg")
    return {"prescription": row.prescription_id, "variant": variant.pk, "apitoken": "0" * 16}


@pytest.mark.parametrize("superuser", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_lists_and_rows_render_for_who_may_see_them(
    model: str, superuser: bool, everything: dict[str, str], login: Login
) -> None:
    client = login(*VIEW, superuser=superuser)

    pages = [client.get(address(model)), client.get(address(model, "change", everything[model]))]

    for page in pages:
        assert page.status_code == 200
        content = page.content.decode()
        assert "<script>alert(1)" not in content
        assert "<b>bold" not in content
        assert "<i>shop" not in content
        assert "5ec2e7" not in content
        makes = "addlink" if model == "apitoken" and superuser else "nothing"
        assert not re.search(r'name="_(save|continue|addanother)"|deletelink|addlink', content.replace(makes, ""))


@pytest.mark.parametrize("model", MODELS)
def test_who_has_no_permission_sees_nothing(model: str, everything: dict[str, str], login: Login) -> None:
    client = login()

    assert client.get(address(model)).status_code == 403
    assert client.get(address(model, "change", everything[model])).status_code == 403
    anonymous = Client().get(address(model))
    assert (anonymous.status_code, anonymous["Location"].split("?")[0]) == (302, "/admin/login/")


def test_thumbnails_are_variant_urls(row: Page, login: Login) -> None:
    client = login(superuser=True)

    for page in (
        client.get(address("prescription")),
        client.get(address("prescription", "change", row.prescription_id)),
    ):
        found = re.findall(r'<img class="rx-thumb" src="([^"]+)" width="(\d+)" height="(\d+)"', page.content.decode())
        assert len(found) == 1
        url, width, height = found[0]
        assert re.fullmatch(rf"/iiif/3/[\w.-]+/{row.identifier}/full/150,200/0/default\.webp", url)
        assert (width, height) == ("150", "200")
    assert Variant.objects.count() == 0  # made when a browser asks for it


@pytest.mark.parametrize("superuser", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted(
    model: str, superuser: bool, everything: dict[str, str], login: Login
) -> None:
    every = [f"{verb}_{name}" for verb in ("view", "add", "change", "delete") for name in MODELS]
    client, pk = login(*every, superuser=superuser), everything[model]
    before = [list(kind.objects.values()) for kind in (Prescription, Document, Page, Variant, ApiToken)]

    for action, arguments in (("add", ()), ("delete", (pk,))):
        url = address(model, action, *arguments)
        # Administrators make tokens: tests/prescriptions/accounts/test_tokens.py.
        refused = 303 if (model, action, superuser) == ("apitoken", "add", True) else 403
        assert client.get(url).status_code == refused
        assert client.post(url, {"post": "yes", "state": "ready", "name": "x"}).status_code == refused
    changed = {"state": "ready", "order_ref": "X", "client": "evil", "name": "evil", "scopes": "[]", "_save": "Save"}
    assert client.post(address(model, "change", pk), changed).status_code == 403
    for post in (
        {"action": "delete_selected", "_selected_action": pk, "post": "yes"},
        {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": pk, "form-0-state": "ready", "_save": "Save"},
    ):
        assert client.post(address(model), post).status_code in (200, 302, 403)
    assert [list(kind.objects.values()) for kind in (Prescription, Document, Page, Variant, ApiToken)] == before


def retry(client: Client, pk: str) -> int:
    data = {"action": "try_again", "_selected_action": [pk], "index": "0"}
    return client.post(address("variant"), data).status_code


def test_an_operator_may_have_it_tried_again(everything: dict[str, str], login: Login) -> None:
    assert retry(login("view_variant", "change_variant"), everything["variant"]) == 302

    variant = Variant.objects.get()
    assert (variant.state, variant.attempts) == ("retry", 0)


def test_who_may_only_look_may_not_have_it_tried_again(everything: dict[str, str], login: Login) -> None:
    client = login("view_variant")

    assert "try_again" not in client.get(address("variant")).content.decode()
    retry(client, everything["variant"])

    variant = Variant.objects.get()
    assert (variant.state, variant.attempts) == ("dead", 3)


def test_an_action_of_another_site_is_refused(everything: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))

    assert retry(client, everything["variant"]) == 403
    assert Variant.objects.get().state == "dead"


def fill(count: int) -> None:
    for n in range(count):
        prescription = Prescription.objects.create(client=f"c{n}")
        for position in (1, 2):
            document = Document.objects.create(
                prescription=prescription, position=position, media_type="image/png", size=1, sha256="0" * 64
            )
            page = Page.objects.create(
                prescription=prescription, document=document, number=position, index=1, width=30, height=40
            )
            claim(page)
        ApiToken.objects.create(id=f"{ApiToken.objects.count():016x}", name="t", client="c", secret_sha256="0")


@pytest.mark.parametrize("model", MODELS)
def test_the_number_of_queries_does_not_grow_with_the_list(model: str, login: Login) -> None:
    client, counts = login(superuser=True), []
    for _ in range(2):
        fill(5)
        client.get(address(model))  # warm: content types
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_filters_offer_what_there_is_and_find_it(row: Page, login: Login) -> None:
    client, moments = login(superuser=True), ("2025-10-31T23:30Z", "2025-11-01T00:30Z", "2024-01-15T12:00Z")
    for name, moment in zip(("early", "late", "old"), map(datetime.fromisoformat, moments), strict=True):
        Prescription.objects.create(client=name, created_at=moment)
    for width, backend in enumerate(("celery", "lambda"), 10):
        claim(row, f"full/{width},10/0/default.png", backend=backend)

    def shown(model: str, query: str) -> str:
        answer = client.get(f"{address(model)}?{query}")
        assert answer.status_code == 200
        return str(answer.context["cl"].queryset.count()) + answer.content.decode()

    everything = shown("prescription", "") + shown("variant", "")
    for offered in ("?month=2025-10", "?month=2025-11", "?month=2024-01", "?client=early", "?backend=lambda"):
        assert offered in everything
    assert "?month=2025-09" not in everything
    assert [shown("prescription", query)[0] for query in ("month=2025-10", "month=2025-11", "client=late")] == list(
        "111"
    )
    assert [shown("variant", query)[0] for query in ("backend=lambda", "backend=none")] == list("10")
    assert shown("prescription", "month=tomorrow")[0] == shown("prescription", "month=9999-12")[0] == "4"


def test_the_number_of_queries_does_not_grow_with_the_pages(row: Page, login: Login) -> None:
    client, counts = login(superuser=True), []
    url = address("prescription", "change", row.prescription_id)
    for start in (2, 12):
        Page.objects.bulk_create(
            Page(prescription=row.prescription, document=row.document, number=n, index=n, width=3, height=4)
            for n in range(start, start + 10)
        )
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=" + "x" * 5000,
        "o=99999999999999999999",
        "o=-1.x.%00",
        "p=99999999999999999999",
        "p=-1",
        "created_at__year=99999",
        "created_at__year=x",
        "created_at__gte=garbage",
        "page__id__exact=99999999999999999999999",
        "page__id__exact=x",
        "state__exact=%00",
        "secret_sha256__startswith=5",
        "order_ref__regex=(",
        "client__regex=(a%2B)%2B%24",
        "data__contains=1",
        "_popup=1&_to_field=secret_sha256",
        "e=1",
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_an_odd_query_is_no_crash(model: str, query: str, everything: dict[str, str], login: Login) -> None:
    client = login(superuser=True)
    client.raise_request_exception = False

    assert client.get(f"{address(model)}?{query}").status_code in (200, 302, 400)


@pytest.mark.parametrize("pk", ["x", "%00", "9" * 400, "..%2f", "_3A"])
@pytest.mark.parametrize("model", MODELS)
def test_a_row_that_is_not_there(model: str, pk: str, login: Login) -> None:
    client = login(superuser=True)
    client.raise_request_exception = False

    assert client.get(f"/admin/prescriptions/{model}/{pk}/change/").status_code in (302, 400, 404)


def test_pages_keep_the_content_security_policy(everything: dict[str, str], login: Login) -> None:
    client = login(superuser=True)

    for model in MODELS:
        response = client.get(address(model))
        assert "'unsafe-inline'" not in response["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*(src=|application/json))[^>]*>", response.content.decode())
