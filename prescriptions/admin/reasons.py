"""Reasons, as colleagues and as customers read them: seniors put them into the shop's own words. Codes stay."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from prescriptions.admin.base import ReadOnly, may
from prescriptions.models import ReasonCode

_WORDS = ("staff_title", "customer_title", "customer_body", "active")
_FIELDS = ("code", "group", "position", *_WORDS, "action", "retryable", "needs_note")


@admin.register(ReasonCode)
class ReasonCodeAdmin(ReadOnly):
    """Texts may change and reasons may be switched off; none is added or deleted, since decisions refer to them."""

    list_title = _("Reasons that customers are given")
    list_display = ("staff_title", "customer_title", "code", "group", "action", "retryable", "needs_note", "active")
    list_filter = ("group", "active")
    search_fields = ("code", "staff_title", "customer_title", "customer_body")
    fields = _FIELDS

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "customer_body":
            kwargs["widget"] = AdminTextareaWidget(attrs={"rows": 3})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may(request, "change_reasoncode") or may(request, "assign_review")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(name for name in _FIELDS if name not in _WORDS)
