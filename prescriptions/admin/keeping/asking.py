"""What all these pages begin with: may this person, is it there, and is it really them?"""

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from prescriptions.accounts import reauthentication
from prescriptions.admin.base import may
from prescriptions.infra.problems import Problem
from prescriptions.models import REFERENCE, REFERENCE_HELP, OverrideReason, Prescription
from prescriptions.upkeep.erasure import Override
from prescriptions.upkeep.together import Whose

_TEMPLATES = "admin/prescriptions/prescription"


def allowed(request: HttpRequest, permission: str) -> bool:
    """No group of staff has these permissions: they are granted to persons."""
    return may(request, permission) and may(request, "view_prescription")


def found(request: HttpRequest, rx: str, permission: str) -> Prescription:
    """The prescription. Raises PermissionDenied, Http404."""
    if not allowed(request, permission):
        raise PermissionDenied
    prescription = Prescription.objects.filter(pk=rx).first()
    if prescription is None:
        raise Http404
    return prescription


def confirmed(request: HttpRequest) -> HttpResponse | None:
    """None: this person has lately shown who they are. Else where they do."""
    return None if reauthentication.is_fresh(request) else reauthentication.page(request, request.get_full_path())


def back(rx: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:prescriptions_prescription_change", args=[rx]))


def show(
    request: HttpRequest, site: AdminSite, name: str, prescription: Prescription, title: str, **more: Any
) -> HttpResponse:
    """A page of its own about one prescription."""
    context = {**site.each_context(request), "opts": Prescription._meta, "title": title, "prescription": prescription}
    return TemplateResponse(request, f"{_TEMPLATES}/{name}.html", {**context, **more})


def whose(prescription: Prescription, by: str) -> Whose:
    """The patient or the order of a prescription. Raises Http404 where it names none."""
    reference = getattr(prescription, by, "") if by in ("patient_ref", "order_ref") else ""
    if not reference:
        raise Http404
    return Whose(by, reference, prescription.client)


def override_in(request: HttpRequest) -> Override | None:
    """What was chosen, if anything. Raises PermissionDenied, and Problem 400 for what the page does not offer."""
    reason, reference = request.POST.get("override", ""), request.POST.get("reference", "").strip()
    if not reason:
        return None
    if not may(request, "override_retention"):
        raise PermissionDenied
    if reason not in OverrideReason.values or (reference and not REFERENCE.match(reference)):
        raise Problem(400, "invalid", _("The request is not valid"), _(REFERENCE_HELP))
    return Override(OverrideReason(reason), reference)
