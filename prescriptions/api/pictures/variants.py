"""The variant of a page by preset name or IIIF request: looked up in the row and in S3, made on a miss, answered
by a redirect, or as JSON to whoever accepts nothing else.
"""

import time
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions import audit
from prescriptions.api.base import ApiView
from prescriptions.api.negotiation import AnyMedia, wants_json
from prescriptions.api.permissions import asker_of, visible
from prescriptions.api.prescriptions import find_visible
from prescriptions.api.protocol import prefer
from prescriptions.api.protocol.prefer import Preferences
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.serializers import JobSerializer
from prescriptions.audit import actors
from prescriptions.infra import problems, storage
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem
from prescriptions.models import Image, Page, Variant, VariantState
from prescriptions.models.finding import find
from prescriptions.variants import asking, delivery, links, redactions, sheets, statements
from prescriptions.variants.asking import Outcome
from prescriptions.variants.fairness import pace, quota
from prescriptions.variants.pictures import preset_of
from transforms.request.presets import PRESETS
from transforms.request.spec import Spec, Stored
from transforms.version import PIPELINE

_OF_SHEET = "sheet/"
_VARY = {"Vary": "Accept"}


class VariantSerializer(serializers.Serializer[Any]):
    """Where a variant is, and what it is."""

    url = serializers.URLField(help_text="Where it is, for whoever has the address.")
    expires_at = serializers.DateTimeField(help_text="When the address ends. Ask again for another one.")
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField(help_text="Pixels.")
    bytes = serializers.IntegerField()
    media_type = serializers.CharField()
    etag = serializers.CharField(help_text="As the address itself answers it, with its quotes.")
    how = serializers.ChoiceField(
        choices=["hit", "generated", "coalesced"],
        help_text="It was there; it was made for this request; it was being made for another one.",
    )


class PageVariant(ApiView):
    """`spec` is a preset (thumb, card, preview, review, print) or `{region}/{size}/{rotation}/{quality}.{format}`. With
    `sheet/` before it, it is of the sheet of paper in the page.
    """

    content_negotiation_class = AnyMedia
    scopes = {"GET": "rx:read"}  # noqa: RUF012

    @extend_schema(
        operation_id="variants_retrieve",
        parameters=[prefer.PARAMETER],
        responses={
            200: OpenApiResponse(
                VariantSerializer, description="For `Accept: application/json` without `*/*` and `image/*`."
            ),
            202: JobSerializer,
            303: OpenApiResponse(description="The variant exists: follow Location."),
            **problems_of(400, 404, 409, 410, 413, 422, 429, 501),
        },
    )
    def get(self, request: Request, rx: str, number: str, spec: str) -> HttpResponse:
        """The address of a variant that exists when this answers. Made now if nobody asked for it before."""
        page = _page(request, rx, int(number))
        image, stored = resolve(page, spec)
        wish = Preferences.of(request)
        found = _at_hand(image, stored)
        if found is not None:
            asking.count_hit(image, stored)
            return _to_variant(request, found)
        by, started = asker_of(request), time.perf_counter()
        if wish.respond_async and not wish.wait:
            with pace.unhurried(by.unit):
                outcome = asking.find_or_claim(image, stored, by=by)
            return _to_variant(request, outcome) if outcome.how == "hit" else _accepted(outcome, wish)
        wait = settings.RX_WAIT if wish.wait is None else min(settings.RX_WAIT, float(wish.wait))
        try:
            with nullcontext() if wait else pace.unhurried(by.unit):
                outcome = asking.get_variant(image, stored, by=by if wait else by.in_bulk(), wait=wait)
        except Problem as problem:
            begun = _begun(image, stored) if wish.respond_async and problem.code == "not-ready" else None
            if begun is None:
                raise
            return _accepted(begun, wish, waited=f"wait={wait:g}")
        return _to_variant(request, outcome, started=started, waited="" if wish.wait is None else f"wait={wait:g}")


class Job(ApiView):
    """A variant that was asked for with `Prefer: respond-async`."""

    content_negotiation_class = AnyMedia
    scopes = {"GET": "rx:read"}  # noqa: RUF012

    @extend_schema(
        operation_id="jobs_retrieve",
        responses={
            200: OpenApiResponse(
                PolymorphicProxySerializer("JobOrVariant", [JobSerializer, VariantSerializer], None),
                description="Not done yet. Or done, for whoever accepts JSON and no images: then it has `url`, as the "
                "variant itself is answered.",
            ),
            303: OpenApiResponse(description="Done: follow Location."),
            **problems_of(404, 410, 422),
        },
    )
    def get(self, request: Request, job: str) -> HttpResponse:
        rows = Variant.objects.select_related("page__prescription").filter(page__prescription__in=visible(request))
        variant = find(rows, pk=job)
        if variant.state == VariantState.READY:
            return _to_variant(request, Outcome(variant, "hit"))
        problem = asking.failure(variant)
        if problem is not None:
            raise problem
        headers = {"Retry-After": "1", "Cache-Control": "no-store", **_VARY}
        return Response(JobSerializer(variant).data, headers=headers)


def _page(request: Request, rx: str, number: int) -> Page:
    prescription = find_visible(request, rx)
    page = next((page for page in prescription.pages.all() if page.number == number), None)
    if page is None:
        raise problems.not_found()
    page.prescription = prescription
    return page


def resolve(page: Page, spec: str) -> tuple[Image, Stored]:
    """What is asked for, the page or the sheet in it; and the stored form of a preset or an IIIF request. Raises
    TransformError (400, 404, 501), Problem (410).
    """
    image: Image = sheets.sheet_of(page) if spec.startswith(_OF_SHEET) else page
    spec = spec.removeprefix(_OF_SHEET)
    return image, preset_of(image, spec) if spec in PRESETS else redactions.resolve(Spec.parse(spec), image)


def _row_of(image: Image, stored: Stored) -> Variant | None:
    rows = statements.of_image(image.page.pk, image.sheet_digest, str(stored), PIPELINE)
    for row in rows:
        row.page = image.page
    return rows[0] if rows else None


def _at_hand(image: Image, stored: Stored) -> Outcome | None:
    row = _row_of(image, stored)
    if row is None or row.state != VariantState.READY or not storage.variant_exists(row.key):
        return None
    return Outcome(row, "hit")


def _begun(image: Image, stored: Stored) -> Outcome | None:
    """What this request, or another one, has begun and did not see the end of."""
    row = _row_of(image, stored)
    return Outcome(row, "coalesced") if row else None


def _to_variant(request: Request, outcome: Outcome, *, started: float | None = None, waited: str = "") -> HttpResponse:
    """As JSON, or a redirect. A hit asks for none of the caller's quota, and is not told of it."""
    variant, how = outcome.variant, outcome.how
    rx, actor = variant.page.prescription_id, actors.of(request)
    audit.looked(rx, audit.Verb.VARIANT_ASKED, actor=actor, data={"page": variant.page.number})
    token = links.hand_out([rx], actor)[rx]
    path = links.variant_path(rx, variant.page.number, variant.stored, token, sheet=variant.sheet)
    duration = "" if started is None else f";dur={(time.perf_counter() - started) * 1000:.1f}"
    headers = {
        "X-Variant": how,
        "Server-Timing": f"{how}{duration}",
        **_VARY,
        **prefer.applied(waited),
        **quota.fields(outcome.left),
    }
    if not wants_json(request):
        answer: HttpResponse = delivery.redirect(303, path)
        for name, value in headers.items():
            answer.headers[name] = value
        return answer
    body = {
        "url": absolute(path),
        "expires_at": links.ends(token),
        "width": variant.width,
        "height": variant.height,
        "bytes": variant.size,
        "media_type": Stored.parse(variant.stored).format.media_type,
        "etag": variant.etag,
        "how": how,
    }
    return Response(VariantSerializer(body).data, headers={**headers, **delivery.NO_STORE})


def _accepted(outcome: Outcome, wish: Preferences, *, waited: str = "") -> Response:
    """A job. Nothing of it where the caller wants no body: Location says where it is."""
    return Response(
        None if wish.minimal else JobSerializer(outcome.variant).data,
        status=202,
        headers={
            "Location": absolute(f"/api/v1/jobs/{outcome.variant.id}"),
            "Retry-After": "1",
            **_VARY,
            **delivery.NO_STORE,
            **prefer.applied("respond-async", waited, "return=minimal" if wish.minimal else ""),
            **quota.fields(outcome.left),
        },
    )
