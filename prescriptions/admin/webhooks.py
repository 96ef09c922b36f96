"""Webhooks of clients in the admin: who is told what, and what came of it; made, tried, switched on and off."""

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from prescriptions.accounts import reauthentication
from prescriptions.admin import chips
from prescriptions.admin.base import ReadOnly, may
from prescriptions.audit import actors
from prescriptions.events import deliveries, webhooks
from prescriptions.events.sending import addresses
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.models import USUAL, WANTED, ApiToken, DeliveryState, DisabledBecause, Webhook

_SHOWN: Final = 50


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whose, where, and what about."""

    client = forms.CharField(label=gettext_lazy("Client"), max_length=64)
    types = forms.MultipleChoiceField(
        label=gettext_lazy("Is told"),
        choices=[(kind.value, kind.label) for kind in WANTED],
        initial=[kind.value for kind in USUAL],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Webhook
        fields = ("client", "url", "types")

    def clean_client(self) -> str:
        name: str = self.cleaned_data["client"]
        if not ApiToken.objects.filter(client=name).exists():
            raise forms.ValidationError(gettext("No token is of a client by this name. Make its token first."))
        return name

    def clean_url(self) -> str:
        try:
            return addresses.check(self.cleaned_data["url"])
        except ValueError as wrong:
            raise forms.ValidationError(str(wrong)) from None


@admin.register(Webhook)
class WebhookAdmin(ReadOnly):
    """Looked at by whoever may; made and changed by who may change them, and confirms that it is them."""

    form = WebhookForm
    list_title = _("Webhooks")
    list_display = ("url", "client", "state", "last_success", "waiting")
    change_form_template = "admin/prescriptions/webhook/change_form.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, "change_webhook")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("secret", "old_secret")

    # --- The list and a webhook's page --------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("client", "url", "types")
        return ("id", "client", "url", "told", "state", "created_at", "last_success", "failures", "sent")

    @admin.display(description=_("state"))
    def state(self, hook: Webhook) -> SafeString:
        if hook.disabled_at is None:
            return chips.chip(gettext("on"), "check", "good")
        because = DisabledBecause(hook.disabled_because).label
        said = gettext("off since %(at)s: %(why)s") % {"at": chips.moment(hook.disabled_at), "why": because}
        return chips.chip(said, "cross", "bad")

    @admin.display(description=_("last success"), empty_value=chips.NONE)
    def last_success(self, hook: Webhook) -> str | None:
        return chips.moment(hook.succeeded_at) if hook.succeeded_at else None

    @admin.display(description=_("is told"))
    def told(self, hook: Webhook) -> str:
        return ", ".join(hook.types)

    @admin.display(description=_("waiting since"), empty_value=chips.NONE)
    def waiting(self, hook: Webhook) -> str | None:
        first = hook.deliveries.filter(state=DeliveryState.OPEN).order_by("next_at").first()
        return chips.span(timezone.now() - first.created_at) if first else None

    @admin.display(description=_("sent lately"), empty_value=chips.NONE)
    def sent(self, hook: Webhook) -> SafeString | None:
        """The newest, each with what came of its last try."""
        rows = hook.deliveries.select_related("event").order_by("-position")[:_SHOWN]
        lines = (
            (chips.moment(row.created_at), row.event.type, row.get_state_display(), row.attempts, _result(row.log))
            for row in rows
        )
        shown = format_html_join("", "<li>{} · {} · {} · {} × · {}</li>", lines)
        return format_html("<ul>{}</ul>", shown) if shown else None

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        hook = Webhook.objects.filter(pk=object_id).first()
        named = {"may_change": hook is not None and self.has_add_permission(request)}
        return super().changeform_view(request, object_id, form_url, {**named, **(extra_context or {})})

    # --- Making ---------------------------------------------------------------------------------------------------
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if self.has_add_permission(request) and not reauthentication.is_fresh(request):
            return reauthentication.page(request, request.path)
        named = {"title": gettext("A new webhook"), "show_save_and_add_another": False, "show_save_and_continue": False}
        try:
            return super().add_view(request, form_url, named | (extra_context or {}))
        except Problem as problem:  # too many, or no keys to keep a secret with
            messages.error(request, problem.detail)
            return HttpResponseRedirect(reverse("admin:prescriptions_webhook_changelist"))

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        asked = form.cleaned_data
        made, request.secret = webhooks.make(  # type: ignore[attr-defined]
            client=asked["client"], url=asked["url"], types=asked["types"], by=actors.staff(request.user)
        )
        obj.pk = made.pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The audit log has it; Django's own log could be changed."""

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: Any = None) -> HttpResponse:
        return self._show(request, obj, request.secret)  # type: ignore[attr-defined]

    # --- Acting ---------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        def route(address: str, view: Callable[[HttpRequest, Webhook], HttpResponse]) -> URLPattern:
            def guarded(request: HttpRequest, pk: str) -> HttpResponse:
                hook = self._hook(request, pk)
                if not reauthentication.is_fresh(request):
                    return reauthentication.page(request, reverse("admin:prescriptions_webhook_change", args=[hook.pk]))
                return view(request, hook)

            seen = self.admin_site.admin_view(methods("POST")(guarded))
            return path(f"<str:pk>/{address}/", seen, name=f"rx-webhook-{address}")

        return [
            route("enable", self.enable),
            route("disable", self.disable),
            route("rotate", self.rotate),
            route("test", self.test),
            *super().get_urls(),
        ]

    def enable(self, request: HttpRequest, hook: Webhook) -> HttpResponse:
        webhooks.enable(hook, by=actors.staff(request.user))
        return self._back(request, hook, gettext("It is told again, from what was left on."))

    def disable(self, request: HttpRequest, hook: Webhook) -> HttpResponse:
        deliveries.disable(hook, DisabledBecause.PERSON, by=actors.staff(request.user))
        return self._back(request, hook, gettext("Nothing is sent to it any more."))

    def rotate(self, request: HttpRequest, hook: Webhook) -> HttpResponse:
        return self._show(request, hook, webhooks.rotate(hook, by=actors.staff(request.user)))

    def test(self, request: HttpRequest, hook: Webhook) -> HttpResponse:
        try:
            webhooks.test(hook)
        except Problem as problem:
            messages.error(request, problem.detail)
            return HttpResponseRedirect(reverse("admin:prescriptions_webhook_change", args=[hook.pk]))
        return self._back(request, hook, gettext("A test is on its way; this page shows what comes of it."))

    def _hook(self, request: HttpRequest, pk: str) -> Webhook:
        if not self.has_add_permission(request):
            raise PermissionDenied
        found = Webhook.objects.filter(pk=pk[:16]).first()
        if found is None:
            raise Http404
        return found

    def _back(self, request: HttpRequest, hook: Webhook, said: str) -> HttpResponse:
        messages.success(request, said)
        return HttpResponseRedirect(reverse("admin:prescriptions_webhook_change", args=[hook.pk]))

    def _show(self, request: HttpRequest, hook: Webhook, secret: str) -> HttpResponse:
        """On the page itself, once: a message would lie in a cookie until it is read."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Secret of a webhook"),
            "hook": hook,
            "secret": secret,
        }
        page = TemplateResponse(request, "admin/prescriptions/webhook/secret.html", context)
        page.headers["Cache-Control"] = "no-store"
        return page


def _result(log: list[dict[str, Any]]) -> str:
    last = log[-1] if log else {}
    return str(last.get("status") or last.get("error") or "–")
