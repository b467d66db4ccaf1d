"""Token bucket: a rate with a burst, in one number.

The bucket stores the time at which it will be full again, so it needs no ticking, and rate and burst
may change between two calls.
"""

# mypyc: compiled

#: Waits up to this many seconds count as 0: they are rounding errors of sums of large numbers.
_ROUNDING = 1e-6


class Bucket:
    """Starts full, with ``burst`` tokens; ``rate`` come back per second.  Times are monotonic seconds."""

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = float("-inf")

    def wait(self, now: float, rate: float, burst: float, tokens: float = 1.0) -> float:
        """Seconds until this many tokens are available; 0 if they are now.  Takes none."""
        wait = self._full_at - now - (burst - tokens) / rate
        return wait if wait > _ROUNDING else 0.0

    def take(self, now: float, rate: float, tokens: float = 1.0) -> None:
        """Take tokens, or reserve future ones: later calls of ``wait`` include the time until those come."""
        self._full_at = max(self._full_at, now) + tokens / rate

    def rescale(self, now: float, old: float, new: float) -> None:
        """Change the rate: missing tokens come back at the ``new`` rate instead of the ``old``."""
        if self._full_at > now:
            self._full_at = now + (self._full_at - now) * old / new

    def is_full(self, now: float) -> bool:
        """Whether no token is missing, as at the start."""
        return self._full_at <= now
