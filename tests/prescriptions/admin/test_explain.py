"""The page Explain: what it says of an address, what it never says, and the playground."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from prescriptions.models import AuditEvent, Page
from prescriptions.variants import links
from tests.links import mint
from tests.prescriptions.conftest import claim

pytestmark = pytest.mark.django_db
EXPLAIN = "/admin/prescriptions/variant/explain/"
SMALL = "full/150,200/0/default.webp"
PLAY = {"region": "full", "size": "!150,200", "rotation": "0", "quality": "default", "format": "webp", "preset": ""}


@pytest.fixture
def ops(staff: dict[str, Any]) -> Client:
    client = Client()
    client.force_login(staff["ops"])
    return client


def shown(answer: Any) -> str:
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return str(answer.content.decode())


def events(rx: str) -> list[tuple[str, Any]]:
    return list(AuditEvent.objects.filter(rx=rx).exclude(verb="received").order_by("seq").values_list("verb", "data"))


def test_an_address_is_explained_and_its_token_is_not_said_back(servers: Any, row: Page, ops: Client) -> None:
    claim(row, SMALL, state="failed", attempts=1, error_code="source-damaged", error_detail="Damaged.")
    token = mint(row.prescription_id)

    html = shown(ops.post(EXPLAIN, {"asked": links.variant_path(row.prescription_id, 1, SMALL, token)}))

    assert "source-damaged</span> It cannot be made" in html
    assert "genuine" in html
    assert token not in html
    assert token.rpartition(".")[2] not in html
    assert events(row.prescription_id) == [("prescription.viewed", {"part": "explain"})]


def test_ids_may_stand_in_the_address_and_nothing_else(servers: Any, row: Page, ops: Client) -> None:
    variant = claim(row, SMALL)

    found = shown(ops.get(f"{EXPLAIN}?id={variant.pk}"))
    token = mint(row.prescription_id)
    ignored = shown(ops.get(EXPLAIN, {"id": links.variant_path(row.prescription_id, 1, SMALL, token), "asked": token}))

    assert "It is queued" in found
    assert "rx-explained" not in ignored
    assert f"{EXPLAIN}?id={variant.pk}" in shown_row(ops, variant.pk)


def shown_row(ops: Client, variant: str) -> str:
    return str(ops.get(f"/admin/prescriptions/variant/{variant}/change/").content.decode())


@pytest.mark.django_db(transaction=True)
def test_the_playground_shows_what_it_costs_and_makes_it_when_asked(
    page: Page, ops: Client, settings: Settings
) -> None:
    asked = {**PLAY, "page": page.identifier}

    looked = shown(ops.post(EXPLAIN, {**asked, "play": "look"}))
    assert not page.variants.exists()
    made = shown(ops.post(EXPLAIN, {**asked, "play": "make"}))

    assert "307 miss" in looked
    assert f"/iiif/3/{{link}}/{page.identifier}/{SMALL}" in looked
    api = f"/api/v1/prescriptions/{page.prescription_id}/pages/1/variants/full/!150,200/0/default.webp"
    assert f"Authorization: Bearer $RX_TOKEN&quot; &#x27;{settings.BASE_URL}{api}&#x27;" in looked
    assert "200 hit" in made
    assert "generated, " in made
    assert "<dt>render</dt>" in made
    assert ("variant.asked", {"page": 1}) in events(page.prescription_id)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"page": "1"}, "A page is named by"),
        ({"page": f"{'0' * 32}_1"}, "There is no prescription with this id"),
        ({"size": "9000,"}, "larger than the region"),
        ({"size": "nonsense"}, "is not valid"),
        ({"format": "exe"}, "Select a valid choice"),
        ({"asked": "\x00", "play": None}, "Null characters are not allowed"),
        ({"asked": "", "play": None}, "This field is required"),
    ],
)
def test_what_makes_no_sense_is_said(wrong: dict[str, Any], said: str, servers: Any, row: Page, ops: Client) -> None:
    fields = {**PLAY, "page": row.identifier, "play": "make", **wrong}

    html = shown(ops.post(EXPLAIN, {name: value for name, value in fields.items() if value is not None}))

    assert said in html
    assert not row.variants.exists()


@pytest.mark.parametrize(("who", "status"), [("ops", 200), ("pharmacist", 200), ("senior", 200), ("auditor", 403)])
def test_who_may_see_variants_may_ask(who: str, status: int, staff: dict[str, Any]) -> None:
    client = Client()
    client.force_login(staff[who])

    assert client.get(EXPLAIN).status_code == status
    assert client.post(EXPLAIN, {"asked": "x"}).status_code == status


def test_how_a_review_stands_is_told_to_whom_may_see_reviews(servers: Any, make: Any, staff: dict[str, Any]) -> None:
    review = make(status="withdrawn")
    told = {}
    for who in ("ops", "pharmacist"):
        client = Client()
        client.force_login(staff[who])
        told[who] = "withdrawn" in shown(client.get(f"{EXPLAIN}?id={review.pk}"))

    assert told == {"ops": False, "pharmacist": True}


# --- Refusals ---------------------------------------------------------------------------------------------------------
def test_staff_read_in_the_admins_frame_why_they_get_nothing(ops: Client, staff: dict[str, Any]) -> None:
    refused, missing = ops.get("/admin/prescriptions/review/"), ops.get("/admin/no-such-page/")

    assert (refused.status_code, missing.status_code) == (403, 404)
    for page, words in ((refused, "Your role does not allow this."), (missing, "The address is wrong")):
        content = page.content.decode()
        assert words in content
        assert 'id="site-name"' in content
        assert '<a class="rx-button" href="/admin/">Overview</a>' in content
        assert "from your order" not in content


def test_whoever_is_no_staff_reads_what_customers_read(staff: dict[str, Any]) -> None:
    assert "from your order" in Client().get("/no-such-page").content.decode()
    staff["ops"].is_staff = False
    staff["ops"].save()
    client = Client()
    client.force_login(staff["ops"])

    assert b'id="site-name"' not in client.get("/admin/no-such-page/").content
