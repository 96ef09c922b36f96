"""The rows: what was uploaded (Prescription, Document, Page), what was made of it (Variant), and who may call (ApiToken).

Rows are the truth; Redis messages and cached objects are hints. No method here talks to S3 or makes anything.
"""

import re
import secrets
import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.keys import variant_key

ORDER_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def new_identifier() -> str:
    """32 lower-case hex digits, random and never reused: the public id of a prescription, document or variant."""
    return secrets.token_hex(16)


class Prescription(models.Model):
    """One upload: one or more documents, whose pages are numbered across all of them."""

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    client = models.CharField(_("client"), max_length=64, help_text=_("Whose tokens may see it."))
    order_ref = models.CharField(_("order"), max_length=64, blank=True, db_index=True)
    patient_ref = models.CharField(_("patient reference"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    # A tombstone: set first, before anything is deleted, so that no claim can start behind an erasure.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=("client", "-created_at")), models.Index(fields=("-created_at", "-id")))
        verbose_name = _("prescription")
        verbose_name_plural = _("prescriptions")

    def __str__(self) -> str:
        return f"Prescription {self.id[:8]}"


class Document(models.Model):
    """One uploaded file. Its bytes are in the originals bucket under `{rx}/{document id}`."""

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="documents")
    position = models.PositiveSmallIntegerField(_("position"), help_text=_("From 1, in upload order."))
    media_type = models.CharField(_("type"), max_length=32)
    size = models.PositiveIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64, db_index=True)
    # Shown to people and put into Content-Disposition; never part of a key, a URL or a log line.
    name = models.CharField(_("file name"), max_length=150, blank=True)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("prescription", "position"), name="document_position"),)
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def __str__(self) -> str:
        return f"Document {self.position}"


class Page(models.Model):
    """One page of a prescription, in upright pixels. Its number is given at intake and never changes."""

    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="pages")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveSmallIntegerField(_("page"), help_text=_("From 1, across the prescription's documents."))
    index = models.PositiveSmallIntegerField(_("page in document"), help_text=_("From 1."))
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("prescription", "number"), name="page_number"),)
        verbose_name = _("page")
        verbose_name_plural = _("pages")

    def __str__(self) -> str:
        return f"Page {self.number}"

    @property
    def identifier(self) -> str:
        """The IIIF identifier, `{rx}_{n}`."""
        return f"{self.prescription_id}_{self.number}"


class VariantState(models.TextChoices):
    """queued -> rendering -> ready | failed | retry; retry -> rendering (new lease) -> ... -> dead."""

    QUEUED = "queued", _("queued")
    RENDERING = "rendering", _("rendering")
    READY = "ready", _("ready")
    RETRY = "retry", _("will be retried")
    FAILED = "failed", _("cannot be made")
    DEAD = "dead", _("gave up")


class Variant(models.Model):
    """One derived file, unique on (page, stored form, pipeline). The row is the claim: who makes it, until when."""

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="variants")
    stored = models.CharField(_("stored form"), max_length=96)
    pipeline = models.CharField(_("pipeline"), max_length=16)
    state = models.CharField(_("state"), max_length=16, choices=VariantState.choices, default=VariantState.QUEUED)
    advertised = models.BooleanField(
        _("advertised"),
        default=False,
        help_text=_("A preset or an advertised tile: never counts against the page's quota."),
    )

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
    timings = models.JSONField(_("timings (ms)"), default=dict)

    created_at = models.DateTimeField(_("asked for"), default=timezone.now, editable=False)
    ready_at = models.DateTimeField(_("ready"), null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        constraints = (models.UniqueConstraint(fields=("page", "stored", "pipeline"), name="variant_single_flight"),)
        indexes = (
            models.Index(fields=("state", "lease_until"), name="variant_sweep"),
            models.Index(fields=("-created_at",), name="variant_newest"),
        )
        verbose_name = _("variant")
        verbose_name_plural = _("variants")

    def __str__(self) -> str:
        return self.stored

    @property
    def key(self) -> str:
        """The object's key in the variants bucket."""
        return variant_key(self.page.prescription_id, self.page.number, self.pipeline, self.stored)


class ApiToken(models.Model):
    """A bearer token of a REST client. Only the hash of its secret is stored."""

    id = models.CharField(primary_key=True, max_length=16)
    name = models.CharField(_("name"), max_length=100)
    client = models.CharField(_("client"), max_length=64, help_text=_("Sees the prescriptions of this client only."))
    scopes = models.JSONField(_("scopes"), default=list)
    secret_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("name",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name


class IdempotencyKey(models.Model):
    """The answer to an upload that a client may repeat: same key and same files give the same prescription."""

    client = models.CharField(max_length=64)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, help_text=_("SHA-256 over the files and fields."))
    prescription = models.ForeignKey(Prescription, null=True, on_delete=models.CASCADE)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "key"), name="idempotency_key"),)

    def __str__(self) -> str:
        return self.key


def new_owner() -> str:
    """A claim's owner: unlike ids it need not be unguessable, only unique."""
    return uuid.uuid4().hex
