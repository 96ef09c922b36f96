"""A Celery worker makes it. The message is a hint that a sweep repeats if it gets lost."""

import kombu.exceptions
import redis

from prescriptions.backends import BackendUnavailable


class CeleryBackend:
    """One queue for each lane, which workers take from in turn: a flood of PDFs does not hold up photos."""

    def dispatch(self, variant_id: str, owner: str, *, lane: str) -> None:
        from prescriptions.tasks import render_variant

        try:
            # retry=False: publishing to a broker that is away would block for most of a second.
            render_variant.apply_async(args=(variant_id, owner), queue=lane, retry=False)
        except (kombu.exceptions.OperationalError, redis.RedisError, OSError) as error:
            raise BackendUnavailable from error
