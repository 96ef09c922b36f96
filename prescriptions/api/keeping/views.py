"""Legal holds, erasures of more than one prescription, what was proved of one, and exports."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.keeping.serializers import (
    ErasuresSerializer,
    HoldSerializer,
    OutcomesSerializer,
    ProofSerializer,
    RetentionSerializer,
    WaitingSerializer,
    WhoseSerializer,
)
from prescriptions.api.negotiation import AnyMedia
from prescriptions.api.permissions import require, visible
from prescriptions.api.schema import problems as problems_of
from prescriptions.audit import actors
from prescriptions.infra.problems import not_found
from prescriptions.models import ErasureRequest, OverrideReason, Prescription, retention_of
from prescriptions.models.finding import find
from prescriptions.upkeep import export, four_eyes, holds, proof, together
from prescriptions.upkeep.erasure import Override

NO_STORE = {"Cache-Control": "no-store"}


def override_in(request: Request, values: dict[str, Any]) -> Override | None:
    """The override that was sent. Raises Problem 403 where the caller may not."""
    if not values.get("override"):
        return None
    require(request, "rx:override")
    return Override(OverrideReason(values["override"]), values.get("reference", ""))


def waiting(asked: ErasureRequest) -> Response:
    """202: somebody else has to agree."""
    return Response(WaitingSerializer(_told(asked)).data, status=202, headers=NO_STORE)


def _told(asked: ErasureRequest) -> dict[str, Any]:
    names = ("asked_by", "asked_at", "expires_at")
    return {"status": "waiting", **{name: getattr(asked, name) for name in names}}


class Hold(ApiView):
    """The legal hold of a prescription: `PUT` sets it, `DELETE` lifts it."""

    scopes = {"GET": "rx:read", "PUT": "rx:hold", "DELETE": "rx:hold"}  # noqa: RUF012

    @extend_schema(operation_id="retention_retrieve", responses={200: RetentionSerializer, **problems_of(404, 410)})
    def get(self, request: Request, rx: str) -> Response:
        """How long it is kept, and whether it is held."""
        return self._answer(find(visible(request), pk=rx))

    @extend_schema(
        operation_id="hold_set",
        request=HoldSerializer,
        responses={200: RetentionSerializer, **problems_of(400, 404, 410)},
    )
    def put(self, request: Request, rx: str) -> Response:
        prescription = find(visible(request), pk=rx)
        sent = HoldSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        holds.put(prescription, **sent.validated_data, actor=actors.of(request))
        return self._answer(find(visible(request), pk=rx))

    @extend_schema(operation_id="hold_lift", responses={204: None, **problems_of(404, 410)})
    def delete(self, request: Request, rx: str) -> Response:
        holds.lift(find(visible(request), pk=rx), actor=actors.of(request))
        return Response(status=204, headers=NO_STORE)

    def _answer(self, prescription: Prescription) -> Response:
        kept = retention_of(prescription)
        reason, reference = holds.parts(prescription.legal_hold)
        hold = {"reason": reason, "since": prescription.held_since} if reason else None
        if hold and reference:
            hold["reference"] = reference
        content = {"rule": kept.rule, "since": kept.since, "keep_until": kept.keep_until, "erase_on": kept.erase_on}
        return Response(RetentionSerializer({**content, "legal_hold": hold}).data, headers=NO_STORE)


class Erasure(ApiView):
    """The erasure of a prescription: what was proved of it; or to drop one that waits for a second person."""

    scopes = {"GET": "rx:erase", "DELETE": "rx:erase"}  # noqa: RUF012

    @extend_schema(
        operation_id="erasure_proof", responses={200: ProofSerializer, 202: WaitingSerializer, **problems_of(404)}
    )
    def get(self, request: Request, rx: str) -> Response:
        prescription = visible(request).filter(pk=rx).first()
        if prescription is None:
            raise not_found()
        if (proved := proof.of(prescription)) is not None:
            return Response(ProofSerializer(proved.as_fields()).data, headers=NO_STORE)
        asked = four_eyes.waiting(prescription)
        if asked is None:
            raise not_found()
        return waiting(asked)

    @extend_schema(operation_id="erasure_drop", responses={204: None, **problems_of(404, 410)})
    def delete(self, request: Request, rx: str) -> Response:
        four_eyes.drop(find(visible(request), pk=rx), actor=actors.of(request))
        return Response(status=204, headers=NO_STORE)


class Erasures(ApiView):
    """Erases all prescriptions of one patient or one order."""

    scopes = {"POST": "rx:erase"}  # noqa: RUF012
    in_one_transaction = False  # objects go as well; what is gone is gone when it is sent again

    @extend_schema(
        operation_id="erasures_create",
        request=ErasuresSerializer,
        responses={200: OutcomesSerializer, **problems_of(400, 404, 503)},
    )
    def post(self, request: Request) -> Response:
        """At most 50 at a time. What must be kept is kept, and said so; its links are cut all the same."""
        sent = ErasuresSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        override = override_in(request, sent.validated_data)
        outcomes, left = together.erase(visible(request), sent.whose, actor=actors.of(request), override=override)
        return Response(OutcomesSerializer({"results": outcomes, "left": left}).data, headers=NO_STORE)


class Exports(ApiView):
    """A ZIP of all prescriptions of one patient or one order."""

    content_negotiation_class = AnyMedia
    scopes = {"POST": "rx:export"}  # noqa: RUF012
    in_one_transaction = False  # it changes nothing, and is made again

    @extend_schema(
        operation_id="exports_create",
        request=WhoseSerializer,
        responses={(200, "application/zip"): bytes, **problems_of(400, 404)},
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """The files as they were sent, data as JSON, and the audit log of each."""
        sent = WhoseSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        found = together.find(visible(request), sent.whose)
        return as_zip(list(found.values_list("pk", flat=True)), request, by=sent.whose.by)


def as_zip(rxs: list[str], request: Request, *, by: str) -> StreamingHttpResponse:
    body = export.export(rxs, actor=actors.of(request), by=by)
    return StreamingHttpResponse(body, content_type="application/zip", headers=export.HEADERS)
