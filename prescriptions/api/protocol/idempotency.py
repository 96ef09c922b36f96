"""Idempotency-Key on every POST of the API: sent again, it is answered again and not done again.

Views need not know of it. What they do is written in one transaction with the answer that is kept. One that talks to
others meanwhile says `in_one_transaction = False`, and must be harmless when it is done again after a death.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.permissions import client_of, owner_of, sees_all
from prescriptions.infra.keys import sealing
from prescriptions.infra.problems import Problem, conflict
from prescriptions.intake import once
from prescriptions.models import KEY_HELP
from prescriptions.review import replays
from transforms.keys import is_id

if TYPE_CHECKING:  # which imports this
    from prescriptions.api.base import ApiView

NAME: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}
PARAMETER: Final = OpenApiParameter(
    NAME,
    {"type": "string", "pattern": "^[!-~]{1,100}$"},
    OpenApiParameter.HEADER,
    description="Send it again with the same key if the answer was lost: for a day the same answer comes back, with "
    "`Idempotency-Replayed: true`, and nothing is done twice. 409 `in-flight` while the first is under way; 422 where "
    "the key was sent with something else. Refusals are not kept.",
)
# Of an answer's headers, those that say something of what was done.
_KEPT: Final = ("Cache-Control", "ETag", "Location", "Preference-Applied", "Vary")
Handler = Callable[..., HttpResponseBase]


def malformed() -> Problem:
    errors = [{"header": NAME, "detail": KEY_HELP}]
    return Problem(400, "invalid", "The request is not valid", KEY_HELP, errors=errors)


def keeping(view: "ApiView", handler: Handler) -> Handler:
    """The handler of a POST that has a key."""

    def handle(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        match = request._request.resolver_match
        scope = f"api:{match.view_name if match else ''}:{owner_of(request)}"
        begun = once.begin(scope, request.headers[NAME], *_fingerprints(request, view.said_in))
        if isinstance(begun, dict):
            return _again(begun, place=scope)
        try:
            with transaction.atomic() if view.in_one_transaction else nullcontext():
                answer = handler(request, *args, **kwargs)
                if isinstance(answer, Response) and answer.status_code < 400:
                    begun.settle(_kept(answer, view.shown_once, place=scope), rx=_about(request, answer, kwargs))
                    return answer
        except BaseException:
            begun.release()
            raise
        begun.release()  # a file: it is made again
        return answer

    return handle


def _fingerprints(request: Request, said_in: Sequence[str]) -> list[str]:
    """Over where it was sent, what it says and how much the sender sees; of files, over their bytes. Keyed, for a
    reference could be guessed.
    """
    data = request.data
    if isinstance(data, MultiValueDict):  # a form
        data = sorted((name, [_said(value) for value in values]) for name, values in data.lists())
    sent = [request.get_full_path(), sees_all(request), data, *(request.headers.get(name) for name in said_in)]
    return sealing.digests(json.dumps(sent, sort_keys=True, default=str).encode())


def _said(value: Any) -> str:
    if not isinstance(value, UploadedFile):
        return str(value)
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return digest.hexdigest()


def _kept(answer: Response, shown_once: frozenset[str], *, place: str) -> dict[str, Any]:
    """What is kept, sealed: it may quote a review, or be a link. Of what is shown once nothing is kept."""
    data = answer.data
    if isinstance(data, dict):
        data = {**data, **dict.fromkeys(shown_once & data.keys())}
    headers = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
    body = JSONRenderer().render(data)
    kept = {"status": answer.status_code, "headers": headers}
    if sealing.can_seal():
        return {**kept, "sealed": base64.b64encode(sealing.seal(body, place=place)).decode()}
    return {**kept, "body": body.decode()}


def _again(kept: dict[str, Any], *, place: str) -> Response:
    """Raises Problem 503 where the key that sealed it is gone."""
    try:
        sealed = base64.b64decode(kept.get("sealed", ""))
        body = sealing.unseal(sealed, place=place) if sealed else kept["body"].encode()
    except sealing.NotOurs:
        raise conflict() from None
    data = json.loads(body) if body else None
    return Response(data, status=kept["status"], headers={**kept["headers"], **REPLAYED})


def _about(request: Request, answer: Response, kwargs: dict[str, Any]) -> str:
    """The prescription that the answer is about, else the patient, else the order: with whose erasure it goes."""
    named = kwargs.get("rx") or (answer.data.get("id") if isinstance(answer.data, dict) else None)
    if isinstance(named, str) and is_id(named):
        return named
    for kind in ("patient_ref", "order_ref"):
        if isinstance(request.data, dict) and (reference := request.data.get(kind)):
            return replays.about(client_of(request), kind, str(reference))[0]
    return ""
