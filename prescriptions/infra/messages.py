"""Messages to Celery's queues: hints, each of which a sweep repeats if it gets lost."""

from typing import Any

import kombu.exceptions
import redis
from celery import current_app
from celery.utils import uuid


class NotSent(Exception):
    """The broker did not take it."""


def send(task: str, *arguments: Any, queue: str) -> None:
    """Raises NotSent, at once where the broker is away."""
    # Celery's own `send_task` opens a store of results in each thread and hands back a result; nobody reads one.
    amqp = current_app.amqp
    message = amqp.create_task_message(uuid(), task, arguments, {}, ignore_result=True, argsrepr="", kwargsrepr="")
    try:
        with current_app.producer_or_acquire() as producer:
            # retry=False: publishing to a broker that is away would block for most of a second.
            amqp.send_task_message(producer, task, message, queue=queue, retry=False)
    except (kombu.exceptions.KombuError, redis.RedisError, OSError) as error:
        raise NotSent from error
