"""A Celery worker makes it. The message is a hint that a sweep repeats if it gets lost."""

import kombu.exceptions
import redis
from celery import current_app
from celery.utils import uuid

from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.fairness import line
from prescriptions.variants.fairness.tickets import Ticket

# By name: what makes a variant also chooses a backend, so this module must not lead back to it.
TASK = "prescriptions.tasks.render_variant"


class CeleryBackend:
    """One queue for each lane, which workers take from in turn: a flood of PDFs does not hold up photos. Whose claim a
    message means is decided by the lane's line.
    """

    def dispatch(self, ticket: Ticket) -> None:
        found_there = line.join(ticket, line=ticket.lane)
        send(ticket.variant_id, ticket.owner, lane=ticket.lane, unit="" if found_there else ticket.unit)

    def hurry(self, ticket: Ticket) -> None:
        line.hurry(ticket, line=ticket.lane)


def send(variant_id: str, owner: str, *, lane: str, unit: str) -> None:
    """A message to the workers of a lane: make this claim of `unit`, or (without one) whoever is next in line.

    Raises BackendUnavailable.
    """
    # Celery's own `send_task` opens a store of results in each thread and hands back a result; nobody reads one.
    amqp = current_app.amqp
    message = amqp.create_task_message(
        uuid(), TASK, (variant_id, owner, unit), {}, ignore_result=True, argsrepr="", kwargsrepr=""
    )
    try:
        with current_app.producer_or_acquire() as producer:
            # retry=False: publishing to a broker that is away would block for most of a second.
            amqp.send_task_message(producer, TASK, message, queue=lane, retry=False)
    except (kombu.exceptions.KombuError, redis.RedisError, OSError) as error:
        raise BackendUnavailable from error
