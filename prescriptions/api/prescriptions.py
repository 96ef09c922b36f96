"""Uploading and reading prescriptions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponseBase, QueryDict
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions import audit
from prescriptions.api import uploads
from prescriptions.api.base import ApiView
from prescriptions.api.keeping.serializers import OverrideQuery, WaitingSerializer
from prescriptions.api.keeping.views import override_in, waiting
from prescriptions.api.negotiation import AnyMedia
from prescriptions.api.pagination import AskedMoment, PageQuery, WholeNumber
from prescriptions.api.parsing import StrictJSON
from prescriptions.api.permissions import asker_of, client_of, sees_all, visible
from prescriptions.api.protocol import idempotency, prefer
from prescriptions.api.protocol.prefer import Preferences
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.serializers import FromUploadsSerializer, PrescriptionSerializer, UploadSerializer
from prescriptions.audit import actors
from prescriptions.infra import problems
from prescriptions.infra.addresses import absolute
from prescriptions.intake import accepting
from prescriptions.models import REFERENCE, REFERENCE_HELP, Prescription, ReviewStatus
from prescriptions.models.finding import find
from prescriptions.review import publication
from prescriptions.upkeep import four_eyes
from prescriptions.variants import claims, delivery, links
from prescriptions.variants.documents import stored_pdf
from prescriptions.variants.fairness import quota
from transforms.limits import LIMITS


def find_visible(request: Request, rx: str) -> Prescription:
    """The prescription, if this caller may see it. Raises Problem: 404, 410."""
    return find(with_everything(visible(request)), pk=rx)


def with_everything(rows: QuerySet[Prescription]) -> QuerySet[Prescription]:
    """With all rows that `bodies` reads; as many queries for one as for many."""
    return rows.select_related("review__reason").prefetch_related(
        "pages__sheets", "documents", "order_lines", "review__messages"
    )


def bodies(
    request: Request, prescriptions: Sequence[Prescription], tokens: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """What the caller is told of each, with links to its pages: `tokens`, or what is handed out now."""
    if tokens is None:
        tokens = links.hand_out([prescription.id for prescription in prescriptions], actors.of(request))
    context = {"tokens": tokens}
    return [dict(PrescriptionSerializer(prescription, context=context).data) for prescription in prescriptions]


def conditional(request: Request, body: dict[str, Any]) -> Response:
    """The answer, or 304 where the caller has it."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{digest}"', "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if delivery.unchanged(request, headers["ETag"]):
        return Response(status=304, headers=headers)
    return Response(body, headers=headers)


def _reference(help_text: str) -> serializers.RegexField:
    messages: dict[str, Any] = dict.fromkeys(("invalid", "blank"), REFERENCE_HELP)
    return serializers.RegexField(
        REFERENCE, required=False, trim_whitespace=False, error_messages=messages, help_text=help_text
    )


# What can be asked for: erased ones are not listed.
_STATUSES = [status for status in ReviewStatus.values if status != ReviewStatus.ERASED]
_CHANGED = "With it, the list is in the order of changes, the oldest first: go on with the last `updated_at`."


class ListQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=_STATUSES,
        required=False,
        error_messages={"invalid_choice": f"One of {', '.join(_STATUSES)}."},
        help_text="Only those that are told to have this status.",
    )
    order_ref = _reference("Only those of one order: the reference as it was sent, whole and in its case.")
    patient_ref = _reference("Only those of one patient: the reference as it was sent, whole and in its case.")
    created_after = AskedMoment(required=False, help_text="Received later than this.")
    created_before = AskedMoment(required=False, help_text="Received earlier than this.")
    updated_after = AskedMoment(required=False, help_text=f"Changed later than this. {_CHANGED}")
    updated_before = AskedMoment(required=False, help_text=f"Changed earlier than this. {_CHANGED}")


_CHANGES = {"updated_after", "updated_before"}
_TOLD = {"status", *_CHANGES}
_FILTERS = {
    "status": "told_status",
    "order_ref": "order_ref",
    "patient_ref": "patient_ref",
    "created_after": "created_at__gt",
    "created_before": "created_at__lt",
    "updated_after": "updated_at__gt",
    "updated_before": "updated_at__lt",
}


# What a download is asked with: for a part of it, or only if it is another one (RFC 9110).
_PARTS = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER) for name in ("Range", "If-Range", "If-None-Match", "If-Match")
]


class OriginalQuery(serializers.Serializer[Any]):
    document = WholeNumber(most=LIMITS.order_files, default=1, help_text="Position of the document, from 1.")


class DocumentQuery(serializers.Serializer[Any]):
    fit = serializers.ChoiceField(
        choices=["a4"],
        required=False,
        error_messages={"invalid_choice": "`a4`, or leave it out."},
        help_text="`a4`: each page on a sheet of A4, none enlarged.",
    )


class PrescriptionList(ApiView, ListAPIView[Prescription]):
    """`GET` the prescriptions that the caller may see; `POST` uploads one."""

    serializer_class = PrescriptionSerializer
    parser_classes = (MultiPartParser, StrictJSON)
    settles_itself = True
    scopes = {"GET": "rx:read", "POST": "rx:write"}  # noqa: RUF012
    queries = {"GET": ListQuery}  # noqa: RUF012

    def get_queryset(self) -> Any:
        if self.query.keys() & _TOLD:
            publication.tell_due()
        asked = {column: self.query[name] for name, column in _FILTERS.items() if name in self.query}
        if "patient_ref" in asked and sees_all(self.request):
            asked["patient_lowered"] = asked["patient_ref"].lower()  # which has an index without a client
        return with_everything(visible(self.request).filter(erased_at=None, **asked))

    @property
    def oldest_change_first(self) -> bool:
        return not self.query.keys().isdisjoint(_CHANGES)

    @extend_schema(
        operation_id="prescriptions_list",
        responses={200: PrescriptionSerializer(many=True), **problems_of(400)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        asked = {
            name: self.query[name] if name == "status" else "given" for name in sorted(self.query.keys() & _FILTERS)
        }
        tokens = links.hand_out_list([row.pk for row in rows], actors.of(request), asked=asked)
        return self.get_paginated_response(bodies(request, rows, tokens))

    @extend_schema(
        operation_id="prescriptions_create",
        request={"multipart/form-data": UploadSerializer, "application/json": FromUploadsSerializer},
        parameters=[prefer.MINIMAL],
        responses={201: PrescriptionSerializer, **problems_of(400, 409, 413, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        """Upload one or more files as one prescription. All of them are kept, or none.

        As JSON: of files that came in pieces (`POST /api/v1/uploads`).
        """
        if isinstance(request.data, QueryDict):
            prescription, replayed = self._of_form(request)
        else:
            prescription, replayed = self._of_uploads(request)
        found, minimal = find_visible(request, prescription.id), Preferences.of(request).minimal
        location = absolute(f"/api/v1/prescriptions/{prescription.id}")
        headers = {"Location": location, "Cache-Control": "no-store", **(idempotency.REPLAYED if replayed else {})}
        headers |= quota.fields(quota.left(asker_of(request).unit, claims.ADVERTISED))  # what they will ask for next
        if minimal:  # nothing is handed out
            return Response(status=201, headers={**headers, **prefer.applied("return=minimal")})
        return Response(bodies(request, [found])[0], status=201, headers=headers)

    @staticmethod
    def _of_form(request: Request) -> tuple[Prescription, bool]:
        if twice := [name for name in ("order_ref", "patient_ref") if len(request.POST.getlist(name)) > 1]:
            raise serializers.ValidationError({name: ["Send it once."] for name in twice})
        return accepting.accept_once(
            request.FILES.getlist("files"),
            client=client_of(request),
            order_ref=str(request.POST.get("order_ref", "")),
            patient_ref=str(request.POST.get("patient_ref", "")),
            idempotency_key=request.headers.get(idempotency.NAME, ""),
        )

    @staticmethod
    def _of_uploads(request: Request) -> tuple[Prescription, bool]:
        serializer = FromUploadsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        return uploads.prescribed(
            request,
            asked["uploads"],
            order_ref=asked.get("order_ref", ""),
            patient_ref=asked.get("patient_ref", ""),
            idempotency_key=request.headers.get(idempotency.NAME, ""),
        )


class PrescriptionDetail(ApiView):
    """One prescription, with ETag: poll it with If-None-Match. `DELETE` erases it."""

    scopes = {"GET": "rx:read", "DELETE": "rx:erase"}  # noqa: RUF012
    queries = {"DELETE": OverrideQuery}  # noqa: RUF012

    @extend_schema(
        operation_id="prescriptions_retrieve",
        parameters=[OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
        responses={
            200: PrescriptionSerializer,
            304: OpenApiResponse(description="It did not change."),
            **problems_of(404, 410),
        },
    )
    def get(self, request: Request, rx: str) -> Response:
        [body] = bodies(request, [find_visible(request, rx)])
        audit.looked(rx, audit.Verb.PRESCRIPTION_VIEWED, actor=actors.of(request))
        return conditional(request, body)

    @extend_schema(
        operation_id="prescriptions_erase",
        responses={204: None, 202: WaitingSerializer, **problems_of(400, 403, 404, 409, 410, 503)},
    )
    def delete(self, request: Request, rx: str) -> Response:
        """Erase every variant, original and version. 409 where it must be kept; its links are cut all the same.

        202 where another person has to agree: it is erased when they send the same.
        """
        override = override_in(request, self.query)
        asked = four_eyes.erase(find_visible(request, rx), actor=actors.of(request), override=override)
        return waiting(asked) if asked else Response(status=204, headers={"Cache-Control": "no-store"})


class Original(ApiView):
    """The uploaded file itself, byte for byte, as an attachment."""

    content_negotiation_class = AnyMedia
    scopes = {"GET": "rx:read"}  # noqa: RUF012
    queries = {"GET": OriginalQuery}  # noqa: RUF012

    @extend_schema(
        operation_id="prescriptions_original",
        parameters=_PARTS,
        responses={
            (200, "*/*"): bytes,
            (206, "*/*"): bytes,
            304: OpenApiResponse(description="You have it."),
            **problems_of(400, 404, 410, 412, 416),
        },
    )
    def get(self, request: Request, rx: str) -> HttpResponseBase:
        prescription = find_visible(request, rx)
        original = next((d for d in prescription.documents.all() if d.position == self.query["document"]), None)
        if original is None:
            raise problems.not_found()
        data = {"document": original.position}
        audit.looked(rx, audit.Verb.DOWNLOADED, actor=actors.of(request), data=data)
        return delivery.original(request, original)


class WholeDocument(ApiView):
    """All pages as one PDF, upright, as an attachment. Photos and documents alike; pages are made where missing."""

    content_negotiation_class = AnyMedia
    scopes = {"GET": "rx:read"}  # noqa: RUF012
    queries = {"GET": DocumentQuery}  # noqa: RUF012

    @extend_schema(
        operation_id="prescriptions_document",
        parameters=_PARTS,
        responses={
            (200, "application/pdf"): bytes,
            (206, "application/pdf"): bytes,
            304: OpenApiResponse(description="You have it."),
            **problems_of(400, 404, 409, 410, 412, 416, 422, 429),
        },
    )
    def get(self, request: Request, rx: str) -> HttpResponseBase:
        a4 = self.query.get("fit") == "a4"
        prescription = find_visible(request, rx)
        pdf = stored_pdf.find(prescription, by=asker_of(request), a4=a4, wait=settings.RX_WAIT)
        audit.looked(rx, audit.Verb.DOCUMENT_DOWNLOADED, actor=actors.of(request), data={"a4": a4})
        return delivery.document(request, pdf, rx=rx)
