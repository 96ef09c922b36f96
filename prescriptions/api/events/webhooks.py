"""A client's webhooks: made, looked at, rotated, tested, replayed, taken away."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.events.feed import Position
from prescriptions.api.events.serializers import (
    DeliveriesSerializer,
    NewWebhookSerializer,
    ReplayRequestSerializer,
    ReplaySerializer,
    SecretSerializer,
    TestSerializer,
    WebhookSerializer,
)
from prescriptions.api.pagination import WholeNumber
from prescriptions.api.permissions import client_of
from prescriptions.api.schema import problems
from prescriptions.audit import actors
from prescriptions.events import webhooks
from prescriptions.infra.problems import not_found
from prescriptions.models import Delivery, DeliveryState, Webhook

_SCOPE = "webhooks:write"
_USUAL, _MOST = 50, 200


class Webhooks(ApiView):
    """This client's webhooks."""

    scopes = {"GET": _SCOPE, "POST": _SCOPE}  # noqa: RUF012
    shown_once = frozenset({"secret"})

    @extend_schema(operation_id="webhooks_list", responses={200: WebhookSerializer(many=True), **problems()})
    def get(self, request: Request) -> Response:
        return Response(WebhookSerializer(_of(request), many=True).data)

    @extend_schema(
        operation_id="webhooks_create",
        request=NewWebhookSerializer,
        responses={201: SecretSerializer, **problems(400, 409, 415)},
    )
    def post(self, request: Request) -> Response:
        asked = NewWebhookSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        hook, secret = webhooks.make(client=client_of(request), by=actors.of(request), **asked.validated_data)
        return _with_secret(request, hook, secret, status=201)


class OneWebhook(ApiView):
    """One webhook."""

    scopes = {"GET": _SCOPE, "DELETE": _SCOPE}  # noqa: RUF012

    @extend_schema(operation_id="webhooks_read", responses={200: WebhookSerializer, **problems(404)})
    def get(self, request: Request, webhook: str) -> Response:
        return Response(WebhookSerializer(_find(request, webhook)).data)

    @extend_schema(operation_id="webhooks_delete", request=None, responses={204: None, **problems(404)})
    def delete(self, request: Request, webhook: str) -> Response:
        """Nothing more is sent to it; what it was sent is forgotten."""
        webhooks.remove(_find(request, webhook), by=actors.of(request))
        return Response(status=204)


class Rotate(ApiView):
    """A new secret; the old one signs beside it for a day (RX_WEBHOOK_OVERLAP)."""

    scopes = {"POST": _SCOPE}  # noqa: RUF012
    shown_once = frozenset({"secret"})

    @extend_schema(operation_id="webhooks_rotate", request=None, responses={200: SecretSerializer, **problems(404)})
    def post(self, request: Request, webhook: str) -> Response:
        hook = _find(request, webhook)
        secret = webhooks.rotate(hook, by=actors.of(request))
        return _with_secret(request, hook, secret)


class Enable(ApiView):
    """Sends again to one that was switched off, beginning with what was left."""

    scopes = {"POST": _SCOPE}  # noqa: RUF012

    @extend_schema(operation_id="webhooks_enable", request=None, responses={200: WebhookSerializer, **problems(404)})
    def post(self, request: Request, webhook: str) -> Response:
        webhooks.enable(_find(request, webhook), by=actors.of(request))
        return Response(WebhookSerializer(_find(request, webhook)).data)


class Test(ApiView):
    """Sends an event of the type `webhook.test`, at once."""

    scopes = {"POST": _SCOPE}  # noqa: RUF012

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: TestSerializer, **problems(404, 409)})
    def post(self, request: Request, webhook: str) -> Response:
        return Response({"event": webhooks.test(_find(request, webhook)).uid}, status=202)


class Replay(ApiView):
    """Sends events once more, or those that it missed: by their ids, or from a position on."""

    scopes = {"POST": _SCOPE}  # noqa: RUF012

    @extend_schema(
        operation_id="webhooks_replay",
        request=ReplayRequestSerializer,
        responses={202: ReplaySerializer, **problems(400, 404, 409, 415)},
    )
    def post(self, request: Request, webhook: str) -> Response:
        hook = _find(request, webhook)
        asked = ReplayRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        count, following = webhooks.replay(hook, by=actors.of(request), **asked.validated_data)
        return Response({"events": count, "next": following or None}, status=202)


class DeliveryQuery(serializers.Serializer[Any]):
    before = Position(required=False, help_text="Only events before this position, as `next` has it.")
    limit = WholeNumber(most=_MOST, required=False, help_text=f"Rows of a page; {_USUAL} where it is left out.")
    state = serializers.ChoiceField(
        choices=DeliveryState.choices,
        required=False,
        error_messages={"invalid_choice": f"One of {', '.join(DeliveryState.values)}."},
    )


class Deliveries(ApiView):
    """What was sent to it and what is still to be sent, newest first, with the tries. What was answered is not kept."""

    scopes = {"GET": _SCOPE}  # noqa: RUF012
    queries = {"GET": DeliveryQuery}  # noqa: RUF012

    @extend_schema(operation_id="webhooks_deliveries", responses={200: DeliveriesSerializer, **problems(404)})
    def get(self, request: Request, webhook: str) -> Response:
        rows = Delivery.objects.filter(webhook=_find(request, webhook)).select_related("event").order_by("-position")
        if before := self.query.get("before"):
            rows = rows.filter(position__lt=before)
        if state := self.query.get("state"):
            rows = rows.filter(state=state)
        limit = self.query.get("limit", _USUAL)
        found = list(rows[: limit + 1])
        shown = found[:limit]
        body = {"deliveries": shown, "next": shown[-1].position if len(found) > limit else None}
        return Response(DeliveriesSerializer(body).data)


def _of(request: Request) -> QuerySet[Webhook]:
    return Webhook.objects.filter(client=client_of(request)).order_by("created_at", "id")


def _find(request: Request, webhook: str) -> Webhook:
    """Raises Problem 404, also for what is another client's."""
    found = _of(request).filter(pk=webhook).first()
    if found is None:
        raise not_found()
    return found


def _with_secret(request: Request, hook: Webhook, secret: str, *, status: int = 200) -> Response:
    body = {**WebhookSerializer(_find(request, hook.pk)).data, "secret": secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})
