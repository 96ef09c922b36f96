"""What was ordered, before and after anything was uploaded, and what reviewers decided about each line of it."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.reasons import ReasonCode
from prescriptions.models.uploads import Prescription


class Schedule(models.TextChoices):
    """Drug schedules (India, Drugs and Cosmetics Rules); which of them need a second check is a setting."""

    OTC = "otc", _("over the counter")
    H = "H", _("Schedule H")
    H1 = "H1", _("Schedule H1")
    X = "X", _("Schedule X")


class LineDecision(models.TextChoices):
    """A line's own outcome; `owing`: accepted, but supplied later."""

    PENDING = "pending", _("pending")
    ACCEPTED = "accepted", _("accepted")
    REDUCED = "reduced", _("less than ordered")
    REFUSED = "refused", _("not accepted")
    OWING = "owing", _("owing")


class Order(models.Model):
    """What a customer of a client ordered. Its prescriptions are those of the same client with its reference.

    `lines`, as they were sent last: a list of {line, line_ref, name, strength, schedule, quantity_ordered}, by `line`.
    Each review decides a copy of its own (`OrderLine`). `lines_version` grows with every change of them.
    """

    client = models.CharField(_("client"), max_length=64)
    ref = models.CharField(_("order"), max_length=64)
    lines = models.JSONField(_("lines"), default=list)
    lines_version = models.PositiveIntegerField(default=0)
    patient_ref = models.CharField(_("patient reference"), max_length=64, blank=True)
    return_url = models.CharField(
        _("return address"), max_length=500, blank=True, help_text=_("Of the shop; of one of its client's origins.")
    )
    language = models.CharField(_("language"), max_length=16, blank=True, help_text=_("The customer's."))
    promised_by = models.DateTimeField(_("promised by"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "ref"), name="order_of_client"),)
        indexes = (
            models.Index(fields=("client", "patient_ref"), name="order_of_patient"),
            models.Index(fields=("updated_at",), name="order_oldest"),
        )
        default_permissions = ()
        verbose_name = _("order")
        verbose_name_plural = _("orders")

    def __str__(self) -> str:
        return f"Order {self.pk}"


class OrderLine(models.Model):
    """One medicine of the order, as one review decides it: a copy, which the order may change until it is decided."""

    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="order_lines")
    position = models.PositiveSmallIntegerField(_("line"), help_text=_("From 1."))
    line_ref = models.CharField(_("order line"), max_length=64, blank=True)
    name = models.CharField(_("medicine"), max_length=120)
    strength = models.CharField(_("strength"), max_length=60, blank=True)
    schedule = models.CharField(_("schedule"), max_length=4, choices=Schedule.choices, default=Schedule.OTC)
    quantity_ordered = models.PositiveIntegerField(_("ordered"))
    quantity_allowed = models.PositiveIntegerField(_("allowed"), null=True, blank=True)
    decision = models.CharField(_("decision"), max_length=8, choices=LineDecision.choices, default=LineDecision.PENDING)
    reason = models.ForeignKey(
        ReasonCode, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("reason")
    )

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("prescription", "position"), name="order_line_position"),)
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")

    def __str__(self) -> str:
        return f"Line {self.position}"
