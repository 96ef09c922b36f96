"""The OpenAPI document: what every operation may answer, how callers prove who they are, and where it is served."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.serializers import ProblemSerializer
from prescriptions.infra.problems import MEDIA_TYPE

_ALWAYS = (400, 401, 403, 503)


def problems(*statuses: int) -> dict[tuple[int, str], type[ProblemSerializer]]:
    """Error answers of an operation for `extend_schema(responses=...)`, with those that every operation can give."""
    return {(status, MEDIA_TYPE): ProblemSerializer for status in sorted({*_ALWAYS, *statuses})}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document describes `Authorization: Bearer rxk_...`."""

    target_class = "prescriptions.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "rxk_<id>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document describes the session of a member of staff, whose browser asks from the review page."""

    target_class = "prescriptions.api.authentication.StaffSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class PlainJson(OpenApiJsonRenderer):
    """For those who ask for JSON, and have not heard of its own media type."""

    media_type = "application/json"
    format = "plain-json"


class Schema(ApiView):
    """The document itself, for everybody.

    drf-spectacular's own view also takes `?version=`, for a header, and `?lang=`, for a cache that only grows.
    """

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (OpenApiYamlRenderer, OpenApiJsonRenderer, PlainJson)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(SchemaGenerator().get_schema(request=request, public=True))  # type: ignore[no-untyped-call]


class DocsQuery(serializers.Serializer[Any]):
    script = serializers.CharField(required=False, allow_blank=True, help_text="The page's script instead of the page.")


class Docs(ApiView, SpectacularSwaggerSplitView):
    """The document as a page for people, who can try it out there."""

    url_name = "schema"
    template_name = "prescriptions/api_docs.html"
    title = "API: prescription variants on demand"
    queries = {"GET": DocsQuery}  # noqa: RUF012
