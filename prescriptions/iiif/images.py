"""IIIF Image API 3.0: info.json, image requests, and /generate, the miss path of the same URLs.

The edge answers stored forms from S3 before any of this runs. Nothing is made here; see variants/asking.py.
"""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from prescriptions import audit
from prescriptions.audit.actors import LINK
from prescriptions.infra import logs, problems, storage, viewers
from prescriptions.infra.addresses import absolute
from prescriptions.infra.methods import methods
from prescriptions.models import Image
from prescriptions.models.finding import find_page
from prescriptions.variants import asking, delivery, links, redactions, sheets
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.links import Link
from prescriptions.variants.pictures import service_of
from transforms.keys import parse_image_identifier, variant_key
from transforms.request import iiif
from transforms.request.spec import Spec, Stored
from transforms.version import PIPELINE

View = Callable[..., HttpResponseBase]
HOP = "hop=1"
INFO_MEDIA_TYPE = f'application/ld+json;profile="{iiif.IMAGE_CONTEXT}"'
# When many miss at once, some arrive just after the variant was made, and S3 need not be asked for each of them. Should
# the object be gone already, they come back with a hop, and then S3 is asked.
_JUST_MADE = timedelta(seconds=2)


def public_resource(view: View) -> View:
    """GET and HEAD for everyone, and the preflight of viewers on other origins (infra/viewers.py)."""

    @methods("GET", "HEAD", "OPTIONS")
    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=viewers.PREFLIGHT)
        return view(request, *args, **kwargs)

    return wrapped


def open_image(token: str, identifier: str) -> tuple[Image, Link]:
    """The page that a link opens, or the sheet in it. An impossible identifier is 404 before the token is looked at."""
    named = parse_image_identifier(identifier)
    if named is None:
        raise problems.not_found()
    link = links.verify(token, named.rx, page=named.number)
    if link is None:
        raise problems.forbidden_link()
    page = find_page(named.rx, named.number)
    if links.are_cut(page.prescription) or (link.id and links.taken_back(link.id)):
        raise problems.forbidden_link()
    return (page if named.sheet is None else sheets.sheet_of(page, named.sheet)), link


@public_resource
def service(request: HttpRequest, token: str, identifier: str) -> HttpResponseBase:
    """The service's base address leads to its info.json (IIIF Image API 3.0 §2)."""
    opened, _link = open_image(token, identifier)
    return delivery.redirect(303, f"{service_of(opened, token)}/info.json")


@public_resource
def info(request: HttpRequest, token: str, identifier: str) -> HttpResponseBase:
    """info.json, as JSON-LD unless the client prefers plain JSON (IIIF Image API 3.0 §5.1)."""
    opened, link = open_image(token, identifier)
    page = opened.page
    if link.scope == "r":
        raise problems.forbidden_link()  # it tells the clear page's qualities
    path = service_of(opened, token)
    if path.rpartition("/")[2] != identifier:
        return delivery.redirect(303, f"{path}/info.json")
    data = {"page": page.number, "until": link.expires}
    audit.looked(page.prescription_id, audit.Verb.PAGE_OPENED, actor=LINK, data=data)
    body = iiif.info_json(
        service_id=absolute(path),
        page=opened.size,
        part_of=None if link.page else absolute(links.manifest_path(page.prescription_id, token)),
    )
    plain = request.get_preferred_type(["application/ld+json", "application/json"]) == "application/json"
    left = max(0, min(link.expires - int(time.time()), delivery.MAX_AGE))
    return HttpResponse(
        json.dumps(body),
        content_type="application/json" if plain else INFO_MEDIA_TYPE,
        headers={
            "Cache-Control": f"private, max-age={left}",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept",
        },
    )


@public_resource
def image(request: HttpRequest, token: str, identifier: str, tail: str) -> HttpResponseBase:
    """Any spelling of an image request: to its stored form, or (without an edge) the stored variant itself."""
    opened, link = open_image(token, identifier)
    stored = resolve(opened, tail, link)
    path = f"{service_of(opened, token)}/{stored}"
    if not path.endswith(f"/{identifier}/{tail}"):
        return delivery.redirect(303, path)
    try:
        answer = _stream(request, opened, stored, link)
    except storage.ObjectMissing:
        return delivery.redirect(307, f"/generate{path}{_query(hop=_hopped(request))}")
    asking.count_hit(opened, stored)
    return answer


@public_resource
def generate(request: HttpRequest, token: str, identifier: str, tail: str) -> HttpResponseBase:
    """The miss path: see to it that the variant exists, then send the client back to it.

    If the edge would not find it (it, or whoever made it, has another pipeline; or the client has been here once
    already), the bytes are sent from here, so that no loop is possible.
    """
    opened, link = open_image(token, identifier)
    stored = resolve(opened, tail, link)
    path = f"{service_of(opened, token)}/{stored}"
    if not path.endswith(f"/{identifier}/{tail}"):
        return delivery.redirect(303, path)
    started = time.perf_counter()
    hopped = _hopped(request)
    by = Asker.holders(opened.page.prescription_id)
    trust_for = timedelta(0) if hopped else _JUST_MADE
    outcome = asking.get_variant(opened, stored, by=by, wait=settings.RX_WAIT, trust_for=trust_for)
    made_by = outcome.variant.pipeline  # by another release, if nobody works for this one any more
    if hopped or {made_by, request.headers.get("X-Rx-Pipeline", PIPELINE)} != {PIPELINE}:
        try:
            return _stream(request, opened, stored, link, pipeline=made_by, keep=False, how=outcome.how)
        except storage.ObjectMissing:
            raise problems.not_ready() from None
    waited = (time.perf_counter() - started) * 1000
    return delivery.redirect(
        303, f"{path}{_query(hop=True)}", X_Variant=outcome.how, Server_Timing=f"{outcome.how};dur={waited:.1f}"
    )


def resolve(opened: Image, tail: str, link: Link) -> Stored:
    """The stored form of a request, if the link's scope allows it.

    Raises SpecError (400, 501), RedactionMissing (404), Problem 403 (the link shows redacted pages only), 410 (an older
    redaction).
    """
    spec = Spec.parse(tail)
    if link.scope == "r" and spec.quality != "default" and not spec.quality.startswith("redacted"):
        raise problems.forbidden_link()
    return redactions.resolve(spec, opened, only_redacted=link.scope == "r")


def _query(*, hop: bool) -> str:
    """What the redirects of a miss carry on: part of no key, and nothing that anybody is let in by."""
    parts = [part for part in (HOP if hop else "", logs.onward()) if part]
    return f"?{'&'.join(parts)}" if parts else ""


def _hopped(request: HttpRequest) -> bool:
    return request.GET.get("hop") == "1"


def _stream(
    request: HttpRequest,
    opened: Image,
    stored: Stored,
    link: Link,
    *,
    pipeline: str = PIPELINE,
    keep: bool = True,
    how: str = "hit",
) -> HttpResponseBase:
    page, rx = opened.page, opened.page.prescription_id
    answer = delivery.variant(
        request,
        variant_key(rx, page.number, pipeline, stored, sheet=opened.sheet_digest),
        link=link,
        service=absolute(service_of(opened, link.token)),
        keep=keep,
        how=how,
    )
    if request.method == "GET" and "X-Rx-Edge" not in request.headers:  # then no access log tells of it
        said = {"page": page.number, "until": link.expires, "link": link.token.rpartition(".")[0]}
        data = said if link.scope == "f" else {**said, "scope": link.scope}
        audit.looked(rx, audit.Verb.PICTURE_SENT, actor=LINK, data=data)
    return answer
