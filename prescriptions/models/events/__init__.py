"""What clients are told, and how far each of their receivers has been told it."""

from prescriptions.models.events.outbox import Event, EventHead, EventType

__all__ = ["Event", "EventHead", "EventType"]
