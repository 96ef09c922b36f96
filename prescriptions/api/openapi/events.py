"""The document's `webhooks`: what is sent to receivers, one request for each type of event (Standard Webhooks 1.0)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prescriptions.models import EventType, ReviewStatus

_REVIEWED: Final = ("prescription", "url", "order_ref", "status", "version")
_VARIANT: Final = ("prescription", "url", "order_ref", "page", "variant", "job")
# What `data` has for sure. The rest of its fields may be there where `About` says so.
_SURE: Final = {
    EventType.RECEIVED: (*_REVIEWED, "pages"),
    EventType.LINES_CHANGED: ("prescription", "url", "order_ref", "lines"),
    EventType.VARIANT_READY: _VARIANT,
    EventType.VARIANT_FAILED: (*_VARIANT, "error"),
    EventType.TEST: ("order_ref", "webhook"),
}
_RX: Final = "0b51c7a2f9e84d6db3aa52c1f0e97d34"
_SAMPLES: Final = {
    "prescription": _RX,
    "order_ref": "A-1001",
    "version": 3,
    "pages": 2,
    "lines": 2,
    "page": 1,
    "variant": "full/!150,200/0/default.webp",
    "job": "7d3c9a5e1b2f4860a1d4e8f7c6b59302",
    "error": "result-too-large",
    "webhook": "2f9c41d07be65a83",
}
_STATUSES: Final = {
    EventType.RECEIVED: ReviewStatus.QUEUED,
    EventType.IN_REVIEW: ReviewStatus.IN_REVIEW,
    EventType.QUESTION: ReviewStatus.CLARIFICATION,
    EventType.ANSWERED: ReviewStatus.QUEUED,
    EventType.REOPENED: ReviewStatus.IN_REVIEW,
}
_HEADERS: Final = (
    ("webhook-id", {"type": "string"}, "The event's id: the same however often it is sent."),
    ("webhook-timestamp", {"type": "string", "pattern": "^[0-9]+$"}, "Seconds since 1970 at which this try was sent."),
    (
        "webhook-signature",
        {"type": "string", "pattern": "^v1,"},
        "`v1,` and an HMAC-SHA256 in base64; two of them while an old secret counts. Verify it by a library.",
    ),
)


def webhooks(server: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """`about`: the schemas of the fields of `data`."""
    return {kind.value: {"post": _operation(kind, server, about)} for kind in EventType}


def _operation(kind: EventType, server: str, about: Mapping[str, Any]) -> dict[str, Any]:
    sure = _SURE.get(kind, _REVIEWED)
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Event"},
            {
                "type": "object",
                "properties": {
                    "type": {"const": kind.value},
                    "data": {
                        "type": "object",
                        "required": list(sure),
                        "properties": {name: about[name] for name in sure},
                    },
                },
            },
        ]
    }
    content = {"schema": schema, "example": example(kind, server)}
    return {
        "operationId": f"on_{kind.replace('.', '_')}",
        "summary": f"Event: {str(kind.label).lower()}",
        "description": "Sent to every webhook of the client that wants it, at least once, in the order of each "
        "prescription. Answer within ten seconds; any 2xx is a yes, and what else is in the answer is not read.",
        "tags": ["Events"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": schema, "description": text}
            for name, schema, text in _HEADERS
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "You have it."},
            "410": {"description": "You want no more: the webhook is switched off."},
            "default": {"description": "Anything else is a no, redirects too. It is sent again, for up to three days."},
        },
    }


def example(kind: EventType, server: str) -> dict[str, Any]:
    """An event as it is told."""
    data = dict(_data(kind, server))
    return {
        "id": "evt_5f0c83d1a7b94e26c1f2d3a4b5e69708",
        "type": kind.value,
        "timestamp": "2026-11-30T09:15:02.113Z",
        "position": 1795943702114,
        "data": data,
    }


def _data(kind: EventType, server: str) -> Iterator[tuple[str, Any]]:
    for name in _SURE.get(kind, _REVIEWED):
        if name == "status":
            yield name, str(_STATUSES.get(kind, kind.rpartition(".")[2]))
        elif name == "url":
            of_variant = f"/pages/1/variants/{_SAMPLES['variant']}" if kind.startswith("variant.") else ""
            yield name, f"{server}/api/v1/prescriptions/{_RX}{of_variant}"
        else:
            yield name, _SAMPLES[name] if kind is not EventType.TEST or name != "order_ref" else None
