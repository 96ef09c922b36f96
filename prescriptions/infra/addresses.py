"""Absolute addresses, from the configuration alone: a Host that a caller made up is never said back."""

from django.conf import settings


def absolute(path: str) -> str:
    """A path, as the address that people and programs outside use (RX_BASE_URL)."""
    return f"{settings.BASE_URL}{path}"
