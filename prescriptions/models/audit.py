"""The audit log: append-only, a signed chain per prescription, its heads sealed by anchors. No patient data, ever.

These tables are `managed = False` so that Django's `flush` does not try to empty what the database refuses to delete;
their migrations create them all the same.
"""

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AppendOnly(Exception):
    """Somebody tried to change or delete what was recorded."""

    def __init__(self) -> None:
        super().__init__("Audit rows are append-only: record a new event instead of changing an old one.")


class _AppendOnlyRows(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class _AppendOnlyModel(models.Model):
    objects = _AppendOnlyRows.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class AuditEvent(_AppendOnlyModel):
    """Who did what to which prescription, and when. `hash` is a MAC over all other columns and the event before it.

    `key` names the key of RX_AUDIT_KEYS that made it; empty: a plain digest, from before there were keys.
    """

    rx = models.CharField(_("prescription"), max_length=32)  # no foreign key: the log outlives what it is about
    seq = models.PositiveIntegerField(_("number"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    actor = models.CharField(_("actor"), max_length=64)
    actor_name = models.CharField(_("name"), max_length=150, blank=True)
    verb = models.CharField(_("what"), max_length=40)
    data = models.JSONField(_("details"), default=dict)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)
    key = models.CharField(max_length=8, default="", blank=True)

    class Meta:
        managed = False
        db_table = "prescriptions_auditevent"
        ordering = ("rx", "seq")
        constraints = (models.UniqueConstraint(fields=("rx", "seq"), name="audit_chain"),)
        indexes = (models.Index(fields=("at",), name="audit_time"),)
        default_permissions = ("view",)
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")

    def __str__(self) -> str:
        return f"{self.verb} {self.seq}"


class AuditAnchor(_AppendOnlyModel):
    """Every few minutes: a MAC over the heads of all chains that grew, chained to the anchor before.

    `events` is how many events all anchors so far seal. A copy lies in the bucket of anchors, which forgets nothing.
    """

    at = models.DateTimeField(_("at"), default=timezone.now)
    chains = models.PositiveIntegerField(_("chains"))
    prev_digest = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    key = models.CharField(max_length=8, default="", blank=True)
    events = models.PositiveBigIntegerField(_("events"), default=0)

    class Meta:
        managed = False
        db_table = "prescriptions_auditanchor"
        ordering = ("id",)
        default_permissions = ("view",)
        verbose_name = _("audit anchor")
        verbose_name_plural = _("audit anchors")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.digest[:8]}"


class AuditAnchorHead(_AppendOnlyModel):
    """The head of one chain when it was anchored: the event (rx, seq) must have this hash for ever."""

    anchor = models.ForeignKey(AuditAnchor, on_delete=models.PROTECT, related_name="heads")
    rx = models.CharField(max_length=32)
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "prescriptions_auditanchorhead"
        ordering = ("rx",)
        constraints = (models.UniqueConstraint(fields=("anchor", "rx"), name="audit_anchor_head"),)
        indexes = (models.Index(fields=("rx", "seq"), name="audit_anchor_chain"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.rx[:8]} {self.seq}"
