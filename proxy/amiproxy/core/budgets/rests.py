"""Rests: which actions of one user wait before they may sleep in Asterisk's session, and for how long.

They run in the order in which they arrived.  No time is reserved in advance, so an action
whose session has ended leaves no gap.
"""

# mypyc: compiled

from collections import deque
from collections.abc import Callable, Hashable
from typing import NamedTuple

from amiproxy.core.limits.bucket import Bucket
from amiproxy.core.ports import Scheduler, Timer


class Rest(NamedTuple):
    """A waiting action that will sleep for ``seconds``; ``run`` is called when it may run.

    ``owner`` is its session, and only compared.
    """

    owner: Hashable
    seconds: float
    run: Callable[[], None]


class Rests:
    """The waiting actions of one user.

    ``hold`` (``limits.link_hold``) is both the rate, in seconds of sleep per second, and the burst, in
    seconds.
    """

    __slots__ = ("_bucket", "_scheduler", "_timer", "_waiting", "hold")

    def __init__(self, scheduler: Scheduler) -> None:
        self.hold = 1.0
        self._bucket = Bucket()
        self._waiting: deque[Rest] = deque()
        self._scheduler = scheduler
        self._timer: Timer | None = None

    def wait(self, seconds: float) -> float:
        """Seconds until an action that arrives now may sleep for ``seconds``; 0: at once."""
        before = sum(rest.seconds for rest in self._waiting)
        return self._bucket.wait(self._scheduler.now(), self.hold, self.hold, before + seconds)

    def take(self, seconds: float) -> None:
        """Count an action that is sent now and sleeps for ``seconds``."""
        self._bucket.take(self._scheduler.now(), self.hold, seconds)

    def join(self, rest: Rest) -> None:
        """Add an action behind all that wait; its ``run`` is called from the loop, even without a wait."""
        self._waiting.append(rest)
        self._arm()

    def leave(self, owner: Hashable) -> None:
        """Remove all waiting actions of this session."""
        self._waiting = deque(rest for rest in self._waiting if rest.owner is not owner)

    def _arm(self) -> None:
        if self._waiting and self._timer is None:
            self._timer = self._scheduler.later(self._first(), self._due)

    def _first(self) -> float:
        """Seconds until the first waiting action may run."""
        return self._bucket.wait(self._scheduler.now(), self.hold, self.hold, self._waiting[0].seconds)

    def _due(self) -> None:
        self._timer = None
        # One by one: the end of a session takes its waiting actions out, also while another's runs.
        while self._waiting and not self._first():
            rest = self._waiting.popleft()
            self.take(rest.seconds)
            rest.run()
        # Of its own: in this method ``_timer`` stays None for the compiler, though ``run`` may have set it.
        self._arm()
