"""Erasing from the admin, against real storage: asked, confirmed, proved; and refused without losing anything.
Dead letters are brought back to life in the same way: by a button, for real."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from prescriptions.models import AuditEvent, Page, Prescription, Variant
from prescriptions.upkeep import erasure
from prescriptions.variants import sweep
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, claim, objects
from tests.prescriptions.staff import confirm
from tests.waiting import until

pytestmark = pytest.mark.django_db


def signed_in(*permissions: str) -> Client:
    user = User.objects.create_user(f"u{User.objects.count()}", password="p", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    confirm(client)
    return client


@pytest.fixture
def officer() -> Client:
    return signed_in("view_prescription", "view_page", "view_document", "delete_prescription")


def address(rx: str, name: str = "rx-erase") -> str:
    return reverse(f"admin:{name}", args=[rx])


def detail(rx: str) -> str:
    return address(rx, "prescriptions_prescription_change")


def test_it_asks_first_then_erases_and_shows_the_proof(upload: Upload, servers: Stack, officer: Client) -> None:
    prescription = upload(order_ref="ORDER-71", patient_ref="PAT-72")
    rx = prescription.pk
    assert f'href="{address(rx)}"' in officer.get(detail(rx)).content.decode()

    asked = officer.get(address(rx)).content.decode()
    assert "This cannot be undone" in asked
    assert "1 uploaded file" in asked
    assert objects(servers, prefix=rx), "asking deletes nothing"

    done = officer.post(address(rx), follow=True)

    prescription.refresh_from_db()
    content = done.content.decode()
    assert done.redirect_chain == [(detail(rx), 302)]
    assert prescription.erased_at is not None
    assert (prescription.order_ref, prescription.patient_ref) == ("", "")
    kept = str(Prescription.objects.values_list().get(pk=rx)).lower()
    assert not [part for part in ("order-71", "17-redro", "pat-72", "27-tap") if part in kept], "what is derived, too"
    assert objects(servers, prefix=rx) == []
    event = AuditEvent.objects.get(rx=rx, verb="erased")
    assert "Erased by u0" in content
    assert event.hash in content
    assert "Storage not proved empty yet" in content
    assert "The audit log is whole" in content
    assert "/iiif/" not in content
    assert address(rx) not in content

    Prescription.objects.filter(pk=rx).update(erased_at=timezone.now() - erasure.settled_after())
    erasure.sweep()
    assert "Storage proved empty, in all versions: " in officer.get(detail(rx)).content.decode()
    assert "It is erased already." in officer.post(address(rx), follow=True).content.decode()
    assert AuditEvent.objects.filter(rx=rx, verb="erased").count() == 1


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"legal_hold": "court case 7"}, "It is under a legal hold: court case 7."),
        ({"retain_until": timezone.now().date() + timedelta(days=3)}, "It must be kept until"),
    ],
)
def test_what_must_be_kept_stays_and_the_page_says_why(
    upload: Upload, servers: Stack, officer: Client, kept: dict[str, Any], words: str
) -> None:
    rx = upload(order_ref="O-1").pk
    Prescription.objects.filter(pk=rx).update(**kept)
    before = objects(servers, prefix=rx)
    assert words in officer.get(address(rx)).content.decode()

    content = officer.post(address(rx), follow=True).content.decode()

    prescription = Prescription.objects.get(pk=rx)
    assert "This prescription must be kept" in content
    assert words in content
    assert prescription.erased_at is None
    assert prescription.order_ref == "O-1"
    assert objects(servers, prefix=rx) == before
    assert prescription.links_cut_at is not None, "the customer's links are cut all the same"


def test_who_may_only_look_is_refused(upload: Upload, servers: Stack) -> None:
    rx, client = upload().pk, signed_in("view_prescription")

    assert address(rx) not in client.get(detail(rx)).content.decode()
    assert client.get(address(rx)).status_code == 403
    assert client.post(address(rx)).status_code == 403
    assert Prescription.objects.get().erased_at is None
    assert Prescription.objects.get().links_cut_at is None
    assert objects(servers, prefix=rx)


def test_storage_that_is_away_hides_it_at_once_and_is_said(upload: Upload, officer: Client, no_s3: None) -> None:
    rx = Prescription.objects.create(client="shop").pk

    content = officer.post(address(rx), follow=True).content.decode()

    assert "The file storage does not answer now" in content
    assert Prescription.objects.get(pk=rx).erased_at is not None


def test_an_address_of_nothing(db: None, officer: Client) -> None:
    assert officer.get(address("0" * 32)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_dead_letter_is_found_tried_again_and_made(page: Page) -> None:
    dead = claim(page, state="dead", attempts=3, error_code="render-crashed", error_detail="It stopped.")
    claim(page, "full/75,100/0/default.webp", state="ready")
    client, variants = signed_in("view_variant", "change_variant"), reverse("admin:prescriptions_variant_changelist")

    listed = client.get(f"{variants}?given_up=1").content.decode()
    assert (dead.pk in listed, "75,100" in listed) == (True, False)
    said = client.post(f"{variants}?given_up=1", {"action": "try_again", "_selected_action": dead.pk}, follow=True)
    assert "1 variant will be tried again." in said.content.decode()
    assert sweep.sweep() == 1

    until(lambda: Variant.objects.filter(pk=dead.pk, state="ready").exists())
    dead.refresh_from_db()
    assert (dead.state, dead.error_code, dead.attempts) == ("ready", "", 1)
    assert "0 variants" in client.get(f"{variants}?given_up=1").content.decode()
    assert Variant.objects.count() == 2


def test_whoever_signed_in_long_ago_confirms_it_first(upload: Upload, officer: Client) -> None:
    """On the page, on its form, and by the API; nothing is erased meanwhile."""
    rx = upload().pk
    session = officer.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - 301}]
    session.save()

    asked, sent = officer.get(address(rx)), officer.post(address(rx))
    by_api = officer.delete(f"/api/v1/prescriptions/{rx}")

    to = f"/accounts/confirm/?next={address(rx).replace('/', '%2F')}"
    assert [(answer.status_code, answer.headers["Location"]) for answer in (asked, sent)] == [(303, to)] * 2
    assert (by_api.status_code, by_api.json()["type"]) == (403, "/docs/problems#confirm-first")
    assert Prescription.objects.get(pk=rx).erased_at is None

    confirm(officer)
    assert officer.delete(f"/api/v1/prescriptions/{rx}").status_code == 204
