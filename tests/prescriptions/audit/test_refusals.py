"""Who was refused leaves a trace, and no flood of refusals makes a flood of events."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from prescriptions.audit import looks
from prescriptions.models import AuditEvent, Look, Prescription
from tests.prescriptions.reviewing import signed_in
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db
Bearer = Callable[..., dict[str, str]]


def refused() -> list[tuple[str, str, str]]:
    rows = AuditEvent.objects.filter(verb="access.refused").order_by("pk")
    return [(row.rx, row.actor.partition(":")[0], row.data["what"]) for row in rows]


def test_staff_without_the_right(make: Make, staff: dict[str, Any]) -> None:
    rx, ops = make().pk, signed_in(staff["ops"])
    for _ in range(3):
        assert ops.get(reverse("admin:rx-review", args=[rx])).status_code == 403
    assert ops.get("/admin/prescriptions/auditevent/").status_code == 403
    assert ops.get(f"/api/v1/prescriptions/{'f' * 32}").status_code == 403

    chain = f"user-{staff['ops'].pk}"
    assert refused() == [
        (rx, "staff", "admin:rx-review"),
        (chain, "staff", "admin:prescriptions_auditevent_changelist"),
        (chain, "staff", "prescription"),
    ]
    assert Look.objects.get(rx=rx).count == 2


def test_a_client_that_asks_for_anothers_prescription(make: Make, http: Client, bearer: Bearer) -> None:
    rx = make().pk
    theirs, ours, every = bearer(client="other"), bearer(), bearer("rx:read", "rx:all", client="other")
    writer = bearer("rx:write")
    statuses = [
        http.get(f"/api/v1/prescriptions/{rx}{rest}", headers=who).status_code
        for who, rest in (
            (theirs, ""),
            (theirs, "/original"),
            (ours, "/pages/9/variants/thumb"),
            (every, "/pages/9/variants/thumb"),
            (writer, ""),
        )
    ]
    assert http.get(f"/api/v1/prescriptions/{'f' * 32}", headers=theirs).status_code == 404

    assert statuses == [404, 404, 404, 404, 403]
    assert refused() == [(rx, "client", "prescription"), (rx, "client", "original"), (rx, "client", "prescription")]


def test_nobody_and_nothing_is_not_recorded(make: Make, http: Client) -> None:
    for path in (f"/api/v1/prescriptions/{make().pk}", "/nowhere", "/admin/prescriptions/review/"):
        http.get(path)

    assert refused() == []


def test_after_a_hundred_prescriptions_in_an_hour_one_number_is_enough(http: Client, bearer: Bearer) -> None:
    theirs = bearer(client="other")
    rxs = [row.pk for row in Prescription.objects.bulk_create(Prescription(client="shop") for _ in range(110))]

    for rx in rxs:
        http.get(f"/api/v1/prescriptions/{rx}", headers=theirs)

    chains = [rx for rx, _who, _what in refused()]
    assert chains[:100] == rxs[:100]
    assert len(chains) == 101
    assert chains[100].startswith("token-")
    assert Look.objects.get(rx=chains[100]).count == 9


def test_a_refusal_stands_if_it_cannot_be_recorded(
    make: Make, staff: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(looks, "looked", fail)

    assert signed_in(staff["ops"]).get(reverse("admin:rx-review", args=[make().pk])).status_code == 403
