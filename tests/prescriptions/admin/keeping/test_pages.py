"""Holds, overrides, four eyes, whole patients and exports, as people of staff do them in the admin."""

import io
import time
import zipfile

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from prescriptions.models import AuditEvent, Prescription, RetentionRun, Review, ReviewStatus
from tests.prescriptions.admin.keeping.test_erasing import address, detail, signed_in
from tests.prescriptions.conftest import Upload

pytestmark = pytest.mark.django_db

RIGHTS = ("delete_prescription", "hold_prescription", "export_prescription")


@pytest.fixture
def officer() -> Client:
    return signed_in("view_prescription", *RIGHTS)


def test_a_hold_is_set_shown_and_lifted(upload: Upload, officer: Client) -> None:
    rx = upload().pk
    hold = address(rx, "rx-hold")
    assert f'href="{hold}"' in officer.get(detail(rx)).content.decode()
    assert "nobody can erase it" in officer.get(hold).content.decode()

    wrong = officer.post(hold, {"reason": "litigation", "reference": "Jane Doe"}, follow=True).content.decode()
    assert "1 to 64 letters" in wrong
    set_ = officer.post(hold, {"reason": "inspection", "reference": "DC-9"}, follow=True).content.decode()
    assert "an inspection by an authority, DC-9" in set_
    assert "It is held" in officer.get(hold).content.decode()
    refused = officer.post(address(rx), {"override": "ordered"}, follow=True)
    assert refused.status_code == 403, "who erases may not override"
    assert "under a legal hold" in officer.post(address(rx), follow=True).content.decode()
    assert Prescription.objects.get().erased_at is None

    officer.post(hold, {"lift": "1"})
    assert Prescription.objects.get().legal_hold == ""
    assert "Erased." in officer.post(address(rx), follow=True).content.decode()
    told = AuditEvent.objects.filter(rx=rx, verb__startswith="hold").values_list("verb", "actor_name")
    assert [*told] == [("hold.set", "u0"), ("hold.lifted", "u0")]


def test_who_may_override_says_why(upload: Upload) -> None:
    rx = upload().pk
    Review.objects.filter(pk=rx).update(status=ReviewStatus.APPROVED)
    officer = signed_in("view_prescription", "delete_prescription", "override_retention")
    assert "It must be kept" in officer.get(address(rx)).content.decode()

    assert "must be kept until" in officer.post(address(rx), {"override": ""}, follow=True).content.decode()
    told = officer.post(address(rx), {"override": "not-supplied", "reference": "F-3"}, follow=True).content.decode()

    assert "Although it had to be kept: nothing was supplied" in told
    assert AuditEvent.objects.get(rx=rx, verb="erased").data["reference"] == "F-3"


def test_two_people_erase(upload: Upload, settings: Settings, officer: Client) -> None:
    settings.RX_ERASURE_FOUR_EYES = True
    rx, other = upload().pk, signed_in("view_prescription", "delete_prescription")

    assert "another person has to agree" in officer.get(address(rx)).content.decode()
    assert "u0 asked to erase it" in officer.post(address(rx), follow=True).content.decode()
    mine = officer.get(address(rx)).content.decode()
    assert ("Take it back" in mine, "I agree" in mine) == (True, False)
    assert "I agree: erase it" in other.get(address(rx)).content.decode()

    assert "Asked for by staff:" in other.post(address(rx), follow=True).content.decode()
    assert Prescription.objects.get().erased_at is not None


def test_a_whole_patient_is_shown_and_erased(upload: Upload, officer: Client) -> None:
    rx, kept = upload(patient_ref="P-1").pk, upload(patient_ref="P-1").pk
    stranger = upload(patient_ref="P-1", client="else").pk
    Prescription.objects.filter(pk=kept).update(legal_hold="complaint")
    page = reverse("admin:rx-erase-all", args=[rx, "patient_ref"])

    asked = officer.get(page).content.decode()
    assert [one[:8] in asked for one in (rx, kept, stranger)] == [True, True, False]
    done = officer.post(page, follow=True).content.decode()

    assert ("1 prescription erased." in done, "1 must be kept." in done) == (True, True)
    assert list(Prescription.objects.exclude(erased_at=None).values_list("pk", flat=True)) == [rx]
    for by in ("order_ref", "client", "id"):
        assert officer.get(reverse("admin:rx-erase-all", args=[kept, by])).status_code == 404


def test_an_export_is_downloaded(upload: Upload, officer: Client) -> None:
    rx, page = upload(patient_ref="P-1").pk, "rx-export"
    upload(patient_ref="P-1")
    assert "all of its patient" in officer.get(address(rx, page)).content.decode()

    for by, files in (("id", 3), ("patient_ref", 6)):
        answer = officer.post(address(rx, page), {"by": by})
        with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[arg-type]
            assert len(archive.namelist()) == files
    assert officer.post(address(rx, page), {"by": "client"}).status_code == 404
    assert AuditEvent.objects.filter(rx=rx, verb="exported", actor_name="u0").count() == 2


@pytest.mark.parametrize("name", ["rx-hold", "rx-export", "rx-erase"])
def test_every_page_asks_who_it_is_and_whether_they_may(upload: Upload, officer: Client, name: str) -> None:
    rx = upload().pk
    assert signed_in("view_prescription").post(address(rx, name), {"reason": "complaint"}).status_code == 403
    session = officer.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 301}]
    session.save()

    answers = [officer.get(address(rx, name)), officer.post(address(rx, name), {"reason": "complaint", "by": "id"})]

    assert [answer.status_code for answer in answers] == [303, 303]
    row = Prescription.objects.get(pk=rx)
    assert (row.erased_at, row.legal_hold) == (None, "")
    assert not AuditEvent.objects.filter(rx=rx, verb="exported").exists()


def test_nights_are_shown(seeded: None) -> None:
    run = RetentionRun.objects.create(dry=True, due={"rejected": 2, "open": 1}, ids=["a" * 32], held=4)
    auditor, nobody = signed_in("view_retentionrun"), signed_in("view_prescription")
    page = reverse("admin:prescriptions_retentionrun_change", args=[run.pk])

    assert auditor.get(reverse("admin:prescriptions_retentionrun_changelist")).status_code == 200
    shown = auditor.get(page).content.decode()
    assert ("open: 1, rejected: 2" in shown, "aaaaaaaa" in shown) == (True, True)
    assert nobody.get(page).status_code == 403
    assert User.objects.count() == 2
