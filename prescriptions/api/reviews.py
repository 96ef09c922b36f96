"""Reviewing by API: claim, decide, release. A token with `rx:review` acts in the name and with the rights of a person.

Thin: what is allowed and what a decision needs is decided in `prescriptions.review`.
"""

import re
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions import audit
from prescriptions.api.base import ApiView
from prescriptions.api.ordering.lines import OrderLineSerializer
from prescriptions.api.permissions import visible
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.serializers import ReasonSerializer
from prescriptions.audit import actors
from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem
from prescriptions.models import ClarificationMessage, LineDecision, ReasonCode, Review
from prescriptions.models.finding import find
from prescriptions.review import decisions, queue
from prescriptions.review.payload import DecisionSerializer, LineVerdictSerializer

_IF_MATCH = re.compile(r'(?:W/)?"?(\d{1,9})"?\Z')
_STALE = ("stale-version", "order-lines-changed")
_IF_MATCH_PARAMETER = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The version that the decision is about, if not in the body."
)


class MessageSerializer(serializers.ModelSerializer[ClarificationMessage]):
    class Meta:
        model = ClarificationMessage
        fields = ("author", "text", "page", "at", "expires_at", "answered_at")


class OfferedReasonSerializer(ReasonSerializer):
    """A reason as reviewers choose it: under its heading, in their words, and what the customer will read."""

    staff = serializers.CharField(source="__str__", help_text="What colleagues call it; never shown to customers.")

    class Meta(ReasonSerializer.Meta):
        fields = ("code", "group", "staff", "title", "text", "action", "retryable", "needs_note")


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """Where a review stands, for those who review."""

    id = serializers.CharField(source="prescription_id")
    claimed_by = serializers.CharField(source="claimed_by.username", default=None, allow_null=True)
    reviewer = serializers.CharField(source="reviewer.username", default=None, allow_null=True)
    second_checker = serializers.CharField(source="second_checker.username", default=None, allow_null=True)
    reason = OfferedReasonSerializer(allow_null=True)
    lines = OrderLineSerializer(source="prescription.order_lines", many=True)
    messages = MessageSerializer(many=True)

    class Meta:
        model = Review
        fields = (
            "id",
            "status",
            "version",
            "priority",
            "queued_at",
            "due_at",
            "claimed_by",
            "claimed_until",
            "outcome",
            "decided_at",
            "reviewer",
            "second_checker",
            "reason",
            "reason_page",
            "customer_text",
            "internal_note",
            "prescribed_on",
            "prescriber",
            "registration_number",
            "checklist",
            "override_reason",
            "overridden",
            "valid_until",
            "lines",
            "messages",
        )


class Decision(ApiView):
    """The review of one prescription, and the decision on it."""

    scopes = {"GET": "rx:review", "POST": "rx:review"}  # noqa: RUF012

    @extend_schema(operation_id="decision_retrieve", responses={200: ReviewSerializer, **problems_of(404, 410)})
    def get(self, request: Request, rx: str) -> Response:
        if not actors.of(request).may("view_review"):
            raise _forbidden()
        review = _find(request, rx)
        audit.looked(rx, audit.Verb.DECISION_VIEWED, actor=actors.of(request))
        return _answer(review)

    @extend_schema(
        operation_id="decision_create",
        request=DecisionSerializer,
        parameters=[_IF_MATCH_PARAMETER],
        responses={200: ReviewSerializer, **problems_of(400, 404, 409, 410, 412, 422, 428)},
    )
    def post(self, request: Request, rx: str) -> Response:
        """Decide on the version that you looked at. The review must be claimed by you (second checks need no claim)."""
        _find(request, rx)
        sent = request.data
        if not isinstance(sent, dict):
            raise serializers.ValidationError(["Send an object."])
        _only_known(sent)
        version, by_header = _version(request, sent)
        actor = actors.of(request)

        try:
            decisions.act(rx, sent, actor=actor, version=version)
        except Problem as problem:
            if by_header and problem.code in _STALE:
                problem.status = 412  # the answer that RFC 9110 §13.1.1 asks for
            raise
        return _answer(_find(request, rx))


class Claim(ApiView):
    """The lease on one review: `POST` takes or renews it, `DELETE` gives it back."""

    scopes = {"POST": "rx:review", "DELETE": "rx:review"}  # noqa: RUF012

    @extend_schema(
        operation_id="claim_create", request=None, responses={200: ReviewSerializer, **problems_of(404, 409, 410)}
    )
    def post(self, request: Request, rx: str) -> Response:
        _find(request, rx)
        queue.claim(rx, _person(request).user)
        return _answer(_find(request, rx))

    @extend_schema(operation_id="claim_delete", responses={204: None, **problems_of(404, 409, 410)})
    def delete(self, request: Request, rx: str) -> Response:
        _find(request, rx)
        queue.release(rx, _person(request).user)
        return Response(status=204, headers={"Cache-Control": "no-store"})


class NextReview(ApiView):
    """Claims the next review of the queue: highest priority, then longest wait. 204 when nothing waits."""

    scopes = {"POST": "rx:review"}  # noqa: RUF012

    @extend_schema(
        operation_id="reviews_next",
        request=None,
        responses={200: ReviewSerializer, 204: None, **problems_of(422)},
    )
    def post(self, request: Request) -> Response:
        actor = _person(request)

        claimed = queue.claim_next(actor.user, among=visible(request))
        if claimed is None:
            return Response(status=204, headers={"Cache-Control": "no-store"})
        return _answer(_find(request, claimed.pk))


class Reasons(ApiView):
    """The reasons that a reviewer may give, in the order of the review page."""

    scopes = {"GET": "rx:review"}  # noqa: RUF012

    @extend_schema(
        operation_id="reasons_list", responses={200: OfferedReasonSerializer(many=True), **problems_of()}, filters=False
    )
    def get(self, request: Request) -> Response:
        offered = [reason for reason in ReasonCode.objects.all() if reason.offered]
        headers = {"Cache-Control": "private, no-cache"}
        return Response(OfferedReasonSerializer(offered, many=True).data, headers=headers)


def _find(request: Request, rx: str) -> Review:
    """The review, if this caller may see the prescription. Raises Problem: 404, 410."""
    messages = Prefetch("messages", ClarificationMessage.objects.order_by("at", "id"))
    rows = (
        Review.objects.filter(prescription__in=visible(request))
        .select_related("prescription", "claimed_by", "reviewer", "second_checker", "reason")
        .prefetch_related("prescription__order_lines", messages)
    )
    return find(rows, pk=rx)


def _answer(review: Review) -> Response:
    return Response(ReviewSerializer(review).data, headers=_headers(review.version))


def _headers(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"', "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}


def _person(request: Request) -> Actor:
    actor = actors.of(request)
    if actor.user is None:
        raise _forbidden()
    return actor


def _version(request: Request, sent: dict[str, Any]) -> tuple[int, bool]:
    """The version that the caller looked at, and whether it came as If-Match. Raises Problem 428."""
    version = sent.get("version")
    match = _IF_MATCH.match(request.headers.get("If-Match", ""))
    if type(version) is int and (match is None or int(match[1]) == version):
        return version, False
    if match is None:
        raise Problem(
            428,
            "version-missing",
            "Say which version you looked at",
            "Send `version` in the body, or its ETag as If-Match.",
        )
    return int(match[1]), True


def _only_known(sent: dict[str, Any]) -> None:
    """A misspelt `lines` would approve all of them. Raises ValidationError (400)."""
    wrong: dict[str, Any] = _unknown(sent, DecisionSerializer())
    lines = sent.get("lines")
    found = [_unknown_of_line(item) for item in lines] if isinstance(lines, list) else []
    if any(found):
        wrong["lines"] = found
    if wrong:
        raise serializers.ValidationError(wrong)


def _unknown(sent: dict[str, Any], serializer: serializers.Serializer[Any]) -> dict[str, list[str]]:
    detail = f"There is no such field. Known: {', '.join(serializer.fields)}."
    return {name: [detail] for name in sent.keys() - serializer.fields.keys()}


def _unknown_of_line(item: Any) -> dict[str, list[str]]:
    if not isinstance(item, dict):
        return {}
    wrong = _unknown(item, LineVerdictSerializer())
    decision, allowed = item.get("decision"), item.get("quantity_allowed")
    if allowed is not None and decision != LineDecision.REDUCED and (decision, allowed) != (LineDecision.REFUSED, 0):
        wrong["quantity_allowed"] = ["Only for a line that is `reduced`."]
    return wrong


def _forbidden() -> Problem:
    return Problem(
        403, "forbidden", "Not allowed", "Reviewing needs a person: bind the token to one (`rxtoken create --user`)."
    )
