"""Tokens of REST clients in the admin: made, replaced and revoked by administrators, seen by whoever may."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from prescriptions.accounts import reauthentication
from prescriptions.admin import chips, searching
from prescriptions.admin.base import ReadOnly
from prescriptions.admin.people import ForAdministrators
from prescriptions.api import tokens
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.models import ApiToken

# While both are good, whoever calls has time to change over.
_OVERLAP: Final = timedelta(days=7)
_SCOPE_WORDS: Final = {
    "rx:read": _("Read prescriptions, pages and variants"),
    "rx:write": _("Upload prescriptions"),
    "rx:erase": _("Erase prescriptions"),
    "rx:override": _("Erase them before their retention is over, with a reason"),
    "rx:hold": _("Set and lift legal holds"),
    "rx:export": _("Export all prescriptions of a patient or an order"),
    "rx:review": _("Take and decide reviews in the name of one person"),
    "rx:all": _("See the prescriptions of every client, not only its own"),
    "webhooks:write": _("Set up webhooks, and see what was sent to them"),
    "orders:write": _("Write orders, and make upload links for their customers"),
    "ops:read": _("Read /metrics and figures"),
}


def _state(token: ApiToken) -> str:
    if token.revoked_at:
        return gettext("revoked")
    return gettext("good") if tokens.is_good(token) else gettext("expired")


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who calls, what it may do, and until when."""

    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May"),
        choices=[(scope, _SCOPE_WORDS[scope]) for scope in tokens.SCOPES],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label=gettext_lazy("Valid for so many days"),
        min_value=1,
        max_value=tokens.MOST_DAYS,
        help_text=gettext_lazy("Replace it before then: the new one and the old one are good side by side for a week."),
    )

    class Meta:
        model = ApiToken
        fields = ("name", "client", "scopes", "user")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "user" in self.fields:  # not where it is only shown
            self.fields["days"].initial = settings.RX_TOKEN_DAYS
            people = get_user_model().objects.filter(is_staff=True, is_active=True).order_by("username")
            self.fields["user"].queryset = people  # type: ignore[attr-defined]
            # A person is chosen here, and made or changed under People.
            for act in ("add", "change", "view"):
                setattr(self.fields["user"].widget, f"can_{act}_related", False)

    def clean(self) -> Any:
        cleaned = super().clean() or {}
        if "rx:review" in cleaned.get("scopes", ()) and not cleaned.get("user"):
            self.add_error("user", gettext("Decisions are made by people: choose in whose name it reviews."))
        return cleaned


@admin.register(ApiToken)
class ApiTokenAdmin(ForAdministrators):
    """Tokens are never changed or deleted: what one did is in the audit log under its id."""

    form = TokenForm
    list_title = _("API tokens")
    counted_as = (_("token"), _("tokens"))
    list_display = ("name", "client", "may", "state", "until", "last_used")
    search_fields = ("name",)  # switches the search on; see get_search_results
    search_help_text = searching.TOKEN_HELP
    change_form_template = "admin/prescriptions/apitoken/change_form.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return ReadOnly.has_module_permission(self, request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return ReadOnly.has_view_permission(self, request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    # --- The list and a token's page ------------------------------------------------------------------------------
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(searching.tokens(search_term)) if search_term.strip() else queryset), False

    @admin.display(description=_("may"))
    def may(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description=_("state"))
    def state(self, token: ApiToken) -> str:
        return _state(token)

    @admin.display(description=_("until"), ordering="expires_at")
    def until(self, token: ApiToken) -> str:
        return chips.moment(token.expires_at) if token.expires_at else gettext("without end")

    @admin.display(description=_("last used"), ordering="last_used_at", empty_value=chips.NONE)
    def last_used(self, token: ApiToken) -> str | None:
        return chips.moment(token.last_used_at) if token.last_used_at else None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "client", "scopes", "user", "days")
        return ("id", "name", "client", "may", "user", "state", "created_at", "until", "last_used")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        token = ApiToken.objects.filter(pk=object_id).first()
        may_change = self.has_add_permission(request) and token is not None and token.revoked_at is None
        named = {"may_change": may_change, "may_replace": may_change and token is not None and tokens.is_good(token)}
        # Looking needs no confirmation.
        return ReadOnly.changeform_view(self, request, object_id, form_url, {**named, **(extra_context or {})})

    # --- Making ---------------------------------------------------------------------------------------------------
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # After it comes the page with the token, whatever button was pressed.
        named = {"title": gettext("A new token"), "show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, named | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        asked = form.cleaned_data
        made, request.token_text = tokens.make(  # type: ignore[attr-defined]
            name=asked["name"],
            client=asked["client"],
            scopes=asked["scopes"],
            user=asked["user"],
            expires_at=tokens.end_of(asked["days"]),
            by=actors.staff(request.user),
        )
        obj.pk = made.pk

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: Any = None) -> HttpResponse:
        return self._show(request, obj, request.token_text)  # type: ignore[attr-defined]

    # --- Replacing and revoking -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        def route(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(f"<str:pk>/{address}/", self.admin_site.admin_view(methods("POST")(view)), name=name)

        return [
            route("replace", self.replace, "rx-token-replace"),
            route("revoke", self.revoke, "rx-token-revoke"),
            *super().get_urls(),
        ]

    def replace(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Another with the same rights; the old one is good for a week more."""
        token = self._token(request, pk)
        if not reauthentication.is_fresh(request):
            return self._confirm(request, pk)
        try:
            new, text = tokens.replace(
                token,
                overlap=_OVERLAP,
                expires_at=tokens.end_of(settings.RX_TOKEN_DAYS),
                by=actors.staff(request.user),
            )
        except ValueError:
            messages.error(request, gettext("This token is expired or revoked: make a new one."))
            return self._back(pk)
        return self._show(request, new, text)

    def revoke(self, request: HttpRequest, pk: str) -> HttpResponse:
        """At once, and for good."""
        token = self._token(request, pk)
        if not reauthentication.is_fresh(request):
            return self._confirm(request, pk)
        tokens.revoke(token, by=actors.staff(request.user))
        messages.success(request, gettext("Revoked: it opens nothing any more."))
        return self._back(pk)

    def _token(self, request: HttpRequest, pk: str) -> ApiToken:
        if not self.has_add_permission(request):
            raise PermissionDenied
        found = ApiToken.objects.filter(pk=pk[:16]).first()
        if found is None:
            raise Http404
        return found

    def _back(self, pk: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:prescriptions_apitoken_change", args=[pk]))

    def _confirm(self, request: HttpRequest, pk: str) -> HttpResponse:
        return reauthentication.page(request, reverse("admin:prescriptions_apitoken_change", args=[pk]))

    def _show(self, request: HttpRequest, token: ApiToken, text: str) -> HttpResponse:
        """On the page itself, once: a message would lie in a cookie until it is read."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Token %(name)s") % {"name": token.name},
            "token": token,
            "text": text,
        }
        page = TemplateResponse(request, "admin/prescriptions/apitoken/made.html", context)
        page.headers["Cache-Control"] = "no-store"
        return page
