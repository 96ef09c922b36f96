"""Reasons, as colleagues and as customers read them: seniors put them into the shop's own words. Codes stay."""

from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.db.models import Model
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from prescriptions.admin.base import ReadOnly, may
from prescriptions.models import ReasonCode

_WORDS = (*ReasonCode.WORDS, "active")
_FIELDS = ("code", "group", "position", *_WORDS, "action", "retryable", "needs_note")
_OTHERS: Final = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def _said_in(language: str) -> Iterator[tuple[str, str]]:
    """What can be worded in a language: the name of its field in the form, and the column that it stands for."""
    for name in ReasonCode.WORDS:
        if name != "staff_title" or language in settings.RX_STAFF_LANGUAGES:
            yield f"{name}_{language}", name


class ReasonForm(forms.ModelForm):  # type: ignore[type-arg] # django-stubs' generic is no class at run time
    """The model's own fields, and for each other language the same words. Those left empty are the catalogue's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for language in _OTHERS:
            own = self.instance.translations.get(language, {})
            with translation.override(language):
                for field, name in _said_in(language):
                    if field in self.fields:
                        self.initial[field] = own.get(name, "")
                        said = ReasonCode(**{name: getattr(self.instance, name)}).said(name)
                        self.fields[field].widget.attrs |= {"placeholder": said, "lang": language, "dir": "auto"}

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        others = list(ReasonCode.objects.exclude(pk=self.instance.pk))
        translations: dict[str, dict[str, str]] = {}
        for language in _OTHERS:
            with translation.override(language):
                for field, name in _said_in(language):
                    text = given.get(field, "").strip()
                    if text:
                        translations.setdefault(language, {})[name] = text
                    if text and name != "customer_body" and text in {other.said(name) for other in others}:
                        self.add_error(field, _("Another reason is called so. Nobody could tell them apart."))
        self.instance.translations = translations
        return given


for _language in _OTHERS:
    for _field, _name in _said_in(_language):
        _column: Any = ReasonCode._meta.get_field(_name)
        _long = _name == "customer_body"
        ReasonForm.declared_fields[_field] = forms.CharField(
            label=_column.verbose_name,
            max_length=_column.max_length,
            required=False,
            widget=AdminTextareaWidget(attrs={"rows": 3}) if _long else AdminTextInputWidget,
        )


@admin.register(ReasonCode)
class ReasonCodeAdmin(ReadOnly):
    """Texts may change and reasons may be switched off; none is added or deleted, since decisions refer to them."""

    form = ReasonForm
    list_title = _("Reasons that customers are given")
    list_display = ("staff_title", "customer_title", "code", "group", "action", "retryable", "needs_note", "active")
    list_filter = ("group", "active")
    search_fields = ("code", "staff_title", "customer_title", "customer_body")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "customer_body":
            kwargs["widget"] = AdminTextareaWidget(attrs={"rows": 3})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may(request, "change_reasoncode") or may(request, "assign_review")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": _FIELDS})]
        others = [
            (
                get_language_info(language)["name_local"],
                {"fields": [field for field, _name in _said_in(language)], "classes": ["collapse"]},
            )
            for language in _OTHERS
        ]
        return [(None, {"fields": _FIELDS}), *others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(name for name in _FIELDS if name not in _WORDS)
