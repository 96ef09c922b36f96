"""The IIIF manifest of a prescription: for holders of a full link, and without a word about the patient."""

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.models import Page, Prescription
from prescriptions.variants import links
from tests.links import mint
from tests.prescriptions.conftest import Upload, assert_problem, file

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
ID = "0" * 32


@pytest.mark.parametrize("token", ["x", None])
@pytest.mark.parametrize("rx", ["x", ID[:-1], ID.upper() + "A", f"{ID}_1", "%00"])
def test_a_manifest_of_nothing(rx: str, token: str | None, http: Client) -> None:
    given = mint(ID) if token is None else token

    assert_problem(http.get(f"/iiif/presentation/3/{given}/{rx}/manifest"), 404, "not-found")


def test_a_manifest_has_the_pages_and_needs_a_full_link(upload: Upload, http: Client) -> None:
    prescription = upload(file("ZZCANARY.jpg"), file("b.jpg"), patient_ref="P-1")
    rx = prescription.id
    path = links.manifest_path(rx, mint(rx))

    response = http.get(path)

    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, "*")
    assert len(response.json()["items"]) == 2
    assert b"ZZCANARY" not in response.content
    assert b"P-1" not in response.content
    assert_problem(http.get(links.manifest_path(rx, mint(rx, scope="r"))), 403, "link-refused")
    assert_problem(http.get(links.manifest_path(rx, "x")), 403, "link-refused")
    assert_problem(http.get(links.manifest_path(ID, mint(ID))), 404, "not-found")
    assert_problem(http.post(path), 405, "method-not-allowed")
    Page.objects.filter(prescription=rx, number=2).update(rotation=90)
    assert [(item["width"], item["height"]) for item in http.get(path).json()["items"]] == [(300, 400), (400, 300)]
    Prescription.objects.update(erased_at=timezone.now())
    assert_problem(http.get(path), 410, "erased")
