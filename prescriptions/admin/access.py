"""Tokens of REST clients in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from prescriptions.admin import searching
from prescriptions.admin.base import ReadOnly
from prescriptions.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Who may call. Tokens are made and revoked by `manage.py rxtoken`."""

    list_title = _("API tokens")
    list_display = ("name", "client", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    search_fields = ("name",)  # switches the search on; see get_search_results
    search_help_text = searching.TOKEN_HELP
    fields = ("id", *list_display)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(searching.tokens(search_term)) if search_term.strip() else queryset), False
