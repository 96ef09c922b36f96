"""Roles in the admin: Django's groups, and of permissions only those of this app. Administrators make their own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy

from prescriptions.accounts import trail
from prescriptions.admin.people import ForAdministrators
from prescriptions.audit import actors


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A role's name and what it may do."""

    permissions = forms.ModelMultipleChoiceField(
        Permission.objects.filter(content_type__app_label="prescriptions").order_by("name"),
        label=gettext_lazy("May"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("The page Roles says in plain words what the roles may do."),
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")


@admin.register(Group)
class RoleAdmin(ForAdministrators):
    """Roles are made and changed, never deleted: people would lose rights that nobody took away from them."""

    form = RoleForm
    list_title = gettext_lazy("Roles")
    counted_as = (gettext_lazy("role"), gettext_lazy("roles"))
    list_display = ("name",)
    fields = ("name", "permissions")
    ordering = ("name",)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        named = {"title": gettext("A new role"), "show_save_and_add_another": False}
        return super().add_view(request, form_url, named | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        named = {"title": gettext("A role"), "show_save_and_add_another": False}
        return super().change_view(request, object_id, form_url, named | (extra_context or {}))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        return self.response_change(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        held = sorted(form.instance.permissions.values_list("codename", flat=True))
        trail.tell_of_role(form.instance.name, actor=actors.staff(request.user), permissions=held)
