"""How long what is kept, by its rule; and what the nights do with what is due. On both databases."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from prescriptions.audit.actors import staff as person
from prescriptions.infra.problems import Problem
from prescriptions.models import (
    AuditEvent,
    OrderLine,
    OverrideReason,
    Prescription,
    Replay,
    RetentionRun,
    Review,
    ReviewStatus,
    Schedule,
    retention_of,
)
from prescriptions.review.rules import Action
from prescriptions.review.transitions import load, transition
from prescriptions.upkeep import erasure, holds, nightly
from prescriptions.upkeep.erasure import Override
from tests.databases import on_each_database
from tests.prescriptions.staff import Make

pytestmark = [on_each_database, pytest.mark.django_db, pytest.mark.usefixtures("servers")]


def ended(make: Make, status: str, *, days_ago: int, schedules: str = "", **columns: Any) -> Review:
    """A review that ended so many days ago; an approval with lines of these schedules ran out on that day."""
    day = timezone.localdate() - timedelta(days=days_ago)
    until = {"valid_until": day} if status in ("approved", "partially_approved", "expired") else {}
    review = make(status=status, status_at=timezone.now() - timedelta(days=days_ago), **until, **columns)
    for position, schedule in enumerate(filter(None, schedules.split(",")), 1):
        OrderLine.objects.create(
            prescription=review.prescription, position=position, name="x", schedule=schedule, quantity_ordered=1
        )
    return review


@pytest.mark.parametrize(
    ("status", "schedules", "rule", "keep", "erase"),
    [
        ("queued", "", "open", 0, 365),
        ("clarification", "", "open", 0, 365),
        ("rejected", "H1", "rejected", 0, 365),
        ("withdrawn", "", "withdrawn", 0, 365),
        ("approved", "", "approved", 730, 730),
        ("approved", "otc,H", "approved", 730, 730),
        ("partially_approved", "X,H", "approved/X", 730, 730),
        ("expired", "H,H1,X", "approved/H1", 1095, 1095),
    ],
)
def test_the_rule_follows_from_how_it_ended_and_what_was_ordered(
    make: Make, status: str, schedules: str, rule: str, keep: int, erase: int
) -> None:
    kept = retention_of(ended(make, status, days_ago=10, schedules=schedules).prescription)

    day = timezone.localdate() - timedelta(days=10)
    assert (kept.rule, kept.since) == (rule, day)
    assert (kept.keep_until, kept.erase_on) == (day + timedelta(days=keep), day + timedelta(days=erase))


def test_refused_lines_do_not_count_and_a_policy_may_say_never(make: Make, settings: Settings) -> None:
    review = ended(make, "approved", days_ago=1, schedules=Schedule.H1)
    OrderLine.objects.update(decision="refused")
    settings.RX_RETENTION = {**settings.RX_RETENTION, "approved": (10, None)}

    kept = retention_of(Prescription.objects.get(pk=review.pk))

    assert (kept.rule, kept.erase_on) == ("approved", None)


def test_an_approval_cannot_be_erased_before_its_time_without_a_reason(make: Make, staff: dict[str, Any]) -> None:
    review = ended(make, "approved", days_ago=729, schedules=Schedule.H)
    tomorrow = timezone.localdate() + timedelta(days=1)

    with pytest.raises(Problem) as refused:
        erasure.erase(review.prescription, actor=person(staff["senior"]))

    assert (refused.value.code, f"{tomorrow:%d %B %Y}" in refused.value.detail) == ("kept", True)
    assert Prescription.objects.get().erased_at is None
    assert not AuditEvent.objects.filter(verb="erased").exists()

    override = Override(OverrideReason.ORDERED, "FILE-7")
    erasure.erase(review.prescription, actor=person(staff["senior"]), override=override)

    event = AuditEvent.objects.get(verb="erased")
    told = {"override": "ordered", "reference": "FILE-7", "kept_until": tomorrow.isoformat()}
    assert (event.actor_name, event.data) == ("senior", told)


def test_one_that_was_opened_again_is_kept_as_long_as_its_approval(make: Make, staff: dict[str, Any]) -> None:
    review = ended(make, "approved", days_ago=5, schedules=Schedule.H1)
    until = retention_of(review.prescription).keep_until
    opened = transition(load(review.pk), Action.REOPEN, actor=person(staff["senior"]))

    Review.objects.filter(pk=opened.pk).update(status=ReviewStatus.REJECTED)

    assert retention_of(Prescription.objects.get(pk=review.pk)).keep_until == until
    with pytest.raises(Problem, match="must be kept"):
        erasure.erase(Prescription.objects.get(pk=review.pk))


def test_a_hold_that_comes_between_the_look_and_the_erasure_wins(make: Make, staff: dict[str, Any]) -> None:
    """Nothing is deleted, though who erases has read a row without a hold."""
    read = ended(make, "rejected", days_ago=1).prescription
    holds.put(Prescription.objects.get(pk=read.pk), reason="litigation", actor=person(staff["senior"]))

    with pytest.raises(Problem, match="must be kept"):
        erasure.erase(read)

    row = Prescription.objects.get(pk=read.pk)
    assert (row.erased_at, row.pages.count(), row.documents.count()) == (None, 1, 1)
    assert erasure.purge(row.pk) is False
    assert row.pages.count() == 1


def test_an_answer_that_was_kept_after_the_tombstone_goes_too(make: Make) -> None:
    """A request that was under way meanwhile has settled late."""
    row = ended(make, "rejected", days_ago=4000).prescription
    erasure.erase(row)
    Replay.objects.create(scope="api:answer:client:shop", key="k", fingerprint="f", rx=row.pk, answer={"body": "x"})

    erasure.purge(row.pk)

    assert not Replay.objects.exists()


# --- Nights -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def due(make: Make) -> dict[str, str]:
    """One of each rule that is due today, and the same ones that are due tomorrow or held."""
    made = {}
    for status, schedules, days in (
        ("queued", "", 365),
        ("rejected", "", 365),
        ("withdrawn", "", 365),
        ("expired", "H", 730),
        ("partially_approved", "H1,X", 1095),
    ):
        made[status] = ended(make, status, days_ago=days, schedules=schedules).pk
        ended(make, status, days_ago=days - 1, schedules=schedules)
    held = ended(make, "rejected", days_ago=400).pk
    Prescription.objects.filter(pk=held).update(legal_hold="complaint")
    return made


RULES = {"open": 1, "rejected": 1, "withdrawn": 1, "approved": 1, "approved/H1": 1}


def test_a_dry_night_tells_what_is_due_and_touches_nothing(due: dict[str, str], settings: Settings) -> None:
    run = nightly.run()

    assert run is not None
    assert (run.dry, run.due, run.erased, run.held) == (True, RULES, 0, 1)
    assert sorted(run.ids) == sorted(due.values())
    assert not Prescription.objects.exclude(erased_at=None).exists()
    event = AuditEvent.objects.get(rx="retention")
    assert (event.data["due"], event.data["dry"], sorted(event.data["ids"])) == (RULES, True, sorted(due.values()))


def test_a_night_erases_what_is_due_so_many_at_a_time_and_goes_on_the_next(
    due: dict[str, str], settings: Settings
) -> None:
    settings.RX_RETENTION_JOB, settings.RX_RETENTION_LIMIT = "on", 3
    erased = Prescription.objects.exclude(erased_at=None)

    first, second, third = (nightly.run() for _ in "abc")

    assert first
    assert second
    assert third
    assert (first.more, len(first.ids), third.more) == (True, 3, False)
    assert (first.erased, second.erased, second.more) == (3, 2, False)
    assert set(erased.values_list("pk", flat=True)) == set(due.values())
    assert (third.erased, third.held, third.ids) == (0, 1, [])
    told = AuditEvent.objects.get(rx=due["partially_approved"], verb="erased")
    assert (told.actor, told.data["rule"]) == ("system", "approved/H1")


def test_what_cannot_be_deleted_now_is_told_and_stops_the_night(
    due: dict[str, str], settings: Settings, no_s3: None
) -> None:
    settings.RX_RETENTION_JOB = "on"

    with pytest.raises(CommandError, match="storage does not answer"):
        call_command("rxretention")

    run = RetentionRun.objects.get()
    assert (run.erased, len(run.ids), run.trouble != "", run.ended_at is not None) == (1, 1, True, True)
    assert Prescription.objects.exclude(erased_at=None).count() == 1, "its tombstone stands"


def test_off_is_off(due: dict[str, str], settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.RX_RETENTION_JOB = "off"

    assert nightly.run() is None
    with pytest.raises(CommandError, match="off"):
        call_command("rxretention")
    call_command("rxretention", "--dry-run", "--ids")

    said = capsys.readouterr().out
    assert "a dry run: nothing was erased" in said
    assert all(rx in said for rx in due.values())
    assert RetentionRun.objects.count() == 1
