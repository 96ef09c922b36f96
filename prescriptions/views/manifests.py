"""IIIF Presentation 3.0: one canvas per page, thumbnails in stored sizes."""

import json
import re

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from prescriptions import audit, delivery, erasure, links, problems, variants
from prescriptions.actors import LINK
from prescriptions.models import Prescription
from prescriptions.views.images import public_resource
from transforms import iiif

MEDIA_TYPE = f'application/ld+json;profile="{iiif.PRESENTATION_CONTEXT}"'
_RX = re.compile(r"[0-9a-f]{32}\Z")


@public_resource
def manifest(request: HttpRequest, token: str, rx: str) -> HttpResponseBase:
    """The whole prescription for a IIIF viewer."""
    if not _RX.match(rx):
        raise problems.not_found()
    link = links.verify(token, rx)
    if link is None or link.scope == "r":
        raise problems.forbidden_link()
    prescription = Prescription.objects.prefetch_related("pages").filter(pk=rx).first()
    if prescription is None:
        raise problems.not_found()
    if prescription.erased_at is not None:
        raise problems.erased()
    if erasure.links_are_cut(prescription):
        raise problems.forbidden_link()
    audit.record_once(rx, audit.Verb.MANIFEST_OPENED, actor=LINK, data={"until": link.expires})
    canvases = [
        iiif.Canvas(
            number=page.number,
            page=variants.size_of(page),
            label=f"Page {page.number}",
            service_id=request.build_absolute_uri(links.service_path(rx, page.number, token)),
        )
        for page in prescription.pages.all()
    ]
    body = iiif.manifest(
        manifest_id=request.build_absolute_uri(links.manifest_path(rx, token)),
        label=f"Prescription {rx[:8]}",
        canvases=canvases,
    )
    return HttpResponse(
        json.dumps(body),
        content_type=MEDIA_TYPE,
        headers={**delivery.CORS, "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"},
    )
