"""People of every group, and prescriptions to review, as plain rows: nothing here needs a server but the database."""

import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from prescriptions.infra.database import agreed
from prescriptions.models import Document, OrderLine, Page, Prescription, Review, Schedule
from prescriptions.review import opening

Make = Callable[..., Review]


def seed() -> None:
    """What migrations seed, if it is not there: a test that flushes the database takes it away from those after it."""
    if Group.objects.filter(name="ops").exists():
        return
    import_module("prescriptions.migrations.0004_reasons").seed(apps, None)
    later = import_module("prescriptions.migrations.0011_reasons_apart")
    later.set_apart(apps, None)

    class Editor:
        pass

    Editor.connection = connection  # type: ignore[attr-defined]
    import_module("prescriptions.migrations.0005_groups").make(apps, Editor)
    later.let_seniors(apps, Editor)
    import_module("prescriptions.migrations.0021_retention").let_see_runs(apps, Editor)
    import_module("prescriptions.migrations.0032_webhooks").let_see_webhooks(apps, Editor)


@pytest.fixture(scope="module", autouse=True)
def seeds(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> None:
    """Kept for the whole module: before its first test, and so outside of every test's transaction."""
    mine = [item for item in request.session.items if request.node in item.iter_parents()]
    if not any(map(_uses_database, mine)):
        return
    if "database" in request.fixturenames:
        request.getfixturevalue("database")
    with django_db_blocker.unblock():
        seed()


def _uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "live_server"}
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(
        getattr(item, "fixturenames", ())
    )


@pytest.fixture
def seeded(db: None) -> None:
    seed()


def person(name: str, group: str, **extra: Any) -> Any:
    user = get_user_model().objects.create_user(name, password="p", is_staff=True, **extra)
    user.groups.add(Group.objects.get(name=group))
    return user


def confirm(client: Client) -> None:
    """Whoever is signed in has just shown again who they are."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()


@pytest.fixture
def staff(seeded: None) -> dict[str, Any]:
    """One person of each group, and a second pharmacist and senior."""
    named = {
        "pharmacist": "pharmacist",
        "other": "pharmacist",
        "senior": "senior",
        "senior2": "senior",
        "auditor": "auditor",
        "ops": "ops",
    }
    user_model, password = get_user_model(), make_password("p")
    people = user_model.objects.bulk_create(
        user_model(username=name, password=password, is_staff=True) for name in named
    )
    groups = {group.name: group for group in Group.objects.all()}
    user_model.groups.through.objects.bulk_create(
        user_model.groups.through(user=one, group=groups[named[one.username]]) for one in people
    )
    return dict(zip(named, people, strict=True))


def make_review(*, pages: int = 1, lines: int = 0, schedule: str = Schedule.H, **columns: Any) -> Review:
    """A prescription as intake leaves it, without its objects in S3."""
    order_ref, client = columns.pop("order_ref", ""), columns.pop("client", "shop")
    prescription = Prescription.objects.create(client=client, order_ref=order_ref)
    document = Document.objects.create(
        prescription=prescription, position=1, media_type="image/jpeg", size=1, sha256=prescription.id * 2
    )
    rows = [
        Page(prescription=prescription, document=document, number=n, index=n, width=1200, height=1600)
        for n in range(1, pages + 1)
    ]
    Page.objects.bulk_create(rows)
    review = opening.open_review(prescription, rows)
    for position in range(1, lines + 1):
        OrderLine.objects.create(
            prescription=prescription, position=position, name="Telmisartan", schedule=schedule, quantity_ordered=30
        )
    if columns:
        Review.objects.filter(pk=review.pk).update(**columns)
        review.refresh_from_db()
    return review


class Clock:
    """Stands still until it is moved: no test waits for time to pass, or fails because it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: self.now)
        monkeypatch.setattr(agreed, "now", lambda: self.now)
        monkeypatch.setattr(time, "time", lambda: self.now.timestamp())

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def make(seeded: None) -> Make:
    return make_review
