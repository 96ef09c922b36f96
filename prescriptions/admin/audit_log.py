"""The audit log in the admin: for auditors, to be read. The chain of a prescription is verified when it is shown."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions import audit
from prescriptions.admin import chips, searching
from prescriptions.admin.base import ReadOnly, reference
from prescriptions.models import AuditAnchor, AuditEvent

_HASH_SHOWN = 12


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """All events newest first; with `?rx=` those of one prescription in their order, with the chain verified."""

    list_title = gettext_lazy("Audit log")
    list_display = ("moment", "prescription", "number", "verb", "who", "details", "short_hash")
    list_display_links = ("moment",)
    sortable_by = ()
    linked_by = ("rx",)
    search_fields = ("rx",)  # switches the search on; see get_search_results
    search_help_text = searching.RX_HELP
    fields = ("at", "prescription", "number", "verb", "who", "details", "request_id", "prev_hash", "hash")
    readonly_fields = fields

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("rx", "seq") if request.GET.get("rx") else ("-at",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(searching.by_rx("rx", search_term)) if search_term.strip() else queryset), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        rx, context = request.GET.get("rx", ""), dict(extra_context or {})
        if rx and self.has_view_permission(request):
            title = _("Audit log of %(rx)s") % {"rx": reference(rx)}
            context |= {"title": title, "chain": rx, "faults": audit.verify(rx).faults}
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("at"))
    def moment(self, event: AuditEvent) -> str:
        return chips.moment(event.at)

    @admin.display(description=gettext_lazy("prescription"))
    def prescription(self, event: AuditEvent) -> SafeString:
        address = reverse("admin:prescriptions_auditevent_changelist")
        return format_html('<a class="rx-ref" href="{}?rx={}">{}</a>', address, event.rx, reference(event.rx))

    @admin.display(description=gettext_lazy("no."))
    def number(self, event: AuditEvent) -> int:
        return event.seq

    @admin.display(description=gettext_lazy("who"))
    def who(self, event: AuditEvent) -> str:
        return event.actor_name or event.actor

    @admin.display(description=gettext_lazy("details"))
    def details(self, event: AuditEvent) -> SafeString | str:
        return format_html("<code>{}</code>", json.dumps(event.data, sort_keys=True)) if event.data else ""

    @admin.display(description=gettext_lazy("hash"))
    def short_hash(self, event: AuditEvent) -> SafeString:
        return format_html("<code>{}</code>", event.hash[:_HASH_SHOWN])


@admin.register(AuditAnchor)
class AuditAnchorAdmin(ReadOnly):
    """The seals. A digest that was printed or mailed must still be in this list."""

    list_title = gettext_lazy("Seals of the audit log")
    list_display = ("at", "chains", "events", "digest")
    fields = ("at", "chains", "events", "digest", "prev_digest", "key")
    readonly_fields = fields
    ordering = ("-id",)
