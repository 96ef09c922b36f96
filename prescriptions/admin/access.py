"""Tokens of REST clients in the admin."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from prescriptions.admin.base import ReadOnly
from prescriptions.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Who may call. Tokens are made and revoked by `manage.py rxtoken`."""

    list_title = _("API tokens")
    list_display = ("name", "client", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    fields = ("id", *list_display)
