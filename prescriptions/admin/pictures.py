"""Pictures of pages in the admin: only for who may see pages, never of what was erased, and every link is recorded."""

from collections.abc import Iterable

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.admin.base import may, reference
from prescriptions.audit import actors
from prescriptions.models import Page, Prescription
from prescriptions.variants import asking, links


def tokens(request: HttpRequest, prescriptions: Iterable[Prescription]) -> dict[str, str]:
    """Link tokens by prescription, of those whose pictures this person may see now; recorded as given to them."""
    if not may(request, "view_page"):
        return {}
    minted = {
        prescription.pk: links.mint(prescription.pk)
        for prescription in prescriptions
        if prescription.erased_at is None and not links.are_cut(prescription)
    }
    if minted:
        audit.links_minted(minted, actor=actors.staff(request.user))
    return minted


def thumbnail(page: Page, token: str) -> SafeString:
    """The page's thumbnail by its variant's own URL (made when somebody first looks), turned as the reviewer set it."""
    stored = asking.preset_of(page, "thumb")
    sides = (stored.size.width, stored.size.height)
    width, height = sides if page.rotation % 180 == 0 else sides[::-1]
    return format_html(
        '<img class="rx-thumb" src="{}" width="{}" height="{}" loading="lazy" decoding="async" alt="{}">',
        links.variant_path(page.prescription_id, page.number, stored, token),
        width,
        height,
        _("Page %(number)d of prescription %(rx)s") % {"number": page.number, "rx": reference(page.prescription_id)},
    )


def opening_preview(page: Page, token: str) -> SafeString:
    """The thumbnail as a link to the page in the size to read it."""
    address = links.variant_path(page.prescription_id, page.number, asking.preset_of(page, "preview"), token)
    return format_html('<a href="{}">{}</a>', address, thumbnail(page, token))
