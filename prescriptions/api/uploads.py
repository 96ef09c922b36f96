"""Files in pieces (tus 1.0), for callers with a token. What is whole is named when a prescription is uploaded, or
becomes one by itself.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from prescriptions.api.base import ApiView
from prescriptions.api.permissions import client_of, owner_of
from prescriptions.api.schema import problems as problems_of
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting
from prescriptions.intake.tus import protocol, uploads
from prescriptions.intake.tus.arrived import Arrived
from prescriptions.intake.tus.uploads import Sender
from prescriptions.models import Incoming, Prescription

# Of one client, at one time: 2 GB of what nothing was made of.
_MOST = 100


class IncomingSerializer(serializers.Serializer[Any]):
    """A file that comes in pieces. `offset` bytes of `length` are kept."""

    id = serializers.CharField()
    length = serializers.IntegerField()
    offset = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    prescription = serializers.CharField(allow_null=True, help_text="Address of what was made of it.")


class _Piece(BaseParser):
    """The body is read as it is; nothing looks at one that begins a file."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


def _header(name: str, text: str, schema: Any = str, *, needed: bool = False) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, required=needed, description=text)


_VERSION = _header("Tus-Resumable", "The version of tus.", {"type": "string", "enum": [protocol.VERSION]}, needed=True)
_LENGTH = {"type": "integer", "minimum": 1, "maximum": uploads.LARGEST}
_OFFSET = {"type": "integer", "minimum": 0, "maximum": uploads.LARGEST}
_METADATA = "`filename`; `prescription`, with `order_ref` and `patient_ref` if there are any."


def sender_of(request: Request) -> Sender:
    return Sender(owner_of(request), client_of(request), _MOST)


def prescribed(
    request: Request, ids: Sequence[str], *, idempotency_key: str, **references: str
) -> tuple[Prescription, bool]:
    """One prescription of whole files, as `accepting.accept_once` has it of files that came at once. Where that is
    refused they stay. Raises Problem 422 also where one of them cannot be used.
    """
    client = client_of(request)
    fingerprint = hashlib.sha256(json.dumps([list(ids), references], sort_keys=True).encode()).hexdigest()
    if earlier := accepting.earlier(client, idempotency_key, fingerprint):
        return earlier, True  # its files are no longer there
    rows = _whole(request, ids)
    try:
        return accepting.accept_once(
            [Arrived(row) for row in rows],
            client=client,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            taken=lambda rx: uploads.take(rows, rx),
            **references,
        )
    except Problem as problem:
        for error in problem.errors or ():
            error["pointer"] = str(error.get("pointer", "")).replace("/files", "/uploads")
        raise


def _whole(request: Request, ids: Sequence[str]) -> list[Incoming]:
    errors, found = [], []
    for at, pk in enumerate(ids):
        try:
            row = uploads.find(sender_of(request), pk)
        except Problem as problem:
            errors.append({"pointer": f"/uploads/{at}", "code": problem.code, "detail": problem.detail})
            continue
        if row.rx:
            errors.append({"pointer": f"/uploads/{at}", "code": "upload-used", "detail": "It was used."})
        elif not row.whole:
            detail = f"{row.offset} of {row.length} bytes have come."
            errors.append({"pointer": f"/uploads/{at}", "code": "upload-incomplete", "detail": detail})
        found.append(row)
    if errors:
        raise Problem(422, str(errors[0]["code"]), "A file cannot be used", errors[0]["detail"], errors=errors)
    return found


def finished(row: Incoming) -> Incoming:
    """The prescription that it alone shall become, if it is whole: made now. Whoever asks next does what one who died
    has left. Raises as `accepting.accept_once`; what intake refuses is over.
    """
    if not row.whole or row.wants is None or row.closed:
        return row
    try:
        accepting.accept_once([Arrived(row)], client=row.client, **row.wants, taken=lambda rx: uploads.take([row], rx))
    except Problem as problem:
        if problem.code != "upload-used":
            if problem.status in (400, 413, 415, 422):
                uploads.end(row)
            raise
    return Incoming.objects.get(pk=row.pk)


def _address(row: Incoming) -> str | None:
    return absolute(f"/api/v1/prescriptions/{row.rx}") if row.rx else None


def _body(row: Incoming) -> dict[str, Any]:
    known = {"id": row.pk, "length": row.length, "offset": row.offset, "expires_at": row.expires_at}
    return dict(IncomingSerializer({**known, "prescription": _address(row)}).data)


def _headers(row: Incoming) -> dict[str, str]:
    address = _address(row)
    return {**protocol.told(row), **({"Location": address} if address else {})}


class _Tus(ApiView):
    parser_classes = (_Piece,)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in protocol.SPOKEN.items():
            response.headers[name] = value
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().options(request, *args, **kwargs)
        for name, value in protocol.ABILITIES.items():
            response.headers[name] = value
        return response


class Uploads(_Tus):
    """`POST` begins a file that comes in pieces."""

    scopes = {"POST": "rx:write"}  # noqa: RUF012
    said_in = ("Upload-Length", "Upload-Metadata")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ahead of what was answered before: whoever does not speak tus is told nothing else."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            protocol.check_version(request._request)

    @extend_schema(
        operation_id="uploads_create",
        request=None,
        parameters=[
            _VERSION,
            _header("Upload-Length", "Bytes of the file.", _LENGTH, needed=True),
            _header("Upload-Metadata", _METADATA),
        ],
        responses={201: IncomingSerializer, **problems_of(400, 412, 413, 429)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Begin a file that comes in pieces (tus 1.0, Creation): send them to `Location` by `PATCH`.

        With the key `prescription` in `Upload-Metadata` it alone becomes a prescription as soon as it is whole.
        Otherwise name it in `POST /api/v1/prescriptions`.
        """
        row = protocol.begin(request._request, sender_of(request), prescribes=True)
        address = absolute(f"/api/v1/uploads/{row.pk}")
        return Response(_body(row), status=201, headers={**protocol.told(row), "Location": address})


class OneUpload(_Tus):
    """A file that comes in pieces: how far it is, the next piece, the end."""

    scopes = {"GET": "rx:write", "PATCH": "rx:write", "DELETE": "rx:write"}  # noqa: RUF012

    @extend_schema(
        operation_id="uploads_retrieve",
        responses={200: IncomingSerializer, **problems_of(404, 409, 410, 413, 415, 422)},
    )
    def get(self, request: Request, incoming: str) -> Response:
        """How much of it is kept, and what was made of it. `HEAD` with `Tus-Resumable`, as tus clients ask, says the
        same in headers.
        """
        if request.method == "HEAD":
            protocol.check_version(request._request)
        row = finished(uploads.find(sender_of(request), incoming))
        return Response(_body(row), headers=_headers(row))

    @extend_schema(
        operation_id="uploads_append",
        request={protocol.MEDIA_TYPE: OpenApiTypes.BINARY},
        parameters=[
            _VERSION,
            _header("Upload-Offset", "Where the piece begins.", _OFFSET, needed=True),
            _header("Upload-Checksum", "`sha1` or `sha256`, a space, and the piece's digest in Base64."),
        ],
        responses={204: None, **problems_of(400, 404, 409, 410, 412, 413, 415, 422, 423, 460)},
    )
    def patch(self, request: Request, incoming: str) -> Response:
        """The next piece. With the last one of a file that shall become a prescription, `Location` says where that is.

        409: it does not begin where the kept bytes end, which `Upload-Offset` says. 423: another piece is being kept at
        this moment. 460: the piece is not what its checksum says; nothing of it is kept.
        """
        row = protocol.append(request._request, uploads.find(sender_of(request), incoming))
        return Response(status=204, headers=_headers(finished(row)))

    @extend_schema(
        operation_id="uploads_end",
        parameters=[_VERSION],
        responses={204: None, **problems_of(404, 410, 412)},
    )
    def delete(self, request: Request, incoming: str) -> Response:
        """Give it up: nothing of it stays. Of one that was used, what was made of it does."""
        protocol.check_version(request._request)
        uploads.end(uploads.find(sender_of(request), incoming))
        return Response(status=204)
