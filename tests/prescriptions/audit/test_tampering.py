"""Fifteen ways to tamper with the audit log, by somebody who owns the database: each is noticed."""
# ruff: noqa: S608 - statements of constants

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from prescriptions import audit
from prescriptions.audit import chain, signing, witness
from prescriptions.audit.actors import CUSTOMER, SYSTEM
from prescriptions.audit.verification import Fault
from prescriptions.infra import storage
from prescriptions.models import AuditAnchor, AuditEvent
from tests.databases import on_each_database

pytestmark = [on_each_database, pytest.mark.django_db, pytest.mark.usefixtures("witnesses")]
EVENTS, ANCHORS, HEADS = "prescriptions_auditevent", "prescriptions_auditanchor", "prescriptions_auditanchorhead"
Burglary = Callable[[Any, str], None]


def statements(*lines: str) -> Burglary:
    def commit(burglar: Any, rx: str) -> None:
        for line in lines:
            burglar.execute(line.replace("{rx}", rx))

    return commit


def rehash(burglar: Any, rx: str) -> None:
    """Forge the third event and compute every hash anew as well as can be done without the key."""
    burglar.execute(f"UPDATE {EVENTS} SET verb = 'review.approve', \"key\" = '' WHERE rx = %s AND seq = 3", [rx])
    prev = ""
    for event in AuditEvent.objects.filter(rx=rx):
        event.prev_hash, event.key = prev, ""
        prev = chain.digest(event)
        burglar.execute(
            f"UPDATE {EVENTS} SET \"key\" = '', prev_hash = %s, hash = %s WHERE rx = %s AND seq = %s",
            [event.prev_hash, prev, rx, event.seq],
        )


def remake_anchors(burglar: Any, rx: str) -> None:
    """Rewrite the chain, throw all anchors away and make a new one that agrees with it."""
    rehash(burglar, rx)
    no_anchors(burglar, rx)
    heads = [[event.rx, event.seq, event.hash] for event in AuditEvent.objects.filter(rx=rx, seq=4)]
    text = json.dumps(["rx-audit-v1", "", heads], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    made = AuditAnchor.objects.create(chains=1, digest=digest)
    burglar.execute(
        f"INSERT INTO {HEADS} (anchor_id, rx, seq, hash) VALUES (%s, %s, 4, %s)",
        [made.pk, rx, heads[0][2]],
    )


no_anchors = statements(f"DELETE FROM {HEADS}", f"DELETE FROM {ANCHORS}")


def then(*burglaries: Burglary) -> Burglary:
    def commit(burglar: Any, rx: str) -> None:
        for burglary in burglaries:
            burglary(burglar, rx)

    return commit


ONE = f"FROM {EVENTS} WHERE rx = '{{rx}}'"
SET, OF = f"UPDATE {EVENTS} SET ", " WHERE rx = '{rx}' AND seq = "
INSERTED = (
    f"INSERT INTO {EVENTS} (rx, seq, at, actor, actor_name, verb, data, request_id, prev_hash, hash) "
    "SELECT rx, {seq}, at, actor, actor_name, 'x', data, request_id, prev_hash, hash " + ONE + " AND seq = 2"
)
TAMPERINGS = {
    "data edited": (False, statements(SET + "data = '{}'" + OF + "2")),
    "actor edited": (False, statements(SET + "actor = 'staff:9'" + OF + "2")),
    "one deleted from the middle": (False, statements("DELETE " + ONE + " AND seq = 2")),
    "two swapped": (
        False,
        statements(SET + "seq = 9" + OF + "2", SET + "seq = 2" + OF + "3", SET + "seq = 3" + OF + "9"),
    ),
    "one inserted between": (
        False,
        statements(SET + "seq = 5" + OF + "4", SET + "seq = 4" + OF + "3", INSERTED.replace("{seq}", "3")),
    ),
    "the last deleted, not anchored": (False, statements("DELETE " + ONE + " AND seq = 4")),
    "a whole chain deleted, not anchored": (False, statements("DELETE " + ONE)),
    "edited and the rest computed anew, not anchored": (False, rehash),
    "the last deleted, anchored": (True, statements("DELETE " + ONE + " AND seq = 4")),
    "a chain deleted, anchored": (True, statements("DELETE " + ONE)),
    "edited and computed anew, anchored": (True, rehash),
    "a head without its digest": (True, statements(f"UPDATE {HEADS} SET hash = 'x' WHERE rx = '{{rx}}'")),
    "rewritten, and all anchors deleted": (True, then(rehash, no_anchors)),
    "rewritten, and the anchors made anew": (True, remake_anchors),
}


@pytest.fixture(autouse=True)
def noted(witnesses: None, rx: str) -> None:
    """As a commit does, which a test's own transaction never reaches."""
    witness.note({rx: 4})


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_is_noticed(rx: str, burglar: Any, tampering: str) -> None:
    anchored, commit = TAMPERINGS[tampering]
    if anchored:
        audit.anchor()
        audit.publish()
    assert audit.verify().faults == [], "whole before"

    commit(burglar, rx)

    assert audit.verify().faults


def test_whoever_looks_at_one_chain_misses_its_end(rx: str, burglar: Any) -> None:
    statements("DELETE " + ONE + " AND seq = 4")(burglar, rx)

    assert audit.verify(rx).faults == [Fault(rx, 4, "was recorded, but is gone")]


def test_a_replace_is_refused_like_an_update(rx: str) -> None:
    """The fifteenth: `INSERT OR REPLACE`, which SQLite's triggers on UPDATE and DELETE never see."""
    if connection.vendor != "sqlite":
        statement = INSERTED.replace("{seq}", "2") + " ON CONFLICT (rx, seq) DO UPDATE SET verb = 'x'"
    else:
        statement = INSERTED.replace("{seq}", "2").replace("INSERT", "INSERT OR REPLACE", 1)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.replace("{rx}", rx))

    assert audit.verify().faults == []


def test_what_lies_in_the_bucket_outlives_who_can_write_there(rx: str) -> None:
    audit.anchor()
    audit.publish()
    bucket = storage.settings.RX_AUDIT_BUCKET
    key = f"anchors/{AuditAnchor.objects.get().pk:010d}-{AuditAnchor.objects.get().digest}.json"

    storage.client().put_object(Bucket=bucket, Key=key, Body=b"{}")
    storage.client().delete_object(Bucket=bucket, Key=key)

    assert list(storage.anchor_keys("anchors/")) == [key]
    assert audit.verify().faults == []


def test_each_anchor_is_copied_once_and_what_was_missed_is_made_up_for(rx: str) -> None:
    for number in (1, 2, 3):
        audit.record(rx, audit.Verb.PAGE_OPENED, actor=CUSTOMER, data={"page": number})
        audit.anchor()

    assert [audit.publish(), audit.publish()] == [3, 0]

    audit.record(rx, audit.Verb.DOWNLOADED, actor=SYSTEM)
    made = audit.anchor()
    assert made is not None
    assert (made.events, made.chains, made.key) == (8, 1, "a1")
    assert audit.publish() == 1
    body = (
        storage.client()
        .get_object(Bucket=storage.settings.RX_AUDIT_BUCKET, Key=f"anchors/{made.pk:010d}-{made.digest}.json")["Body"]
        .read()
    )
    assert json.loads(body) | {"at": ""} == {
        "number": made.pk,
        "at": "",
        "key": "a1",
        "chains": 1,
        "events": 8,
        "prev": made.prev_digest,
        "digest": made.digest,
        "heads": [[rx, 8, AuditEvent.objects.get(rx=rx, seq=8).hash]],
        "acts": [],  # looks alone
        "acts_digest": signing.sign(["rx-acts-v1", made.digest, []], key="a1"),
    }
    assert audit.verify().faults == []


def test_a_database_of_yesterday_is_told_from_todays(rx: str, burglar: Any) -> None:
    """Restored from a backup: what the anchors in the bucket know is missed."""
    audit.anchor()
    audit.publish()
    gone = AuditAnchor.objects.get().pk
    no_anchors(burglar, rx)

    assert Fault("", gone, "the bucket has an anchor that the database has not") in audit.verify().faults


def test_what_is_recorded_while_it_reads_is_not_taken_for_gone(rx: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recall = witness.recall

    def busy() -> dict[str, int]:
        audit.record(rx, audit.Verb.DOWNLOADED, actor=SYSTEM)
        return recall()

    monkeypatch.setattr(witness, "recall", busy)

    assert audit.verify(bucket=False).faults == []


def test_without_redis_it_says_what_is_not_proved(rx: str, settings: Any) -> None:
    from prescriptions.infra import per_process

    settings.RX_REDIS_URL = "redis://127.0.0.1:1/0"
    per_process.forget()

    report = audit.verify()

    assert (report.faults, report.unasked, report.events) == ([], ["Redis"], 4)


def test_a_bucket_that_is_away_is_no_verdict(rx: str, settings: Any) -> None:
    settings.RX_AUDIT_BUCKET = "rx-nowhere"

    with pytest.raises(CommandError, match="--offline"):
        call_command("rxaudit", "verify")

    assert audit.verify(bucket=False).unasked == ["the bucket of anchors"]


def test_keys_rotate_and_a_lost_one_is_named(rx: str, settings: Any) -> None:
    audit.anchor()
    old = settings.RX_AUDIT_KEYS
    settings.RX_AUDIT_KEYS = f"a2:{'33' * 32},{old}"
    audit.record(rx, audit.Verb.DOWNLOADED, actor=SYSTEM)
    assert AuditEvent.objects.get(rx=rx, seq=5).key == "a2"
    assert audit.verify(bucket=False).faults == []

    settings.RX_AUDIT_KEYS = f"a2:{'33' * 32}"

    faults = audit.verify(bucket=False).faults
    assert Fault(rx, 1, "signed with a key that is not in RX_AUDIT_KEYS: a1") in faults
    assert not [fault for fault in faults if fault.rx and fault.seq == 5]


def test_what_was_written_before_there_were_keys_is_good_once_a_signed_anchor_seals_it(settings: Any) -> None:
    keys, settings.RX_AUDIT_KEYS = settings.RX_AUDIT_KEYS, ""
    old = audit.record("c" * 32, audit.Verb.RECEIVED, actor=SYSTEM)
    assert (old.key, old.hash) == ("", chain.digest(old))
    settings.RX_AUDIT_KEYS = keys
    assert Fault("c" * 32, 1, "not signed") in audit.verify(bucket=False).faults

    audit.anchor()

    assert audit.verify(bucket=False).faults == []
    settings.RX_AUDIT_KEYS = ""
    audit.record("c" * 32, audit.Verb.RECEIVED, actor=SYSTEM)
    settings.RX_AUDIT_KEYS = keys
    assert audit.verify(bucket=False).faults == [Fault("c" * 32, 2, "not signed")]
