"""When the same is sent again, and after how long."""

import email.utils
import random
import time
from dataclasses import dataclass

import httpx

_AGAIN = frozenset({429, 502, 503, 504})
_IN_FLIGHT = 409  # with Retry-After: the same request is still under way


@dataclass(frozen=True, slots=True)
class Retries:
    """`tries` in all. Pauses in seconds: `first`, then twice as long each time, up to `longest`; at least as long as
    Retry-After says. Above `patience` nothing is waited for, and the refusal is raised.
    """

    tries: int = 6
    first: float = 0.5
    longest: float = 30
    patience: float = 120

    def pause(self, attempt: int, answer: httpx.Response | None) -> float | None:
        """Seconds until the next try after `attempt` (from 0), which got `answer` or none; None: no more."""
        if attempt + 1 >= self.tries or (answer is not None and not _may_repeat(answer)):
            return None
        usual = min(self.first * 2**attempt, self.longest)
        said = retry_after(answer) if answer is not None else None
        if said is not None and said > self.patience:
            return None
        # Those that were refused together come back one by one, and none of them earlier than it was told to.
        if said is not None:
            return said + random.uniform(0, max(usual, said / 4))
        return random.uniform(usual / 2, usual)


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds, as the header has them or until its date (RFC 9110 §10.2.3)."""
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _may_repeat(answer: httpx.Response) -> bool:
    return answer.status_code in _AGAIN or (answer.status_code == _IN_FLIGHT and "Retry-After" in answer.headers)
