"""Links for customers: one order, one link, an end date."""

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.permissions import client_of, holds
from prescriptions.api.schema import problems
from prescriptions.api.serializers import LONGEST_LINK, OrderLinkRequestSerializer, OrderLinkSerializer
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem
from prescriptions.intake import order_links
from prescriptions.intake.order_links import LinkScope


class OrderLinks(ApiView):
    """Mints a signed link with which one customer can upload and see the prescriptions of one order."""

    scopes = {"POST": "orders:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="order_links_create",
        request=OrderLinkRequestSerializer,
        responses={201: OrderLinkSerializer, **problems(400, 403, 415)},
    )
    def post(self, request: Request) -> Response:
        asked = OrderLinkRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        link = order_links.mint(
            order_ref=asked.validated_data["order_ref"],
            client=client_of(request),
            expires_in=asked.validated_data["expires_in"],
            patient_ref=asked.validated_data.get("patient_ref", ""),
            scope=_scope(request, asked.validated_data.get("scope")),
        )
        body = {
            "id": link.id,
            "scope": link.scope,
            "order_ref": link.order_ref,
            "url": absolute(order_links.page_path(link)),
            "upload_url": absolute(order_links.upload_path(link)),
            "expires_at": order_links.ends(link),
        }
        return Response(OrderLinkSerializer(body).data, status=201, headers={"Cache-Control": "no-store"})


class OrderLink(ApiView):
    """Takes a link back: the page that it opens is a 404 from now on. The same answer however often it is asked."""

    scopes = {"DELETE": "orders:write"}  # noqa: RUF012

    @extend_schema(operation_id="order_links_revoke", request=None, responses={204: None, **problems(404, 409)})
    def delete(self, request: Request, link: str) -> Response:
        order_links.revoke(client_of(request), link, longest=timezone.now() + timedelta(seconds=LONGEST_LINK))
        return Response(status=204)


def _scope(request: Request, asked: str | None) -> str:
    """Nobody hands out what they may not do themselves. Raises Problem (403)."""
    may_see = holds(request, "rx:read")
    if asked == LinkScope.ORDER and not may_see:
        raise Problem(
            403,
            "forbidden",
            "Not allowed",
            "A link that shows prescriptions is minted with the scope rx:read. Ask for the scope upload.",
        )
    return asked or (LinkScope.ORDER if may_see else LinkScope.UPLOAD)
