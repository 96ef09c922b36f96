"""Pictures of pages in the admin: only for people who may see pages, and never of what was erased."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from prescriptions.admin.base import may, reference
from prescriptions.audit import actors
from prescriptions.models import Page, Prescription
from prescriptions.variants import links
from prescriptions.variants.pictures import picture
from transforms.limits import LIMITS


def tokens(request: HttpRequest, prescriptions: Iterable[Prescription]) -> dict[str, str]:
    """Link tokens by prescription, for those whose pictures this person may see now."""
    if not may(request, "view_page"):
        return {}
    shown = [row.pk for row in prescriptions if row.erased_at is None and not links.are_cut(row)]
    return links.hand_out(shown, actors.staff(request.user))


def thumbnail(page: Page, token: str) -> SafeString:
    """The page's thumbnail at its variant's own address: it is made when a browser first asks for it."""
    thumb = picture(page, "thumb", token)
    return format_html(
        '<img class="rx-thumb" src="{}" width="{}" height="{}" loading="lazy" decoding="async" alt="{}">',
        thumb.src,
        thumb.width,
        thumb.height,
        _("Page %(number)d of prescription %(rx)s") % {"number": page.number, "rx": reference(page.prescription_id)},
    )


def opening_preview(page: Page, token: str) -> SafeString:
    """The thumbnail as a link to the page in a size that can be read."""
    return format_html('<a href="{}">{}</a>', picture(page, "preview", token).src, thumbnail(page, token))


def viewer_page(page: Page, token: str, boxes: Mapping[int, list[list[int]]] | None = None) -> dict[str, Any]:
    """What viewer.js needs of one page; sizes and boxes are in pixels before `rotation`."""
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "tile": LIMITS.tile_side,
        "rotation": page.rotation,
        "skew": page.skew or None,  # 0: nothing to straighten
        "service": links.service_path(page.prescription_id, page.number, token),
        "first": picture(page, "review", token).src,
        "boxes": (boxes or {}).get(page.pk),
        "sheet": viewer_sheet(page, token),
        "proposal": standing.corners if (standing := page.standing_sheet) and standing.proposed else None,
    }


def viewer_sheet(page: Page, token: str) -> dict[str, Any] | None:
    """The same of the sheet of paper in it; None where none is known for sure."""
    sheet = page.sheet
    if sheet is None:
        return None
    return {
        "digest": sheet.digest,
        "width": sheet.width,
        "height": sheet.height,
        "corners": sheet.corners,
        "first": picture(sheet, "review", token).src,
    }
