"""The sheet of paper in a page, set or refused on the review page: for everybody, from then on."""

import json
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, JsonResponse

from prescriptions.admin.pictures import viewer_sheet
from prescriptions.admin.review_page import context
from prescriptions.admin.review_page.actions import may_see_pages, page_address, page_number
from prescriptions.admin.review_page.views import by_script, guarded_post, onward
from prescriptions.audit.actors import Actor
from prescriptions.review.transitions import load
from prescriptions.variants import sheets


@guarded_post
def sheet(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """Its corners, as JSON; nothing where there is none."""
    may_see_pages(actor)
    number, corners = page_number(request), request.POST.get("corners", "")
    if corners:
        sheets.set_corners(rx, number, _read(corners), actor=actor)
    else:
        sheets.refuse(rx, number, actor=actor)
    if not by_script(request):
        return onward(request, page_address(rx, number))
    token, rows = context.links_of(load(rx), actor)
    page = next(row for row in rows if row.number == number)
    return JsonResponse({"sheet": viewer_sheet(page, token)})


def _read(corners: str) -> Any:
    try:
        return json.loads(corners)
    except (ValueError, RecursionError):
        return None  # refused as no corners at all
