"""Backoff: how long to wait before trying again."""

import random
from typing import Final, NamedTuple

#: Doublings after which every delay has reached its limit.
_MOST_DOUBLINGS: Final = 16


class Backoff(NamedTuple):
    """Delays that double with each attempt, from ``shortest`` up to ``longest`` seconds."""

    shortest: float
    longest: float
    #: Each delay is changed at random by up to this fraction of itself, in both directions.
    jitter: float = 0.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after this failed attempt; attempts count from 1."""
        delay = min(self.shortest * float(1 << min(attempt - 1, _MOST_DOUBLINGS)), self.longest)
        # Jitter keeps several proxies from retrying in step; it needs no secure random numbers.
        return delay * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311
