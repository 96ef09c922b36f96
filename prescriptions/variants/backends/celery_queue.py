"""A Celery worker makes it. The message is a hint that a sweep repeats if it gets lost."""

import kombu.exceptions
import redis
from celery import current_app

from prescriptions.variants.backends import BackendUnavailable

# By name: what makes a variant also chooses a backend, so this module must not lead back to it.
TASK = "prescriptions.tasks.render_variant"


class CeleryBackend:
    """One queue for each lane, which workers take from in turn: a flood of PDFs does not hold up photos."""

    def dispatch(self, variant_id: str, owner: str, *, lane: str) -> None:
        try:
            # retry=False: publishing to a broker that is away would block for most of a second.
            current_app.send_task(TASK, args=(variant_id, owner), queue=lane, retry=False)
        except (kombu.exceptions.OperationalError, redis.RedisError, OSError) as error:
            raise BackendUnavailable from error
