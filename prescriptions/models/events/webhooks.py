"""Receivers of a client's events, and how far each has been told."""

import secrets
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.events.outbox import Event


def new_webhook_id() -> str:
    return secrets.token_hex(8)


class DisabledBecause(models.TextChoices):
    """Why nothing is sent to a receiver any more."""

    FAILING = "failing", _("it took nothing for too long")
    GONE = "gone", _("it answered that it is gone for good (410)")
    PERSON = "person", _("somebody switched it off")


class Webhook(models.Model):
    """Where a client wants to be told, and of what. Its secrets are sealed (`infra.sealing`).

    `failures`: tries in a row that failed, whatever they were about; after a few it rests until `rests_until`.
    """

    id = models.CharField(primary_key=True, max_length=16, default=new_webhook_id, editable=False)
    client = models.CharField(_("client"), max_length=64, db_index=True)
    url = models.CharField(_("address"), max_length=500)
    types = models.JSONField(_("types"), default=list)
    secret = models.BinaryField()
    old_secret = models.BinaryField(null=True)
    old_until = models.DateTimeField(null=True, help_text="Until then both secrets sign.")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    rests_until = models.DateTimeField(default=timezone.now)
    succeeded_at = models.DateTimeField(_("last success"), null=True, help_text=_("To the minute."))
    disabled_at = models.DateTimeField(_("switched off"), null=True)
    disabled_because = models.CharField(_("because"), max_length=16, blank=True, choices=DisabledBecause.choices)

    class Meta:
        ordering = ("client", "created_at", "id")
        default_permissions = ("view", "change")
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return f"Webhook {self.id[:8]}"


class DeliveryState(models.TextChoices):
    """open -> delivered | given_up. Replayed: open again."""

    OPEN = "open", _("open")
    DELIVERED = "delivered", _("delivered")
    GIVEN_UP = "given_up", _("given up")


_OPEN: Final = Q(state=DeliveryState.OPEN)


class Delivery(models.Model):
    """One event for one receiver. The row is the lease on sending it, and the log of what came of it.

    Those of one `subject` go out one after the other, in the order of their positions. `log`: the latest tries, each
    with `at`, `status` (of HTTP, or null), `ms` and `error` (a code, or null); never what was answered.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    position = models.BigIntegerField()
    subject = models.CharField(max_length=100)
    state = models.CharField(_("state"), max_length=12, choices=DeliveryState.choices, default=DeliveryState.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(_("tries"), default=0)
    first_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(default=timezone.now)
    owner = models.CharField(max_length=32, blank=True)
    leased_until = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    log = models.JSONField(default=list)

    class Meta:
        ordering = ("-position",)
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("webhook", "event"), name="delivery_once"),)
        indexes = (
            models.Index(fields=("webhook", "position"), name="delivery_newest"),
            models.Index(fields=("webhook", "next_at"), condition=_OPEN, name="delivery_due"),
            models.Index(fields=("webhook", "subject", "position"), condition=_OPEN, name="delivery_in_order"),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.position}"
