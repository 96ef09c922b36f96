"""Webhooks as Standard Webhooks has them."""

from collections.abc import Mapping
from typing import cast

from standardwebhooks import Webhook, WebhookVerificationError

from rxclient.answers import Event

__all__ = ["WebhookVerificationError", "verify"]


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> Event:
    """The event, if whoever sent it knows the secret. `body`: as it came, before anything has parsed it.

    Raises WebhookVerificationError: answer 401.
    """
    names = {name.lower(): value for name, value in headers.items()}
    return cast("Event", Webhook(secret).verify(body, names))
