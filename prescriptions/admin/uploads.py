"""Prescriptions in the admin: what was uploaded, page by page, and how it is erased."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from prescriptions.admin import chips, filters, pictures, searching
from prescriptions.admin.base import ReadOnly, ReadOnlyInline, kibibytes, may, reference
from prescriptions.admin.keeping import asking, erasing, exporting, holding
from prescriptions.models import Document, Page, Prescription, retention_of
from prescriptions.upkeep import four_eyes, holds


class DocumentInline(ReadOnlyInline):
    model = Document
    fields = ("position", "name", "media_type", "bytes", "download")
    readonly_fields = fields

    @admin.display(description=_("size"))
    def bytes(self, document: Document) -> str:
        return kibibytes(document.size)

    @admin.display(description=_("original"))
    def download(self, document: Document) -> SafeString:
        address = reverse("original", args=[document.prescription_id])
        return format_html('<a href="{}?document={}">{}</a>', address, document.position, _("Download"))


class PageInline(ReadOnlyInline):
    """Shown to people who may see pages. The links in it are handed out to them, and so recorded."""

    model = Page
    fields = ("picture", "number", "document", "index", "pixels", "made")
    readonly_fields = fields
    token = ""
    may_see_variants = False

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            self.token = pictures.tokens(request, [obj]).get(obj.pk, "")
        self.may_see_variants = may(request, "view_variant")
        return super().get_formset(request, obj, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Page]:
        rows: QuerySet[Page] = super().get_queryset(request).select_related("document")
        return rows.annotate(variant_count=Count("variants"))

    @admin.display(description=_("picture"))
    def picture(self, page: Page) -> SafeString | str:
        return pictures.opening_preview(page, self.token) if self.token else chips.NONE

    @admin.display(description=_("pixels"))
    def pixels(self, page: Page) -> str:
        return f"{page.width} × {page.height}"

    @admin.display(description=_("variants"))
    def made(self, page: Page) -> SafeString | str:
        count: int = page.variant_count  # type: ignore[attr-defined]
        if not self.may_see_variants:
            return str(count)
        address = reverse("admin:prescriptions_variant_changelist")
        return format_html('<a href="{}?page__id__exact={}">{}</a>', address, page.pk, count)


@admin.register(Prescription)
class PrescriptionAdmin(ReadOnly):
    """Uploads, newest first, each with its first page."""

    list_title = _("Prescriptions")
    list_display = ("picture", "name", "state", "order_ref", "patient", "client", "page_count", "received")
    list_display_links = ("name",)
    list_filter = (filters.Client, "created_at", filters.Month)
    search_fields = ("id",)  # switches the search on; see get_search_results
    search_help_text = searching.PRESCRIPTION_HELP
    fields = (
        "id",
        "state",
        "order_ref",
        "patient_ref",
        "client",
        "created_at",
        "kept_until",
        "hold",
        "waits",
        "links_cut_at",
        "proof",
    )
    readonly_fields = fields
    inlines = (PageInline, DocumentInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prescription]:
        return super().get_queryset(request).select_related("review").prefetch_related("pages")

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return self.list_display if may(request, "view_page") else self.list_display[1:]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        alive = obj and not obj.erased_at
        unset = {
            "proof": obj and obj.erased_at,
            "links_cut_at": obj and obj.links_cut_at,
            "kept_until": alive,
            "hold": alive and obj.legal_hold,
            "waits": alive and four_eyes.waiting(obj),
        }
        return [name for name in self.fields if unset.get(str(name), True)]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None or obj.erased_at else self.inlines  # nothing is left of either

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.strip():
            queryset = queryset.filter(pk__in=searching.prescriptions(search_term).values("pk"))
        return queryset, False

    def prepare(self, request: HttpRequest, rows: Sequence[Prescription]) -> None:
        tokens = pictures.tokens(request, [row for row in rows if row.pages.all()])
        for row in rows:
            row.link_token = tokens.get(row.pk, "")  # type: ignore[attr-defined]

    def chain_of(self, row: Any) -> str:
        return str(row.pk)

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, Any, str]] = [
            ("<str:rx>/erase/", erasing.confirm, "rx-erase"),
            ("<str:rx>/erase-all/<str:by>/", erasing.confirm_all, "rx-erase-all"),
            ("<str:rx>/hold/", holding.hold, "rx-hold"),
            ("<str:rx>/export/", exporting.download, "rx-export"),
        ]
        view = self.admin_site.admin_view
        ours = [path(route, view(partial(page, site=self.admin_site)), name=name) for route, page, name in pages]
        return [*ours, *super().get_urls()]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Model | None = None,
    ) -> HttpResponse:
        alive = isinstance(obj, Prescription) and obj.erased_at is None
        context |= {
            "may_erase": alive and asking.allowed(request, erasing.PERMISSION),
            "may_hold": alive and asking.allowed(request, holding.PERMISSION),
            "may_export": alive and asking.allowed(request, exporting.PERMISSION),
            "may_review": alive and hasattr(obj, "review") and may(request, "view_review"),
            "may_audit": may(request, "view_auditevent"),
            "title": str(obj),
            "subtitle": None,
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=_("page 1"))
    def picture(self, prescription: Prescription) -> SafeString | str:
        token, pages = prescription.link_token, list(prescription.pages.all())  # type: ignore[attr-defined]
        return pictures.opening_preview(pages[0], token) if token and pages else chips.NONE

    @admin.display(description=_("reference"))
    def name(self, prescription: Prescription) -> SafeString:
        return format_html('<span class="rx-ref">{}</span>', reference(prescription.pk))

    @admin.display(description=_("patient"), ordering="patient_ref")
    def patient(self, prescription: Prescription) -> str:
        return prescription.patient_ref

    @admin.display(description=_("received"), ordering="created_at")
    def received(self, prescription: Prescription) -> str:
        return chips.moment(prescription.created_at)

    @admin.display(description=_("pages"))
    def page_count(self, prescription: Prescription) -> int:
        return len(prescription.pages.all())

    @admin.display(description=_("review"))
    def state(self, prescription: Prescription) -> SafeString | str:
        if prescription.erased_at is not None:
            return chips.status_chip("erased")
        review = getattr(prescription, "review", None)
        return chips.NONE if review is None else chips.status_chip(review.status)

    @admin.display(description=_("proof of erasure"))
    def proof(self, prescription: Prescription) -> SafeString | str:
        return erasing.proof_of(prescription)

    @admin.display(description=_("kept"))
    def kept_until(self, prescription: Prescription) -> str:
        kept = retention_of(prescription)
        told = {"rule": kept.rule, "keep": date_format(kept.keep_until, "j F Y")}
        if kept.erase_on is None:
            return _("until %(keep)s (rule %(rule)s), and erased when somebody asks") % told
        told["erase"] = date_format(kept.erase_on, "j F Y")
        return _("until %(keep)s (rule %(rule)s), and erased on %(erase)s") % told

    @admin.display(description=_("legal hold"))
    def hold(self, prescription: Prescription) -> str:
        return holds.words(prescription.legal_hold)

    @admin.display(description=_("erasure"))
    def waits(self, prescription: Prescription) -> str:
        asked = four_eyes.waiting(prescription)
        return erasing.waits(asked) if asked else ""
