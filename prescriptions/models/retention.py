"""How long a prescription is kept, and what is written down when it is not: the policy, and the rows around erasures.

The policy is a setting (RX_RETENTION) and is read when it is asked for: a new one holds for old prescriptions as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.lines import LineDecision
from prescriptions.models.review import Review, ReviewStatus
from prescriptions.models.uploads import Prescription

# What was approved may have been supplied, also when its validity has ended since.
APPROVED: Final = (ReviewStatus.APPROVED, ReviewStatus.PARTIALLY_APPROVED, ReviewStatus.EXPIRED)
_BY_STATUS: Final[dict[str, str]] = {
    **dict.fromkeys(APPROVED, "approved"),
    ReviewStatus.REJECTED: "rejected",
    ReviewStatus.WITHDRAWN: "withdrawn",
}
_OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class Retention:
    """What holds for one prescription. `rule`: its name in RX_RETENTION; `since`: from when its days are counted;
    `keep_until`: the first day on which it may be erased; `erase_on`: the first on which the nightly job does.
    """

    rule: str
    since: date
    keep_until: date
    erase_on: date | None


def retention_of(prescription: Prescription) -> Retention:
    """By the policy as it is now, and never shorter than what was written down of an earlier approval."""
    review = getattr(prescription, "review", None)
    status = _BY_STATUS.get(review.status, _OPEN) if review else _OPEN
    rule = _longest(_schedules(prescription)) if status == "approved" else status
    keep, erase = settings.RX_RETENTION[rule]
    since = _since(prescription, review, status)
    keep_until = since + timedelta(days=keep)
    erase_on = None if erase is None else since + timedelta(days=erase)
    if prescription.retain_until is not None and prescription.retain_until > keep_until:
        keep_until = prescription.retain_until
        erase_on = erase_on and max(erase_on, keep_until)
    return Retention(rule, since, keep_until, erase_on)


def write_down(prescription: Prescription) -> None:
    """Keep in the row what the policy demands now, before a review is opened again or an erasure is judged."""
    until = retention_of(prescription).keep_until
    if until > timezone.localdate() and until != prescription.retain_until:
        Prescription.objects.filter(pk=prescription.pk).update(retain_until=until)
        prescription.retain_until = until


def rules_of(status: str) -> dict[str, tuple[int, int | None]]:
    """The rules that may hold for a status (`open`, `rejected`, `withdrawn`, `approved`), with their days."""
    return {name: days for name, days in settings.RX_RETENTION.items() if name.partition("/")[0] == status}


def _schedules(prescription: Prescription) -> set[str]:
    """Of what may have been supplied."""
    return {line.schedule for line in prescription.order_lines.all() if line.decision != LineDecision.REFUSED}


def _longest(schedules: Iterable[str]) -> str:
    """The rule that keeps an approved prescription longest, of those of its lines; of equals one that names one."""
    rules: dict[str, Any] = settings.RX_RETENTION
    names = [name if (name := f"approved/{schedule}") in rules else "approved" for schedule in sorted(schedules)]
    return max(names or ["approved"], key=lambda name: (rules[name][0], len(name)))


def _since(prescription: Prescription, review: Review | None, status: str) -> date:
    """The last day on which anything may have been supplied; else the day of the last step."""
    if review is None:
        return timezone.localdate(prescription.created_at)
    if status == "approved" and review.valid_until is not None:
        return review.valid_until
    return timezone.localdate(review.status_at)


class HoldReason(models.TextChoices):
    """Why nobody may erase it. Codes, because the audit log tells them and must never hold patient data."""

    LITIGATION = "litigation", _("a court case or a legal claim")
    INSPECTION = "inspection", _("an inspection by an authority")
    INVESTIGATION = "investigation", _("an investigation of our own")
    COMPLAINT = "complaint", _("a complaint")


class OverrideReason(models.TextChoices):
    """Why it may be erased although its time is not over."""

    ORDERED = "ordered", _("a court or an authority orders it")
    WRONG_UPLOAD = "wrong-upload", _("it is no prescription, or was sent by mistake")
    NOT_SUPPLIED = "not-supplied", _("nothing was supplied on it, so the law does not ask for it")


class ErasureRequest(models.Model):
    """Somebody asks that a prescription be erased; another person has to agree (RX_ERASURE_FOUR_EYES)."""

    prescription = models.OneToOneField(
        Prescription, on_delete=models.CASCADE, primary_key=True, related_name="erasure_request"
    )
    asked_by = models.CharField(_("asked by"), max_length=64)
    asked_by_name = models.CharField(_("name"), max_length=150, blank=True)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    expires_at = models.DateTimeField(_("to be confirmed until"), db_index=True)
    override = models.CharField(
        _("although it must be kept"), max_length=20, blank=True, choices=OverrideReason.choices
    )
    reference = models.CharField(_("file number"), max_length=64, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("erasure to be confirmed")
        verbose_name_plural = _("erasures to be confirmed")

    def __str__(self) -> str:
        return f"erasure of {self.prescription_id[:8]}"


class RetentionRun(models.Model):
    """One night's work: what was due, by rule, and what was erased."""

    began_at = models.DateTimeField(_("began"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    dry = models.BooleanField(_("dry run"))
    due = models.JSONField(_("due"), default=dict, help_text=_("How many, by rule."))
    erased = models.PositiveIntegerField(_("erased"), default=0)
    held = models.PositiveIntegerField(_("under a legal hold"), default=0)
    failed = models.PositiveIntegerField(_("not erased"), default=0, help_text=_("They are due again the next night."))
    more = models.BooleanField(_("more are due"), default=False)
    ids = models.JSONField(_("prescriptions"), default=list, help_text=_("Those that were due."))
    trouble = models.CharField(_("trouble"), max_length=200, blank=True)

    class Meta:
        ordering = ("-began_at", "-id")
        default_permissions = ("view",)
        verbose_name = _("retention run")
        verbose_name_plural = _("retention runs")

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"


class LedgerHead(models.Model):
    """How far this database has caught up with the ledger of erasures: one row, and an older one once restored."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    key = models.CharField(max_length=160)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
