"""Which rectangles of a page are hidden from links that may show only the redacted page. Confirmed by a person."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.uploads import Page


class Redaction(models.Model):
    """One confirmed set of boxes. The newest counts; older ones stay as a record, and their variants are deleted."""

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="redactions")
    boxes = models.JSONField(_("boxes"), help_text=_("[[x, y, width, height], ...] in upright pixels of the page."))
    digest = models.CharField(_("digest"), max_length=8, help_text=_("Names the variants: redacted-<digest>."))
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), default=timezone.now)
    superseded_at = models.DateTimeField(_("superseded"), null=True, blank=True)
    # Set once no object of this digest is left in S3; until then the sweep tries again.
    cleared_at = models.DateTimeField(_("variants deleted"), null=True, blank=True)

    class Meta:
        ordering = ("-confirmed_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("page",), condition=Q(superseded_at=None), name="redaction_current"),
        )
        indexes = (
            models.Index(fields=("page", "digest"), name="redaction_digest"),
            models.Index(
                fields=("superseded_at",),
                condition=Q(superseded_at__isnull=False, cleared_at=None),
                name="redaction_due",
            ),
        )
        permissions = (("redact_page", _("Can confirm redactions")),)
        verbose_name = _("redaction")
        verbose_name_plural = _("redactions")

    def __str__(self) -> str:
        return f"redacted-{self.digest}"
