"""What was made of it: one row per variant, which is also the claim on making it."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.identifiers import new_identifier
from prescriptions.models.uploads import Page, Prescription
from transforms.keys import document_key, variant_key


class VariantState(models.TextChoices):
    """queued -> rendering -> ready | failed | retry | dead.

    Back to queued: retry when it is due, ready when S3 lost the object, dead after trouble and a pause.
    """

    QUEUED = "queued", _("queued")
    RENDERING = "rendering", _("rendering")
    READY = "ready", _("ready")
    RETRY = "retry", _("will be retried")
    FAILED = "failed", _("cannot be made")
    DEAD = "dead", _("gave up")


class Variant(models.Model):
    """One derived file, unique on (page, sheet, stored form, pipeline). The row is the claim: whose, until when."""

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="variants")
    # Never null: to the constraint that makes single-flight, two nulls would be two values.
    sheet = models.CharField(
        _("sheet"), max_length=8, blank=True, default="", db_default="", help_text=_("Its digest; empty: the page.")
    )
    stored = models.CharField(_("stored form"), max_length=96)
    pipeline = models.CharField(_("pipeline"), max_length=16)
    state = models.CharField(_("state"), max_length=16, choices=VariantState.choices, default=VariantState.QUEUED)
    advertised = models.BooleanField(
        _("advertised"),
        default=False,
        help_text=_("A preset or an advertised tile: never counts against the page's quota."),
    )

    lane = models.CharField(_("lane"), max_length=16, default="images")
    owner = models.CharField(max_length=32, blank=True, help_text=_("Who holds the claim."))
    lease_until = models.DateTimeField(_("lease until"), default=timezone.now)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    backend = models.CharField(_("made by"), max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    error_code = models.CharField(_("error"), max_length=48, blank=True)
    error_detail = models.CharField(max_length=255, blank=True)

    size = models.PositiveIntegerField(_("bytes"), null=True)
    width = models.PositiveIntegerField(_("width"), null=True)
    height = models.PositiveIntegerField(_("height"), null=True)
    etag = models.CharField(max_length=80, blank=True)
    milliseconds = models.FloatField(_("milliseconds"), null=True)
    cost_usd = models.FloatField(_("cost (USD)"), null=True, help_text=_("Where somebody bills us for the call."))
    timings = models.JSONField(_("timings (ms)"), default=dict)

    created_at = models.DateTimeField(_("asked for"), default=timezone.now, editable=False)
    ready_at = models.DateTimeField(_("ready"), null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("page", "sheet", "stored", "pipeline"), name="variant_made_once"),
        )
        indexes = (
            models.Index(fields=("state", "lease_until"), name="variant_sweep"),
            models.Index(fields=("-created_at",), name="variant_newest"),
            models.Index(fields=("backend", "-created_at"), name="variant_backend"),
            models.Index(fields=("pipeline", "-created_at"), name="variant_pipeline"),
        )
        verbose_name = _("variant")
        verbose_name_plural = _("variants")

    def __str__(self) -> str:
        return self.stored

    @property
    def key(self) -> str:
        """The object's key in the variants bucket."""
        return variant_key(self.page.prescription_id, self.page.number, self.pipeline, self.stored, sheet=self.sheet)


class WholePdf(models.Model):
    """All pages of a prescription in one stored file: one row for each form, which is also the claim on making it.

    While `until` is set it is being made, by `owner` until then; else it is made. `digest`: of its pages as they are in
    it.
    """

    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="+")
    form = models.CharField(max_length=8, blank=True, help_text="a4, or empty: pages of their own size.")
    digest = models.CharField(max_length=32)
    owner = models.CharField(max_length=32)
    until = models.DateTimeField(null=True)
    size = models.PositiveIntegerField(null=True)
    etag = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("prescription", "form"), name="whole_pdf"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """The object's key in the variants bucket."""
        return document_key(self.prescription_id, self.digest)
