"""Idempotency-Key: a client may repeat an upload whose answer it did not get."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting
from prescriptions.models import IdempotencyKey, LooseOriginal, Prescription
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, file, objects, picture


def test_a_repeated_upload_gives_the_same_prescription(upload: Upload, servers: Stack) -> None:
    first = upload(file("a.jpg"), order_ref="O-1", idempotency_key="k")

    again = upload(file("another name.jpg"), order_ref="O-1", idempotency_key="k")

    assert again.id == first.id
    assert Prescription.objects.count() == 1
    assert len(objects(servers, prefix=first.id)) == 1


@pytest.mark.parametrize("change", [{"order_ref": "O-2"}, {"patient_ref": "P-2"}, {"data": picture(31, 41)}])
def test_the_key_of_another_upload_is_refused(change: dict[str, str | bytes], upload: Upload) -> None:
    upload(file(), order_ref="O-1", idempotency_key="k")
    data = change.pop("data", None)

    with pytest.raises(Problem) as refused:
        upload(file(data=data), **{"order_ref": "O-1", "idempotency_key": "k", **change})  # type: ignore[arg-type]

    assert (refused.value.status, refused.value.code) == (422, "idempotency-key-reused")
    assert Prescription.objects.count() == 1


def test_clients_do_not_share_keys(upload: Upload) -> None:
    first = upload(client="shop", idempotency_key="k")

    assert upload(client="clinic", idempotency_key="k").id != first.id


def test_a_reservation_of_an_older_release_holds_nobody_up(upload: Upload) -> None:
    IdempotencyKey.objects.create(client="shop", key="k", fingerprint="0" * 64)

    prescription = upload(idempotency_key="k")

    assert IdempotencyKey.objects.get().prescription == prescription


def test_a_refused_upload_frees_its_key(upload: Upload) -> None:
    with pytest.raises(Problem):
        upload(file(data=b"text"), idempotency_key="k")

    assert upload(file(), idempotency_key="k").pages.count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_make_one_prescription_and_all_are_told_so(upload: Upload, servers: Stack) -> None:
    before = len(objects(servers))

    def one(_: int) -> str:
        try:
            return upload(idempotency_key="k").id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))

    assert answers == [Prescription.objects.get().id] * 8
    # what the others had put is gone again
    assert len(objects(servers)) == before + 1
    assert LooseOriginal.objects.count() == 0


def test_whoever_finds_at_the_end_that_another_was_faster_gets_that_ones_answer(upload: Upload, servers: Stack) -> None:
    # given an upload whose twin comes through while it puts its originals
    twins: list[Prescription] = []

    def overtake(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        if sql.startswith('INSERT INTO "prescriptions_looseoriginal"') and not twins:
            twins.append(Prescription.objects.create(client="shop"))
            fingerprint = accepting.fingerprint_of([file()], "", "")
            IdempotencyKey.objects.create(client="shop", key="k", fingerprint=fingerprint, prescription=twins[0])
        return execute(sql, params, many, context)

    before = objects(servers)
    with connection.execute_wrapper(overtake):
        assert upload(idempotency_key="k") == twins[0]

    assert list(Prescription.objects.all()) == twins
    assert objects(servers) == before
