"""What clients are told, and how far each of their receivers has been told it."""

from prescriptions.models.events.outbox import USUAL, WANTED, Event, EventHead, EventType
from prescriptions.models.events.webhooks import Delivery, DeliveryState, DisabledBecause, Webhook

__all__ = [
    "USUAL",
    "WANTED",
    "Delivery",
    "DeliveryState",
    "DisabledBecause",
    "Event",
    "EventHead",
    "EventType",
    "Webhook",
]
