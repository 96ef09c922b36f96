"""Client of the API of prescription variants. See README.md."""

from rxclient.answers import (
    Document,
    Event,
    EventPage,
    Job,
    Line,
    Order,
    OrderLink,
    Page,
    Prescription,
    Problem,
    Variant,
    Webhook,
)
from rxclient.client import AsyncClient, Client
from rxclient.cursors import Cursor, FileCursor
from rxclient.errors import ApiError, Late
from rxclient.retries import Retries
from rxclient.webhooks import verify

__all__ = [
    "ApiError", "AsyncClient", "Client", "Cursor", "Document", "Event", "EventPage", "FileCursor", "Job", "Late",
    "Line", "Order", "OrderLink", "Page", "Prescription", "Problem", "Retries", "Variant", "Webhook", "verify",
]  # fmt: skip
