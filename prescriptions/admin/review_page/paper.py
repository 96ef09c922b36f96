"""A review as a paper for the file: pictures, lines, decision, who, when, and a code by which it can be checked."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from prescriptions import audit
from prescriptions.admin import chips
from prescriptions.admin.review_page import context
from prescriptions.admin.review_page.permissions import name_of
from prescriptions.admin.review_page.timeline import OVERRIDDEN
from prescriptions.admin.review_page.views import gone, viewer
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.models import OrderLine
from prescriptions.review.desk import papers
from prescriptions.review.payload import CHECKLIST
from prescriptions.review.transitions import load
from prescriptions.variants import links
from prescriptions.variants.pictures import picture


@methods("GET", "HEAD")
def paper(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """`code`: one that was typed off a paper. Is this what it says?"""
    actor = viewer(request)
    try:
        review = load(rx)
    except Problem as problem:
        return gone(request, site, problem)
    seen = actor.may("view_page") and not links.are_cut(review.prescription)
    token, pages = context.links_of(review, actor) if seen else ("", [])
    typed = request.GET.get("code", "")[:80]
    audit.looked(rx, audit.Verb.PAPER_OPENED, actor=actor)
    request.current_app = site.name
    shown = {
        **site.each_context(request),
        "is_nav_sidebar_enabled": False,
        "rx": rx,
        "reference": rx[:8],
        "review": review,
        "prescription": review.prescription,
        "chip": chips.status_chip(review.status),
        "reviewer": name_of(review.reviewer) if review.reviewer_id else "",
        "second_checker": name_of(review.second_checker) if review.second_checker_id else "",
        "overridden": [OVERRIDDEN[code] for code in review.overridden if code in OVERRIDDEN],
        "ticked": [(label, review.checklist.get(key) is True) for key, label in CHECKLIST.items()],
        "lines": OrderLine.objects.filter(prescription=rx).select_related("reason").order_by("position"),
        "pictures": [(page.number, picture(page, "review", token)) for page in pages],
        "code": papers.code_of(review),
        "typed": typed,
        "genuine": bool(typed) and papers.is_code_of(review, typed),
        "printed_by": name_of(request.user),
        "printed_at": timezone.now(),
    }
    return TemplateResponse(request, "prescriptions/review/paper.html", shown)
