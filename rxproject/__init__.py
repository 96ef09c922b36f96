"""The deployable project: settings, URLs, the Celery app and the one-machine stack. No business logic lives here."""

from rxproject.celery import app as celery_app

__all__ = ["celery_app"]
