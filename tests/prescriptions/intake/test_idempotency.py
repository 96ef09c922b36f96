"""Idempotency-Key: a client may repeat an upload whose answer it did not get."""

import pytest

from prescriptions.infra.problems import Problem
from prescriptions.models import IdempotencyKey, Prescription, Replay
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import Upload, file, objects, picture


def test_a_repeated_upload_gives_the_same_prescription(upload: Upload, servers: Stack) -> None:
    first = upload(file("a.jpg"), order_ref="O-1", idempotency_key="k")

    again = upload(file("another name.jpg"), order_ref="O-1", idempotency_key="k")

    assert again.id == first.id
    assert Prescription.objects.count() == 1
    assert len(objects(servers, prefix=first.id)) == 2  # the original and its receipt


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


def test_what_the_release_before_took_is_known(upload: Upload) -> None:
    taken = upload(idempotency_key="k")
    Replay.objects.all().delete()  # which it has never heard of

    assert upload(idempotency_key="k") == taken
    with pytest.raises(Problem):
        upload(order_ref="O-2", idempotency_key="k")


def test_a_refused_upload_frees_its_key(upload: Upload) -> None:
    with pytest.raises(Problem):
        upload(file(data=b"text"), idempotency_key="k")

    assert upload(file(), idempotency_key="k").pages.count() == 1
