"""Where one can go on from an answer: OpenAPI's links, for programs that follow them."""

from collections.abc import Mapping
from typing import Any, Final

_RX: Final = {"rx": "$response.body#/id"}
_SAME_RX: Final = {"rx": "$request.path.rx"}
_SAME_ORDER: Final = {"order_ref": "$request.path.order_ref"}
_LENT: Final = {**_SAME_RX, "lent": "$response.body#/id"}
_WEBHOOK: Final = {"webhook": "$response.body#/id"}
_SAME_WEBHOOK: Final = {"webhook": "$request.path.webhook"}

_OF_A_PRESCRIPTION: Final = (
    "prescriptions_retrieve", "prescriptions_original", "prescriptions_document", "prescriptions_erase",
    "answer_create", "withdraw_create", "variants_warm", "links_list", "links_create", "order_lines_list",
    "decision_retrieve", "claim_create", "retention_retrieve", "hold_set",
)  # fmt: skip

# Operation and status: the operations that go on from it, and what their parameters are.
_LINKS: Final[Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]]] = {
    ("prescriptions_create", "201"): dict.fromkeys(_OF_A_PRESCRIPTION, _RX)
    | {"variants_retrieve": {**_RX, "number": "$response.body#/pages/0/number"}},
    ("prescriptions_list", "200"): {"prescriptions_retrieve": {"rx": "$response.body#/results/0/id"}},
    ("prescriptions_erase", "204"): {"erasure_proof": _SAME_RX},
    ("prescriptions_erase", "202"): {"erasure_proof": _SAME_RX, "erasure_drop": _SAME_RX},
    ("orders_update", "201"): {"orders_retrieve": _SAME_ORDER, "orders_reuse": _SAME_ORDER},
    ("orders_update", "200"): {"orders_retrieve": _SAME_ORDER, "orders_reuse": _SAME_ORDER},
    ("order_links_create", "201"): {"order_links_revoke": {"link": "$response.body#/id"}},
    ("variants_retrieve", "202"): {"jobs_retrieve": {"job": "$response.body#/id"}},
    ("links_create", "201"): dict.fromkeys(("links_retrieve", "links_revoke"), _LENT),
    ("hold_set", "200"): {"retention_retrieve": _SAME_RX, "hold_lift": _SAME_RX},
    ("claim_create", "200"): {"decision_create": _SAME_RX, "claim_delete": _SAME_RX},
    ("reviews_next", "200"): {"decision_create": _RX, "claim_delete": _RX},
    ("events_list", "200"): {"events_list": {"after": "$response.body#/next"}},
    ("webhooks_create", "201"): dict.fromkeys(
        ("webhooks_read", "webhooks_test", "webhooks_deliveries", "webhooks_rotate", "webhooks_replay"), _WEBHOOK
    ),
    ("webhooks_test", "202"): {"webhooks_deliveries": _SAME_WEBHOOK, "webhooks_delete": _SAME_WEBHOOK},
}


def of(operation: str, status: str) -> dict[str, Any]:
    found = _LINKS.get((operation, status), {})
    return {name: {"operationId": name, "parameters": dict(parameters)} for name, parameters in found.items()}
