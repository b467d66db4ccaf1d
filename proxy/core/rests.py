"""Rests: when the actions of one user may sleep in Asterisk's session, and which of them wait for that.

They wait in the order in which they came.  Nothing is reserved ahead: an action
whose session has gone leaves no gap behind.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from proxy.core.bucket import Bucket
from proxy.core.ports import Scheduler, Timer

if TYPE_CHECKING:
    from proxy.core.session import Session


class Rest(NamedTuple):
    """One action that waits; ``run`` is called when its time has come."""

    session: "Session"
    seconds: float
    run: Callable[[], None]


class Rests:
    """``hold``: seconds that may be slept in sum a second, and at once (``limits.link_hold``)."""

    __slots__ = ("_bucket", "_scheduler", "_timer", "_waiting", "hold")

    def __init__(self, scheduler: Scheduler) -> None:
        self.hold = 1.0
        self._bucket = Bucket()
        self._waiting: deque[Rest] = deque()
        self._scheduler = scheduler
        self._timer: Timer | None = None

    def wait(self, seconds: float) -> float:
        """Seconds until an action that comes now may sleep so long; 0: it may at once."""
        before = sum(rest.seconds for rest in self._waiting)
        return self._bucket.wait(self._scheduler.now(), self.hold, self.hold, before + seconds)

    def take(self, seconds: float) -> None:
        """An action sleeps so long, now."""
        self._bucket.take(self._scheduler.now(), self.hold, seconds)

    def join(self, rest: Rest) -> None:
        """Behind all that wait already; ``run`` is called from the loop, even where there is no wait."""
        self._waiting.append(rest)
        if self._timer is None:
            self._arm()

    def leave(self, session: "Session") -> None:
        """Nothing of this session waits any more."""
        self._waiting = deque(rest for rest in self._waiting if rest.session is not session)

    def _arm(self) -> None:
        self._timer = self._scheduler.later(self._first(), self._due)

    def _first(self) -> float:
        """Seconds until the first of those that wait has its turn."""
        return self._bucket.wait(self._scheduler.now(), self.hold, self.hold, self._waiting[0].seconds)

    def _due(self) -> None:
        self._timer = None
        ready: list[Rest] = []
        while self._waiting and not self._first():
            rest = self._waiting.popleft()
            self.take(rest.seconds)
            ready.append(rest)
        if self._waiting:
            self._arm()
        for rest in ready:
            rest.run()
