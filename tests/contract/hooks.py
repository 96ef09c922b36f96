"""What schemathesis is told in its own process (SCHEMATHESIS_HOOKS): which rows are there, files that are files, and
what JSON Schema has no words for. What is taken out here has tests of its own.
"""

import json
import os
from base64 import b64decode
from pathlib import Path
from string import ascii_letters
from typing import Any

import schemathesis
from hypothesis import strategies as st

SEEDS = json.loads(Path(os.environ["RX_CONTRACT_SEEDS"]).read_text())
_ERASES = ("prescriptions_erase", "webhooks_delete", "links_revoke", "order_links_revoke", "uploads_end")
_ANY_ORDER = ("orders_update", "orders_retrieve")
# `return=minimal` has no body, which OpenAPI cannot say, and a wish that makes no sense is no error. A cursor is ours.
_LEFT_OUT = ("Prefer", "cursor", "Upload-Metadata", "Upload-Checksum")
_WORD = {"type": "string", "format": "rx-word", "minLength": 1, "maxLength": 120}
_ONES = {"type": "array", "items": {"const": 1}, "minItems": 1}
_MOMENT = {"type": "string", "pattern": "^20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:00Z$"}
_FIELDS = {
    "OrderedLineRequest": {"name": _WORD, "line": None},  # a name is seen; numbers: each once, all or none
    "DecisionRequest": {"pages_seen": _ONES, "confirmed_lines": _ONES},
    "LineVerdictRequest": {"quantity_allowed": None},  # for what is reduced alone
    "NewWebhookRequest": {"url": {"type": "string", "enum": ["https://other.invalid/rx"]}},
    "LinkRequestRequest": {"pages": _ONES},
    "WarmRequestRequest": {
        "pages": _ONES,
        "variants": {"type": "array", "items": {"enum": SEEDS["paths"]["spec"]}, "minItems": 1, "maxItems": 9},
    },
    "OrderRequestRequest": {"return_url": {"const": ""}, "promised_by": None},
    "ReplayRequestRequest": {"until": None},  # more than `after`
}


@schemathesis.hook
def before_load_schema(_context: Any, schema: dict[str, Any]) -> None:
    """Of a parameter of a path those values are right that name something."""
    for item in schema["paths"].values():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            parameters[:] = [one for one in parameters if one["name"] not in _LEFT_OUT]
            values = SEEDS["paths"] | (SEEDS["doomed"] if operation["operationId"] in _ERASES else {})
            if operation["operationId"] == "links_revoke":
                values = {**values, "rx": SEEDS["paths"]["rx"][:1]}
            for parameter in parameters:
                known = values.get(parameter["name"])
                # Any order may be written, and read from then on.
                if known and parameter["in"] == "path" and operation["operationId"] not in _ANY_ORDER:
                    parameter["schema"] = {"type": "string", "enum": known}
                    parameter.pop("example", None)
                elif parameter["schema"].get("format") == "date-time":  # of this century
                    parameter["schema"] = _MOMENT
                elif parameter["name"] == "types":  # each once
                    parameter["schema"] = {"enum": ["prescription.received", "variant.ready,webhook.test"]}
    for name, component in schema["components"]["schemas"].items():
        if name.endswith("Request"):
            _narrow(name, component.get("properties", {}))


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """A header that nobody knows is let be (RFC 9110 §5.1), and makes no request wrong."""
    return "x-schemathesis-unknown-property" not in (case.headers or {})


def _narrow(name: str, properties: dict[str, Any]) -> None:
    values = SEEDS["doomed"] if name == "ErasuresRequest" else {**SEEDS["paths"], "reuse": SEEDS["paths"]["rx"]}
    for field in ("order_ref", "patient_ref", "reuse"):
        if field in properties and field in values and name != "OrderRequestRequest":
            properties[field] = {"type": "string", "enum": values[field]}
    for field, narrow in _FIELDS.get(name, {}).items():
        properties.pop(field, None)
        if narrow:
            properties[field] = narrow


schemathesis.openapi.format("binary", st.sampled_from([b64decode(content) for content in SEEDS["files"]]))
schemathesis.openapi.format("rx-word", st.text(ascii_letters, min_size=1, max_size=20))
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
