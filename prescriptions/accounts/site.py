"""The admin's site: our own screens alone, and no second door. (Not in `admin`: loading that registers.)"""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from prescriptions.accounts import roles
from prescriptions.infra.methods import methods

_OURS: Final = "prescriptions."


class Site(admin.AdminSite):
    """What other apps register (accounts of theirs, tokens, secrets) is for nobody's eyes.

    `start_page`: what the start page shows besides its lists. Whoever has figures sets it, which is above this.
    """

    start_page: Callable[[HttpRequest], dict[str, Any]] = staticmethod(lambda _request: {})

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        if admin_class is not None and admin_class.__module__.startswith(_OURS):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("roles/", self.admin_view(methods("GET", "HEAD")(self.roles)), name="rx-roles"),
            *super().get_urls(),
        ]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """By the names that the lists themselves have."""
        found = super().get_app_list(request, app_label)
        for app in found:
            app["name"] = _("Accounts") if app["app_label"] == "auth" else app["name"]
            for entry in app["models"]:
                entry["name"] = getattr(self._registry[entry["model"]], "list_title", None) or entry["name"]
        return found

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**(extra_context or {}), **self.start_page(request)})

    def roles(self, request: HttpRequest) -> HttpResponse:
        """Who may do what; for everybody of staff."""
        context = {**self.each_context(request), "title": _("Roles"), "roles": roles.table()}
        return TemplateResponse(request, "admin/roles.html", context)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Nobody signs in here: there would be a second door, without a second factor."""
        back = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
            back = reverse("admin:index")
        if request.user.is_authenticated and request.user.is_staff:
            return HttpResponseRedirect(back)
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back})}")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Django's own, and then the page to sign in at."""
        super().logout(request, extra_context)
        return redirect("account_login")
