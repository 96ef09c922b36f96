"""What a customer can do about a prescription, done for them by the shop: answer, withdraw, use one again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.parsing import StrictJSON
from prescriptions.api.permissions import client_of, visible
from prescriptions.api.prescriptions import bodies, find_visible
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.serializers import PrescriptionSerializer
from prescriptions.api.strict import Strict
from prescriptions.audit.actors import Actor, ActorKind
from prescriptions.infra import problems
from prescriptions.infra.addresses import absolute
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting, drafts, order_links, submission
from prescriptions.intake.customers import progress
from prescriptions.intake.order_links import LinkScope
from prescriptions.models import REFERENCE, ApiToken, Order, Prescription
from prescriptions.models.finding import find
from prescriptions.review import clarifications, replays
from prescriptions.review.publication import standing
from prescriptions.review.rules import Action
from prescriptions.review.transitions import check, load
from transforms.keys import ID

_A_MINUTE = 60


class TextAnswerSerializer(Strict):
    """What the customer says."""

    text = serializers.CharField(max_length=1000, help_text="What the customer says.")
    question = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**18 - 1,
        help_text="The question's id, so that it is no answer to a later one.",
    )


class AnswerSerializer(TextAnswerSerializer):
    """`text`, or `files`, or both."""

    text = serializers.CharField(required=False, max_length=1000, help_text="What the customer says.")
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        required=False,
        min_length=1,
        help_text="A better picture, say.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("text") and not attrs.get("files"):
            raise serializers.ValidationError({"text": ["Send a text, or files."]})
        return attrs


class ReuseSerializer(Strict):
    """Which prescription is used again."""

    reuse = serializers.RegexField(
        rf"^{ID}\Z", error_messages={"invalid": "The id of a prescription."}, help_text="The id of the earlier one."
    )


class Answer(ApiView):
    """The customer's answer to the pharmacist's question, which the prescription has as `question`."""

    parser_classes = (StrictJSON, MultiPartParser)
    in_one_transaction = False  # files go to the storage; who answered before is told so by the rows
    scopes = {"POST": "rx:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="answer_create",
        request={"application/json": TextAnswerSerializer, "multipart/form-data": AnswerSerializer},
        responses={
            200: PrescriptionSerializer,
            201: PrescriptionSerializer,
            **problems_of(400, 404, 409, 410, 413, 415, 422),
        },
    )
    def post(self, request: Request, rx: str) -> Response:
        """With a text alone the review goes on, at the front of the queue: 200.

        With files these are another prescription of the same order, which takes this one's place there: 201, with its
        address as Location. The text goes with it.
        """
        prescription, actor = find_visible(request, rx), _speaker(request)
        asked = AnswerSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        text, question = asked.validated_data.get("text", ""), asked.validated_data.get("question")
        with _told_outside(rx):
            if not (files := request.FILES.getlist("files")):
                replays.answer_once(rx, text, actor=actor, question=question)
                return _answer(request, rx)
            made = _replace(prescription, files, text, question=question, actor=actor)
        return _answer(request, made.pk, status=201)


class Withdraw(ApiView):
    """Takes a prescription back before anybody has started on it. Sent again, it is answered again."""

    scopes = {"POST": "rx:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="withdraw_create",
        request=None,
        responses={200: PrescriptionSerializer, **problems_of(404, 409, 410)},
    )
    def post(self, request: Request, rx: str) -> Response:
        find_visible(request, rx)
        actor = _speaker(request)
        with _told_outside(rx):
            replays.withdraw_once(rx, actor=actor)
        return _answer(request, rx)


class Reuse(ApiView):
    """Sends an earlier prescription of the same patient for this order: its files become another prescription."""

    in_one_transaction = False  # files are copied
    scopes = {"POST": "rx:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="orders_reuse",
        request=ReuseSerializer,
        responses={201: PrescriptionSerializer, **problems_of(400, 404, 409, 410, 415, 422, 429)},
    )
    def post(self, request: Request, order_ref: str) -> Response:
        """The order has to say whose it is (`patient_ref`), and it is reviewed anew."""
        if not REFERENCE.match(order_ref):
            raise problems.not_found()
        asked = ReuseSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        client, rx = client_of(request), asked.validated_data["reuse"]
        find(visible(request).filter(client=client), pk=rx)
        order = Order.objects.filter(client=client, ref=order_ref).first()
        patient = order.patient_ref if order else ""
        earlier = progress.reusable_for(client, order_ref, patient).filter(pk=rx).first()
        if earlier is None:
            why = "It has to be approved, still valid, of the same patient and of another order."
            no_patient = " This order does not say whose it is: PUT its patient_ref first."
            raise Problem(
                409, "not-reusable", "It cannot be used for this order", why + ("" if patient else no_patient)
            )
        link = order_links.mint(
            order_ref=order_ref, client=client, expires_in=_A_MINUTE, patient_ref=patient, scope=LinkScope.UPLOAD
        )
        drafts.reuse(link, earlier)
        made = submission.submit(link, [file.pk for file in drafts.files_of(link)], agreed=False)
        if made is None:
            raise problems.conflict()
        return _answer(request, made.pk, status=201)


def _speaker(request: Request) -> Actor:
    """A client's token speaks for the client's customer, whoever it reviews as. Raises Problem 403."""
    if not isinstance(request.auth, ApiToken):
        detail = "This is the customer's to do. Their shop does it with a token of its own."
        raise Problem(403, "forbidden", "Not allowed", detail)
    return Actor(ActorKind.CLIENT, request.auth.pk, request.auth.name)


def _replace(
    prescription: Prescription, files: list[Any], text: str, *, question: int | None, actor: Actor
) -> Prescription:
    """Raises Problem 400, 409, and as `accepting.accept`."""
    if not prescription.order_ref:
        detail = "This prescription belongs to no order. Answer with a text, or upload another one."
        errors = [{"pointer": "/files", "detail": detail}]
        raise Problem(400, "invalid", "The request is not valid", detail, errors=errors)
    review = load(prescription.pk)
    check(review, Action.ANSWER, actor=actor, version=review.version, now=agreed.now())
    asked = clarifications.open_question(review)
    if question is not None and (asked is None or asked.pk != question):
        raise Problem(409, "invalid-transition", "Another question is open now")
    references = {"order_ref": prescription.order_ref, "patient_ref": prescription.patient_ref}
    made = accepting.accept(files, client=prescription.client, **references)
    if text:
        clarifications.add(made.pk, text)
    return made


@contextmanager
def _told_outside(rx: str) -> Iterator[None]:
    """A conflict is worded for staff: who did what, and what may still be undone. Clients learn where it stands."""
    try:
        yield
    except Problem as problem:
        if problem.status != 409 or problem.code not in ("stale-version", "invalid-transition", "order-lines-changed"):
            raise
        detail = f"Its status is `{standing(load(rx)).value}`, or another question is open. Read it again."
        raise Problem(409, "invalid-transition", "This cannot be done now", detail) from None


def _answer(request: Request, rx: str, *, status: int = 200) -> Response:
    [body] = bodies(request, [find_visible(request, rx)])
    headers = {"Cache-Control": "no-store"}
    if status == 201:
        headers["Location"] = absolute(f"/api/v1/prescriptions/{rx}")
    return Response(body, status=status, headers=headers)
