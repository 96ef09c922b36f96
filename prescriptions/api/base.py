"""What every operation of the API has in common: only parameters that are documented are taken, each of them once."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.openapi import AutoSchema
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from prescriptions.api.protocol import idempotency
from prescriptions.api.strict import Strict
from prescriptions.infra.problems import Problem
from prescriptions.review.payload import DecisionSerializer, LineVerdictSerializer

# So much of a made-up name is said back.
_SHOWN = 60
_NAMED = 10


class ApiView(APIView):
    """Base of all views under /api/v1.

    `queries` names for each method the serializer that says which query parameters it takes; the OpenAPI document is
    made from the same one. What was sent is in `self.query`, checked. HEAD takes what GET does. OPTIONS, which
    browsers send ahead of any method with the same address, takes what any of them does.
    """

    # A POST with an Idempotency-Key (protocol/idempotency.py): is what it does written in one transaction with the
    # answer that is kept; what of that answer is shown once; does the view see to it all by itself?
    in_one_transaction: ClassVar[bool] = True
    shown_once: ClassVar[frozenset[str]] = frozenset({"secret"})
    settles_itself: ClassVar[bool] = False
    said_in: ClassVar[tuple[str, ...]] = ()  # headers that say what is sent, besides the body
    queries: ClassVar[dict[str, type[Serializer[Any]]]] = {}
    query: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = str(request.method)
        if method in self.allowed_methods:
            self.query = _checked(request, self._taken(method))
        if request.headers.get(idempotency.NAME) == "":  # of something that forgot to make one
            raise idempotency.malformed()
        if method == "POST" and request.headers.get(idempotency.NAME) and not self.settles_itself:
            handler = self.post  # type: ignore[attr-defined]
            self.__dict__["post"] = idempotency.keeping(self, handler)  # DRF looks for it after this

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What has no ETag of its own to ask with is kept by nobody: nearly all of it is about people."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Which methods there are is in Allow, as on every answer; how they are used is in the OpenAPI document."""
        return HttpResponse(status=204, headers={"Cache-Control": "no-store"})  # DRF's own is rendered, empty or not

    def _taken(self, method: str) -> list[Serializer[Any]]:
        if method == "OPTIONS":
            return [serializer() for serializer in self.queries.values()]
        serializer = self.queries.get("GET" if method == "HEAD" else method)
        return [serializer()] if serializer else []


class Operation(AutoSchema):
    """An operation in the OpenAPI document, with the query parameters that its view takes."""

    def get_override_parameters(self) -> list[Any]:
        serializer = getattr(self.view, "queries", {}).get(self.method)
        keys = [idempotency.PARAMETER] if self.method == "POST" else []
        return [*keys, serializer] if serializer else keys

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, (Strict, DecisionSerializer, LineVerdictSerializer)):
            schema["additionalProperties"] = False
        return schema

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        """With what an Idempotency-Key may be answered with, wherever one can be sent."""
        operation: dict[str, Any] | None = super().get_operation(*args)
        if operation and self.method == "POST":
            answers = operation["responses"]
            operation["responses"] = dict(sorted({"409": answers["403"], "422": answers["403"], **answers}.items()))
        return operation


def _checked(request: Request, taken: list[Serializer[Any]]) -> dict[str, Any]:
    """The values of the query. Raises Problem 400 `unknown-parameter`, `invalid`."""
    given = request.query_params
    known = sorted({str(name) for serializer in taken for name in serializer.get_fields()})
    unknown = [name for name in given if name not in known]
    if unknown:
        detail = f"Known here: {', '.join(known)}." if known else "This operation takes no parameters."
        errors = [{"parameter": name[:_SHOWN], "detail": "Not known."} for name in unknown[:_NAMED]]
        raise Problem(400, "unknown-parameter", "There is no such parameter", detail, errors=errors)
    errors = [{"parameter": name, "detail": "Send it once."} for name, values in given.lists() if len(values) > 1]
    values: dict[str, Any] = {}
    for serializer in taken if not errors else ():
        serializer.initial_data = given.dict()
        if serializer.is_valid():
            values |= serializer.validated_data
        else:
            errors += [{"parameter": name, "detail": str(texts[0])} for name, texts in serializer.errors.items()]
    if errors:
        raise Problem(400, "invalid", "The request is not valid", "Some parameters are wrong.", errors=errors)
    return values
