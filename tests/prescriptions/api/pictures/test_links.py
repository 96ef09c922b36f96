"""Links that can be taken back: made by API alone, for as long, as much and as many as is said, and gone when told."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.models import ApiToken, AuditEvent, LentLink, OverrideReason, Prescription
from prescriptions.upkeep import erasure
from prescriptions.variants import links
from prescriptions.variants.links import lent
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db
Bearer = Callable[..., dict[str, str]]
Call = Callable[..., Any]


@pytest.fixture
def rx(make: Make) -> str:
    """A prescription of three pages."""
    return make(pages=3, client="shop").pk


@pytest.fixture
def call(http: Client, bearer: Bearer, rx: str) -> Call:
    """Asks for the links of the prescription, in the name of a client."""
    headers = {client: bearer("rx:read", client=client) for client in ("shop", "rival")}

    def ask(method: str, name: str = "", sent: Any = None, *, client: str = "shop") -> Any:
        path = f"/api/v1/prescriptions/{rx}/links" + (f"/{name}" if name else "")
        body = {} if sent is None else {"data": json.dumps(sent), "content_type": "application/json"}
        return http.generic(method, path, headers=headers[client], **body)

    return ask


def lend(call: Call, scope: str = "f", expires_in: int = 3600, **more: Any) -> dict[str, Any]:
    answer = call("POST", sent={"scope": scope, "expires_in": expires_in, **more})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    assert answer.headers["Location"].endswith(f"/links/{body['id']}")
    return body


def status(http: Client, url: str) -> int:
    return http.get(url.removeprefix("http://testserver")).status_code


def test_it_opens_all_pages_until_it_is_taken_back(call: Call, http: Client, rx: str) -> None:
    body = lend(call)

    assert (body["scope"], body["pages"], body["revoked_at"]) == ("f", [], None)
    ends = datetime.fromisoformat(body["expires_at"])
    assert timedelta(seconds=3598) < ends - timezone.now() <= timedelta(seconds=3600)
    assert [page["number"] for page in body["opens"]] == [1, 2, 3]
    token = body["opens"][0]["info"].split("/")[5]
    assert token.split(".")[2] == f"f{body['id']}"
    assert int(token.split(".")[1], 36) == ends.timestamp()
    urls = [body["manifest"], *(page["info"] for page in body["opens"])]
    assert [status(http, url) for url in urls] == [200] * 4
    assert [entry["id"] for entry in call("GET").json()] == [body["id"]]
    assert call("GET", body["id"]).json() == body

    assert [call("DELETE", body["id"]).status_code for _ in range(2)] == [204, 204]

    assert [status(http, url) for url in urls] == [403] * 4
    assert status(http, f"/generate{body['opens'][0]['variants']['thumb'].removeprefix('http://testserver')}") == 403
    gone = call("GET", body["id"]).json()
    assert (gone["opens"], gone["revoked_at"] is None) == ([], False)
    told = [
        (event.verb, event.data.get("link")) for event in AuditEvent.objects.filter(rx=rx, actor__startswith="client")
    ]
    assert told.count(("link.minted", body["id"])) >= 1
    assert told.count(("link.taken_back", body["id"])) == 1


def test_a_link_to_some_pages_opens_those_and_nothing_around_them(call: Call, http: Client) -> None:
    body = lend(call, pages=[3, 1, 3])

    assert body["pages"] == [page["number"] for page in body["opens"]] == [1, 3]
    assert "manifest" not in body
    one, three = (page["info"] for page in body["opens"])
    assert (status(http, one), status(http, three)) == (200, 200)
    assert "partOf" not in http.get(one.removeprefix("http://testserver")).json()
    # neither another page, nor the whole
    assert status(http, one.replace("_1/", "_2/")) == 403
    token, rx = one.split("/")[5], one.split("/")[6].split("_")[0]
    assert status(http, links.manifest_path(rx, token)) == 403
    assert status(http, links.document_path(rx, token)) == 403


def test_a_link_to_redacted_pages_opens_no_clear_one(call: Call, http: Client) -> None:
    body = lend(call, "r")

    assert "manifest" not in body
    for page in body["opens"]:
        assert "info" not in page
        assert page["variants"]["thumb"].split("/")[5].split(".")[2] == f"r{body['id']}"
    clear = body["opens"][0]["variants"]["thumb"].replace("default", "gray")
    assert (status(http, clear), status(http, body["opens"][0]["variants"]["thumb"])) == (
        403,
        404,
    )  # nothing is redacted


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ({}, "/expires_in"),
        ({"scope": "f"}, "/expires_in"),
        ({"scope": "x", "expires_in": 60}, "/scope"),
        ({"scope": "f", "expires_in": 59}, "/expires_in"),
        ({"scope": "f", "expires_in": 30 * 86_400 + 1}, "/expires_in"),
        ({"scope": "f", "expires_in": 60, "pages": []}, "/pages"),
        ({"scope": "f", "expires_in": 60, "pages": [4]}, "/pages"),
        ({"scope": "f", "expires_in": 60, "pages": ["1; DROP"]}, "/pages/0"),
        ({"scope": "f", "expires_in": 60, "page": 1}, "/page"),
        ([], ""),
    ],
)
def test_what_cannot_be_lent_is_said(sent: Any, at: str, call: Call) -> None:
    body = assert_problem(call("POST", sent=sent), 400, "invalid")

    assert at in [error["pointer"] for error in body["errors"]]
    assert not LentLink.objects.exists()


def test_they_are_absent_for_others(call: Call, make: Make, http: Client, bearer: Bearer) -> None:
    name, other = lend(call)["id"], make(client="shop").pk

    for method, path in (("GET", ""), ("GET", name), ("DELETE", name)):
        assert_problem(call(method, path, client="rival"), 404, "not-found")
    assert_problem(call("POST", sent={"scope": "f", "expires_in": 60}, client="rival"), 404, "not-found")
    elsewhere = http.delete(f"/api/v1/prescriptions/{other}/links/{name}", headers=bearer("rx:read"))
    assert_problem(elsewhere, 404, "not-found")
    assert LentLink.objects.get().revoked_at is None


def test_a_prescription_has_a_hundred_at_most(call: Call, rx: str) -> None:
    ends = timezone.now() + timedelta(hours=1)
    ids = (f"{number:012x}" for number in range(lent.MOST))
    LentLink.objects.bulk_create(LentLink(id=name, prescription_id=rx, scope="f", expires_at=ends) for name in ids)

    assert_problem(call("POST", sent={"scope": "f", "expires_in": 60}), 409, "too-many-links")
    call("DELETE", f"{0:012x}")
    lend(call)
    # and five hundred with those that were taken back, until these end by themselves
    call("DELETE", f"{1:012x}")
    gone = (
        LentLink(id=f"{number:012x}", prescription_id=rx, scope="f", expires_at=ends, revoked_at=ends)
        for number in range(1000, 1000 + lent.MOST_IN_ALL - lent.MOST - 1)
    )
    LentLink.objects.bulk_create(gone)
    assert_problem(call("POST", sent={"scope": "f", "expires_in": 60}), 409, "too-many-links")
    assert len(call("GET").json()) == lent.MOST_IN_ALL


@pytest.mark.usefixtures("servers")
def test_what_must_be_kept_cuts_them_with_all_others(call: Call, http: Client, rx: str) -> None:
    url = lend(call, expires_in=86_400)["opens"][0]["info"]
    Prescription.objects.update(legal_hold="court", held_since=timezone.now())
    with pytest.raises(erasure.Problem):
        erasure.erase(Prescription.objects.get(), override=erasure.Override(OverrideReason.ORDERED))
    Prescription.objects.update(links_cut_at=timezone.now() - timedelta(hours=2))  # long ago, and that link was longer

    assert status(http, url) == 403


def test_the_edge_is_told_which_were_taken_back(call: Call, http: Client, rx: str) -> None:
    def asked(name: str) -> tuple[int, str]:
        answer = http.get("/-link", headers={"X-Rx-Link": name})
        return answer.status_code, answer.headers["X-Rx-Cut"]

    one, two, three = (lend(call)["id"] for _ in range(3))
    assert asked(one) == (204, "-")
    for name in (one, two):
        call("DELETE", name)
    assert asked(three) == (204, asked(one)[1])
    assert asked(one) == (403, asked(one)[1])
    assert sorted(asked(one)[1].split()) == sorted([one, two])
    # one that no row tells of opens nothing, and neither does what is no id
    assert [asked(name)[0] for name in ("0" * 12, "", f"{one} ", "x")] == [403] * 4
    # what has ended is not told, and is forgotten
    LentLink.objects.filter(pk=one).update(expires_at=timezone.now())
    assert asked(three)[1] == two
    assert lent.sweep() == 1
    ends = timezone.now() + timedelta(hours=1)
    many = (
        LentLink(id=f"{n:012x}", prescription_id=rx, scope="f", expires_at=ends, revoked_at=ends)
        for n in range(lent.TOLD)
    )
    LentLink.objects.bulk_create(many)
    assert asked(three) == (204, "*")


def test_a_repeated_request_lends_once(http: Client, bearer: Bearer, rx: str) -> None:
    headers = {**bearer("rx:read"), "Idempotency-Key": "k"}
    sent = {"data": json.dumps({"scope": "f", "expires_in": 60}), "content_type": "application/json"}

    first, again = (http.post(f"/api/v1/prescriptions/{rx}/links", headers=headers, **sent) for _ in range(2))

    assert first.json() == again.json()
    assert LentLink.objects.count() == 1
    assert ApiToken.objects.count() == 1
