"""Exports of the desk: whole, recorded, safe for spreadsheets; and the signed one proves itself."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from prescriptions import audit
from prescriptions.admin.audit_desk import exports
from prescriptions.audit.actors import Actor, ActorKind
from prescriptions.models import AuditEvent
from tests.prescriptions.admin.audit_desk.conftest import LOG
from tests.prescriptions.staff import make_review

pytestmark = pytest.mark.django_db


def export(client: Client, form: str, **asked: str) -> Any:
    return client.post(f"{LOG}export/", {"format": form, **asked})


def body(response: Any) -> bytes:
    assert response.status_code == 200, response.content
    return bytes(response.getvalue())


def test_a_spreadsheet_has_every_event_that_was_asked_for_and_no_formula(auditor: Client) -> None:
    rx, other = make_review().pk, make_review().pk
    evil = Actor(ActorKind.CLIENT, "1", '=HYPERLINK("http://x")')
    audit.record(rx, audit.Verb.REVIEW_VIEWED, actor=evil)

    answer = export(auditor, "csv", rx=rx)

    rows = list(csv.DictReader(io.StringIO(body(answer).decode("utf-8-sig"))))
    events = AuditEvent.objects.filter(rx=rx).exclude(verb="audit.exported").order_by("-at", "-pk")
    assert [(row["chain"], row["hash"]) for row in rows[1:]] == [(event.rx, event.hash) for event in events]
    assert rows[0]["verb"] == "audit.exported"
    assert rows[1]["name"] == "'" + evil.name
    assert rows[1]["sentence"].startswith("'=HYPERLINK")
    assert other not in body(export(auditor, "csv", rx=rx)).decode()
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    assert answer.headers["Cache-Control"].startswith("no-store")


def test_each_export_is_recorded_without_the_orders_reference(auditor: Client) -> None:
    rx = make_review(order_ref="ORD-77").pk
    export(auditor, "json", order="ORD-77", verb="received", since="2020-01-01")
    export(auditor, "csv", rx=rx)

    rows = AuditEvent.objects.filter(verb="audit.exported").order_by("pk")
    assert [(row.rx[:5], row.actor_name, row.data) for row in rows] == [
        ("user-", "auditor", {"format": "json", "order": "given", "verb": "received", "since": "2020-01-01"}),
        ("user-", "auditor", {"format": "csv", "rx": rx}),
        (rx[:5], "auditor", {"format": "csv", "rx": rx}),
    ]


@pytest.fixture
def signed(auditor: Client, tmp_path: Path) -> Path:
    for _ in range(3):
        make_review()
    path = tmp_path / "audit.json"
    path.write_bytes(body(export(auditor, "json", verb="received")))
    return path


def test_a_signed_export_proves_itself(signed: Path, capsys: Any) -> None:
    content = json.loads(signed.read_text())
    assert [event["verb"] for event in content["events"]] == ["received"] * 3
    assert content["count"] == 3
    assert content["about"]["name"] == "auditor"
    kept = AuditEvent.objects.get(rx=content["events"][0]["rx"])
    assert content["events"][0]["hash"] == kept.hash

    call_command("rxaudit", "verify-export", str(signed))

    assert capsys.readouterr().out == "genuine: 3 events, signed with a1\n"


def test_any_byte_that_was_changed_is_found(signed: Path) -> None:
    whole = signed.read_bytes()
    for place in range(0, len(whole), 37):
        signed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CommandError):
            call_command("rxaudit", "verify-export", str(signed))
    for cut in (whole[:-1], whole[:200], b"", whole + b" ", whole.replace(b'"count":3', b'"count":2')):
        signed.write_bytes(cut)
        with pytest.raises(CommandError, match=r"no export|changed"):
            call_command("rxaudit", "verify-export", str(signed))


def test_without_the_key_nothing_is_proved(signed: Path, auditor: Client, settings: Settings) -> None:
    settings.RX_AUDIT_KEYS = f"b1:{'44' * 32}"
    with pytest.raises(CommandError, match="key a1, which is not in RX_AUDIT_KEYS"):
        call_command("rxaudit", "verify-export", str(signed))

    settings.RX_AUDIT_KEYS = ""
    signed.write_bytes(body(export(auditor, "json", verb="received")))
    with pytest.raises(CommandError, match="not signed"):
        call_command("rxaudit", "verify-export", str(signed))


def test_what_is_too_much_or_no_question_is_not_exported(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST", 1)
    for _ in range(2):
        make_review()

    assert b"Ask for fewer days" in export(auditor, "csv", verb="received").content
    for wrong in (export(auditor, "exe"), export(auditor, "csv", rx="z")):
        assert wrong.status_code == 400
        assert b"cannot be exported" in wrong.content
    assert auditor.get(f"{LOG}export/").status_code == 405
    assert AuditEvent.objects.filter(verb="audit.exported").count() == 0
