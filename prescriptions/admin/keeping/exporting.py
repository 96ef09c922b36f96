"""Exports from the admin: this prescription, or all of its patient or its order, as a ZIP."""

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _

from prescriptions.admin.keeping import asking
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.models import Prescription
from prescriptions.upkeep import export, together

PERMISSION = "export_prescription"


@methods("GET", "HEAD", "POST")
def download(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponseBase:
    """Choose what, and get it."""
    prescription = asking.found(request, rx, PERMISSION)
    if prescription.erased_at is not None:
        raise Http404
    if (elsewhere := asking.confirmed(request)) is not None:
        return elsewhere
    if request.method == "POST":
        return _zip(request, prescription, request.POST.get("by", ""))
    return asking.show(request, site, "export", prescription, _("Export"), choices=_choices(prescription))


def _zip(request: HttpRequest, prescription: Prescription, by: str) -> HttpResponseBase:
    rxs = [prescription.pk]
    if by != "id":
        rows = together.find(Prescription.objects.all(), asking.whose(prescription, by))
        rxs = list(rows.values_list("pk", flat=True))
    body = export.export(rxs, actor=actors.staff(request.user), by=by)
    return StreamingHttpResponse(body, content_type="application/zip", headers=export.HEADERS)


def _choices(prescription: Prescription) -> list[tuple[str, str]]:
    offered = [
        ("id", _("this prescription")),
        ("order_ref", _("all of its order")),
        ("patient_ref", _("all of its patient")),
    ]
    return [(name, words) for name, words in offered if name == "id" or getattr(prescription, name)]
