"""Who may call: tokens of REST clients."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ApiToken(models.Model):
    """A bearer token of a REST client. Only the hash of its secret is stored."""

    id = models.CharField(primary_key=True, max_length=16)
    name = models.CharField(_("name"), max_length=100)
    client = models.CharField(_("client"), max_length=64, help_text=_("Sees the prescriptions of this client only."))
    scopes = models.JSONField(_("scopes"), default=list)
    # Decisions are made by people: a token that reviews does so in the name, and with the rights, of one of them.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("reviews as"),
    )
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


class RevokedOrderLink(models.Model):
    """A signed order link that its client has taken back. By id alone: whose order it is stands in the link only."""

    client = models.CharField(max_length=64)
    link = models.CharField(max_length=16)
    until = models.DateTimeField(db_index=True, help_text="When every link that exists now has ended by itself.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "link"), name="revoked_order_link"),)
        default_permissions = ()

    def __str__(self) -> str:
        return self.link
