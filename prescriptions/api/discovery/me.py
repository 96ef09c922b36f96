"""`GET /me`: whom a token speaks for, and what it may do."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api import tokens
from prescriptions.api.base import ApiView
from prescriptions.api.pagination import MOST_ROWS
from prescriptions.api.permissions import client_of, holds
from prescriptions.api.schema import problems as problems_of
from prescriptions.models import ApiToken, origins_of


class LimitsSerializer(serializers.Serializer[Any]):
    """How much at a time."""

    open_variants = serializers.IntegerField(help_text="Being made for this client at once, in each lane.")
    wait = serializers.FloatField(help_text="Seconds that a request for a variant waits at most.")
    order_uploads = serializers.IntegerField(help_text="Prescriptions that customers may send for one order in a day.")
    page_size = serializers.IntegerField(help_text="Rows of a list at most.")


class MeSerializer(serializers.Serializer[Any]):
    client = serializers.CharField(help_text="Whose prescriptions it sees, and under whose name it uploads.")
    token = serializers.CharField(allow_null=True, help_text="The token's id; null for a member of staff.")
    name = serializers.CharField(help_text="What the token, or the member of staff, is called.")
    scopes = serializers.ListField(child=serializers.CharField())
    reviews_as = serializers.CharField(allow_null=True, help_text="In whose name it reviews.")
    expires_at = serializers.DateTimeField(allow_null=True)
    origins = serializers.ListField(child=serializers.CharField(), help_text="Of the client's web pages.")
    limits = LimitsSerializer()


class Me(ApiView):
    """Whom the caller speaks for, and what they may do."""

    @extend_schema(operation_id="me_retrieve", responses={200: MeSerializer, **problems_of()})
    def get(self, request: Request) -> Response:
        token = request.auth if isinstance(request.auth, ApiToken) else None
        client = client_of(request)
        body = {
            "client": client,
            "token": token and token.pk,
            "name": token.name if token else request.user.get_username(),
            "scopes": token.scopes if token else [scope for scope in tokens.SCOPES if holds(request, scope)],
            "reviews_as": token.user.get_username() if token and token.user else None,
            "expires_at": token and token.expires_at,
            "origins": sorted(origins_of(client)) if token else [],
            "limits": {
                "open_variants": settings.RX_CLIENT_QUEUE,
                "wait": settings.RX_WAIT,
                "order_uploads": settings.RX_ORDER_UPLOADS,
                "page_size": MOST_ROWS,
            },
        }
        return Response(MeSerializer(body).data, headers={"Cache-Control": "no-store"})
