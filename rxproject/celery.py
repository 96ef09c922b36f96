"""The Celery app.

Messages are hints: the rows in the database say what has to be made (see prescriptions/variants/sweep.py).
"""

import os
import sys
from logging.config import dictConfig

from celery import Celery
from celery.signals import setup_logging, task_prerun, worker_init, worker_process_init, worker_ready
from django.conf import settings
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")

app = Celery("rxproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Celery would close the database after each task, and opening it costs more than a task's queries: as in web processes,
# CONN_MAX_AGE decides. (A name of Celery's own, which no prefix is taken from.)
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """Celery would install handlers of its own; the project's JSON lines must stay the only format."""
    dictConfig(settings.LOGGING)


@worker_init.connect
def refuse_wrong_settings(**_: object) -> None:
    """Celery runs Django's checks and does not look at what they find."""
    # Lazy: this module is loaded with the package, before there are settings and models.
    from prescriptions.ops import checks

    checks.refuse_wrong_settings()


@task_prerun.connect
def drop_old_connections(**_: object) -> None:
    """One that broke or grew old is opened anew before the task, not found out by it."""
    close_old_connections()


@worker_process_init.connect
def warm_renderer(**_: object) -> None:
    """The first customer must not pay for the renderer's start."""
    # Lazy: as above.
    from prescriptions.infra import metrics

    # Lazy: whoever only sends tasks needs no decoders.
    from transforms import sandbox

    if settings.RX_ROLE == "worker":
        sandbox.default().warm()
        metrics.renderer(sandbox.default().capabilities().as_dict())


@worker_ready.connect
def report(**_: object) -> None:
    """Only a worker that renders counts as one (/readyz); the one that sweeps does not."""
    # Lazy: as above.
    from prescriptions.infra import redis_client

    if settings.RX_ROLE == "worker":
        redis_client.keep_beating()
