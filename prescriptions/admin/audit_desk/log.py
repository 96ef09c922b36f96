"""The audit log in the admin: for auditors, to be asked, read and exported. A chain is verified when it is shown."""

import json
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions import audit
from prescriptions.admin import chips
from prescriptions.admin.audit_desk import exports, words
from prescriptions.admin.audit_desk.question import Question, QuestionForm
from prescriptions.admin.base import ReadOnly, reference
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.models import AuditAnchor, AuditEvent
from transforms.keys import is_id

# Questions that auditors ask often, as one row of links.
_OFTEN: Final = (
    ("", gettext_lazy("Everything")),
    (audit.Verb.REFUSED.value, gettext_lazy("Refused access")),
    (audit.Verb.PICTURE_SENT.value, gettext_lazy("Looks by link")),
    (audit.Verb.DOWNLOADED.value, gettext_lazy("Downloads")),
    (audit.Verb.LOG_EXPORTED.value, gettext_lazy("Exports")),
    (audit.Verb.EDGE_GAP.value, gettext_lazy("Lost access logs")),
)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """The desk is the list; a row's own page has every column of the event."""

    fields = ("at", "prescription", "number", "verb", "who", "details", "request_id", "prev_hash", "hash")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(methods("POST")(self.export))
        return [path("export/", export, name="rx-audit-export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The desk. Looking at it leaves a trace as well."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        # Without the hidden field: a form that is sent anew begins on the first page.
        form = QuestionForm(request.GET)
        valid, events, older, rx = form.is_valid(), [], "", ""
        if valid:
            question = Question.of(form)
            events, older, rx = *question.page(), question.rx
        actor = actors.staff(request.user)
        audit.looked(rx if is_id(rx) and events else actor.chain, audit.Verb.LOG_VIEWED, actor=actor)
        names = words.Names.of(events)
        asked = {
            name: value for name, value in request.GET.items() if value and name in form.fields and name != "before"
        }
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Audit log of %(rx)s") % {"rx": reference(rx)} if is_id(rx) else _("Audit log"),
            "form": form,
            "often": [(verb, label, asked == ({"verb": verb} if verb else {})) for verb, label in _OFTEN],
            "events": [(event, timezone.localdate(event.at), words.html(event, names)) for event in events],
            "asked": bool(asked),
            "older": _address(request, before=older) if older else "",
            "newest": _address(request) if request.GET.get("before") else "",
            "chain": rx if is_id(rx) else "",
            "faults": audit.verify(rx).faults if is_id(rx) else [],
        }
        request.current_app = self.admin_site.name
        template = "admin/prescriptions/auditevent/desk.html"
        return TemplateResponse(request, template, shown, status=200 if valid else 400)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """What was asked, whole, as CSV or as signed JSON. Recorded before the first byte goes."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = QuestionForm(request.POST)
        if not form.is_valid() or request.POST.get("format") not in exports.FORMATS:
            return self._refused(request, _("This question cannot be exported. Ask again, and then export."))
        file = exports.answer(Question.of(form), request.POST["format"], actor=actors.staff(request.user))
        if file is None:
            return self._refused(
                request, _("More than %(most)s events. Ask for fewer days.") % {"most": f"{exports.MOST:,}"}
            )
        return file

    def _refused(self, request: HttpRequest, why: str) -> HttpResponse:
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Not exported"), "why": why}
        return TemplateResponse(request, "admin/prescriptions/auditevent/refused.html", shown, status=400)

    @admin.display(description=gettext_lazy("prescription"))
    def prescription(self, event: AuditEvent) -> SafeString:
        address = reverse("admin:prescriptions_auditevent_changelist")
        return format_html('<a class="rx-ref" href="{}?rx={}">{}</a>', address, event.rx, event.rx)

    @admin.display(description=gettext_lazy("no."))
    def number(self, event: AuditEvent) -> int:
        return event.seq

    @admin.display(description=gettext_lazy("who"))
    def who(self, event: AuditEvent) -> str:
        return f"{event.actor_name} ({event.actor})" if event.actor_name else event.actor

    @admin.display(description=gettext_lazy("details"))
    def details(self, event: AuditEvent) -> SafeString | str:
        return format_html("<code>{}</code>", json.dumps(event.data, sort_keys=True)) if event.data else chips.NONE


def _address(request: HttpRequest, **more: str) -> str:
    """The same question, from another place on."""
    asked = request.GET.copy()
    asked.pop("before", None)
    asked.update(more)
    return f"?{asked.urlencode()}"


@admin.register(AuditAnchor)
class AuditAnchorAdmin(ReadOnly):
    """The seals. A digest that was printed or mailed must still be in this list."""

    list_title = gettext_lazy("Seals of the audit log")
    list_display = ("at", "chains", "events", "digest")
    fields = ("at", "chains", "events", "digest", "prev_digest", "key")
    readonly_fields = fields
    ordering = ("-id",)
