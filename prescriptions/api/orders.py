"""Links for customers: one order, one link, an end date."""

from datetime import UTC, datetime

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.permissions import client_of
from prescriptions.api.schema import problems
from prescriptions.api.serializers import OrderLinkRequestSerializer, OrderLinkSerializer
from prescriptions.infra.addresses import absolute
from prescriptions.intake import order_links


class OrderLinks(ApiView):
    """Mints a signed link with which one customer can upload and see the prescriptions of one order."""

    scopes = {"POST": "orders:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="order_links_create",
        request=OrderLinkRequestSerializer,
        responses={201: OrderLinkSerializer, **problems(400, 415)},
    )
    def post(self, request: Request) -> Response:
        asked = OrderLinkRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        link = order_links.mint(
            order_ref=asked.validated_data["order_ref"],
            client=client_of(request),
            expires_in=asked.validated_data["expires_in"],
            patient_ref=asked.validated_data.get("patient_ref", ""),
        )
        body = {
            "order_ref": link.order_ref,
            "url": absolute(order_links.page_path(link)),
            "upload_url": absolute(order_links.upload_path(link)),
            "expires_at": datetime.fromtimestamp(link.expires, UTC),
        }
        return Response(OrderLinkSerializer(body).data, status=201, headers={"Cache-Control": "no-store"})
