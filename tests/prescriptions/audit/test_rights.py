"""On PostgreSQL the application's own role cannot touch what was audited, whatever statement it thinks of."""

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM
from prescriptions.models import AuditEvent, ReasonCode
from tests.databases import ON_THE_SERVER

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("database", [ON_THE_SERVER], indirect=True)]
TABLES = ("prescriptions_auditevent", "prescriptions_auditanchor", "prescriptions_auditanchorhead")


@pytest.fixture
def application(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """This connection with the rights of the role that `rxgrant` makes, and of a second run, which changes nothing."""
    monkeypatch.setenv("POSTGRES_APP_PASSWORD", "it's secret")
    for _ in range(2):
        call_command("rxgrant", "rx_app", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE rx_app")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TABLE {} CASCADE",
        "DROP TRIGGER {}_append_only ON {}",
        "CREATE OR REPLACE FUNCTION prescriptions_audit_append_only() RETURNS trigger LANGUAGE sql AS ''",
    ],
)
def test_the_application_cannot_change_what_was_audited(application: None, table: str, statement: str) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, table))


def test_it_can_do_its_work(application: None) -> None:
    audit.record("e" * 32, audit.Verb.RECEIVED, actor=SYSTEM)
    assert audit.anchor() is not None
    assert AuditEvent.objects.count() == 1

    ReasonCode.objects.filter(code="blurry").update(active=False)
    ReasonCode.objects.all().delete()


def test_it_says_what_is_missing(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_APP_PASSWORD", raising=False)
    with pytest.raises(CommandError, match="POSTGRES_APP_PASSWORD"):
        call_command("rxgrant", "rx_nobody")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
    with pytest.raises(CommandError, match="owns the tables"):
        call_command("rxgrant", owner)


@pytest.mark.parametrize("power", ["SUPERUSER", "IN ROLE {owner}"])
def test_a_role_that_no_grant_could_bind_is_refused(power: str, database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user)")
        cursor.execute(f"CREATE ROLE rx_mighty {power.format(owner=cursor.fetchone()[0])}")

    with pytest.raises(CommandError, match="rights of the tables' owner"):
        call_command("rxgrant", "rx_mighty")
