"""What people type is found as the product, a shop or a customer wrote it, and by an index on either database."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from prescriptions.admin import searching
from prescriptions.api import tokens
from prescriptions.models import AuditEvent, Document, Page, Prescription, Variant
from tests.databases import on_each_database

pytestmark = [on_each_database, pytest.mark.django_db]
RX = "4485b496" + "0" * 23 + "f"
OTHER = "4485c000" + "1" * 24


@pytest.fixture
def two() -> None:
    Prescription.objects.create(pk=RX, client="shop", order_ref="ORD-20418_x.7", patient_ref="Pat-55510")
    Prescription.objects.create(pk=OTHER, client="shop", order_ref="ORD-2041xx27", patient_ref="")


def found(term: str) -> set[str]:
    return set(searching.prescriptions(term).values_list("pk", flat=True))


FINDS_ONE = (
    *("RX-4485b496", "rx-4485B496", "  Rx 4485b496\t", "4485B4", RX.upper(), f"RX-{RX}"),
    *(f"{RX}_12", "prescription-4485b496.pdf", "Prescription 4485b496"),
    *("ord-20418_X.7", "ORD-20418", "Pat-55510", "pat", "8_X.7", "_x.7", "5510", " 55510 ", "AT-55510"),
)
FINDS_BOTH = ("RX-4485", "4485", "o", "ORD-2041")
FINDS_NOTHING = (
    *("RX-", "RX-448", "448", "510", ".7", "20418", "RX-4485b4961", "RX-4485b496g", RX + "0"),
    *("%", "%5510", "ORD%", "ORD-2041__27", "____", "ORD_2", "*", "ORD*", "[o]rd", "\\", "ORD-20418\\_x.7"),
    *("", " ", "\0", "4485\0b496", "é", "ORD-20418_x.7" * 9, "ſhop", "' OR 1=1 --"),
)


def test_a_whole_a_beginning_or_an_end_finds_it_in_any_case_and_nothing_else_does(two: None) -> None:
    for terms, wanted in ((FINDS_ONE, {RX}), (FINDS_BOTH, {RX, OTHER}), (FINDS_NOTHING, set())):
        assert {term: found(term) for term in terms if found(term) != wanted} == {}


def derived(rx: str) -> tuple[str, ...]:
    """What the database itself keeps of references."""
    columns = ("order_ref", "order_lowered", "order_backwards", "patient_ref", "patient_lowered", "patient_backwards")
    row: tuple[str, ...] = Prescription.objects.values_list(*columns).get(pk=rx)
    return row


def test_what_is_derived_follows_the_reference(two: None) -> None:
    assert derived(RX) == ("ORD-20418_x.7", "ord-20418_x.7", "7.x_81402-dro", "Pat-55510", "pat-55510", "01555-tap")

    Prescription.objects.filter(pk=RX).update(order_ref="a" * 63 + "Z", patient_ref="")

    assert derived(RX) == ("a" * 63 + "Z", "a" * 63 + "z", "z" + "a" * 63, "", "", "")
    assert found("AAAZ") == {RX}
    assert found("55510") == set()


# --- Lists ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("asha"))
    return client


def listed(client: Client, model: str, **query: str) -> set[str]:
    response = client.get(f"/admin/prescriptions/{model}/", query)
    assert response.status_code == 200
    return {str(row.pk) for row in response.context["cl"].result_list}


def test_uploads_variants_and_the_audit_log_take_the_same_reference(two: None, admin: Client) -> None:
    made = {}
    for rx in (RX, OTHER):
        document = Document.objects.create(prescription_id=rx, position=1, media_type="image/jpeg", size=1)
        page = Page.objects.create(prescription_id=rx, document=document, number=1, index=1, width=3, height=4)
        made[rx] = Variant.objects.create(page=page, stored="full/3,4/0/default.webp", pipeline="1", state="ready").pk

    assert listed(admin, "prescription", q="RX-4485B496 ") == {RX}
    assert listed(admin, "prescription", q="5510") == {RX}
    assert listed(admin, "variant", q="RX-4485B496 ") == listed(admin, "variant", q=f"{RX}_1") == {made[RX]}
    assert listed(admin, "variant", q=made[OTHER][:12]) == {made[OTHER]}
    assert listed(admin, "variant", q="%") == set()
    assert listed(admin, "prescription") == {RX, OTHER}  # which hands out links to both, and that is recorded
    assert AuditEvent.objects.filter(rx=RX).exists()
    assert "RX-4485b496" in admin.get("/admin/prescriptions/auditevent/", {"rx": "rx-4485B496"}).content.decode()


def test_tokens_are_found_by_name_client_and_id(admin: Client) -> None:
    (shop, text), (clinic, _) = (
        tokens.make(name=name, client=client, scopes=["rx:read"])
        for name, client in (("Shop 100%_a", "shop"), ("Clinic 100xya", "Hill Clinic"))
    )

    for term in ("shop 1", " SHOP ", "%_a", shop.pk, shop.pk.upper(), f"rxk_{shop.pk}", text):
        assert listed(admin, "apitoken", q=term) == {shop.pk}, term
    assert listed(admin, "apitoken", q="hill") == {clinic.pk}
    assert listed(admin, "apitoken", q="100") == listed(admin, "apitoken") == {shop.pk, clinic.pk}
    assert listed(admin, "apitoken", q="%x") == listed(admin, "apitoken", q="rxk_") == set()


# --- What it costs ----------------------------------------------------------------------------------------------------
def fill(count: int) -> None:
    """So many more, by the database itself; and its planner knows it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO prescriptions_prescription"  # noqa: S608
            " (id, client, order_ref, patient_ref, created_at, updated_at, legal_hold) "
            f"WITH RECURSIVE copy(n) AS (SELECT 100000 UNION ALL SELECT n + 1 FROM copy WHERE n < {99_999 + count}) "
            f"SELECT n || substr('{OTHER}', 7), 'shop', 'O-' || n, 'P-' || n, created_at, created_at, '' "
            f"FROM copy, prescriptions_prescription WHERE id = '{OTHER}'"
        )
        cursor.execute("ANALYZE prescriptions_prescription")


def test_indexes_find_it(two: None) -> None:
    fill(20_000)
    of_beginnings = {"rx_order_lowered", "rx_patient_lowered"}
    of_ends = {"rx_order_backwards", "rx_patient_backwards"}
    try:
        for term, indexes, count in (
            ("RX-4485b496", of_beginnings | of_ends, 1),
            ("O-1012", of_beginnings | of_ends, 100),
            ("O-7", of_beginnings, 0),
            ("12345", of_ends, 1),
        ):
            rows = searching.prescriptions(term).order_by()
            of_a_list = Prescription.objects.filter(pk__in=rows.values("pk"))[:1001]
            assert rows.count() == len(of_a_list) == count
            for plan in (rows.explain(), of_a_list.explain()):
                assert not re.search(r"Seq Scan|^\s*SCAN", plan, re.MULTILINE), plan
                assert all(index in plan for index in indexes), plan
    finally:
        if connection.vendor == "sqlite":  # its statistics outlive a rollback
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM sqlite_stat1")
