"""What a customer has chosen but not sent yet, and what was agreed to when it was sent.

A draft's id becomes the prescription's, so its originals never move.
"""

from django.db import models
from django.db.models import Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.identifiers import new_identifier
from prescriptions.models.uploads import Prescription


class Draft(models.Model):
    """An unsent upload of an order: one of its own, and one of each link that only uploads. It ends as a prescription,
    or as the tombstone of one.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    client = models.CharField(_("client"), max_length=64)
    order_ref = models.CharField(_("order"), max_length=64)
    link = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text=_("The id of the link that only uploads.")
    )
    touched_at = models.DateTimeField(_("changed"), default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "order_ref", "link"), name="draft_of_link"),)
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")

    def __str__(self) -> str:
        return f"Draft {self.id[:8]}"


class DraftFile(models.Model):
    """A file that passed all checks and is kept under `{draft id}/{id}`; it becomes the document of the same id."""

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="files")
    key = models.CharField(max_length=100, help_text=_("The Idempotency-Key that it was sent with."))
    position = models.PositiveSmallIntegerField(_("position"))
    media_type = models.CharField(_("type"), max_length=32)
    size = models.PositiveIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64)
    name = models.CharField(_("file name"), max_length=150, blank=True)
    pages = models.JSONField(_("pages"), help_text=_("Width and height of each, in upright pixels."))
    notices = models.JSONField(
        _("notices"), default=list, db_default=Value([], models.JSONField()), help_text=_("Codes, for each page.")
    )
    measures = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), help_text=_("What was measured of each page.")
    )
    thumbnail = models.BinaryField(null=True, help_text=_("The first page as WebP."))
    phone = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text="The handover that it came by."
    )
    created_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)

    class Meta:
        ordering = ("position", "created_at", "id")
        constraints = (models.UniqueConstraint(fields=("draft", "key"), name="draft_file_key"),)
        verbose_name = _("file of a draft")
        verbose_name_plural = _("files of drafts")

    def __str__(self) -> str:
        return f"File {self.position}"


class Handover(models.Model):
    """A phone's right to send into the draft of an order's link: one phone, for minutes. Without a row it has none."""

    id = models.CharField(primary_key=True, max_length=16, editable=False)
    code = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what opens it, once.")
    phone = models.CharField(max_length=64, blank=True, help_text="SHA-256 of what the first phone was given.")
    client = models.CharField(max_length=64)
    order_ref = models.CharField(max_length=64)
    parent = models.CharField(max_length=16, help_text="The id of the link that it is a child of.")
    draft_link = models.CharField(max_length=16, blank=True, help_text="As the draft's.")
    expires_at = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField(help_text="When its parent ends.")

    class Meta:
        indexes = (models.Index(fields=("client", "order_ref"), name="handover_of_order"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"Handover {self.id[:8]}"


class Consent(models.Model):
    """Which text the customer agreed to, in which language, and when."""

    prescription = models.OneToOneField(Prescription, on_delete=models.CASCADE, related_name="consent")
    version = models.CharField(_("version"), max_length=16)
    language = models.CharField(_("language"), max_length=16)
    given_at = models.DateTimeField(_("given"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self) -> str:
        return self.version
