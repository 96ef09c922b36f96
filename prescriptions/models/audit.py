"""The audit log: append-only, a signed chain per prescription, its heads sealed by anchors. No patient data, ever.

Its tables are `managed = False` so that Django's `flush` does not try to empty what the database refuses to delete;
their migrations create them all the same. What is still being counted lies in tables like any other.
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
        indexes = (
            models.Index(fields=("at", "id"), name="audit_newest"),
            models.Index(fields=("actor", "at", "id"), name="audit_actor"),
            models.Index(fields=("verb", "at", "id"), name="audit_verb"),
            models.Index(fields=("actor", "verb", "at", "id"), name="audit_actor_verb"),
        )
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


class Look(models.Model):
    """How often somebody looked within one hour, until the hour is over and an event says so (audit/looks.py).

    `rx`: the chain; `detail`: what the event's data will say besides, as canonical JSON; `hour`: its beginning. `count`
    is what no event has told yet, from `first` to `last`.
    """

    hour = models.DateTimeField()
    rx = models.CharField(max_length=32)
    verb = models.CharField(max_length=40)
    actor = models.CharField(max_length=64)
    detail = models.CharField(max_length=250)
    actor_name = models.CharField(max_length=150, blank=True)
    count = models.PositiveBigIntegerField(default=0)
    first = models.DateTimeField(null=True)
    last = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("hour", "rx", "verb", "actor", "detail"), name="look_tally"),)
        indexes = (models.Index(fields=("actor", "verb", "hour"), name="look_actor"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.verb} {self.count}"


class EdgeLog(models.Model):
    """How far one file of an edge's access log has been read. `identity`: the SHA-256 of its first line.

    `offset` is in bytes, `until` the time of the last line that was read. `ended`: the file was rotated away and read
    to its end, so that nobody misses it when it goes.
    """

    edge = models.CharField(max_length=27)
    identity = models.CharField(max_length=64)
    offset = models.PositiveBigIntegerField(default=0)
    lines = models.PositiveBigIntegerField(default=0)
    malformed = models.PositiveBigIntegerField(default=0)
    until = models.DateTimeField(null=True)
    ended = models.BooleanField(default=False)
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("edge", "identity"), name="edge_log"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.edge} {self.identity[:8]}"
