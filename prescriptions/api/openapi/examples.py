"""Examples of the document: one order on its way from the shop to the decision. They hold by their schemas."""

from typing import Any, Final

from prescriptions.infra.problems import TYPE_PREFIX

# One each, of what is in a path or a query.
PARAMETERS: Final = {
    "rx": "0b51c7a2f9e84d6db3aa52c1f0e97d34",
    "order_ref": "A-1001",
    "patient_ref": "P-2002",
    "number": "1",
    "spec": "preview",
    "job": "7d3c9a5e1b2f4860a1d4e8f7c6b59302",
    "lent": "5ad08c7e91b3",
    "link": "8c1f6b0a27d943e5",
    "webhook": "2f9c41d07be65a83",
    "If-None-Match": '"5d41402abc4b2a76b9719d911017c592"',
    "Idempotency-Key": "6f1c2a9e-order-A-1001",
    "Prefer": "return=minimal",
    "Range": "bytes=0-1023",
    "created_after": "2026-11-01T00:00:00Z",
    "updated_after": "2026-11-30T09:00:00Z",
}
# By operation, as JSON.
REQUESTS: Final[dict[str, Any]] = {
    "orders_update": {
        "lines": [{"line": 1, "name": "Amoxicillin 500 mg", "quantity_ordered": 21, "schedule": "H"}],
        "patient_ref": "P-2002",
        "language": "en",
        "promised_by": "2026-12-01T18:00:00+05:30",
    },
    "order_links_create": {"order_ref": "A-1001", "patient_ref": "P-2002", "expires_in": 86400, "scope": "order"},
    "orders_reuse": {"reuse": "0b51c7a2f9e84d6db3aa52c1f0e97d34"},
    "answer_create": {"text": "Twice a day, after food."},
    "sheets_set": {"corners": [[212.4, 305.0], [2840.1, 331.7], [2795.0, 3920.3], [190.8, 3877.5]]},
    "variants_warm": {"variants": ["thumb", "preview", "full/max/0/default.jpg"], "pages": [1]},
    "links_create": {"scope": "f", "expires_in": 3600, "pages": [1]},
    "webhooks_create": {"url": "https://shop.example.org/rx-events", "types": ["prescription.approved"]},
    "webhooks_replay": {"after": 1795943702114},
    "hold_set": {"reason": "litigation", "reference": "F-17"},
    "erasures_create": {"patient_ref": "P-2002"},
    "exports_create": {"patient_ref": "P-2002"},
}
# By operation and status, as JSON. `{server}` is where the document is served.
RESPONSES: Final[dict[tuple[str, str], Any]] = {
    ("order_links_create", "201"): {
        "id": "8c1f6b0a27d943e5",
        "scope": "order",
        "order_ref": "A-1001",
        "url": "{server}/orders/A-1001/8c1f6b0a27d943e5/",
        "upload_url": "{server}/orders/A-1001/8c1f6b0a27d943e5/upload",
        "expires_at": "2026-12-01T09:15:00Z",
    },
    ("variants_retrieve", "200"): {
        "url": "{server}/iiif/3/k1.tq3x0g.f.Zk2mBq0cV7yLw5sP1rJd9Q/"
        "0b51c7a2f9e84d6db3aa52c1f0e97d34_1/full/!1000,1400/0/default.webp",
        "expires_at": "2026-11-30T21:15:00Z",
        "width": 990,
        "height": 1400,
        "bytes": 84711,
        "media_type": "image/webp",
        "etag": '"9b2cf535f27731c974343645a3985328"',
        "how": "generated",
    },
    ("variants_retrieve", "202"): {
        "id": "7d3c9a5e1b2f4860a1d4e8f7c6b59302",
        "status": "queued",
        "page": "0b51c7a2f9e84d6db3aa52c1f0e97d34_1",
        "stored": "full/!1000,1400/0/default.webp",
        "attempts": 0,
        "created_at": "2026-11-30T09:15:02Z",
    },
    ("variants_warm", "202"): {
        "ready": 1,
        "under_way": 1,
        "refused": 0,
        "variants": [
            {"page": 1, "variant": "thumb", "status": "ready"},
            {
                "page": 1,
                "variant": "preview",
                "status": "under-way",
                "job": "{server}/api/v1/jobs/7d3c9a5e1b2f4860a1d4e8f7c6b59302",
            },
        ],
    },
}
_TITLES: Final = {
    "400": ("invalid", "The request is not valid"),
    "401": ("not-authenticated", "Not authenticated"),
    "403": ("permission-denied", "Not allowed"),
    "404": ("not-found", "Not found"),
    "409": ("in-flight", "The same request is under way"),
    "410": ("erased", "It was erased"),
    "429": ("too-much-at-once", "Too much at once"),
    "503": ("not-ready", "It is not ready yet"),
}


def problem(status: str) -> dict[str, Any] | None:
    """What a refusal looks like."""
    if status not in _TITLES:
        return None
    code, title = _TITLES[status]
    return {
        "type": TYPE_PREFIX + code,
        "title": title,
        "status": int(status),
        "detail": title + ".",
        "request_id": "c56a41b2d3e04f7a9b8c1d2e3f405162",
    }


def at(server: str, value: Any) -> Any:
    """The example with the addresses of this server."""
    if isinstance(value, dict):
        return {name: at(server, part) for name, part in value.items()}
    if isinstance(value, list):
        return [at(server, part) for part in value]
    return value.replace("{server}", server) if isinstance(value, str) else value
