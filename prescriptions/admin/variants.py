"""Variants in the admin: what was made, by whom, how fast; and what could not be made, to be tried again."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from prescriptions.admin import chips, explain, filters, searching
from prescriptions.admin.base import ReadOnly, kibibytes, may, reference
from prescriptions.infra.methods import methods
from prescriptions.models import Variant, VariantState
from prescriptions.variants import claims

_GIVEN_UP = (VariantState.DEAD, VariantState.FAILED)


class GivenUp(admin.SimpleListFilter):
    """Dead letters: what nobody will try again unless a person says so."""

    title = _("attention")
    parameter_name = "given_up"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Given up"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Variant]) -> QuerySet[Variant]:
        return queryset.filter(state__in=_GIVEN_UP) if self.value() == "1" else queryset


@admin.register(Variant)
class VariantAdmin(ReadOnly):
    """Operators see this list and nothing of patients: no picture, no reference that a person typed."""

    list_title = _("Variants")
    list_display = ("stored", "of", "state", "error_code", "attempts", "bytes", "ms", "backend", "asked")
    linked_by = ("page__id__exact",)
    list_filter = (GivenUp, "state", filters.Backend, filters.Pipeline, "created_at")
    search_fields = ("id",)  # switches the search on; see get_search_results
    search_help_text = searching.VARIANT_HELP
    list_select_related = ("page",)
    fields = (
        "stored",
        "of",
        "state",
        "error_code",
        "error_detail",
        "attempts",
        "lease_until",
        "backend",
        "pipeline",
        "bytes",
        "pixels",
        "etag",
        "milliseconds",
        "steps",
        "created_at",
        "ready_at",
        "request_id",
    )
    readonly_fields = ("of", "bytes", "pixels", "steps")
    actions = ("try_again",)
    change_form_template = "admin/prescriptions/variant/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(methods("GET", "HEAD", "POST")(self.explain))
        return [path("explain/", view, name="rx-explain"), *super().get_urls()]

    def explain(self, request: HttpRequest) -> HttpResponse:
        """Why an address answers as it does; for whoever may see variants."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return explain.page(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.strip():
            queryset = queryset.filter(pk__in=searching.variants(search_term).values("pk"))
        return queryset, False

    def chain_of(self, row: Any) -> str:
        return str(row.page.prescription_id)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return tuple(_linked if name == "of" and _may_open(request) else name for name in self.list_display)

    @admin.display(description=_("page"))
    def of(self, variant: Variant) -> str:
        return f"{reference(variant.page.prescription_id)} / {variant.page.number}"

    @admin.display(description=_("ms"), ordering="milliseconds")
    def ms(self, variant: Variant) -> str:
        return "" if variant.milliseconds is None else f"{variant.milliseconds:,.0f}"

    @admin.display(description=_("size"), ordering="size")
    def bytes(self, variant: Variant) -> str:
        return kibibytes(variant.size)

    @admin.display(description=_("asked for"), ordering="created_at")
    def asked(self, variant: Variant) -> str:
        return chips.moment(variant.created_at)

    @admin.display(description=_("pixels"))
    def pixels(self, variant: Variant) -> str:
        return f"{variant.width} × {variant.height}" if variant.width else ""

    @admin.display(description=_("milliseconds by step"))
    def steps(self, variant: Variant) -> SafeString:
        return format_html_join("\n", "<div>{}: {}</div>", sorted(variant.timings.items()))

    @admin.action(description=_("Try again (failed and given up)"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Variant]) -> None:
        """An operator's decision: attempts start from zero; the next sweep takes it up."""
        count = sum(claims.revive(variant) for variant in queryset.filter(state__in=_GIVEN_UP))
        said = ngettext("%(count)d variant will be tried again.", "%(count)d variants will be tried again.", count) % {
            "count": count
        }
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "change_variant")


def _may_open(request: HttpRequest) -> bool:
    return may(request, "view_prescription")


@admin.display(description=_("page"))
def _linked(variant: Variant) -> SafeString:
    address = reverse("admin:prescriptions_prescription_change", args=[variant.page.prescription_id])
    text = f"{reference(variant.page.prescription_id)} / {variant.page.number}"
    return format_html('<a href="{}">{}</a>', address, text)
