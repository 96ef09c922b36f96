"""The variant of a page by preset name or IIIF request: looked up in the row and in S3, made on a miss, answered
by a redirect.
"""

import re
import time
from contextlib import nullcontext

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions import audit
from prescriptions.api.base import ApiView
from prescriptions.api.negotiation import AnyMedia
from prescriptions.api.permissions import asker_of, visible
from prescriptions.api.prescriptions import find_visible
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.serializers import JobSerializer
from prescriptions.audit import actors
from prescriptions.infra import problems, storage
from prescriptions.infra.addresses import absolute
from prescriptions.models import Page, Variant, VariantState
from prescriptions.models.finding import find
from prescriptions.variants import asking, delivery, links, redactions
from prescriptions.variants.asking import Outcome
from prescriptions.variants.fairness import pace, quota
from prescriptions.variants.pictures import preset_of
from transforms.request.presets import PRESETS
from transforms.request.spec import Spec, Stored
from transforms.version import PIPELINE

_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])")


class PageVariant(ApiView):
    """`spec` is a preset (thumb, card, preview, review, print) or `{region}/{size}/{rotation}/{quality}.{format}`."""

    content_negotiation_class = AnyMedia
    scopes = {"GET": "rx:read"}  # noqa: RUF012

    @extend_schema(
        operation_id="variants_retrieve",
        parameters=[
            OpenApiParameter(
                "Prefer",
                str,
                OpenApiParameter.HEADER,
                description="`respond-async` for 202 and a job; `wait=N` seconds.",
            )
        ],
        responses={
            202: JobSerializer,
            303: OpenApiResponse(description="The variant exists: follow Location."),
            **problems_of(400, 404, 410, 422, 429, 501),
        },
    )
    def get(self, request: Request, rx: str, number: str, spec: str) -> HttpResponse:
        """The address of a variant that exists when this answers. Made now if nobody asked for it before."""
        page = _page(request, rx, int(number))
        stored = _resolve(page, spec)
        row = Variant.objects.filter(page=page, stored=str(stored), pipeline=PIPELINE, state=VariantState.READY).first()
        if row is not None and storage.variant_exists(row.key):
            asking.count_hit(page, stored)
            return _to_variant(request, page, stored, how="hit")
        by = asker_of(request)
        prefer = request.headers.get("Prefer", "")
        if "respond-async" in prefer:
            with pace.unhurried(by.unit):
                outcome = asking.find_or_claim(page, stored, by=by)
            if outcome.how == "hit":
                return _to_variant(request, page, stored, how="hit")
            return _accepted(outcome)
        asked = _WAIT.search(prefer)
        started = time.perf_counter()
        wait = min(settings.RX_WAIT, float(asked[1])) if asked else settings.RX_WAIT
        with nullcontext() if wait else pace.unhurried(by.unit):
            outcome = asking.get_variant(page, stored, by=by if wait else by.in_bulk(), wait=wait)
        return _to_variant(request, page, stored, how=outcome.how, started=started, left=outcome.left)


class Job(ApiView):
    """A variant that was asked for with `Prefer: respond-async`."""

    content_negotiation_class = AnyMedia
    scopes = {"GET": "rx:read"}  # noqa: RUF012

    @extend_schema(
        operation_id="jobs_retrieve",
        responses={
            200: JobSerializer,
            303: OpenApiResponse(description="Done: follow Location."),
            **problems_of(404, 410, 422),
        },
    )
    def get(self, request: Request, job: str) -> HttpResponse:
        rows = Variant.objects.select_related("page__prescription").filter(page__prescription__in=visible(request))
        variant = find(rows, pk=job)
        if variant.state == VariantState.READY:
            return _to_variant(request, variant.page, Stored.parse(variant.stored), how="hit")
        problem = asking.failure(variant)
        if problem is not None:
            raise problem
        return Response(JobSerializer(variant).data, headers={"Retry-After": "1", "Cache-Control": "no-store"})


def _page(request: Request, rx: str, number: int) -> Page:
    prescription = find_visible(request, rx)
    page = next((page for page in prescription.pages.all() if page.number == number), None)
    if page is None:
        raise problems.not_found()
    page.prescription = prescription
    return page


def _resolve(page: Page, spec: str) -> Stored:
    if spec in PRESETS:
        return preset_of(page, spec)
    return redactions.resolve(Spec.parse(spec), page)


def _to_variant(
    request: Request, page: Page, stored: Stored, *, how: str, started: float | None = None, left: int | None = None
) -> HttpResponse:
    """`left`: of the caller's quota. A hit asks for none of it, and is not told."""
    rx, actor = page.prescription_id, actors.of(request)
    audit.looked(rx, audit.Verb.VARIANT_ASKED, actor=actor, data={"page": page.number})
    path = links.variant_path(rx, page.number, stored, links.hand_out([rx], actor)[rx])
    duration = "" if started is None else f";dur={(time.perf_counter() - started) * 1000:.1f}"
    answer = delivery.redirect(303, path, X_Variant=how, Server_Timing=f"{how}{duration}")
    for name, value in quota.fields(left).items():
        answer.headers[name] = value
    return answer


def _accepted(outcome: Outcome) -> Response:
    location = absolute(f"/api/v1/jobs/{outcome.variant.id}")
    return Response(
        JobSerializer(outcome.variant).data,
        status=202,
        headers={
            "Location": location,
            "Retry-After": "1",
            "Cache-Control": "no-store",
            "Preference-Applied": "respond-async",
            **quota.fields(outcome.left),
        },
    )
