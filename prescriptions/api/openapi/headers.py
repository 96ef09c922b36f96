"""Headers of answers: what each says, and which answers have it."""

from collections.abc import Mapping
from typing import Any, Final

_TEXT: Final = {"type": "string"}
_ADDRESS: Final = {"type": "string", "format": "uri-reference"}
_SECONDS: Final = {"type": "integer", "minimum": 0}

# Header: its schema, what it says.
HEADERS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "Accept-Ranges": (_TEXT, "`bytes`: parts of it can be asked for."),
    "Cache-Control": (_TEXT, "Who may keep the answer. Nearly all of them are about people: `no-store`."),
    "Content-Disposition": (_TEXT, "`attachment`, and what to call the file."),
    "Content-Range": (_TEXT, "Which part this is, or with 416 how long the file is."),
    "Deprecation": (_TEXT, "RFC 9745: since when callers should do otherwise."),
    "ETag": (_TEXT, "This state of it. Send it as If-None-Match, or as If-Match where something is changed."),
    "Idempotency-Replayed": (_TEXT, "`true`: it was done before, and this is the answer of that time."),
    "Location": (_ADDRESS, "Where it is."),
    "Preference-Applied": (_TEXT, "RFC 7240: what of `Prefer` was heeded."),
    "RateLimit": (_TEXT, "How much of your share is left, and after how many seconds it is worth asking again."),
    "RateLimit-Policy": (_TEXT, "What is limited, and how much of it is your share."),
    "Retry-After": (_SECONDS, "Seconds after which it is worth sending the same again."),
    "Server-Timing": (_TEXT, "How it was come by, and how many milliseconds that took."),
    "Tus-Resumable": (_TEXT, "The version of tus that is spoken."),
    "Upload-Expires": (_TEXT, "When a file in pieces is over. What nothing was made of until then is deleted."),
    "Upload-Length": (_SECONDS, "Bytes of the whole file."),
    "Upload-Offset": (_SECONDS, "How many of its bytes are kept."),
    "Vary": (_TEXT, "Headers of the request that would change the answer."),
    "WWW-Authenticate": (_TEXT, "How to prove who you are."),
    "X-Request-ID": (_TEXT, "Tell it to us when something is wrong: our logs have it."),
    "X-Variant": (_TEXT, "`hit`, `generated` or `coalesced`: it was there, was made for you, or for somebody else."),
}
_ALWAYS: Final = ("Cache-Control", "X-Request-ID")
_OF_STATUS: Final = {
    "401": ("WWW-Authenticate",),
    "409": ("Retry-After",),
    "413": ("RateLimit", "RateLimit-Policy", "Retry-After"),
    "416": ("Content-Range",),
    "429": ("RateLimit", "RateLimit-Policy", "Retry-After"),
    "503": ("RateLimit", "RateLimit-Policy", "Retry-After"),
}
_READ: Final = {"200": ("ETag", "Vary"), "304": ("ETag", "Vary")}
_FILE: Final = {
    "200": ("Accept-Ranges", "Content-Disposition", "ETag"),
    "206": ("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag"),
    "304": ("ETag",),
}
_REVIEW: Final = {"200": ("ETag", "Vary")}
_PIECES: Final = ("Tus-Resumable", "Upload-Expires", "Upload-Length", "Upload-Offset")
_SHARE: Final = ("RateLimit", "RateLimit-Policy")
_OF_OPERATION: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "orders_retrieve": _READ,
    "prescriptions_retrieve": _READ,
    "prescriptions_create": {"201": ("Location", "Preference-Applied", *_SHARE)},
    "uploads_create": {"201": ("Location", *_PIECES)},
    "uploads_retrieve": {"200": _PIECES},
    "uploads_append": {"204": _PIECES},
    "prescriptions_original": _FILE,
    "prescriptions_document": _FILE,
    "exports_create": {"200": ("Content-Disposition",)},
    "answer_create": {"201": ("Location",)},
    "orders_reuse": {"201": ("Location",)},
    "links_create": {"201": ("Location",)},
    "order_lines_update": {"200": ("Deprecation",)},
    "variants_retrieve": {
        "200": ("Preference-Applied", *_SHARE, "Server-Timing", "Vary", "X-Variant"),
        "202": ("Location", "Preference-Applied", *_SHARE, "Retry-After", "Vary"),
        "303": ("Location", "Preference-Applied", *_SHARE, "Server-Timing", "Vary", "X-Variant"),
    },
    "variants_warm": {"202": ("Preference-Applied", *_SHARE, "Retry-After")},
    "jobs_retrieve": {
        "200": ("Retry-After", "Server-Timing", "Vary", "X-Variant"),
        "303": ("Location", "Server-Timing", "Vary", "X-Variant"),
    },
    "decision_retrieve": _REVIEW,
    "decision_create": _REVIEW,
    "claim_create": _REVIEW,
    "reviews_next": _REVIEW,
    "catalogue_retrieve": {"200": ("Vary",)},
}
# Where these are listed, they are always sent.
_SURE: Final = ("Content-Range", "Location", "X-Request-ID")


def components() -> dict[str, Any]:
    return {
        name: {"description": text, "schema": dict(schema)} | ({"required": True} if name in _SURE else {})
        for name, (schema, text) in HEADERS.items()
    }


def of(operation: str, method: str, status: str) -> dict[str, Any]:
    """Headers of one answer, by reference."""
    names = {*_ALWAYS, *_OF_STATUS.get(status, ()), *_OF_OPERATION.get(operation, {}).get(status, ())}
    if method == "post" and status < "300":
        names.add("Idempotency-Replayed")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}
