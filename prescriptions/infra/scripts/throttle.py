"""Throttles: how often somebody may try what does not work.

Counted in Redis for all processes, under a digest of the address. Where Redis is away nobody is refused, and that is
counted (`rx_quota_unknown_total`): a throttle slows those down who guess; what keeps them out is how much there is to
guess.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from prescriptions.infra import metrics, ratelimit, scripts
from prescriptions.infra.problems import Problem

# The first of a window sets its end; those who are refused do not move it.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_LOOK = """
local count = tonumber(redis.call('GET', KEYS[1]) or 0)
if count < tonumber(ARGV[1]) then return 0 end
return math.max(redis.call('TTL', KEYS[1]), 1)
"""


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong tries from one address: after RX_WRONG_TRIES of them within the window no more are looked at until it is
    over, right or wrong. `name` is its word in /metrics.
    """

    name: str
    seconds: int = 300

    def wrong(self, address: str) -> None:
        """One more did not work."""
        self._run(_COUNT, address, self.seconds)

    def check(self, address: str) -> None:
        """Raises Problem 429 where too many have not worked."""
        seconds = self._run(_LOOK, address, settings.RX_WRONG_TRIES)
        if seconds:
            metrics.quota_refused(self.name)
            raise Problem(
                429,
                "too-many-tries",
                "Too many tries",
                f"This has failed {settings.RX_WRONG_TRIES} times from your address. Wait {seconds} seconds.",
                retry_after=seconds,
                headers=ratelimit.fields(
                    self.name, settings.RX_WRONG_TRIES, left=0, reset=seconds, window=self.seconds, unit="wrong tries"
                ),
            )

    def _run(self, script: str, who: str, value: int) -> int | None:
        digest = hashlib.blake2b(who.encode(), digest_size=8).hexdigest()
        try:
            answer: int = scripts.run(script, keys=[f"rx:throttle:{self.name}:{digest}"], values=[value])
        except scripts.Away:
            metrics.quota_unknown(self.name)
            return None
        return answer


WRONG_TOKENS: Final = Tries("wrong-tokens")
WRONG_LINKS: Final = Tries("wrong-links")
