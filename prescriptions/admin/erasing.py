"""Erasure from the admin: asked for on one page, confirmed on another, proved on the first.

`prescriptions.upkeep.erasure` does it; nothing is deleted here.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.accounts import reauthentication
from prescriptions.admin import chips
from prescriptions.admin.base import may
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import AuditEvent, Prescription, Variant
from prescriptions.upkeep import erasure


def allowed(request: HttpRequest) -> bool:
    """No group of staff may erase: the permission is granted to persons."""
    return may(request, "delete_prescription") and may(request, "view_prescription")


@methods("GET", "HEAD", "POST")
def confirm(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Ask, and once confirmed erase. What must be kept is kept, and its page says why."""
    if not allowed(request):
        raise PermissionDenied
    prescription = Prescription.objects.filter(pk=rx).first()
    if prescription is None:
        raise Http404
    back = HttpResponseRedirect(reverse("admin:prescriptions_prescription_change", args=[rx]))
    if prescription.erased_at is not None:
        messages.info(request, _("It is erased already."))
        return back
    if not reauthentication.is_fresh(request):
        return reauthentication.page(request, request.path)
    if request.method == "POST":
        _erase(request, prescription)
        return back
    context: dict[str, Any] = {
        **site.each_context(request),
        "opts": Prescription._meta,
        "title": _("Erase this prescription?"),
        "prescription": prescription,
        "kept": erasure.kept_because(prescription),
        "pages": prescription.pages.count(),
        "files": prescription.documents.count(),
        "variants": Variant.objects.filter(page__prescription=rx).count(),
    }
    return TemplateResponse(request, "admin/prescriptions/prescription/erase.html", context)


def _erase(request: HttpRequest, prescription: Prescription) -> None:
    try:
        erasure.erase(prescription, actor=actors.staff(request.user))
    except Problem as problem:  # 409: kept by law or hold
        messages.error(request, f"{problem.title}. {problem.detail}")
    except StorageUnavailable:
        messages.warning(
            request,
            _("Nobody can see it any more. The file storage does not answer now; its files go as soon as it does."),
        )
    else:
        messages.success(request, _("Erased. The proof follows once the storage was found empty a second time."))


def proof(prescription: Prescription) -> SafeString | str:
    """Who erased it and when, when S3 was proved empty, and whether the audit log that says so is whole."""
    if prescription.erased_at is None:
        return ""
    event = AuditEvent.objects.filter(rx=prescription.pk, verb=audit.Verb.ERASED).order_by("seq").first()
    lines = [_("Closed for everybody: %(at)s") % {"at": chips.moment(prescription.erased_at)}]
    if event is not None:
        lines.append(
            _("Erased by %(who)s; event %(seq)d of the audit log, hash %(hash)s")
            % {"who": event.actor_name or event.actor, "seq": event.seq, "hash": event.hash}
        )
    lines.append(
        _("Storage proved empty: %(at)s") % {"at": chips.moment(prescription.purged_at)}
        if prescription.purged_at
        else _("Storage not proved empty yet; the next sweep looks again")
    )
    whole = not audit.verify(prescription.pk).faults
    lines.append(_("The audit log is whole") if whole else _("The audit log is NOT whole"))
    return format_html('<ul class="rx-proof">{}</ul>', format_html_join("", "<li>{}</li>", [(line,) for line in lines]))
