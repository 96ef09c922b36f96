"""What was ordered against a prescription, line by line, and what the reviewer decided about each line."""

from django.db import models
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


class OrderLine(models.Model):
    """One medicine of the order."""

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
