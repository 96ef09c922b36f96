"""The sheet of paper in a page: set or refused by API, in a person's name."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.pictures.pages import SheetSerializer
from prescriptions.api.prescriptions import find_visible
from prescriptions.api.schema import problems as problems_of
from prescriptions.api.strict import NumberField, Strict
from prescriptions.audit import actors
from prescriptions.variants import links, sheets
from prescriptions.variants.delivery import NO_STORE


class CornersSerializer(Strict):
    """Where the paper lies."""

    corners = serializers.ListField(
        child=serializers.ListField(child=NumberField(), min_length=2, max_length=2),
        min_length=4,
        max_length=4,
        help_text="`[x, y]` in pixels of the page before `rotation`, clockwise from the paper's own top left.",
    )


class PageSheet(ApiView):
    """The sheet in a page, for everybody: `PUT` says where its corners are, `DELETE` that there is none."""

    scopes = {"PUT": "rx:review", "DELETE": "rx:review"}  # noqa: RUF012

    @extend_schema(
        operation_id="sheets_set",
        request=CornersSerializer,
        responses={200: SheetSerializer, **problems_of(400, 404, 410, 415, 422)},
    )
    def put(self, request: Request, rx: str, number: str) -> Response:
        """The token acts in a person's name. Other corners are another sheet: addresses of the one before end (410)."""
        actor = actors.of(request)
        find_visible(request, rx)
        sheets.check_actor(actor)
        sent: Any = CornersSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        made = sheets.set_corners(rx, int(number), sent.validated_data["corners"], actor=actor)
        context = {"tokens": links.hand_out([rx], actor)}
        return Response(SheetSerializer(made, context=context).data, headers=NO_STORE)

    @extend_schema(operation_id="sheets_refuse", request=None, responses={204: None, **problems_of(404, 410)})
    def delete(self, request: Request, rx: str, number: str) -> Response:
        """The token acts in a person's name. What was found is not looked for again."""
        find_visible(request, rx)
        sheets.refuse(rx, int(number), actor=actors.of(request))
        return Response(status=204, headers=NO_STORE)
