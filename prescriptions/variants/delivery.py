"""How the bytes of variants and originals leave Django: with the same headers as the edge sends, decided here once.

Used where there is no edge in front, where edge and Django disagree about the pipeline, and for originals. Decides
nothing about rights.
"""

import re
import time
from collections.abc import Callable, Iterator
from functools import partial

from django.http import (
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
from prescriptions.models import Document
from prescriptions.variants.documents.stored_pdf import Pdf
from prescriptions.variants.links import Link
from transforms.keys import original_key
from transforms.objects import StoredObject
from transforms.request import iiif

# As the edge says it, too.
_INERT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

MAX_AGE = 86_400
# One part, from, up to, or at the end (RFC 9110 §14.1.2). A file has no more digits.
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,15})-([0-9]{0,15})[ \t]*", re.ASCII | re.IGNORECASE)
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


def document(request: HttpRequest | Request, pdf: Pdf, *, rx: str) -> HttpResponseBase:
    """All pages of a prescription in one PDF, as it is stored. Raises Problem as `_download`."""
    headers = {"Content-Security-Policy": "default-src 'none'", **_attached(f"prescription-{rx[:8]}.pdf")}
    opened = partial(storage.open_variant, pdf.key)
    return _download(request, opened, etag=pdf.etag, size=pdf.size, media_type="application/pdf", headers=headers)


def original(request: HttpRequest | Request, file: Document) -> HttpResponseBase:
    """An uploaded file, as an attachment only: its bytes are a stranger's. Raises Problem as `_download`."""
    name = file.name or f"prescription-{file.position}"
    headers = {"Content-Security-Policy": f"{_INERT}; sandbox", **_attached(name)}
    opened = partial(storage.open_original, original_key(file.prescription_id, file.pk))
    etag = f'"{file.sha256}"'
    return _download(request, opened, etag=etag, size=file.size, media_type=file.media_type, headers=headers)


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment"}


def _download(
    request: HttpRequest | Request,
    opened: Callable[[storage.Part | None], tuple[StoredObject, Iterator[bytes]]],
    *,
    etag: str,
    size: int,
    media_type: str,
    headers: dict[str, str],
) -> HttpResponseBase:
    """A file that is sent whole, in part, or not at all (RFC 9110 §13.2.2, §14). S3 is asked for what is sent alone.

    Raises Problem 412, 416; storage.ObjectMissing, storage.StorageUnavailable.
    """
    headers |= {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }
    check_condition(request, etag)
    if unchanged(request, etag):
        return HttpResponseNotModified(headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    part = _wanted(request, etag, size)
    first, last = part or (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    chunks: Iterator[bytes] = iter(())
    if request.method != "HEAD":
        bulkheads.give_back_connection()
        chunks = opened(part)[1]
    status = 200 if part is None else 206
    return StreamingHttpResponse(chunks, status=status, content_type=media_type, headers=headers)


def _wanted(request: HttpRequest | Request, etag: str, size: int) -> storage.Part | None:
    """The one part that is asked for; None for all of it: also of what asks for several, or makes no sense (§14.2).

    Raises Problem 416 where there is no such part.
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or asked is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if not first:
        begin, end = max(0, size - int(last)), size - 1
    else:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < begin:
            return None
    if begin >= size or begin > end:
        raise Problem(
            416,
            "no-such-range",
            "There is no such range",
            f"The file has {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return begin, end
