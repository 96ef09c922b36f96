"""The review of a prescription: where it stands, who holds it, what was decided.

Its status is written by `review.transitions` only. Nothing here moves one: a form or a `save()` that did would leave no
audit event and could lose a decision.
"""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.reasons import ReasonCode
from prescriptions.models.uploads import Page, Prescription


class ReviewStatus(models.TextChoices):
    """See `review.rules` for what leads where."""

    QUEUED = "queued", _("Waiting")
    IN_REVIEW = "in_review", _("In review")
    CLARIFICATION = "clarification", _("Waiting for the customer")
    SECOND_CHECK = "second_check", _("Second check")
    APPROVED = "approved", _("Approved")
    PARTIALLY_APPROVED = "partially_approved", _("Partly approved")
    REJECTED = "rejected", _("Not accepted")
    EXPIRED = "expired", _("Expired")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    ERASED = "erased", _("Erased")


# A customer waits for us.
WAITS_FOR_US = (ReviewStatus.QUEUED, ReviewStatus.IN_REVIEW, ReviewStatus.SECOND_CHECK)
# Nobody has decided: what was ordered may still change.
UNDECIDED = (ReviewStatus.QUEUED, ReviewStatus.IN_REVIEW, ReviewStatus.CLARIFICATION)
# Nobody waits any more. In the order of an index, whose list PostgreSQL compares with that of a question.
ENDED = (
    ReviewStatus.APPROVED,
    ReviewStatus.EXPIRED,
    ReviewStatus.PARTIALLY_APPROVED,
    ReviewStatus.REJECTED,
    ReviewStatus.WITHDRAWN,
)


class Review(models.Model):
    """One per prescription, made at intake.

    `version` grows with every transition, so that nobody decides on an old one without being told.
    """

    prescription = models.OneToOneField(
        Prescription, on_delete=models.CASCADE, primary_key=True, related_name="review", verbose_name=_("prescription")
    )
    status = models.CharField(_("status"), max_length=20, choices=ReviewStatus.choices, default=ReviewStatus.QUEUED)
    status_at = models.DateTimeField(_("since"), default=timezone.now)
    version = models.PositiveIntegerField(_("version"), default=1)

    # The queue: higher priority first, then the longest wait. `due_at` is what the customer was promised.
    priority = models.SmallIntegerField(_("priority"), default=0)
    queued_at = models.DateTimeField(_("waiting since"), default=timezone.now)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed_reviews",
        verbose_name=_("claimed by"),
    )
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True)

    # The decision, also while it waits for the second check.
    outcome = models.CharField(_("outcome"), max_length=20, blank=True, choices=ReviewStatus.choices)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("reviewer"),
    )
    second_checker = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("second checker"),
    )
    reason = models.ForeignKey(
        ReasonCode, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("reason")
    )
    reason_page = models.PositiveSmallIntegerField(_("page of the reason"), null=True, blank=True)
    customer_text = models.CharField(_("note to the customer"), max_length=1000, blank=True)
    internal_note = models.CharField(_("internal note"), max_length=2000, blank=True)
    prescribed_on = models.DateField(_("prescribed on"), null=True, blank=True)
    prescriber = models.CharField(_("prescriber"), max_length=120, blank=True)
    registration_number = models.CharField(_("registration number"), max_length=40, blank=True)
    checklist = models.JSONField(_("checklist"), default=dict, blank=True)
    override_reason = models.CharField(_("approved although"), max_length=400, blank=True)
    overridden = models.JSONField(
        _("what was overridden"), default=list, blank=True, help_text=_("Codes: checklist, expired.")
    )
    valid_until = models.DateField(_("valid until"), null=True, blank=True)

    # Which version of its order's lines it has a copy of, and what later ones have changed in it: of the newest changes
    # {version: the review's from then on, at, lines: [{line, was, now}]}, in words; empty: there was, or is, none.
    order_version = models.PositiveIntegerField(_("version of the order's lines"), default=0, db_default=0)
    lines_changes = models.JSONField(
        _("changes of the lines"), default=list, db_default=Value([], models.JSONField()), blank=True
    )

    supersedes = models.ForeignKey(
        Prescription,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="superseded_by",
        verbose_name=_("sent again for"),
    )

    # Advice for the reviewer, never a verdict.
    is_duplicate = models.BooleanField(_("duplicate"), default=False)
    is_small = models.BooleanField(_("small"), default=False)
    is_dark = models.BooleanField(_("dark"), default=False)
    decision_lost = models.BooleanField(
        _("lost with a restore"), default=False, db_default=False, help_text=_("What was done before is not known.")
    )
    lookalikes = models.JSONField(
        _("looks like"),
        default=list,
        blank=True,
        help_text=_("Our page, and the page of another prescription that it equals (distance 0) or nearly does."),
    )

    class Meta:
        ordering = ("-priority", "queued_at", "prescription_id")
        indexes = (
            models.Index(fields=("status", "-priority", "queued_at", "prescription_id"), name="review_queue"),
            models.Index(fields=("status", "due_at"), name="review_due"),
            models.Index(fields=("claimed_by", "status"), name="review_mine"),
            models.Index(fields=("status", "claimed_until"), name="review_leases"),
            models.Index(fields=("status", "valid_until"), name="review_validity"),
            models.Index(fields=("reviewer", "-decided_at"), name="review_decisions"),
            # For lists, whose orders would otherwise be sorted anew for every look.
            models.Index(
                fields=("-priority", "queued_at", "prescription"),
                condition=Q(status__in=WAITS_FOR_US),
                name="review_waiting",
            ),
            models.Index(
                fields=("due_at", "prescription"), condition=Q(status__in=WAITS_FOR_US), name="review_due_first"
            ),
            models.Index(
                fields=("-status_at", "-prescription"), condition=Q(status__in=ENDED), name="review_ended_newest"
            ),
            models.Index(fields=("-queued_at", "-prescription"), name="review_newest"),
            models.Index(fields=("status", "queued_at"), name="review_oldest"),
            # For an erasure, which takes itself out of what others look like.
            models.Index(fields=("prescription",), condition=Q(is_duplicate=True), name="review_lookalikes"),
        )
        permissions = (
            ("claim_review", _("Can claim reviews")),
            ("decide_review", _("Can decide reviews")),
            ("second_check_review", _("Can make second checks")),
            ("reopen_review", _("Can reopen decided reviews")),
            ("assign_review", _("Can take reviews from others and set priorities")),
            ("override_review", _("Can approve what has run out")),
        )
        verbose_name = _("review")
        verbose_name_plural = _("reviews")

    def __str__(self) -> str:
        return f"Review {self.prescription_id[:8]}"

    def held_by(self, user_id: int | None, now: datetime | None = None) -> bool:
        """Does this person hold an unexpired lease?"""
        moment = now or timezone.now()
        return (
            user_id is not None
            and self.claimed_by_id == user_id
            and self.claimed_until is not None
            and self.claimed_until > moment
        )

    def lines_since(self, version: int) -> dict[int, tuple[str, str]]:
        """What changed in its lines since it had this version: line to what was ordered then, and is now."""
        found: dict[int, tuple[str, str]] = {}
        for change in self.lines_changes:
            for line in change["lines"] if change["version"] > version else ():
                was, _now = found.get(line["line"], (line["was"], ""))
                found[line["line"]] = (was, line["now"])
        return {line: words for line, words in sorted(found.items()) if words[0] != words[1]}


class ReviewSkip(models.Model):
    """Somebody skipped an item: it is not offered to them again for a while; everybody else may have it."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="skips")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("review", "user"), name="review_skip"),)
        indexes = (models.Index(fields=("user", "until"), name="review_skip_user"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"skipped until {self.until:%H:%M}"


class Prescriber(models.Model):
    """Name and number, as they were read last on a prescription that this client sent. They go when it is erased."""

    client = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    registration_number = models.CharField(max_length=40, blank=True)
    found_by = models.CharField(max_length=200, help_text="Each word in small letters, after a space.")
    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="+")
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "name", "registration_number"), name="prescriber"),)
        indexes = (models.Index(fields=("client", "-used_at"), name="prescriber_latest"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class QueueView(models.Model):
    """A view of the queue that somebody keeps for themselves: the query of the list."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="queue_view"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class PageSeen(models.Model):
    """Somebody looked at a page when they could decide. Counts for that person and that version of the review alone."""

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(help_text=_("Of the review."))
    at = models.DateTimeField(default=timezone.now)
    declared = models.BooleanField(default=False, help_text=_("Somebody said so; no page of ours painted it."))

    class Meta:
        constraints = (models.UniqueConstraint(fields=("page", "user", "version"), name="page_seen"),)
        default_permissions = ()

    def __str__(self) -> str:
        return f"seen {self.at:%Y-%m-%d %H:%M}"


class MessageAuthor(models.TextChoices):
    STAFF = "staff", _("pharmacist")
    CUSTOMER = "customer", _("customer")


class ClarificationMessage(models.Model):
    """One message of the thread between pharmacist and customer. A question is open until it is answered or expires."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="messages")
    author = models.CharField(_("from"), max_length=8, choices=MessageAuthor.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    text = models.CharField(_("message"), max_length=1000)
    at = models.DateTimeField(_("sent"), default=timezone.now)
    page = models.PositiveSmallIntegerField(_("page"), null=True, blank=True)
    expires_at = models.DateTimeField(_("answer until"), null=True, blank=True, help_text=_("Questions only."))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True, help_text=_("Questions only."))

    class Meta:
        ordering = ("at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("review",),
                condition=Q(author=MessageAuthor.STAFF, answered_at=None, expires_at__isnull=False),
                name="clarification_one_open",
            ),
        )
        indexes = (
            models.Index(
                fields=("expires_at",),
                condition=Q(author=MessageAuthor.STAFF, answered_at=None, expires_at__isnull=False),
                name="clarification_due",
            ),
        )
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def __str__(self) -> str:
        return f"Message {self.pk}"
