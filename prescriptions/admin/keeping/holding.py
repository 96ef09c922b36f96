"""Legal holds from the admin."""

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from prescriptions.admin.keeping import asking
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.models import HoldReason
from prescriptions.upkeep import holds

PERMISSION = "hold_prescription"


@methods("GET", "HEAD", "POST")
def hold(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Set a hold, replace its reason, or lift it."""
    prescription = asking.found(request, rx, PERMISSION)
    if prescription.erased_at is not None:
        messages.info(request, _("It is erased already."))
        return asking.back(rx)
    if (elsewhere := asking.confirmed(request)) is not None:
        return elsewhere
    if request.method != "POST":
        reason, reference = holds.parts(prescription.legal_hold)
        return asking.show(
            request,
            site,
            "hold",
            prescription,
            _("Legal hold"),
            held=holds.words(prescription.legal_hold) if prescription.legal_hold else "",
            reasons=HoldReason.choices,
            chosen=reason,
            reference=reference,
        )
    actor = actors.staff(request.user)
    if "lift" in request.POST:
        holds.lift(prescription, actor=actor)
        messages.success(request, _("The hold is lifted. The retention goes on as before."))
        return asking.back(rx)
    try:
        reason, reference = request.POST.get("reason", ""), request.POST.get("reference", "").strip()
        holds.put(prescription, reason=reason, reference=reference, actor=actor)
    except Problem as problem:
        messages.error(request, f"{problem.title}. {problem.detail}")
    else:
        messages.success(request, _("Held. Nobody can erase it until the hold is lifted."))
    return asking.back(rx)
