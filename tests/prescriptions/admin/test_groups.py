"""Each group of staff and each page of the admin: what they may open, which doors they are shown, what stays hidden."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from prescriptions import audit
from prescriptions.models import ApiToken, AuditAnchor, AuditEvent, Page, Prescription, ReasonCode
from tests.prescriptions.conftest import claim
from tests.prescriptions.staff import Clock, make_review, person, seed

pytestmark = pytest.mark.django_db
GROUPS = ("pharmacist", "senior", "auditor", "ops")
# Model: who may open its list and rows.
PAGES = {
    "review": {"pharmacist", "senior", "auditor"},
    "prescription": {"pharmacist", "senior", "auditor"},
    "variant": {"pharmacist", "senior", "ops"},
    "auditevent": {"senior", "auditor"},
    "auditanchor": {"auditor"},
    "reasoncode": {"pharmacist", "senior", "auditor"},
    "apitoken": {"ops"},
}
PATIENT, ORDER, FILE = "PAT-4711", "ORD-4711", "Mrs-Pillai.jpg"


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """One row of each kind; model: primary key."""
    seed()
    review = make_review(pages=2, lines=1, order_ref=ORDER)
    Prescription.objects.update(patient_ref=PATIENT)
    review.prescription.documents.update(name=FILE)
    variant = claim(Page.objects.select_related("document").get(number=1))
    ApiToken.objects.create(id="0" * 16, name="shop", client="shop", scopes=[], secret_sha256="5ec2e7")
    audit.anchor()
    return {
        "review": review.pk,
        "prescription": review.pk,
        "variant": variant.pk,
        "auditevent": AuditEvent.objects.get().pk,
        "auditanchor": AuditAnchor.objects.get().pk,
        "reasoncode": "image_blurry",
        "apitoken": "0" * 16,
    }


def signed_in(group: str) -> Client:
    client = Client()
    client.force_login(person(f"a-{group}", group))
    return client


def changelist(model: str) -> str:
    return reverse(f"admin:prescriptions_{model}_changelist")


def change(model: str, pk: object) -> str:
    return reverse(f"admin:prescriptions_{model}_change", args=[pk])


@pytest.mark.parametrize("group", GROUPS)
def test_who_may_open_what_and_is_shown_the_way(group: str, rows: dict[str, Any]) -> None:
    client = signed_in(group)
    index = client.get("/admin/").content.decode()

    for model, groups in PAGES.items():
        may = group in groups
        assert client.get(changelist(model)).status_code == (200 if may else 403), model
        expected = (302 if model == "review" else 200) if may else 403
        assert client.get(change(model, rows[model])).status_code == expected, model
        assert (f'href="{changelist(model)}"' in index) is may, model


@pytest.mark.parametrize("group", GROUPS)
def test_nobody_adds_or_deletes_and_only_seniors_edit_words(group: str, rows: dict[str, Any]) -> None:
    client = signed_in(group)

    for model, pk in rows.items():
        assert client.get(reverse(f"admin:prescriptions_{model}_add")).status_code == 403
        assert (
            client.post(reverse(f"admin:prescriptions_{model}_delete", args=[pk]), {"post": "yes"}).status_code == 403
        )
        posted = client.post(change(model, pk), {"customer_title": "x", "customer_body": "y", "_save": "Save"})
        assert posted.status_code == (302 if (group, model) == ("senior", "reasoncode") else 403), model
    assert client.post(reverse("admin:rx-erase", args=[rows["prescription"]])).status_code == 403
    assert Prescription.objects.get().erased_at is None


def test_operators_see_no_patient_data_and_no_picture(rows: dict[str, Any]) -> None:
    client = signed_in("ops")

    for path in ("/admin/", changelist("variant"), change("variant", rows["variant"]), changelist("apitoken")):
        content = client.get(path).content.decode()
        for secret in (PATIENT, ORDER, FILE, "/iiif/", rows["prescription"], "5ec2e7"):
            assert secret not in content, (path, secret)
    for lookup in ("page__prescription__patient_ref", "page__prescription__order_ref", "page__document__name"):
        assert client.get(f"{changelist('variant')}?{lookup}__startswith=P").status_code == 400, "no oracle by filters"


def test_auditors_see_rows_and_neither_pictures_nor_files(rows: dict[str, Any]) -> None:
    client = signed_in("auditor")

    for path in (changelist("review"), changelist("prescription"), change("prescription", rows["prescription"])):
        content = client.get(path).content.decode()
        assert PATIENT in content
        for hidden in ("/iiif/", "rx-thumb", FILE, "/original"):
            assert hidden not in content, (path, hidden)
    assert not AuditEvent.objects.filter(verb="link.minted").exists()


def test_an_auditor_who_was_granted_pages_sees_pictures_and_that_is_recorded(rows: dict[str, Any]) -> None:
    client = signed_in("auditor")
    user = person("granted", "auditor")
    user.user_permissions.add(Permission.objects.get(codename="view_page"))
    client.force_login(user)

    assert "/iiif/" in client.get(change("prescription", rows["prescription"])).content.decode()
    [event] = AuditEvent.objects.filter(verb="link.minted")
    assert event.actor_name == "granted"


@pytest.mark.parametrize("group", ["pharmacist", "senior"])
def test_lists_and_rows_with_pictures_record_who_got_links_once(group: str, rows: dict[str, Any], clock: Clock) -> None:
    client = signed_in(group)

    for path in (changelist("prescription"), change("prescription", rows["prescription"])) * 2:
        assert "rx-thumb" in client.get(path).content.decode()

    [event] = AuditEvent.objects.filter(verb="link.minted")
    assert (event.rx, event.actor_name) == (rows["prescription"], f"a-{group}")


def test_pictures_are_turned_as_the_reviewer_set_them(rows: dict[str, Any]) -> None:
    Page.objects.filter(number=1).update(rotation=270)

    content = signed_in("pharmacist").get(changelist("prescription")).content.decode()

    assert re.search(
        r'<img class="rx-thumb" src="/iiif/3/[\w.-]+/\w+_1/full/150,200/270/default.webp" width="200"', content
    )


def test_seniors_put_reasons_into_their_own_words_and_codes_stay(rows: dict[str, Any]) -> None:
    client, reason = signed_in("senior"), ReasonCode.objects.get(pk="image_blurry")
    before = (reason.group, reason.action, reason.position, reason.retryable, reason.needs_note)
    form = client.get(change("reasoncode", "image_blurry")).content.decode()
    fields = re.findall(r'<(?:input|textarea)[^>]* name="(?!csrf|next|_)(\w+)"', form)
    assert {name for name in fields if name[-3] != "_"} == {  # the others are of other languages
        "staff_title",
        "customer_title",
        "customer_body",
        "active",
    }

    sent = {
        "staff_title": "Not sharp",
        "customer_title": "Too blurred",
        "customer_body": "Hold still.",
        "code": "evil",
        "action": "none",
        "_save": "1",
    }
    assert client.post(change("reasoncode", "image_blurry"), sent).status_code == 302

    reason = ReasonCode.objects.get(pk="image_blurry")
    assert (reason.customer_title, reason.customer_body, reason.active) == ("Too blurred", "Hold still.", False)
    assert (reason.group, reason.action, reason.position, reason.retryable, reason.needs_note) == before
    assert not ReasonCode.objects.filter(pk="evil").exists()
    for column, taken in (("staff_title", "too DARK"), ("customer_title", "the picture is too dark")):
        refused = client.post(change("reasoncode", "image_blurry"), {**sent, column: taken})
        assert "Nobody could tell them apart" in refused.content.decode(), column


def test_others_read_reasons_only(rows: dict[str, Any]) -> None:
    form = signed_in("pharmacist").get(change("reasoncode", "image_blurry")).content.decode()

    assert not re.search(r'name="(customer_title|_save)"', form)
