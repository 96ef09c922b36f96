"""After a restore: nothing serves or sweeps before the check, what was lost has a name, and somebody has to know it."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from prescriptions import audit
from prescriptions.audit.actors import staff as by
from prescriptions.infra import per_process, storage
from prescriptions.models import AuditAnchor, AuditEvent, Draft, Prescription, Review
from prescriptions.review import decisions, queue
from prescriptions.tasks import tidy
from prescriptions.upkeep import erasure, holds, reviews
from prescriptions.upkeep.restoring import checking, lost
from tests.databases import on_each_database
from tests.prescriptions.conftest import Upload
from tests.prescriptions.reviewing import approval
from tests.prescriptions.upkeep.restoring.conftest import check, lost_with_the_database, seal

pytestmark = [on_each_database, pytest.mark.django_db]
Staff = dict[str, Any]


def approve(prescription: Prescription, user: Any) -> None:
    review = queue.claim(prescription.pk, user)
    decisions.act(prescription.pk, approval(pages_seen=[1]), actor=by(user), version=review.version)


def test_three_uploads_two_decisions_and_two_erasures_after_the_back_up(
    upload: Upload, staff: Staff, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a back-up, and what happened after it
    decided, erased = [upload(), upload()], [upload(), upload()]
    seal()
    with lost_with_the_database():
        sent = [upload(), upload(), upload()]
        for one in decided:
            approve(one, staff["pharmacist"])
        for one in erased:
            erasure.erase(one)
        seal()

    # when the restored database is checked
    with pytest.raises(CommandError, match="restore-check --acknowledge NAME"):
        call_command("restore_check", "--stopped")

    # then no upload is lost, nothing erased is back, and each decision is named
    said = capsys.readouterr().out.splitlines()
    assert "uploads rebuilt: 3" in said
    assert "erased again: 2" in said
    assert "decisions lost: 2" in said
    assert "other steps lost: 0" in said
    assert all(any(line.startswith(f"  {one.pk} review.approve 2") for line in said) for one in decided)
    assert Prescription.objects.filter(pk__in=[one.pk for one in sent], erased_at=None).count() == 3
    assert Prescription.objects.filter(pk__in=[one.pk for one in erased], erased_at=None).count() == 0
    # and whoever reviews next sees it
    flagged = Review.objects.filter(decision_lost=True)
    assert {(row.pk, row.status) for row in flagged} == {(one.pk, "queued") for one in decided}
    assert AuditEvent.objects.get(rx=decided[0].pk, verb="decision.lost").data == {"what": "review.approve"}

    # and it is told again until somebody knows
    with pytest.raises(CommandError, match="acknowledge"):
        call_command("restore_check")
    assert "decisions lost: 2" in capsys.readouterr().out
    call_command("restore_check", "--acknowledge", "Dr A. Rao")
    call_command("restore_check")
    assert "decisions lost: 0" in capsys.readouterr().out
    assert AuditEvent.objects.get(verb="restore.acknowledged").actor_name == "Dr A. Rao"

    # and what is decided next is a decision like any other
    approve(decided[0], staff["pharmacist"])
    assert Review.objects.get(pk=decided[0].pk).decision_lost is False


def test_the_log_is_whole_once_somebody_has_acknowledged_what_it_lacks(
    upload: Upload, staff: Staff, capsys: pytest.CaptureFixture[str]
) -> None:
    prescription = upload()
    seal()
    before = AuditAnchor.objects.get().pk
    with lost_with_the_database():
        for _ in range(2):
            upload()
            seal()
    check()

    with pytest.raises(CommandError, match=r"2 faults: .* restore-check"):
        call_command("rxaudit", "verify")
    assert "not acknowledged" in capsys.readouterr().out

    checking.acknowledge("Dr A. Rao")
    approve(prescription, staff["pharmacist"])
    seal()

    call_command("rxaudit", "verify")
    said = capsys.readouterr().out
    assert f"lacks anchors {before + 1} to {before + 2} (acts 0, chains 2, decisions 0," in said
    assert "acknowledged by Dr A. Rao" in said
    assert AuditAnchor.objects.latest("pk").pk == before + 3


def test_a_hold_that_was_set_after_the_back_up_is_named(upload: Upload, staff: Staff) -> None:
    prescription = upload()
    seal()
    with lost_with_the_database():
        holds.put(prescription, reason="litigation", actor=by(staff["senior"]))
        seal()

    assert [act[:3] for act in check().acts] == [(prescription.pk, 2, "hold.set")]


def test_what_only_redis_remembers_is_counted(upload: Upload) -> None:
    from prescriptions.audit import witness

    prescription = upload()
    witness.note({prescription.pk: 4})  # as commits after the last anchor did

    report = check()

    assert (report.cut, report.witnessed, report.waiting) == ({prescription.pk: (4, 1)}, 1, True)
    checking.acknowledge("Dr A. Rao")
    assert check().waiting is False


def test_a_healthy_database_has_nothing_to_tell(upload: Upload) -> None:
    upload()
    seal()

    assert check() == checking.Report()
    assert AuditEvent.objects.filter(rx="restores").count() == 0


def test_an_anchor_of_somebody_else_says_nothing(upload: Upload, settings: Any) -> None:
    upload()
    seal()
    number = AuditAnchor.objects.get().pk
    storage.put_anchor(f"anchors/{number + 1:010d}-{'0' * 64}.json", b"{}")

    assert lost.ahead() == 0


def test_what_somebody_wrote_over_an_anchor_hides_nothing(upload: Upload, staff: Staff) -> None:
    prescription = upload()
    seal()
    with lost_with_the_database():
        approve(prescription, staff["pharmacist"])
        seal()
        made = AuditAnchor.objects.latest("pk")
    storage.put_anchor(f"anchors/{made.pk:010d}-{made.digest}.json", b"{}")

    assert [act[2] for act in check().acts] == ["review.approve"]


# --- Until then -------------------------------------------------------------------------------------------------------
def test_nothing_is_served_swept_or_sealed_before_it(upload: Upload, settings: Any) -> None:
    # given a draft that was sent after the back-up, which is older than abandoned ones are kept
    upload()
    seal()
    sealed = AuditAnchor.objects.count()
    with lost_with_the_database():
        upload()
        seal()
    Draft.objects.create(client="shop", order_ref="O-1", touched_at="2020-01-01T00:00Z")
    settings.RX_ROLE = "web"
    web = Client()
    assert web.get("/admin/").status_code == 503
    assert "restore-check" in web.get("/readyz").json()["missing"]["erasures"]

    tidy()
    reviews.anchor()
    with pytest.raises(CommandError, match="restore-check"):
        call_command("rxaudit", "anchor")

    assert (Draft.objects.count(), AuditAnchor.objects.count()) == (1, sealed)

    check()
    per_process.forget()
    assert web.get("/admin/").status_code == 302
    reviews.anchor()
    assert AuditAnchor.objects.count() == sealed + 1
    assert audit.verify().faults != []
