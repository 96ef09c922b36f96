"""Lua scripts in Redis: what all processes count together, in one step and one round trip.

Nothing that must not be lost is kept there, and nobody waits for a Redis that is away: callers go on without it.
"""

from typing import Any

import redis
from redis.commands.core import Script

from prescriptions.infra import redis_client
from prescriptions.infra.guards.breaker import Breaker
from prescriptions.infra.per_process import per_process

Values = list[str | int | float]


class Away(Exception):
    """Redis did not answer, or has not for some time."""


def run(script: str, *, keys: list[str], values: Values) -> Any:
    """What the script returns. Raises Away."""
    breaker = _breaker()
    if breaker.refuses():
        raise Away
    try:
        answer = _registered(script)(keys=keys, args=values)
    except redis.RedisError as error:
        breaker.failed()
        raise Away from error
    breaker.worked()
    return answer


@per_process
def _registered(script: str) -> Script:
    """Sent whole once, and by its digest from then on."""
    return redis_client.connection().register_script(script)


@per_process
def _breaker() -> Breaker:
    return Breaker(service="redis")
