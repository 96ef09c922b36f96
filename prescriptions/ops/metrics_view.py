"""/metrics, for Prometheus: to holders of a token with the scope `ops:read`. The edge never lets anybody through."""

from collections.abc import Callable, Iterable

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import Metric
from rest_framework.request import Request
from rest_framework.views import APIView

from prescriptions.api.authentication import BearerAuthentication
from prescriptions.api.negotiation import AnyMedia
from prescriptions.ops import scrape


class Metrics(APIView):
    authentication_classes = (BearerAuthentication,)
    content_negotiation_class = AnyMedia
    scopes = {"GET": "ops:read"}  # noqa: RUF012

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(
            scrape.text(*self.parts()), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
        )

    def parts(self) -> Iterable[Callable[[], Iterable[Metric]]]:
        """What is told besides the numbers that the processes of this machine counted."""
        return ()
