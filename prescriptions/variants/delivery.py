"""How the bytes of variants and originals leave Django: with the same headers as the edge sends, decided here once.

Used where there is no edge in front, where edge and Django disagree about the pipeline, and for originals. Decides
nothing about rights.
"""

import time
from collections.abc import Iterator
from typing import BinaryIO

from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header, parse_etags
from rest_framework.request import Request

from prescriptions.infra import storage
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.problems import Problem
from prescriptions.variants.links import Link
from transforms.request import iiif

# As the edge says it, too.
_INERT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

MAX_AGE = 86_400
NO_STORE = {"Cache-Control": "no-store"}


def redirect(status: int, location: str, **headers: str) -> HttpResponse:
    """A redirect that nobody may keep: a stored 301 would pin a browser to the detour for ever."""
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers={"Location": location, **NO_STORE, **extra})


def unchanged(request: HttpRequest | Request, etag: str) -> bool:
    """Does the client have this already? Compared weakly, as proxies make ETags weak (RFC 9110 §13.1.2)."""
    known = [known.removeprefix("W/") for known in parse_etags(request.headers.get("If-None-Match", ""))]
    return known == ["*"] or etag in known


def check_condition(request: HttpRequest | Request, etag: str = "") -> None:
    """Raises Problem 412 where If-Match names other ETags than this one, strongly compared (RFC 9110 §13.1.1).

    What has no ETag matches none. If-Unmodified-Since does not count: nothing here has a date (§13.1.4).
    """
    wanted = request.headers.get("If-Match")
    if wanted is not None and (known := parse_etags(wanted)) != ["*"] and etag not in known:
        raise Problem(
            412,
            "precondition-failed",
            "The condition of the request does not hold",
            "If-Match names another version of this file. Ask without it.",
        )


def variant(
    request: HttpRequest, key: str, *, link: Link, service: str, keep: bool = True, how: str = "hit"
) -> HttpResponseBase:
    """The stored variant's bytes. `keep=False` for detours: next time the edge will answer the same URL.

    Raises storage.ObjectMissing, storage.StorageUnavailable.
    """
    chunks: Iterator[bytes] = iter(())
    conditional = "If-Match" in request.headers or (keep and "If-None-Match" in request.headers)
    if request.method == "HEAD" or conditional:
        described = storage.head_variant(key)
    else:
        described, chunks = storage.open_variant(key)
    left = max(0, min(link.expires - int(time.time()), MAX_AGE))
    pdf = described.media_type == "application/pdf"
    headers = {
        "ETag": described.etag,
        "Cache-Control": f"private, max-age={left}, immutable" if keep else "no-store",
        "X-Content-Type-Options": "nosniff",
        # Browsers' PDF viewers do not start in a sandbox; a PDF is an attachment instead.
        "Content-Security-Policy": _INERT if pdf else f"{_INERT}; sandbox",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Link": iiif.link_headers(service_id=service, canonical=described.metadata.get("canonical", "")),
        "X-Variant": how,
    }
    check_condition(request, described.etag)
    if conditional:
        if unchanged(request, described.etag):
            return HttpResponseNotModified(headers=headers)
        if request.method == "GET":
            described, chunks = storage.open_variant(key)
            headers["ETag"] = described.etag
    if pdf:
        headers["Content-Disposition"] = 'attachment; filename="prescription.pdf"'
    headers["Content-Length"] = str(described.size)
    return StreamingHttpResponse(chunks, content_type=described.media_type, headers=headers)


def document(file: BinaryIO, *, rx: str) -> HttpResponseBase:
    """All pages of a prescription in one PDF, from an open file that is closed once it has been sent."""
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"prescription-{rx[:8]}.pdf",
        content_type="application/pdf",
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        },
    )


def original(request: HttpRequest | Request, key: str, *, name: str, media_type: str) -> HttpResponseBase:
    """An uploaded file, as an attachment only: its bytes are a stranger's."""
    check_condition(request)
    bulkheads.give_back_connection()
    described, chunks = storage.open_original(key)
    return StreamingHttpResponse(
        chunks,
        content_type=media_type,
        headers={
            "Content-Length": str(described.size),
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": f"{_INERT}; sandbox",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        },
    )
