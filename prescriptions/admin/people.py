"""People of staff in the admin: one form makes an account, and a link lets its owner choose the password.

Superusers only: whoever gives roles could give themselves any.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions.accounts import people, reauthentication
from prescriptions.admin import chips
from prescriptions.admin.base import ReadOnly
from prescriptions.infra.methods import methods


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person and their roles."""

    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        label=gettext_lazy("Roles"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("The page Roles says what each may do."),
    )

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "groups", "is_active")
        help_texts = {  # noqa: RUF012 - Django's own way
            "username": gettext_lazy("Letters, digits and @ . + - _"),
            "is_active": gettext_lazy(
                "Without it nobody signs in by this account. None is ever deleted: the audit log names their owners."
            ),
        }

    def clean_groups(self) -> Any:
        chosen = self.cleaned_data["groups"]
        if not chosen and not self.instance.is_superuser:
            raise forms.ValidationError(_("Choose one role at least."))
        return chosen

    def clean_is_active(self) -> bool:
        stays: bool = self.cleaned_data["is_active"]
        if not stays and self.instance.is_superuser and people.is_last_administrator(self.instance):
            raise forms.ValidationError(
                _(
                    "This is the last administrator who can sign in: nobody could make or mend an account any more. "
                    "Make another one first (manage.py createsuperuser)."
                )
            )
        return stays


class ForAdministrators(ReadOnly):
    """Screens of superusers, who confirm that it is them before they change anything."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if self.has_add_permission(request) and not reauthentication.is_fresh(request):
            return reauthentication.page(request, request.path)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Django's own would call a person a user and a role a group."""
        messages.success(request, _("Saved."))
        if "_continue" in request.POST:
            return HttpResponseRedirect(request.path)
        return self.response_post_save_change(request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit log has it; Django's own log could be changed."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As above."""


@admin.register(User)
class PersonAdmin(ForAdministrators):
    """Accounts are made and closed, never deleted: the audit log names their owners."""

    form = PersonForm
    list_title = gettext_lazy("People")
    counted_as = (gettext_lazy("person"), gettext_lazy("people"))
    list_display = ("username", "name", "roles", "is_active", "last_sign_in")
    ordering = ("username",)
    search_fields = ("username",)  # switches the search on; see get_search_results
    search_help_text = gettext_lazy("The beginning of a user name")
    change_form_template = "admin/auth/user/change_form.html"

    # --- The list -------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return queryset.filter(username__istartswith=search_term.strip()[:150]), False

    @admin.display(description=gettext_lazy("name"))
    def name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, user: User) -> str:
        named = [group.name for group in user.groups.all()]
        return ", ".join([*([_("administrator")] if user.is_superuser else []), *sorted(named)])

    @admin.display(description=gettext_lazy("last sign-in"), ordering="last_login", empty_value=chips.NONE)
    def last_sign_in(self, user: User) -> str | None:
        return chips.moment(user.last_login) if user.last_login else None

    # --- Making and changing --------------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        named = ["username", "first_name", "last_name", "email", "groups"]
        return named if obj is None else [*named, "is_active"]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # After it comes the page with the link, whatever button was pressed.
        named = {"title": _("A new person"), "show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, named | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        named = {"title": _("A person"), "show_save_and_add_another": False}
        return super().change_view(request, object_id, form_url, named | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        roles = sorted(form.instance.groups.values_list("name", flat=True))
        if change:
            people.changed(form.instance, by=request.user, what=form.changed_data, roles=roles)
        else:
            people.made(form.instance, by=request.user, roles=roles)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: Any = None) -> HttpResponse:
        return self._show_link(request, obj)

    # --- Mending --------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        def route(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(f"<int:pk>/{address}/", self.admin_site.admin_view(methods("POST")(view)), name=name)

        return [
            route("link", self.new_link, "rx-person-link"),
            route("forget-factors", self.forget_factors, "rx-person-forget-factors"),
            *super().get_urls(),
        ]

    def new_link(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For a forgotten password, or somebody who is locked out."""
        user = self._person(request, pk)
        return self._show_link(request, user) if reauthentication.is_fresh(request) else self._confirm(request, pk)

    def forget_factors(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For a lost telephone. They are asked to set up a new factor when they sign in next."""
        user = self._person(request, pk)
        if not reauthentication.is_fresh(request):
            return self._confirm(request, pk)
        people.forget_factors(user, by=request.user)
        messages.success(request, _("Their second factors are gone, and they are signed out everywhere."))
        return HttpResponseRedirect(reverse("admin:auth_user_change", args=[pk]))

    def _person(self, request: HttpRequest, pk: int) -> User:
        if not self.has_module_permission(request):
            raise PermissionDenied
        found = User.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def _confirm(self, request: HttpRequest, pk: int) -> HttpResponse:
        return reauthentication.page(request, reverse("admin:auth_user_change", args=[pk]))

    def _show_link(self, request: HttpRequest, user: User) -> HttpResponse:
        """On the page itself, once: a message would lie in a cookie until it is read."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("A link for %(name)s") % {"name": user.get_username()},
            "person": user,
            "link": people.password_link(user, by=request.user),
        }
        page = TemplateResponse(request, "admin/auth/user/link.html", context)
        page.headers["Cache-Control"] = "no-store"
        return page
