"""The Celery app.

Messages are hints: the rows in the database say what has to be made (see prescriptions/variants/sweep.py). Tasks run in
threads of one process, because pixels are only made in renderers of their own: docs/explanation/workers.md.
"""

import os
import sys
from functools import partial
from logging.config import dictConfig
from typing import Any

from celery import Celery, bootsteps
from celery.beat import EmbeddedService, PersistentScheduler
from celery.signals import (
    celeryd_after_setup,
    setup_logging,
    task_postrun,
    task_prerun,
    task_received,
    task_revoked,
    worker_init,
    worker_ready,
    worker_shutting_down,
)
from django.conf import settings
from django.db import close_old_connections
from kombu.asynchronous import get_event_loop

from rxproject.watch import Watch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rxproject.settings")

app = Celery("rxproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Celery would close the database after each task, and opening it costs more than a task's queries: as in web processes,
# CONN_MAX_AGE decides. (A name of Celery's own, which no prefix is taken from.)
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize

watch = Watch()
# Whoever serves what has been made goes first. On an idle machine it changes nothing; on a full one, beside forty
# renders of 64 MP, the p95 of tiles was 94 and 52 ms without it and 13 ms with it (bench/busy.py).
_NICENESS = 5


class Ticking(PersistentScheduler):
    """Beat's own schedule; each look at it, every second, is a sign of life."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        watch.turned("clock")
        return super().tick(*args, **kwargs)


class Clock(bootsteps.StartStopStep):
    """The clock of the sweeps as a thread: `--beat` would fork a process that has threads, for one that only sleeps."""

    def include_if(self, parent: Any) -> bool:
        return bool(settings.RX_ROLE == "beat")

    def create(self, parent: Any) -> Any:
        return EmbeddedService(
            parent.app, thread=True, schedule_filename=parent.schedule_filename, scheduler_cls=Ticking
        )


app.steps["worker"].add(Clock)


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


@worker_init.connect
def warm_renderer(**_: object) -> None:
    """The first customer must not pay for the renderer's start."""
    # Lazy: as above.
    from prescriptions.infra import metrics

    # Lazy: whoever only sends tasks needs no decoders.
    from transforms import sandbox

    if settings.RX_ROLE == "worker":
        os.nice(_NICENESS)  # the renderers inherit it
        sandbox.default().warm()
        metrics.renderer(sandbox.default().capabilities().as_dict())


@celeryd_after_setup.connect
def prepare(instance: Any, **_: object) -> None:
    app.conf.worker_concurrency = instance.concurrency  # as the command line says; prescriptions/variants/turns.py asks
    if settings.RX_ROLE == "worker":
        # Lazy: as above.
        from prescriptions.variants.backends.celery_queue import queue_of

        lanes = list(app.amqp.queues.consume_from)
        app.amqp.queues.select([queue_of(lane) for lane in lanes])  # of this release alone
    watch.start(threads=instance.concurrency, note=settings.STATE_DIR / f"{settings.RX_ROLE}.alive")


@worker_ready.connect
def report(**_: object) -> None:
    """Only a worker that renders counts as one (/readyz); the one that sweeps does not."""
    # Lazy: as above.
    from prescriptions.infra import redis_client

    # Lazy: as above.
    from prescriptions.ops import port

    port.open_port()
    watch.turned("loop")
    if loop := get_event_loop():
        loop.on_tick.add(partial(watch.turned, "loop"))  # type: ignore[attr-defined] # a set, whatever the stubs say
    if settings.RX_ROLE == "worker":
        redis_client.keep_beating(watch.takes_work)


@worker_shutting_down.connect
def give_back(**_: object) -> None:
    """What waits for its turn here is not made here any more."""
    # Lazy: as above.
    from prescriptions.events import delivering

    # Lazy: as above.
    from prescriptions.variants import turns

    watch.stop()
    delivering.stop()
    turns.release(turns.here().give_up())


@task_received.connect
def receive(request: Any, **_: object) -> None:
    if not request.eta:  # that one waits on purpose
        watch.received(request.id)


@task_revoked.connect
def revoke(request: Any, **_: object) -> None:
    watch.end(request.id)


@task_prerun.connect
def begin(task_id: str, task: Any, **_: object) -> None:
    watch.begin(task_id, task.name, task.time_limit or settings.TASK_SECONDS)
    close_old_connections()  # one that broke or grew old is opened anew before the task, not found out by it


@task_postrun.connect
def end(task_id: str, **_: object) -> None:
    watch.end(task_id)
