"""Orders: written before or after anything is uploaded, read with all their prescriptions."""

from typing import Any, Final

from django.conf import global_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions import audit
from prescriptions.api.base import ApiView
from prescriptions.api.ordering.lines import OrderedLineSerializer, OrderLineSerializer, told
from prescriptions.api.pagination import Moment
from prescriptions.api.permissions import client_of
from prescriptions.api.prescriptions import bodies, conditional, find_visible, with_everything
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.serializers import PrescriptionSerializer
from prescriptions.api.strict import Strict
from prescriptions.audit import actors
from prescriptions.infra import problems
from prescriptions.models import REFERENCE, REFERENCE_HELP, Order, Prescription, origin_of, origins_of
from prescriptions.review import orders
from transforms.limits import LIMITS

# The newest, in an order's own answer; the rest are found by the list of prescriptions.
_SHOWN: Final = 100
# Any that has a name: an order may say more than its pages speak.
_LANGUAGES: Final = dict(global_settings.LANGUAGES)
# RFC 9745: from this day on callers should do otherwise (2026-11-30).
_DEPRECATED: Final = {"Deprecation": "@1795996800"}


class OrderRequestSerializer(Strict):
    """What is left out stays as it is; what is sent takes its place, `lines` as a whole."""

    lines = OrderedLineSerializer(
        many=True, required=False, help_text=f"At most {LIMITS.order_lines}. Until somebody has decided."
    )
    patient_ref = serializers.RegexField(
        REFERENCE,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        error_messages={"invalid": REFERENCE_HELP},
        help_text="Whose order it is. Prescriptions that come without one get it.",
    )
    return_url = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=500,
        trim_whitespace=False,
        help_text="Where the customer goes on afterwards: https, of one of this client's origins.",
    )
    language = serializers.ChoiceField(
        choices=sorted(_LANGUAGES), required=False, allow_blank=True, help_text="The customer's, as `en` or `pt-br`."
    )
    promised_by = Moment(
        required=False, allow_null=True, help_text="When the customer was promised an answer; the queue goes by it."
    )

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(lines) > LIMITS.order_lines:
            raise serializers.ValidationError([f"At most {LIMITS.order_lines} lines."])
        sent = [line.get("line") for line in lines]
        if any(sent) and not all(sent):
            raise serializers.ValidationError(["Number every line, or none."])
        wrong = [
            {"line": ["Each number once."]} if number and number in sent[:at] else {} for at, number in enumerate(sent)
        ]
        if any(wrong):
            raise serializers.ValidationError(wrong)
        return orders.numbered(lines)

    def validate_return_url(self, address: str) -> str:
        allowed = sorted(origins_of(self.context["client"]))
        if address and origin_of(address) not in {origin for origin in allowed if origin.startswith("https://")}:
            listed = f"one of {', '.join(allowed)}" if allowed else "none is listed: ask an administrator"
            raise serializers.ValidationError([f"An https address of this client's origins: {listed}."])
        return address


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order as it stands."""

    order_ref = serializers.CharField(source="ref")
    lines = OrderedLineSerializer(many=True, help_text="As they were sent last; decisions are with each prescription.")

    class Meta:
        model = Order
        fields: tuple[str, ...] = (
            "order_ref",
            "lines",
            "patient_ref",
            "return_url",
            "language",
            "promised_by",
            "created_at",
            "updated_at",
        )


class WholeOrderSerializer(OrderSerializer):
    """An order and its prescriptions."""

    prescriptions = PrescriptionSerializer(many=True, help_text=f"The newest first, at most {_SHOWN}.")

    class Meta(OrderSerializer.Meta):
        fields = (*OrderSerializer.Meta.fields, "prescriptions")


class Orders(ApiView):
    """One order of the caller's client: `PUT` writes it, before or after anything is uploaded."""

    scopes = {"GET": "rx:read", "PUT": "orders:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="orders_retrieve",
        parameters=[OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)],
        responses={
            200: WholeOrderSerializer,
            304: OpenApiResponse(description="It did not change."),
            **problems_of(404),
        },
    )
    def get(self, request: Request, order_ref: str) -> Response:
        """The order with all its prescriptions. With ETag: poll it with If-None-Match."""
        if not REFERENCE.match(order_ref):
            raise problems.not_found()  # PostgreSQL can be asked for no NUL
        client = client_of(request)
        rows = with_everything(Prescription.objects.filter(client=client, order_ref=order_ref, erased_at=None))
        found = list(rows.order_by("-created_at", "-id")[:_SHOWN])
        order = Order.objects.filter(client=client, ref=order_ref).first()
        if order is None and not found:
            raise problems.not_found()
        if order is None:  # uploaded to a release that knew no orders
            first = found[-1].created_at
            order = Order(client=client, ref=order_ref, created_at=first, updated_at=first)
        actor = actors.of(request)
        audit.all_looked([row.pk for row in found], audit.Verb.PRESCRIPTION_VIEWED, actor=actor, data={"part": "order"})
        return conditional(request, {**OrderSerializer(order).data, "prescriptions": bodies(request, found)})

    @extend_schema(
        operation_id="orders_update",
        request=OrderRequestSerializer,
        responses={200: OrderSerializer, 201: OrderSerializer, **problems_of(400, 404, 409, 415)},
    )
    def put(self, request: Request, order_ref: str) -> Response:
        """At any time before somebody has decided; 409 after that, until another prescription of it is sent."""
        if not REFERENCE.match(order_ref):
            raise problems.not_found()
        client = client_of(request)
        asked = OrderRequestSerializer(data=request.data, context={"client": client})
        asked.is_valid(raise_exception=True)
        order, made = orders.put(client, order_ref, asked.validated_data, actor=actors.of(request))
        return Response(OrderSerializer(order).data, status=201 if made else 200)


class OrderLines(ApiView):
    """What was ordered, as the review of one prescription has it."""

    scopes = {"GET": "rx:read", "PUT": "rx:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="order_lines_list", responses={200: OrderLineSerializer(many=True), **problems_of(404, 410)}
    )
    def get(self, request: Request, rx: str) -> Response:
        prescription = find_visible(request, rx)
        audit.looked(rx, audit.Verb.PRESCRIPTION_VIEWED, actor=actors.of(request), data={"part": "lines"})
        lines = OrderLineSerializer(told(prescription), many=True).data
        return Response(lines, headers={"Cache-Control": "private, no-cache"})

    @extend_schema(
        operation_id="order_lines_update",
        deprecated=True,
        request=OrderLineSerializer(many=True),
        responses={200: OrderLineSerializer(many=True), **problems_of(400, 404, 409, 410)},
    )
    def put(self, request: Request, rx: str) -> Response:
        """Replaces the lines of the prescription's order. `PUT /orders/{order_ref}` does it without a prescription."""
        prescription = find_visible(request, rx)
        asked = OrderLineSerializer(data=request.data, many=True)
        asked.is_valid(raise_exception=True)
        rows = orders.replace(prescription.pk, asked.validated_data, actor=actors.of(request))
        return Response(OrderLineSerializer(rows, many=True).data, headers=_DEPRECATED)
