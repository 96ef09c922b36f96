"""What happened: as clients are told it, how far each of their receivers has been told, and how it adds up."""

from prescriptions.models.events.figures import Figure, FigureMark, Tally
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
    "Figure",
    "FigureMark",
    "Tally",
    "Webhook",
]
