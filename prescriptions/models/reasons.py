"""Why a prescription or an order line was not accepted: in words for colleagues, and in words for the customer.

Codes never change; texts may.
"""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _


class ReasonGroup(models.TextChoices):
    """What the reason is about; screens list reasons under these headings."""

    IMAGE = "image", _("The picture")
    CONTENT = "content", _("What is written")
    ORDER = "order", _("The order")
    PROCESS = "process", _("The process")
    SYSTEM = "system", _("Only set by the system or the customer")


class CustomerAction(models.TextChoices):
    """The one thing that the customer can do about it."""

    REUPLOAD = "reupload", _("Send it again")
    EDIT_ORDER = "edit_order", _("Change the order")
    CONTACT_DOCTOR = "contact_doctor", _("Ask your doctor")
    CONSULT_DOCTOR = "consult_doctor", _("Talk to a doctor")
    ANSWER = "answer", _("Answer the question")
    NONE = "none", _("Nothing to do")


class ReasonCode(models.Model):
    """A reason with its texts. Seeded by a migration; shops may edit texts and switch codes off.

    No two may be alike, neither for staff nor for customers: who reads one has to know which it is.
    """

    code = models.CharField(_("code"), primary_key=True, max_length=40, editable=False)
    group = models.CharField(_("about"), max_length=8, choices=ReasonGroup.choices)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    staff_title = models.CharField(_("name for staff"), max_length=120, blank=True)
    customer_title = models.CharField(_("title for the customer"), max_length=120)
    customer_body = models.CharField(_("text for the customer"), max_length=400)
    action = models.CharField(_("what the customer can do"), max_length=16, choices=CustomerAction.choices)
    retryable = models.BooleanField(_("can be put right by the customer"), default=True)
    needs_note = models.BooleanField(_("needs a note"), default=False)
    active = models.BooleanField(_("offered"), default=True)
    # What a shop words itself in other languages: {language: {field of WORDS: text}}. What is not here is looked up in
    # the catalogues, which know the texts as they were seeded; what they do not know stays as it is.
    translations = models.JSONField(
        _("in other languages"), default=dict, db_default=models.Value({}, models.JSONField()), blank=True
    )

    WORDS = ("staff_title", "customer_title", "customer_body")

    class Meta:
        ordering = ("position",)
        verbose_name = _("reason")
        verbose_name_plural = _("reasons")

    def __str__(self) -> str:
        return self.said("staff_title") or self.title

    @property
    def title(self) -> str:
        """For the customer, in the language of this moment."""
        return self.said("customer_title")

    @property
    def text(self) -> str:
        """For the customer, in the language of this moment."""
        return self.said("customer_body")

    def said(self, name: str) -> str:
        """A field of `WORDS` in the language of this moment: the shop's own words, the catalogue's, or as it stands."""
        own = self.translations.get(get_language() or "", {}).get(name)
        text = getattr(self, name)
        return own or (gettext(text) if text else "")

    def clean(self) -> None:
        others = ReasonCode.objects.exclude(pk=self.pk)
        for name in ("staff_title", "customer_title"):
            text = getattr(self, name).strip()
            if text and others.filter(**{f"{name}__iexact": text}).exists():
                raise ValidationError({name: _("Another reason is called so. Nobody could tell them apart.")})

    @property
    def offered(self) -> bool:
        """May a person choose it?"""
        return self.active and self.group != ReasonGroup.SYSTEM
