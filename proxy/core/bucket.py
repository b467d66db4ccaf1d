"""Token bucket: a rate with a burst, in one number.

What is kept is the moment at which the bucket will be full again, so it needs
no ticking, and rate and burst may change between two calls.
"""

#: Seconds that are none: what is left of sums and differences of large numbers.
_ROUNDING = 1e-6


class Bucket:
    """Full at first, with ``burst`` tokens; ``rate`` come back per second.  Times are monotonic seconds."""

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = float("-inf")

    def wait(self, now: float, rate: float, burst: float, tokens: float = 1.0) -> float:
        """Seconds until there are so many tokens; 0 if there are now."""
        wait = self._full_at - now - (burst - tokens) / rate
        return wait if wait > _ROUNDING else 0.0

    def take(self, now: float, rate: float, tokens: float = 1.0) -> None:
        """Take tokens, or reserve the next ones: whoever asks after this waits behind them."""
        self._full_at = max(self._full_at, now) + tokens / rate

    def rescale(self, now: float, old: float, new: float) -> None:
        """The rate is another one: what is missing comes back by the new one."""
        if self._full_at > now:
            self._full_at = now + (self._full_at - now) * old / new

    def is_full(self, now: float) -> bool:
        """Whether it is as it was at first."""
        return self._full_at <= now
