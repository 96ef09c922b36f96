"""The sheet by API: beside its page, set and refused in a person's name, and its variants."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from prescriptions.api import tokens
from prescriptions.models import Sheet, Variant
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.staff import Make
from transforms.request.presets import PRESETS

pytestmark = pytest.mark.django_db(transaction=True)
CORNERS = [[120.0, 160.0], [1080.5, 168.0], [1060.0, 1440.0], [100.0, 1420.0]]  # of a page of 1200 x 1600 pixels
Call = Callable[..., Any]


@pytest.fixture
def rx(make: Make) -> str:
    """A prescription of two pages that are only rows."""
    return make(pages=2, client="shop").pk


@pytest.fixture
def call(http: Client, staff: dict[str, Any], rx: str) -> Call:
    """Asks in the name of a pharmacist, unless another is named."""
    made: dict[str, str] = {}

    def ask(method: str, tail: str, sent: Any = None, *, who: str = "pharmacist", client: str = "shop") -> Any:
        name = f"{who} {client}"
        if name not in made:
            scopes = ["rx:read", "rx:review"]
            user = staff.get(who)
            made[name] = tokens.make(name=name, client=client, scopes=scopes, **({"user": user} if user else {}))[1]
        headers = {"Authorization": f"Bearer {made[name]}", "Accept": "application/json"}
        body = {} if sent is None else {"data": json.dumps(sent), "content_type": "application/json"}
        return http.generic(method, f"/api/v1/prescriptions/{rx}{tail}", headers=headers, **body)

    return ask


def put(call: Call, corners: Any = CORNERS, **more: Any) -> Any:
    return call("PUT", "/pages/1/sheet", {"corners": corners}, **more)


def test_it_stands_beside_its_page_once_it_is_set(call: Call, http: Client, rx: str) -> None:
    assert [page["sheet"] for page in call("GET", "").json()["pages"]] == [None, None]

    answer = put(call)

    said = answer.json()
    sheet = Sheet.objects.get()
    assert answer.status_code == 200
    assert said["id"] == f"{rx}_1s{sheet.digest}"
    assert (said["corners"], said["confidence"], said["by"]) == (CORNERS, None, "person")
    assert (said["width"], said["height"]) == (sheet.width, sheet.height)
    assert set(said["variants"]) == set(PRESETS)
    assert http.get(said["info"].removeprefix("http://testserver")).json()["width"] == sheet.width
    pages = call("GET", "").json()["pages"]
    assert pages[0]["sheet"]["id"] == said["id"]
    assert pages[1]["sheet"] is None


def test_no_sheet_and_back_again(call: Call) -> None:
    put(call)

    assert [call("DELETE", "/pages/1/sheet").status_code for _ in range(2)] == [204, 204]
    assert call("GET", "").json()["pages"][0]["sheet"] is None
    assert put(call).status_code == 200


def test_its_variants_are_asked_for_as_those_of_the_page(call: Call, recorder: list[str]) -> None:
    assert_problem(call("GET", "/pages/1/variants/sheet/thumb"), 404, "sheet-missing")
    put(call)
    sheet = Sheet.objects.get()

    warmed = call("POST", "/warm", {"variants": ["sheet/thumb", "sheet/full/30,/0/gray.jpg", "thumb"]}).json()

    told = [(item["page"], item["variant"], item["status"], item.get("problem")) for item in warmed["variants"]]
    assert told == [
        (1, "sheet/thumb", "under-way", None),
        (1, "sheet/full/30,/0/gray.jpg", "under-way", None),
        (1, "thumb", "under-way", None),
        (2, "sheet/thumb", "refused", "sheet-missing"),
        (2, "sheet/full/30,/0/gray.jpg", "refused", "sheet-missing"),
        (2, "thumb", "under-way", None),
    ]
    assert Variant.objects.filter(sheet=sheet.digest).count() == 2
    assert_problem(call("GET", "/pages/1/variants/sheet/square"), 400)


def test_a_link_that_can_be_taken_back_opens_it(call: Call) -> None:
    put(call)
    sheet = Sheet.objects.get()

    opens = call("POST", "/links", {"scope": "f", "expires_in": 3600}).json()["opens"]
    redacted = call("POST", "/links", {"scope": "r", "expires_in": 3600, "pages": [1]}).json()["opens"]

    assert opens[0]["sheet"]["id"] == sheet.identifier
    assert f"/{sheet.identifier}/" in opens[0]["sheet"]["info"]
    assert opens[1]["sheet"] is None
    assert "info" not in redacted[0]["sheet"]
    assert f"/{sheet.identifier}/" in redacted[0]["sheet"]["variants"]["preview"]


@pytest.mark.parametrize(
    ("corners", "status"),
    [
        (None, 400),
        ("x", 400),
        ([], 400),
        (CORNERS[:3], 400),
        ([*CORNERS, [1, 2]], 400),
        ([[1], *CORNERS[1:]], 400),
        ([["a", 1], *CORNERS[1:]], 400),
        ([["120", 160.0], *CORNERS[1:]], 400),
        ([[True, 160.0], *CORNERS[1:]], 400),
        ([[10**400, 160.0], *CORNERS[1:]], 400),
        ([[1e300, 1], *CORNERS[1:]], 422),
        ([[-161, 160], *CORNERS[1:]], 422),  # outside
        (CORNERS[::-1], 422),  # the wrong way round
        ([CORNERS[0], CORNERS[2], CORNERS[1], CORNERS[3]], 422),  # crossed
        ([[0, 0], [20, 0], [20, 20], [0, 20]], 422),  # tiny
        ([[-9999, -9999], [9999, -9999], [9999, 9999], [-9999, 9999]], 422),  # huge
    ],
)
def test_corners_that_are_none_are_refused_and_nothing_is_written(call: Call, corners: Any, status: int) -> None:
    body = assert_problem(put(call, corners), status)

    assert body["errors"][0]["pointer"].startswith("/corners")
    assert Sheet.objects.count() == 0


def test_infinity_and_other_fields_are_refused(call: Call, http: Client, rx: str) -> None:
    assert_problem(call("PUT", "/pages/1/sheet", {"corners": CORNERS, "by": "auto"}), 400)
    assert_problem(put(call, [[float("inf"), 1], *CORNERS[1:]]), 400)
    assert_problem(put(call, [[float("nan"), 1], *CORNERS[1:]]), 400)
    assert Sheet.objects.count() == 0


def test_who_may_not_is_refused(call: Call, http: Client, rx: str, bearer: Callable[..., dict[str, str]]) -> None:
    assert_problem(put(call, who="auditor"), 403)
    assert_problem(put(call, who="nobody"), 403)
    assert_problem(put(call, client="rival"), 404)
    assert_problem(call("DELETE", "/pages/1/sheet", client="rival"), 404)
    assert_problem(call("PUT", "/pages/9/sheet", {"corners": CORNERS}), 404)
    headers = bearer("rx:read", "rx:write")
    path = f"/api/v1/prescriptions/{rx}/pages/1/sheet"
    answer = http.put(path, json.dumps({"corners": CORNERS}), content_type="application/json", headers=headers)
    assert_problem(answer, 403)
    assert Sheet.objects.count() == 0
