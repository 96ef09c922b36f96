"""The deployable project: settings, URLs, the Celery app. `local`, the stack of one machine, is not deployed."""

from rxproject.celery import app as celery_app

__all__ = ["celery_app"]
