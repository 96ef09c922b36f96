"""The audit log in the admin: one prescription's events in order, and whether its chain is whole."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from prescriptions import audit
from prescriptions.audit.actors import CUSTOMER
from prescriptions.models import AuditEvent
from tests.prescriptions.staff import make_review, person, seed

pytestmark = pytest.mark.django_db
LOG = "/admin/prescriptions/auditevent/"


@pytest.fixture
def auditor() -> Client:
    seed()
    client = Client()
    client.force_login(person("auditor", "auditor"))
    return client


def verbs(content: str) -> list[str]:
    return [part.split("<")[0] for part in content.split('<td class="field-verb">')[1:]]


def test_events_of_one_prescription_in_order_with_the_chain_verified(auditor: Client) -> None:
    rx, other = make_review().pk, make_review().pk
    audit.record(rx, "page.opened", actor=CUSTOMER, data={"page": 1})

    content = auditor.get(f"{LOG}?rx={rx}").content.decode()

    assert verbs(content) == ["received", "page.opened"]
    assert "Chain verified: yes." in content
    assert other[:8] not in content
    assert verbs(auditor.get(LOG).content.decode()) == ["page.opened", "received", "received"], "newest first"
    assert len(verbs(auditor.get(f"{LOG}?q={other[:8]}").content.decode())) == 1


def test_a_chain_that_somebody_touched_says_no(auditor: Client, request: Any) -> None:
    rx = make_review().pk
    event = AuditEvent(rx=rx, seq=2, actor="system", verb="erased", prev_hash="0" * 64, hash="1" * 64)
    AuditEvent.objects.bulk_create([event])

    content = auditor.get(f"{LOG}?rx={rx}").content.decode()

    assert "Chain verified: no" in content
    assert "2: changed" in content
    assert "Chain verified: yes" not in content


def test_nothing_of_the_trail_can_be_changed_by_form(auditor: Client) -> None:
    make_review()
    event = AuditEvent.objects.get()
    address = reverse("admin:prescriptions_auditevent_change", args=[event.pk])

    page = auditor.get(address)

    assert page.status_code == 200
    assert event.hash in page.content.decode()
    assert auditor.post(address, {"verb": "x", "_save": "Save"}).status_code == 403
    auditor.post(LOG, {"action": "delete_selected", "_selected_action": event.pk, "post": "yes"})
    assert list(AuditEvent.objects.values_list("verb", flat=True)) == ["received", "access.refused"]


@pytest.mark.parametrize("query", ["rx=%00", "rx=x", "q=%00", "q=zzz", "p=99999", "at__year=99999", "rx__startswith=a"])
def test_an_odd_query_is_no_crash(auditor: Client, query: str) -> None:
    make_review()
    auditor.raise_request_exception = False

    assert auditor.get(f"{LOG}?{query}").status_code in (200, 302, 400)


def test_the_number_of_queries_does_not_grow(auditor: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(60):
        make_review()
    assert connection.vendor

    with django_assert_max_num_queries(8):
        assert len(verbs(auditor.get(LOG).content.decode())) == 50
