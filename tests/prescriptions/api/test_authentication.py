"""Who may call, with what, and how a refusal looks. A denial never writes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.models import ApiToken, Page, Prescription
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, assert_problem, file, fresh_address, objects

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
LIST = "/api/v1/prescriptions"
ID = "0" * 32
ROUTES = [
    ("get", LIST),
    ("post", LIST),
    ("get", f"{LIST}/{ID}"),
    ("get", f"{LIST}/{ID}/original"),
    ("get", f"{LIST}/{ID}/pages/1/variants/thumb"),
    ("get", f"/api/v1/jobs/{ID}"),
    ("post", "/api/v1/order-links"),
    ("put", f"{LIST}/{ID}/order-lines"),
    ("delete", f"{LIST}/{ID}"),
    ("options", LIST),
    ("head", f"{LIST}/{ID}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_gets_in_without_a_token(method: str, path: str, http: Client) -> None:
    response = getattr(http, method)(path)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="prescriptions"'
    assert Prescription.objects.count() == 0


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer rxk_0000000000000000_" + "A" * 43,
        "bearer rxk__",
        "Bearer rxk_0000000000000000_" + "A" * 42 + "\u00e9",
        "Bearer " + "A" * 5000,
        "Bearer rxk_0000000000000000_" + "A" * 43 + " and more",
    ],
)
def test_a_token_that_nobody_made(header: str, http: Client) -> None:
    response = http.get(LIST, headers={"Authorization": header.encode().decode("latin-1")})

    assert_problem(response, 401, "authentication-failed")
    assert response["WWW-Authenticate"] == 'Bearer realm="prescriptions"'


def test_too_many_wrong_tokens_from_one_address_and_none_is_looked_at(
    http: Client, settings: Settings, servers: Stack, django_assert_num_queries: Any
) -> None:
    # given two wrong tokens from an address, one of them on behalf of an upload that the edge asks about
    settings.RX_WRONG_TRIES = 2
    _token, text = tokens.make(name="t", client="shop", scopes=["rx:read"])
    here, elsewhere = f"192.0.2.7, {fresh_address()}", fresh_address()
    wrong = {"Authorization": "Bearer rxk_0000000000000000_" + "A" * 43, "X-Forwarded-For": here}
    right = {"Authorization": f"Bearer {text}", "X-Forwarded-For": here}
    assert http.get(LIST, headers=right).status_code == 200
    assert http.get(LIST, headers=wrong).status_code == 401
    assert http.get("/-may-send", headers={**wrong, "X-Rx-Address": LIST}).status_code == 401

    # then no other is looked at, right or wrong, and the database is not asked
    for headers in (wrong, right):
        with django_assert_num_queries(0):
            answer = http.get(LIST, headers=headers)
        assert_problem(answer, 429, "too-many-tries")
        assert answer["RateLimit-Policy"].startswith('"wrong-tokens";q=')
        assert answer["RateLimit"] == f'"wrong-tokens";r=0;t={answer["Retry-After"]}'
        assert 0 < int(answer["Retry-After"]) <= 300
    assert http.get("/-may-send", headers={**right, "X-Rx-Address": LIST}).status_code == 401

    # and other addresses are not concerned
    assert http.get(LIST, headers={**right, "X-Forwarded-For": elsewhere}).status_code == 200


def test_where_tries_cannot_be_counted_they_are_looked_at(http: Client, settings: Settings, no_redis: None) -> None:
    settings.RX_WRONG_TRIES = 1

    assert all(refused(http, "rxk_0000000000000000_" + "A" * 43) for _ in range(3))


def refused(http: Client, text: str) -> bool:
    return http.get(LIST, headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_a_token_lives_until_it_is_revoked_or_expires(http: Client) -> None:
    token, text = tokens.make(name="t", client="shop", scopes=["rx:read"])
    assert not refused(http, text)

    ApiToken.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert not refused(http, text)
    ApiToken.objects.update(expires_at=timezone.now())
    assert refused(http, text)
    ApiToken.objects.update(expires_at=None, revoked_at=timezone.now())
    assert refused(http, text)
    assert token.pk in text


def test_every_character_of_a_secret_counts(http: Client) -> None:
    _, text = tokens.make(name="t", client="shop", scopes=["rx:read"])
    other, _ = tokens.make(name="u", client="shop", scopes=["rx:read"])

    assert refused(http, text[:-1] + ("A" if text[-1] != "A" else "B"))
    assert refused(http, text.replace(text[4:20], other.pk))
    assert refused(http, text + "A")
    assert refused(http, text.upper())
    assert not refused(http, text)


def test_only_a_hash_of_the_secret_is_kept() -> None:
    token, text = tokens.make(name="t", client="shop", scopes=["rx:read"])

    kept = " ".join(str(value) for value in ApiToken.objects.values_list().get(pk=token.pk))
    assert text.rsplit("_", 1)[1] not in kept


def test_use_is_noted_once_a_minute(http: Client) -> None:
    _, text = tokens.make(name="t", client="shop", scopes=["rx:read"])

    refused(http, text)
    first = ApiToken.objects.get().last_used_at
    refused(http, text)

    assert first is not None
    assert ApiToken.objects.get().last_used_at == first


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (["rx:read"], "get", LIST, 200),
        (["rx:read"], "post", LIST, 403),
        (["rx:read"], "post", "/api/v1/order-links", 403),
        (["rx:read"], "delete", f"{LIST}/{ID}", 403),
        (["rx:write"], "get", LIST, 403),
        (["rx:write"], "get", f"{LIST}/{ID}", 403),
        (["rx:write"], "get", f"{LIST}/{ID}/original", 403),
        (["rx:write"], "get", f"{LIST}/{ID}/pages/1/variants/thumb", 403),
        (["rx:write"], "get", f"/api/v1/jobs/{ID}", 403),
        (["orders:write"], "post", LIST, 403),
        (["rx:all"], "get", LIST, 403),
        ([], "get", LIST, 403),
        (["RX:READ", "rx:"], "get", LIST, 403),
    ],
)
def test_scopes(scopes: list[str], method: str, path: str, status: int, http: Client, servers: Stack) -> None:
    _, text = tokens.make(name="t", client="shop", scopes=scopes)
    before = objects(servers)
    data = {"files": file()} if method == "post" and path == LIST else {}

    response = getattr(http, method)(path, data, headers={"Authorization": f"Bearer {text}"})

    assert response.status_code == status
    if status == 403:
        assert_problem(response, 403, "permission-denied")
    assert (Prescription.objects.count(), objects(servers)) == (0, before)


def staff(*permissions: str, **fields: bool) -> Client:
    user = User.objects.create_user(f"user{User.objects.count()}", **{"is_staff": True, **fields})
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def test_a_session_reads_with_the_permission_to_view(page: Page) -> None:
    path = f"{LIST}/{page.prescription_id}"

    assert staff("view_page").get(path).status_code == 200
    assert staff().get(path).status_code == 403
    assert staff("view_page", is_staff=False).get(path).status_code == 403
    assert staff("view_page", is_active=False).get(path).status_code == 401


def test_a_session_cannot_be_used_by_another_site(servers: Stack) -> None:
    before = objects(servers)

    response = staff("add_prescription").post(LIST, {"files": file()})

    body = assert_problem(response, 403, "permission-denied")
    assert "CSRF" in body["detail"]
    assert (Prescription.objects.count(), objects(servers)) == (0, before)


def test_a_bad_token_is_not_rescued_by_a_session(page: Page) -> None:
    client = staff("view_page")

    assert client.get(LIST, headers={"Authorization": "Bearer nonsense"}).status_code == 401


@pytest.mark.parametrize(
    "tail", ["", "/original", "/pages/1/variants/thumb", "/pages/1/variants/full/max/0/default.jpg"]
)
@pytest.mark.parametrize("extra", [{}, {"If-None-Match": "*"}, {"Range": "bytes=0-1"}, {"Prefer": "respond-async"}])
def test_what_is_anothers_is_absent(
    tail: str,
    extra: dict[str, str],
    page: Page,
    http: Client,
    bearer: Callable[..., dict[str, str]],
    servers: Stack,
) -> None:
    stranger = bearer("rx:read", "rx:write", client="clinic")
    path = f"{LIST}/{page.prescription_id}{tail}"

    theirs = http.get(path, headers={**stranger, **extra})
    nobodys = http.get(path.replace(page.prescription_id, ID), headers={**stranger, **extra})

    first, second = assert_problem(theirs, 404, "not-found"), assert_problem(nobodys, 404, "not-found")
    assert first | {"request_id": ""} == second | {"request_id": ""}
    assert http.head(path, headers={**stranger, **extra}).status_code == 404
    assert page.variants.count() == 0
    assert objects(servers, "rx-variants", page.prescription_id) == []


def test_a_list_holds_ones_own_only(upload: Upload, http: Client, bearer: Callable[..., dict[str, str]]) -> None:
    mine, theirs = upload(client="shop"), upload(client="clinic")

    def seen(*scopes: str, client: str = "shop") -> set[str]:
        return {row["id"] for row in http.get(LIST, headers=bearer(*scopes, client=client)).json()["results"]}

    assert seen("rx:read") == {mine.id}
    assert seen("rx:read", client="clinic") == {theirs.id}
    assert seen("rx:read", client="SHOP") == set()
    assert seen("rx:read", "rx:all", client="audit") == {mine.id, theirs.id}
    assert {row["id"] for row in staff("view_page").get(LIST).json()["results"]} == {mine.id, theirs.id}
