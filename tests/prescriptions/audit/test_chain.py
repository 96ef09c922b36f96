"""The audit log: nobody edits or deletes it, and if somebody does, it shows."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import CUSTOMER, LINK, SYSTEM
from prescriptions.audit.verification import Fault
from prescriptions.models import AppendOnly, AuditAnchor, AuditEvent, new_identifier
from tests.databases import on_each_database

pytestmark = [on_each_database, pytest.mark.django_db, pytest.mark.usefixtures("witnesses")]
TABLES = ("prescriptions_auditevent", "prescriptions_auditanchor", "prescriptions_auditanchorhead")


def test_events_follow_each_other_in_a_chain(rx: str) -> None:
    events = list(AuditEvent.objects.filter(rx=rx))

    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.prev_hash for event in events] == ["", *(event.hash for event in events[:-1])]
    assert audit.verify(rx).faults == []
    assert audit.verify().faults == []


def test_the_model_refuses_to_change_or_delete(rx: str) -> None:
    event = AuditEvent.objects.filter(rx=rx).first()
    assert event is not None

    for forbidden in (
        event.save,
        event.delete,
        AuditEvent.objects.filter(rx=rx).delete,
        lambda: AuditEvent.objects.filter(rx=rx).update(verb="x"),
        lambda: AuditEvent.objects.bulk_update([event], ["verb"]),
    ):
        with pytest.raises(AppendOnly):
            forbidden()

    assert AuditEvent.objects.filter(rx=rx).count() == 4


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id + 1", "DELETE FROM {}"])
@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_it_too(rx: str, table: str, statement: str) -> None:
    audit.anchor()

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))

    assert audit.verify().faults == []


def test_anchors_hold_each_other(rx: str, burglar: Any) -> None:
    first = audit.anchor()
    audit.record(rx, audit.Verb.DOWNLOADED, actor=LINK)
    second = audit.anchor()
    assert first is not None
    assert second is not None
    assert (first.chains, second.chains, second.prev_digest) == (1, 1, first.digest)
    assert audit.anchor() is None, "nothing happened since"

    burglar.execute("DELETE FROM prescriptions_auditanchorhead WHERE anchor_id = %s", [first.pk])
    burglar.execute("DELETE FROM prescriptions_auditanchor WHERE id = %s", [first.pk])

    faults = audit.verify().faults
    assert Fault("", second.pk, "an anchor is missing before this one") in faults


def test_the_command_tells_and_fails(rx: str, burglar: Any) -> None:
    said = StringIO()
    call_command("rxaudit", "anchor", stdout=said)
    digest = AuditAnchor.objects.get().digest
    assert said.getvalue().startswith(digest)
    call_command("rxaudit", "verify", "--anchor", digest, stdout=said)
    assert "whole: 4 events" in said.getvalue()

    burglar.execute("UPDATE prescriptions_auditevent SET verb = 'x' WHERE rx = %s AND seq = 2", [rx])

    complaint = StringIO()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("rxaudit", "verify", stderr=complaint)
    assert f"{rx} 2: changed" in complaint.getvalue()
    with pytest.raises(CommandError):
        call_command("rxaudit", "verify", "--anchor", "0" * 64, stderr=complaint)


def test_what_says_nothing_new_is_recorded_once_on_all_chains(django_assert_num_queries: Any) -> None:
    rxs = [new_identifier() for _ in range(50)]

    audit.record_all_once(rxs, "link.minted", actor=SYSTEM, data={"until": 1})
    with django_assert_num_queries(1):
        audit.record_all_once(rxs, "link.minted", actor=SYSTEM, data={"until": 1})
    audit.record_all_once(rxs, "link.minted", actor=CUSTOMER, data={"until": 1})
    audit.record_all_once(rxs, "link.minted", actor=SYSTEM, data={"until": 2})

    assert AuditEvent.objects.filter(rx__in=rxs, verb="link.minted").count() == 150


def test_many_chains_verify_in_a_constant_number_of_queries(django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        audit.record(new_identifier(), "received", actor=SYSTEM)
    audit.anchor()

    with django_assert_max_num_queries(9):
        assert audit.verify().faults == []


def test_time_stands_in_the_chain_to_the_microsecond_in_any_zone(rx: str) -> None:
    with timezone.override("Asia/Kolkata"):
        assert audit.verify(rx).faults == []
    event = AuditEvent.objects.filter(rx=rx).first()
    assert event is not None
    assert abs(event.at - timezone.now()) < timedelta(minutes=1)
