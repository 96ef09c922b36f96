"""The ledger of erasures: what is in it cannot come back with a back-up, and nobody else can write into it."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.infra import per_process, storage
from prescriptions.models import AuditEvent, Draft, LedgerHead, Prescription
from prescriptions.ops import gate
from prescriptions.upkeep import erasure, ledger, replaying
from prescriptions.upkeep.restoring import checking
from rxproject.local.stack.stack import Stack
from tests.databases import on_each_database
from tests.prescriptions.conftest import Upload, objects

pytestmark = [on_each_database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def a_ledger_of_its_own(servers: Stack, db: None) -> None:
    """The bucket is everybody's and forgets nothing: this test begins where it stands now."""
    keys = [key for key in storage.anchor_keys("erasures/") if key < "erasures/9"]  # others are made up
    if keys:
        LedgerHead.objects.create(key=keys[-1])


@pytest.fixture
def processes() -> Iterator[None]:
    with per_process.anew():
        yield


def restore(rx: str, **columns: Any) -> None:
    """The row as an old back-up has it."""
    Prescription.objects.filter(pk=rx).update(erased_at=None, purged_at=None, noted_at=None, **columns)


def test_what_a_back_up_brings_back_is_erased_again(upload: Upload, servers: Stack) -> None:
    prescription, other = upload(), upload()
    before = ledger.head()
    erasure.erase(prescription)
    assert ledger.compare().alive == []
    assert ledger.head() > before

    restore(prescription.pk, legal_hold="litigation", order_ref="O-1")
    LedgerHead.objects.update(key=before)
    found = ledger.compare()

    assert found.alive == [prescription.pk]
    assert ledger.head() == before, "it has not caught up"
    assert replaying.replay() == 1
    row = Prescription.objects.get(pk=prescription.pk)
    assert (row.erased_at is not None, row.order_ref, row.legal_hold) == (True, "", "")
    assert objects(servers, prefix=prescription.pk) == []
    assert Prescription.objects.get(pk=other.pk).erased_at is None
    assert AuditEvent.objects.filter(rx=prescription.pk, verb="erased").count() == 2
    assert (ledger.compare().alive, ledger.head() > before) == ([], True)


def test_a_draft_that_a_back_up_brings_back_goes_too(upload: Upload) -> None:
    prescription, before = upload(), ledger.head()
    erasure.erase(prescription)
    Prescription.objects.filter(pk=prescription.pk).delete()
    Draft.objects.create(id=prescription.pk, client="shop", order_ref="O-9")
    LedgerHead.objects.update(key=before)

    assert replaying.replay() == 1
    assert not Draft.objects.exists()
    assert Prescription.objects.get(pk=prescription.pk).erased_at is not None


def test_an_entry_that_our_keys_did_not_sign_deletes_nothing(
    upload: Upload, servers: Stack, settings: Settings
) -> None:
    prescription, forged = upload(), ledger.compare().forged
    settings.RX_AUDIT_KEYS = "b1:" + "33" * 32
    ledger.note(prescription.pk)
    settings.RX_AUDIT_KEYS = "a1:" + "22" * 32

    assert ledger.compare() == ledger.Difference([], forged + 1)
    assert replaying.replay() == 0
    assert Prescription.objects.get(pk=prescription.pk).erased_at is None
    assert objects(servers, prefix=prescription.pk) != []


@pytest.mark.parametrize("forged", ["erasures/99991231T235959999999-" + "0" * 32 + "-a1-" + "0" * 32, "erasures/~"])
def test_an_entry_that_is_none_of_ours_does_not_say_how_far_we_have_read(upload: Upload, forged: str) -> None:
    """What is erased later would stand before it, and never be read."""
    prescription, before = upload(), ledger.head()
    storage.put_anchor(forged, b"")
    ledger.compare()
    erasure.erase(prescription)
    assert ledger.compare().alive == []
    assert before < ledger.head() < forged

    restore(prescription.pk)

    assert ledger.compare().alive == [prescription.pk]


def test_nobody_takes_an_entry_out_again(upload: Upload, servers: Stack) -> None:
    prescription, before = upload(), ledger.head()
    erasure.erase(prescription)
    client = servers.s3_client("web")
    [key] = [key for key in storage.anchor_keys("erasures/", after=before) if prescription.pk in key]

    with contextlib.suppress(client.exceptions.ClientError):
        client.delete_object(Bucket="rx-audit", Key=key)
    restore(prescription.pk)
    LedgerHead.objects.update(key=before)

    assert ledger.compare().alive == [prescription.pk]


def test_an_erasure_while_the_bucket_is_away_is_noted_by_the_sweep(servers: Stack) -> None:
    prescription, before = Prescription.objects.create(client="shop"), ledger.head()
    with per_process.anew(), pytest.MonkeyPatch.context() as away:
        away.setattr(storage, "put_anchor", _refuse)
        with pytest.raises(storage.StorageUnavailable):
            erasure.erase(prescription)
    assert Prescription.objects.get().noted_at is None

    Prescription.objects.update(erased_at=timezone.now() - erasure.settled_after())
    erasure.sweep()

    row = Prescription.objects.get()
    assert None not in (row.noted_at, row.purged_at)
    assert [key for key in storage.anchor_keys("erasures/", after=before) if row.pk in key] != []


def _refuse(*_: object) -> None:
    raise storage.StorageUnavailable("put_object: 503")


# --- The gate ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def web(settings: Settings, processes: None) -> Client:
    """A process that serves."""
    settings.RX_ROLE = "web"
    return Client()


def test_a_process_serves_nothing_until_database_and_ledger_agree(web: Client, upload: Upload) -> None:
    prescription, before = upload(), ledger.head()
    erasure.erase(prescription)
    restore(prescription.pk)
    LedgerHead.objects.update(key=before)

    answer = web.get("/admin/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["type"] == "/docs/problems#erasures-first"
    assert {web.get(path).status_code for path in ("/livez", "/healthz")} == {200}
    assert "erasures" in web.get("/readyz").json()["missing"]

    replaying.replay()
    with per_process.anew():
        assert web.get("/admin/").status_code == 302


def test_the_first_requests_of_a_process_come_together_and_are_all_served(
    processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a comparison that takes its time
    looks, done = Event(), Event()

    def compare() -> ledger.Difference:
        looks.set()
        done.wait()
        return ledger.Difference([])

    monkeypatch.setattr(ledger, "compare", compare)
    monkeypatch.setattr(ledger, "head", lambda: "")
    monkeypatch.setattr(checking, "is_due", lambda: False)
    monkeypatch.setattr(gate, "FIRST_WAIT", 60.0)

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(gate.is_open)
        looks.wait()
        others = [pool.submit(gate.is_open) for _ in range(4)]
        assert wait(others, timeout=0.1).done == set()
        done.set()

        assert {one.result() for one in (first, *others)} == {True}


def test_a_database_that_goes_back_under_a_running_process_closes_it(
    web: Client, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LOOK_EVERY", 0.0)
    prescription, before = upload(), ledger.head()
    erasure.erase(prescription)
    ledger.compare()
    assert web.get("/admin/").status_code == 302

    restore(prescription.pk)
    LedgerHead.objects.update(key=before)

    assert web.get("/admin/").status_code == 503


def test_a_ledger_that_cannot_be_read_keeps_it_closed(web: Client, no_s3: None) -> None:
    assert web.get("/admin/").status_code == 503


# --- The command ------------------------------------------------------------------------------------------------------
def test_the_command_tells_and_mends(upload: Upload, capsys: pytest.CaptureFixture[str]) -> None:
    prescription, before = upload(), ledger.head()
    erasure.erase(prescription)
    restore(prescription.pk)
    LedgerHead.objects.update(key=before)

    with pytest.raises(CommandError, match="1 were erased and are there again"):
        call_command("rxerasures", "verify")
    call_command("rxerasures", "replay")
    call_command("rxerasures", "verify")
    call_command("rxerasures", "list")

    said = capsys.readouterr().out
    assert "1 erased again" in said
    assert "this database has nothing that was erased" in said
    assert said.splitlines()[-1].endswith(prescription.pk)
