"""The sheet of paper in a photo: the second image of a page, as intake has found it or a person has set it."""

from typing import Self, TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.uploads import Page
from transforms.geometry import Size
from transforms.keys import image_identifier
from transforms.measure import sheet as measured
from transforms.request.paper import CornersRefused, Paper


class SheetSource(models.TextChoices):
    """Who says where it lies."""

    AUTO = "auto", _("found in the photo")
    PERSON = "person", _("set by a person")


class WithoutLight(models.Manager["Sheet"]):
    """Kilobytes that only the maker of a variant reads."""

    def get_queryset(self) -> models.QuerySet["Sheet"]:
        return super().get_queryset().defer("light")


class Sheet(models.Model):
    """Where the paper lies in a page. One of a page stands, at most; older ones stay as a record, their variants go.

    Named by the digest of its corners and size. Never changed but for its end: other corners are another sheet.
    """

    # PostgreSQL deletes them with the page (migration 0040): a release that knows no sheets must be able to erase.
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="sheets", db_constraint=False)
    digest = models.CharField(_("digest"), max_length=8, help_text=_("Names it in addresses and keys."))
    corners = models.JSONField(
        _("corners"), help_text=_("[[x, y], ...] in upright pixels of the page, clockwise from the sheet's top left.")
    )
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    source = models.CharField(_("source"), max_length=8, choices=SheetSource.choices)
    confidence = models.FloatField(_("confidence"), null=True, help_text=_("0 to 1, where it was found."))
    # Likely is not sure: a person is asked first, and nobody else is shown it.
    proposed = models.BooleanField(_("proposed"), default=False)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("set by")
    )
    created_at = models.DateTimeField(_("set"), default=timezone.now)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)
    # Set once no object of it is left in S3; until then the sweep tries again.
    cleared_at = models.DateTimeField(_("variants deleted"), null=True, blank=True)
    light = models.BinaryField(default=b"")

    objects = WithoutLight()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=("page",), condition=Q(retired_at=None), name="sheet_standing"),)
        indexes = (
            models.Index(fields=("page", "digest"), name="sheet_digest"),
            models.Index(
                fields=("retired_at",), condition=Q(retired_at__isnull=False, cleared_at=None), name="sheet_due"
            ),
        )
        default_permissions = ()
        verbose_name = _("sheet")
        verbose_name_plural = _("sheets")

    def __str__(self) -> str:
        return self.digest

    @classmethod
    def found(cls, page: Page, seen: measured.Sheet | None) -> Self | None:
        """The row of what was measured, not saved; None where there is none. The corners come from a renderer, which
        is assumed hostile: those that no sheet can have are none.
        """
        if seen is None:
            return None
        try:
            paper = Paper.of(seen.corners, page.size)
        except CornersRefused:
            return None
        made = cls.of(page, paper, source=SheetSource.AUTO)
        made.confidence, made.light = seen.confidence, seen.light
        made.proposed = seen.verdict is measured.Verdict.LIKELY
        return made

    @classmethod
    def of(cls, page: Page, paper: Paper, *, source: SheetSource) -> Self:
        """A row, not saved."""
        corners, size = [list(corner) for corner in paper.corners], paper.size
        return cls(page=page, digest=paper.digest, corners=corners, width=size.width, height=size.height, source=source)

    @property
    def measured(self) -> measured.Sheet:
        """As intake would have found it."""
        a, b, c, d = ((x, y) for x, y in self.corners)
        confidence = 1.0 if self.confidence is None or self.source == SheetSource.PERSON else self.confidence
        return measured.Sheet((a, b, c, d), confidence, bytes(self.light))

    @property
    def paper(self) -> Paper:
        a, b, c, d = ((x, y) for x, y in self.corners)
        return Paper((a, b, c, d), self.size)

    @property
    def size(self) -> Size:
        """In pixels, once it is flat."""
        return Size(self.width, self.height)

    @property
    def turned(self) -> int:
        """Degrees: its corners say which way is up."""
        return 0

    @property
    def sheet_digest(self) -> str:
        """Of an image: which sheet of its page it is."""
        return self.digest

    @property
    def identifier(self) -> str:
        """The IIIF identifier, `{rx}_{n}s{8 hex}`."""
        return image_identifier(self.page.prescription_id, self.page.number, self.digest)


# What has sizes, tiles, variants and an info.json of its own.
Image: TypeAlias = Page | Sheet


def image_of(page: Page) -> Image:
    """What people are shown first of a page: its sheet where that is known for sure."""
    return page.sheet or page
