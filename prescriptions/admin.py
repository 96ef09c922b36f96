"""Django admin: what was uploaded and what was made of it.

Rows are facts; nothing here is typed over, added or deleted.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from prescriptions import claims, links, variants
from prescriptions.models import ApiToken, Document, Page, Prescription, Variant, VariantState
from transforms.presets import preset


def thumbnail(page: Page) -> SafeString:
    """The page's thumbnail, by its variant's own URL: it is made when somebody first looks at this list."""
    token, size = links.mint(page.prescription_id), variants.size_of(page)
    thumb, preview = preset("thumb", size), preset("preview", size)
    return format_html(
        '<a href="{}"><img class="rx-thumb" src="{}" width="{}" height="{}" loading="lazy" alt="{}"></a>',
        links.variant_path(page.prescription_id, page.number, preview, token),
        links.variant_path(page.prescription_id, page.number, thumb, token),
        thumb.size.width,
        thumb.size.height,
        _("Page %(number)d of prescription %(rx)s") % {"number": page.number, "rx": page.prescription_id[:8]},
    )


def kibibytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1024:,.1f} KiB"


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Facts: to be looked at."""

    actions = None
    list_per_page = 50

    class Media:
        css = {"all": ("prescriptions/admin.css",)}  # noqa: RUF012

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            return super().changelist_view(request, extra_context)
        except ValueError:  # a filter like `created_at__year=99999` fails only when the database is asked
            return HttpResponseRedirect(f"{request.path}?e=1")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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
    model = Page
    fields = ("picture", "number", "document", "index", "pixels", "made")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Page]:
        rows: QuerySet[Page] = super().get_queryset(request).select_related("document")
        return rows.annotate(variant_count=Count("variants"))

    @admin.display(description=_("picture"))
    def picture(self, page: Page) -> SafeString:
        return thumbnail(page)

    @admin.display(description=_("pixels"))
    def pixels(self, page: Page) -> str:
        return f"{page.width} x {page.height}"

    @admin.display(description=_("variants"))
    def made(self, page: Page) -> SafeString:
        address = reverse("admin:prescriptions_variant_changelist")
        return format_html('<a href="{}?page__id__exact={}">{}</a>', address, page.pk, page.variant_count)  # type: ignore[attr-defined]


@admin.register(Prescription)
class PrescriptionAdmin(ReadOnly):
    """Uploads, newest first, each with its first page."""

    list_display = ("picture", "reference", "order_ref", "client", "page_count", "created_at", "erased")
    list_display_links = ("reference",)
    list_filter = ("client", "created_at")
    search_fields = ("id", "order_ref", "patient_ref")
    date_hierarchy = "created_at"
    fields = ("id", "order_ref", "patient_ref", "client", "created_at", "erased_at")
    inlines = (PageInline, DocumentInline)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prescription]:
        return super().get_queryset(request).prefetch_related("pages")

    @admin.display(description=_("page 1"))
    def picture(self, prescription: Prescription) -> SafeString | str:
        pages = list(prescription.pages.all())
        return thumbnail(pages[0]) if pages and not prescription.erased_at else "-"

    @admin.display(description=_("prescription"), ordering="id")
    def reference(self, prescription: Prescription) -> str:
        return prescription.id[:8]

    @admin.display(description=_("pages"))
    def page_count(self, prescription: Prescription) -> int:
        return len(prescription.pages.all())

    @admin.display(description=_("erased"), boolean=True)
    def erased(self, prescription: Prescription) -> bool:
        return prescription.erased_at is not None


@admin.register(Variant)
class VariantAdmin(ReadOnly):
    """What was made, by whom, how fast; and what could not be made."""

    list_display = ("stored", "of", "state", "bytes", "pixels", "backend", "ms", "attempts", "created_at")
    list_filter = ("state", "backend", "pipeline", "created_at")
    search_fields = ("page__prescription__id", "stored", "id")
    list_select_related = ("page__prescription",)
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
    actions = ("try_again",)  # type: ignore[assignment]
    show_full_result_count = False

    @admin.display(description=_("page"))
    def of(self, variant: Variant) -> SafeString:
        address = reverse("admin:prescriptions_prescription_change", args=[variant.page.prescription_id])
        return format_html('<a href="{}">{} / {}</a>', address, variant.page.prescription_id[:8], variant.page.number)

    @admin.display(description=_("ms"), ordering="milliseconds")
    def ms(self, variant: Variant) -> str:
        return "" if variant.milliseconds is None else f"{variant.milliseconds:,.0f}"

    @admin.display(description=_("size"), ordering="size")
    def bytes(self, variant: Variant) -> str:
        return kibibytes(variant.size)

    @admin.display(description=_("pixels"))
    def pixels(self, variant: Variant) -> str:
        return f"{variant.width} x {variant.height}" if variant.width else ""

    @admin.display(description=_("milliseconds by step"))
    def steps(self, variant: Variant) -> SafeString:
        return format_html_join("\n", "<div>{}: {}</div>", sorted(variant.timings.items()))

    @admin.action(description=_("Try again (failed and given up)"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Variant]) -> None:
        """An operator's decision: attempts start from zero; the next sweep takes it up."""
        count = sum(
            claims.revive(variant) for variant in queryset.filter(state__in=[VariantState.DEAD, VariantState.FAILED])
        )
        self.message_user(request, _("%(count)d variants will be tried again.") % {"count": count}, messages.SUCCESS)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("prescriptions.change_variant"))


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Who may call. Tokens are made and revoked by `manage.py rxtoken`."""

    list_display = ("name", "client", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    fields = ("id", *list_display)
