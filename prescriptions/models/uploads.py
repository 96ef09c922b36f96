"""What was uploaded: Prescription, Document, Page."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models import references
from prescriptions.models.identifiers import new_identifier
from transforms.geometry import Size
from transforms.keys import page_identifier
from transforms.measure.page import Measures
from transforms.measure.perceptual_hash import BANDS

if TYPE_CHECKING:
    from prescriptions.models.marks.sheets import Sheet


def _likeness_band(places: range) -> models.Func:
    """These digits of a page's likeness. Their places are constants: SQLite does not know its index by parameters."""
    digits = " || ".join(f"SUBSTR(%(expressions)s, {place + 1}, 1)" for place in places)
    return models.Func("likeness", template=f"({digits})", output_field=models.CharField())


LIKENESS_BANDS = tuple(map(_likeness_band, BANDS))
"""Expressions with an index each; `perceptual_hash.bands` has their values for a hash."""

# The likeness of a page that has none (it is too small, or cannot be drawn): never looked at again.
NO_LIKENESS = "-"


class Prescription(models.Model):
    """One upload: one or more documents, whose pages are numbered across all of them."""

    id = models.CharField(primary_key=True, max_length=32, default=new_identifier, editable=False)
    client = models.CharField(_("client"), max_length=64, help_text=_("Whose tokens may see it."))
    order_ref = models.CharField(_("order"), max_length=64, blank=True, db_index=True)
    patient_ref = models.CharField(_("patient reference"), max_length=64, blank=True)
    order_lowered = references.lowered("order_ref")
    order_backwards = references.backwards("order_ref")
    patient_lowered = references.lowered("patient_ref")
    patient_backwards = references.backwards("patient_ref")
    created_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    # What people outside are told: its status, and from when on which other one (a decision waits until nobody can undo
    # it). `updated_at` changes with all that they are told.
    told_status = models.CharField(max_length=20, default="queued", db_default="queued", editable=False)
    told_next = models.CharField(max_length=20, blank=True, default="", db_default="", editable=False)
    told_next_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Both turn an erasure into a refusal; the customer's links are cut all the same.
    retain_until = models.DateField(_("keep until"), null=True, blank=True, help_text=_("By law; not erased before."))
    legal_hold = models.CharField(
        _("legal hold"), max_length=200, blank=True, help_text=_("Why; not erased while set.")
    )
    held_since = models.DateTimeField(_("held since"), null=True, blank=True, editable=False)
    links_cut_at = models.DateTimeField(_("links cut"), null=True, blank=True, editable=False)
    # A tombstone: set first, before anything is deleted, so that no claim can start behind an erasure.
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)
    # Proof: a listing of everything under the prescription's prefix was empty after all leases had run out.
    purged_at = models.DateTimeField(_("proved empty"), null=True, blank=True, editable=False)
    # Afterwards: in the ledger that a restored database is held against; the store has given up the deleted bytes; the
    # database's file has none either. Empty where it was not done, or cannot be known.
    noted_at = models.DateTimeField(_("in the ledger"), null=True, blank=True, editable=False)
    compacted_at = models.DateTimeField(_("store compacted"), null=True, blank=True, editable=False)
    wiped_at = models.DateTimeField(_("database wiped"), null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("client", "-created_at")),
            models.Index(fields=("-created_at", "-id")),
            models.Index(fields=("client", "order_ref", "-created_at", "-id"), name="rx_of_order"),
            models.Index(fields=("client", "patient_ref"), name="rx_of_patient"),
            models.Index(fields=("client", "told_status", "-created_at", "-id"), name="rx_of_status"),
            models.Index(fields=("client", "updated_at", "id"), name="rx_changed"),
            # The same for those who see every client's.
            models.Index(fields=("told_status", "-created_at", "-id"), name="rx_all_of_status"),
            models.Index(fields=("updated_at", "id"), name="rx_all_changed"),
            models.Index(fields=("told_next_at",), condition=Q(told_next_at__isnull=False), name="rx_to_tell"),
            models.Index(
                fields=("erased_at",), condition=Q(purged_at=None, erased_at__isnull=False), name="rx_to_purge"
            ),
            models.Index(fields=("erased_at",), condition=Q(noted_at=None, erased_at__isnull=False), name="rx_to_note"),
            models.Index(
                fields=("purged_at",), condition=Q(compacted_at=None, purged_at__isnull=False), name="rx_to_compact"
            ),
            models.Index(fields=("purged_at",), condition=Q(wiped_at=None, purged_at__isnull=False), name="rx_to_wipe"),
            *map(references.by_beginning, ("order_lowered", "order_backwards", "patient_lowered", "patient_backwards")),
        )
        permissions = (
            ("hold_prescription", _("Can set and lift legal holds")),
            ("override_retention", _("Can erase before the retention ends")),
            ("export_prescription", _("Can export prescriptions")),
        )
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
    # Clockwise. Every URL that we give out carries it as IIIF rotation, so no stored variant ever goes stale.
    rotation = models.PositiveSmallIntegerField(
        _("rotation"), default=0, choices=[(0, "0°"), (90, "90°"), (180, "180°"), (270, "270°")]
    )
    # These three (and PageLight) are measured when the page is decoded for the first time, or by the sweep.
    likeness = models.CharField(
        max_length=64, blank=True, help_text=_("Perceptual hash in hex; empty until a worker has made it.")
    )
    luminance = models.PositiveSmallIntegerField(
        _("luminance"), null=True, blank=True, help_text=_("Mean, 0 black to 255 white, where known.")
    )
    skew = models.FloatField(
        _("skew"), null=True, blank=True, help_text=_("Degrees by which its lines run down to the right, where known.")
    )

    notices = models.JSONField(
        _("notices"),
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        help_text=_("Codes of what the page does not show of its file; see docs/reference/notices.md."),
    )

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("prescription", "number"), name="page_number"),)
        indexes = (
            models.Index(fields=("id",), condition=Q(likeness=""), name="page_to_hash"),
            *(models.Index(band, name=f"page_likeness_{at}") for at, band in enumerate(LIKENESS_BANDS, 1)),
        )
        verbose_name = _("page")
        verbose_name_plural = _("pages")

    def __str__(self) -> str:
        return f"Page {self.number}"

    def take(self, found: Measures) -> "PageLight":
        """Sets what was measured of it; the caller saves both."""
        self.likeness = found.likeness or NO_LIKENESS
        self.luminance, self.skew = found.luminance, found.skew
        return PageLight(page=self, light=found.light)

    @property
    def measures(self) -> Measures | None:
        """What `take` took; None where something was not measured yet."""
        light = getattr(self, "lit", None)
        if light is None or self.luminance is None or not self.likeness:
            return None
        likeness = "" if self.likeness == NO_LIKENESS else self.likeness
        sheet = self.standing_sheet
        return Measures(likeness, self.luminance, self.skew, bytes(light.light), sheet.measured if sheet else None)

    @property
    def standing_sheet(self) -> "Sheet | None":
        """The sheet in it, if only proposed. One query, unless `sheets` were prefetched."""
        return next((sheet for sheet in self.sheets.all() if sheet.retired_at is None), None)

    @property
    def sheet(self) -> "Sheet | None":
        """The sheet in it: the page's second image."""
        standing = self.standing_sheet
        return None if standing is None or standing.proposed else standing

    @property
    def page(self) -> "Page":
        """Of an image: the page that it is of. A page is one, and so is the sheet in it."""
        return self

    @property
    def sheet_digest(self) -> str:
        """Of an image: which sheet of its page it is. None."""
        return ""

    @property
    def turned(self) -> int:
        """Degrees clockwise by which it is shown."""
        return self.rotation

    @property
    def identifier(self) -> str:
        """The IIIF identifier, `{rx}_{n}`."""
        return page_identifier(self.prescription_id, self.number)

    @property
    def size(self) -> Size:
        """In pixels as the page was sent, before `rotation`."""
        return Size(self.width, self.height)


class PageLight(models.Model):
    """How a page is lit: what `enhanced` goes by (`RenderJob.light`). Kilobytes, so not in the row that lists read."""

    page = models.OneToOneField(Page, on_delete=models.CASCADE, primary_key=True, related_name="lit")
    light = models.BinaryField()

    class Meta:
        verbose_name = _("light of a page")
        verbose_name_plural = _("light of pages")

    def __str__(self) -> str:
        return f"Light of page {self.pk}"
