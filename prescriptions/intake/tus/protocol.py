"""tus 1.0 as headers: what a request says, and what it is told. https://tus.io/protocols/resumable-upload"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest
from django.utils.http import http_date

from prescriptions.infra.problems import Problem
from prescriptions.intake import accepting
from prescriptions.intake.tus import uploads
from prescriptions.intake.tus.uploads import Sender
from prescriptions.models import REFERENCE, REFERENCE_HELP, Incoming

VERSION: Final = "1.0.0"
MEDIA_TYPE: Final = "application/offset+octet-stream"
SPOKEN: Final = {"Tus-Resumable": VERSION}
# Of the algorithms, SHA-1 must be there (§ Checksum).
_ALGORITHMS: Final = ("sha1", "sha256")
ABILITIES: Final = {
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,termination,checksum,expiration",
    "Tus-Max-Size": str(uploads.LARGEST),
    "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS),
}
_WHOLE: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})\Z", re.ASCII)
_KEY: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]+\Z")  # printable ASCII but space and comma
_REFERENCES: Final = ("order_ref", "patient_ref")


def check_version(request: HttpRequest) -> None:
    """Raises Problem 412."""
    if request.headers.get("Tus-Resumable") != VERSION:
        detail = f"Send Tus-Resumable: {VERSION}."
        raise Problem(412, "tus-version", "Another version of tus", detail, headers={"Tus-Version": VERSION})


def begin(request: HttpRequest, sender: Sender, *, prescribes: bool) -> Incoming:
    """Creation. `prescribes`: may a file become a prescription by itself? Raises Problem 400, 412, 413, 429."""
    check_version(request)
    if "Upload-Defer-Length" in request.headers:
        raise _invalid("Upload-Defer-Length", "Say how long the file is: Upload-Length.")
    length = _number(request, "Upload-Length")
    if length == 0:
        raise _invalid("Upload-Length", "The file is empty.")
    metadata = _metadata(request)
    name = metadata.get("filename") or metadata.get("name") or ""
    wants = _wants(metadata) if prescribes else None
    return uploads.begin(sender, length=length, name=accepting.display_name(name), wants=wants)


def append(request: HttpRequest, row: Incoming) -> Incoming:
    """PATCH. Raises Problem 400, 409, 410, 412, 413, 415, 422, 423, 460; what was kept before stays."""
    check_version(request)
    if request.content_type != MEDIA_TYPE:
        raise Problem(415, "unsupported-media-type", "Not a piece of a file", f"Send Content-Type: {MEDIA_TYPE}.")
    offset, checksum = _number(request, "Upload-Offset"), _checksum(request)
    announced = int(request.META.get("CONTENT_LENGTH") or 0)
    uploads.check_fits(row, offset, announced)
    with accepting.room():
        data = request.read(announced) if announced else b""
        if checksum and not hmac.compare_digest(hashlib.new(checksum.algorithm, data).digest(), checksum.digest):
            raise Problem(
                460, "checksum-mismatch", "Checksum mismatch", "The piece is not what was sent. Send it again."
            )
        return uploads.append(row, offset, data)


def told(row: Incoming) -> dict[str, str]:
    """What every answer says about it."""
    return {
        "Upload-Offset": str(row.offset),
        "Upload-Length": str(row.length),
        "Upload-Expires": http_date(row.expires_at.timestamp()),
        "Cache-Control": "no-store",
    }


@dataclass(frozen=True, slots=True)
class _Checksum:
    algorithm: str
    digest: bytes


def _checksum(request: HttpRequest) -> _Checksum | None:
    given = request.headers.get("Upload-Checksum")
    if given is None:
        return None
    algorithm, _, text = given.partition(" ")
    if algorithm not in _ALGORITHMS:
        raise _invalid("Upload-Checksum", f"Known are {', '.join(_ALGORITHMS)}.")
    digest = _decoded(text, header="Upload-Checksum")
    if len(digest) != hashlib.new(algorithm).digest_size:
        raise _invalid("Upload-Checksum", f"Not as long as {algorithm} makes it.")
    return _Checksum(algorithm, digest)


def _metadata(request: HttpRequest) -> dict[str, str]:
    """Of Upload-Metadata, as text. What nobody here knows is not looked at: clients send whatever they have."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip(" ") for part in request.headers.get("Upload-Metadata", "").split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.match(key) or key in found:
            raise _invalid("Upload-Metadata", "Keys are printable ASCII without spaces and commas, each of them once.")
        found[key] = _decoded(value, header="Upload-Metadata").decode(errors="replace")
    return found


def _wants(metadata: dict[str, str]) -> dict[str, str] | None:
    given = {name: metadata[name] for name in _REFERENCES if metadata.get(name)}
    for name, value in given.items():
        if not REFERENCE.match(value):
            raise _invalid("Upload-Metadata", f"{name}: {REFERENCE_HELP}")
    if "prescription" in metadata:
        return given
    if given:
        raise _invalid("Upload-Metadata", f"{', '.join(given)}: only with the key `prescription`.")
    return None


def _decoded(text: str, *, header: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(header, "A value is not Base64.") from None


def _number(request: HttpRequest, header: str) -> int:
    given = request.headers.get(header, "")
    if not _WHOLE.match(given):
        raise _invalid(header, "A whole number of bytes, in digits.")
    return int(given)


def _invalid(header: str, detail: str) -> Problem:
    return Problem(400, "invalid", "The request is not valid", detail, errors=[{"header": header, "detail": detail}])
