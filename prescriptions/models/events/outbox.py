"""What happened, written in the transaction in which it happened, for clients who want to be told."""

import secrets
from typing import Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class EventType(models.TextChoices):
    """What a client can be told of. Those of a variant are written for who asks for them by name, and nobody else."""

    RECEIVED = "prescription.received", _("received")
    IN_REVIEW = "prescription.in_review", _("in review")
    QUESTION = "prescription.question", _("question asked")
    ANSWERED = "prescription.answered", _("question answered")
    APPROVED = "prescription.approved", _("approved")
    PARTIALLY_APPROVED = "prescription.partially_approved", _("partly approved")
    REJECTED = "prescription.rejected", _("not accepted")
    REOPENED = "prescription.reopened", _("decision taken back")
    WITHDRAWN = "prescription.withdrawn", _("withdrawn")
    EXPIRED = "prescription.expired", _("expired")
    ERASED = "prescription.erased", _("erased")
    LINES_CHANGED = "order.lines_changed", _("order lines changed")
    VARIANT_READY = "variant.ready", _("variant ready")
    VARIANT_FAILED = "variant.failed", _("variant failed")
    TEST = "webhook.test", _("test of a webhook")


# Of which one webhook may want to be told; without saying so, not of variants: one prescription may have hundreds.
WANTED: Final = tuple(kind for kind in EventType if kind is not EventType.TEST)
USUAL: Final = tuple(kind for kind in WANTED if not kind.startswith("variant."))


def new_event_id() -> str:
    return f"evt_{secrets.token_hex(16)}"


class Event(models.Model):
    """One thing that happened. Ids and codes only: never what a person typed, nor anything of a patient.

    `position` is its place in the feed; it has none yet while that is not given (`events.placing`), or while what
    happened can still be undone (until `due_at`).
    """

    uid = models.CharField(max_length=36, unique=True, default=new_event_id, editable=False)
    position = models.BigIntegerField(_("position"), null=True, unique=True)
    client = models.CharField(_("client"), max_length=64)
    type = models.CharField(_("type"), max_length=40, choices=EventType.choices)
    # No foreign key: an event of what was erased stays, with ids and codes alone.
    rx = models.CharField(_("prescription"), max_length=32, blank=True)
    order_ref = models.CharField(_("order"), max_length=64, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(_("at"), default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(fields=("client", "position"), name="event_feed"),
            models.Index(fields=("client", "type", "position"), name="event_feed_of_type"),
            models.Index(fields=("rx", "id"), name="event_of_rx"),
            models.Index(fields=("at",), name="event_to_forget"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.uid[:12]}"


class EventHead(models.Model):
    """The end of the feed: one row, whose lock lets one at a time give positions. `gone`: the last that was deleted."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    gone = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.position)
