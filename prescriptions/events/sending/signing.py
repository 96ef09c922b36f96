"""Secrets of receivers, sealed where they lie, and the headers that prove who sends (Standard Webhooks 1.0)."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook as Signer

from prescriptions.infra.keys import sealing
from prescriptions.models import Webhook

_BYTES: Final = 32  # Standard Webhooks: 24 to 64
_USER_AGENT: Final = "prescription-variants-webhooks/1"


def new_secret() -> str:
    """As receivers keep it: `whsec_` and base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"


def seal(secret: str, webhook_id: str) -> bytes:
    """Raises KeyError without RX_AUDIT_KEYS."""
    return sealing.seal(secret.encode(), place=_place(webhook_id))


def headers(webhook: Webhook, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Signed with the secret, and with the one before it while that is good, too. Raises sealing.NotOurs."""
    return signed(_secrets(webhook, now), webhook.url, message_id, body, now)


def signed(keys: Sequence[str], url: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """What is sent with `body`: one signature for each secret."""
    moment = now.astimezone(UTC)
    signatures = [Signer(secret).sign(message_id, moment, body.decode()) for secret in keys]
    return {
        "host": _host(url),
        "content-type": "application/json",
        "user-agent": _USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _secrets(webhook: Webhook, now: datetime) -> list[str]:
    boxes = [webhook.secret]
    if webhook.old_secret and webhook.old_until and webhook.old_until > now:
        boxes.append(webhook.old_secret)
    return [sealing.unseal(bytes(box), place=_place(webhook.pk)).decode() for box in boxes]


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition("?")[0]


def _place(webhook_id: str) -> str:
    return f"webhook/{webhook_id}"
