"""Who may call: REST clients, their tokens, and the origins that are theirs."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from prescriptions.models.uploads import Prescription

ORIGINS: Final = 20
_LONGEST: Final = 255
_HOST: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_PORT: Final = r"(?::[1-9][0-9]{0,4})?"
# As browsers write it (RFC 6454 §6.2): lower case, names that are not ASCII as xn--, no port that goes without saying.
_ORIGIN: Final = re.compile(
    rf"https://(?:{_HOST}\.)*{_HOST}{_PORT}|http://(?:localhost|127\.0\.0\.1|\[::1\]){_PORT}", re.ASCII
)


# An address that may stand in a link and a header, and that no two readers take for different ones.
_ADDRESS: Final = re.compile(r"https://[^\x00-\x20\x7f-\U0010ffff\\\"<>^`{|}]{1,492}")


def origin_of(address: str) -> str:
    """The origin of a web address with https, as browsers write it; empty where it is none, or says a user's name."""
    if not _ADDRESS.fullmatch(address):
        return ""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    origin = f"https://{(parts.hostname or '').lower()}" + ("" if port in (None, 443) else f":{port}")
    return origin if "@" not in parts.netloc and _ORIGIN.fullmatch(origin) else ""


def check_origins(value: Any) -> None:
    """Raises ValidationError: a list of at most 20 origins, each once."""
    if not isinstance(value, list) or len(value) > ORIGINS or len({*map(str, value)}) < len(value):
        raise ValidationError(_("At most %(most)d origins, each of them once."), params={"most": ORIGINS})
    for origin in value:
        plain = isinstance(origin, str) and len(origin) <= _LONGEST and _ORIGIN.fullmatch(origin)
        if not plain or re.fullmatch(r"https:.*:443|http:.*:80", origin):
            raise ValidationError(
                _(
                    "%(origin)s is no origin as browsers write it: https://shop.example or https://shop.example:8443, "
                    "in lower case and without a path; http:// for localhost, 127.0.0.1 and [::1] alone."
                ),
                params={"origin": str(origin)[:_LONGEST]},
            )


class Client(models.Model):
    """A REST client, by the name that its tokens have. One without a row has no origins."""

    name = models.CharField(_("client"), primary_key=True, max_length=64)
    origins = models.JSONField(_("origins"), default=list, blank=True, validators=[check_origins])

    class Meta:
        ordering = ("name",)
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


def origins_of(client: str) -> frozenset[str]:
    """Origins whose pages may call in this client's name, and to which its customers may be sent back."""
    return frozenset(Client.objects.filter(pk=client).values_list("origins", flat=True).first() or ())


def somebody_lists(origin: str) -> bool:
    """Is it any client's? There are as many rows as people have written down."""
    return any(origin in origins for origins in Client.objects.values_list("origins", flat=True))


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


class LentLink(models.Model):
    """A link to a prescription's pages that can be taken back. Its token carries the id; the row decides."""

    id = models.CharField(primary_key=True, max_length=12)
    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="+")
    scope = models.CharField(max_length=1)
    pages = models.JSONField(default=list, help_text="Numbers of the pages that it opens; empty: all.")
    made_by = models.CharField(max_length=64)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-made_at",)
        default_permissions = ()
        # What edges are told of: few rows, however many links there are.
        indexes = (
            models.Index(
                fields=("expires_at",), name="lent_link_revoked", condition=models.Q(revoked_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.id
