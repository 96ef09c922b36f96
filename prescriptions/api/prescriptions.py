"""Uploading and reading prescriptions."""

import hashlib
import json
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from prescriptions import delivery, intake, problems
from prescriptions.api.permissions import client_of, visible
from prescriptions.api.serializers import PrescriptionSerializer, ProblemSerializer, UploadSerializer
from prescriptions.keys import original_key
from prescriptions.models import Prescription

_PROBLEM = OpenApiResponse(ProblemSerializer)


def find(request: Request, rx: str) -> Prescription:
    """The prescription, if this caller may see it. Raises Problem: 404, 410."""
    prescription = visible(request).prefetch_related("pages", "documents").filter(pk=rx).first()
    if prescription is None:
        raise problems.not_found()
    if prescription.erased_at is not None:
        raise problems.erased()
    return prescription


def _body(request: Request, prescription: Prescription) -> dict[str, Any]:
    return dict(PrescriptionSerializer(prescription, context={"request": request, "tokens": {}}).data)


class PrescriptionList(ListAPIView[Prescription]):
    """`GET` the prescriptions that the caller may see; `POST` uploads one."""

    serializer_class = PrescriptionSerializer
    parser_classes = (MultiPartParser,)
    scopes = {"GET": "rx:read", "POST": "rx:write"}  # noqa: RUF012

    def get_queryset(self) -> Any:
        rows = visible(self.request).filter(erased_at=None).prefetch_related("pages", "documents")
        order_ref = self.request.query_params.get("order_ref")
        return rows.filter(order_ref=order_ref) if order_ref else rows

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "tokens": {}}

    @extend_schema(
        operation_id="prescriptions_list",
        parameters=[OpenApiParameter("order_ref", str, description="Only those of one order.")],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="prescriptions_create",
        request={"multipart/form-data": UploadSerializer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="A repeated upload gives the same answer."
            )
        ],
        responses={
            201: PrescriptionSerializer,
            400: _PROBLEM,
            409: _PROBLEM,
            413: _PROBLEM,
            415: _PROBLEM,
            422: _PROBLEM,
        },
    )
    def post(self, request: Request) -> Response:
        """Upload one or more files as one prescription. All of them are kept, or none."""
        prescription = intake.accept(
            request.FILES.getlist("files"),
            client=client_of(request),
            order_ref=str(request.POST.get("order_ref", "")),
            patient_ref=str(request.POST.get("patient_ref", "")),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        body = _body(request, find(request, prescription.id))
        location = request.build_absolute_uri(f"/api/v1/prescriptions/{prescription.id}")
        return Response(body, status=201, headers={"Location": location, "Cache-Control": "no-store"})


class PrescriptionDetail(APIView):
    """One prescription, with ETag: poll it with If-None-Match."""

    scopes = {"GET": "rx:read"}  # noqa: RUF012

    @extend_schema(
        operation_id="prescriptions_retrieve", responses={200: PrescriptionSerializer, 404: _PROBLEM, 410: _PROBLEM}
    )
    def get(self, request: Request, rx: str) -> Response:
        body = _body(request, find(request, rx))
        digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:32]
        headers = {"ETag": f'"{digest}"', "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        if delivery.unchanged(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(body, headers=headers)


class Original(APIView):
    """The uploaded file itself, byte for byte, as an attachment."""

    scopes = {"GET": "rx:read"}  # noqa: RUF012

    @extend_schema(
        operation_id="prescriptions_original",
        parameters=[OpenApiParameter("document", int, description="Position of the document, from 1.")],
        responses={(200, "application/octet-stream"): bytes, 404: _PROBLEM},
    )
    def get(self, request: Request, rx: str) -> HttpResponseBase:
        wanted = request.query_params.get("document", "1")
        prescription = find(request, rx)
        document = next((d for d in prescription.documents.all() if str(d.position) == wanted), None)
        if document is None:
            raise problems.not_found()
        name = document.name or f"prescription-{document.position}"
        return delivery.original(original_key(rx, document.id), name=name, media_type=document.media_type)
