"""What the nights have done: due by rule, erased, held; for auditors and operators."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from prescriptions.admin import chips
from prescriptions.admin.base import ReadOnly, reference
from prescriptions.models import RetentionRun

_SHOWN = 500


@admin.register(RetentionRun)
class RetentionRunAdmin(ReadOnly):
    """Newest first. A dry run has erased nothing."""

    list_title = _("Retention")
    list_display = ("began", "dry", "due_count", "erased", "held", "failed", "more")
    list_filter = ("dry",)
    fields = ("began_at", "ended_at", "dry", "rules", "erased", "held", "failed", "more", "trouble", "prescriptions")
    readonly_fields = ("rules", "prescriptions")

    @admin.display(description=_("began"), ordering="began_at")
    def began(self, run: RetentionRun) -> str:
        return chips.moment(run.began_at)

    @admin.display(description=_("due"))
    def due_count(self, run: RetentionRun) -> int:
        return sum(run.due.values())

    @admin.display(description=_("due, by rule"))
    def rules(self, run: RetentionRun) -> str:
        return ", ".join(f"{rule}: {count}" for rule, count in sorted(run.due.items())) or "0"

    @admin.display(description=_("prescriptions"))
    def prescriptions(self, run: RetentionRun) -> SafeString:
        address = "admin:prescriptions_prescription_change"
        links = ((reverse(address, args=[rx]), reference(rx)) for rx in run.ids[:_SHOWN])
        shown = format_html_join(" ", '<a class="rx-ref" href="{}">{}</a>', links)
        more = len(run.ids) - _SHOWN
        return format_html("{} …{}", shown, f" + {more}") if more > 0 else shown
