"""IIIF Presentation 3.0: one canvas per page, thumbnails in stored sizes; and all pages as one PDF beside it."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from prescriptions import audit
from prescriptions.audit.actors import LINK
from prescriptions.iiif.images import public_resource
from prescriptions.infra import problems
from prescriptions.infra.addresses import absolute
from prescriptions.models import Page, Prescription
from prescriptions.models.finding import find
from prescriptions.variants import delivery, links
from prescriptions.variants.documents import stored_pdf, whole_pdf
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.links import Link
from prescriptions.variants.pictures import service_of
from transforms.keys import is_id
from transforms.request import iiif

MEDIA_TYPE = f'application/ld+json;profile="{iiif.PRESENTATION_CONTEXT}"'


def open_prescription(token: str, rx: str) -> tuple[Prescription, Link]:
    """The prescription that a full link opens; links to redacted pages do not open it."""
    if not is_id(rx):
        raise problems.not_found()
    link = links.verify(token, rx)
    if link is None or link.scope == "r":
        raise problems.forbidden_link()
    prescription = find(Prescription.objects.prefetch_related("pages__sheets", "documents"), pk=rx)
    if links.are_cut(prescription) or (link.id and links.taken_back(link.id)):
        raise problems.forbidden_link()
    return prescription, link


@public_resource
def document(request: HttpRequest, token: str, rx: str) -> HttpResponseBase:
    """All pages as one PDF, for a full link; `?fit=a4` puts them on sheets of A4."""
    a4 = whole_pdf.fit(request.GET.get("fit"))
    prescription, link = open_prescription(token, rx)
    pdf = stored_pdf.find(prescription, by=Asker.holders(rx), a4=a4, wait=settings.RX_WAIT)
    audit.looked(rx, audit.Verb.DOCUMENT_DOWNLOADED, actor=LINK, data={"a4": a4, "until": link.expires})
    return delivery.document(request, pdf, rx=rx)


@public_resource
def manifest(request: HttpRequest, token: str, rx: str) -> HttpResponseBase:
    """The whole prescription for a IIIF viewer."""
    prescription, link = open_prescription(token, rx)
    audit.looked(rx, audit.Verb.MANIFEST_OPENED, actor=LINK, data={"until": link.expires})
    canvases = [
        iiif.Canvas(
            number=page.number,
            page=page.size,
            rotation=page.rotation,
            label=f"Page {page.number}",
            service_id=absolute(service_of(page, token)),
            sheet=_sheet(page, token),
        )
        for page in prescription.pages.all()
    ]
    body = iiif.manifest(
        manifest_id=absolute(links.manifest_path(rx, token)),
        label=f"Prescription {rx[:8]}",
        canvases=canvases,
        rendering=_renderings(prescription, token),
    )
    return HttpResponse(
        json.dumps(body),
        content_type=MEDIA_TYPE,
        headers={"Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"},
    )


def _sheet(page: Page, token: str) -> iiif.Sheet | None:
    return iiif.Sheet(absolute(service_of(page.sheet, token)), page.sheet.size) if page.sheet else None


def _renderings(prescription: Prescription, token: str) -> list[iiif.Rendering]:
    """The PDF shows no more than the link does. An original may hold more (place, device), so it needs a sign-in."""
    whole = iiif.Rendering(
        url=absolute(links.document_path(prescription.pk, token)),
        label="All pages as PDF",
        media_type="application/pdf",
    )
    originals = [
        iiif.Rendering(
            url=absolute(f"/api/v1/prescriptions/{prescription.pk}/original?document={original.position}"),
            label=f"Original file {original.position} (sign-in required)",
            media_type=original.media_type,
        )
        for original in prescription.documents.all()
    ]
    return [whole, *originals]
