"""Flushing: when pending events leave, and what the link does until then.

Between two flushes nothing that comes is urgent, as long as no answer is
awaited: the link rests, and one read gets all of it just before it leaves.  In
a steady stream that goes on from flush to flush, and the loop wakes once for
each instead of once for each event.
"""

from collections.abc import Callable, Mapping

from proxy.core.exchange import Exchange
from proxy.core.pacing import Pacing
from proxy.core.ports import Scheduler, Timer
from proxy.core.stats import Stats
from proxy.core.subscription import Subscription

#: Seconds for which the link may rest.  Asterisk ends a manager that leaves some 4 MB unread (ami.md §6).
_LONGEST_REST = 0.1


class Flusher:
    """Flushes ``subscriptions``; calls ``flushed`` at the end of each, ``settled`` after one that was due."""

    __slots__ = (
        "_catching_up",
        "_exchange",
        "_flushed",
        "_pacing",
        "_rests",
        "_scheduler",
        "_settled",
        "_stats",
        "_subscriptions",
        "_timer",
    )

    def __init__(
        self,
        pacing: Pacing,
        scheduler: Scheduler,
        exchange: Exchange,
        stats: Stats,
        subscriptions: Mapping[object, Subscription],
        flushed: Callable[[], None],
        settled: Callable[[], None],
    ) -> None:
        self._pacing = pacing
        self._scheduler = scheduler
        self._exchange = exchange
        self._stats = stats
        self._subscriptions = subscriptions
        self._flushed = flushed
        self._settled = settled
        self._timer: Timer | None = None
        #: Whether the link may rest until the timer.
        self._rests = False
        self._catching_up = False

    def settle(self) -> None:
        """Flush now, or see to it that it will be done."""
        if self._catching_up or not any(s.pending for s in self._subscriptions.values()):
            return
        if self._timer is None:
            wait = self._pacing.wait(self._scheduler.now())
            if wait <= 0:
                self.flush()
                return
            self._timer = self._scheduler.later(wait, self._due)
            self._rests = wait <= _LONGEST_REST
        if self._rests:
            self._exchange.rest()

    def flush(self) -> None:
        """Send every pending event to every member of its subscription."""
        began, cpu = self._scheduler.now(), self._scheduler.cpu()
        self._stats.flushes += 1
        writes = size = 0
        # A copy: a delivery may change who is subscribed to what.
        for subscription in [s for s in self._subscriptions.values() if s.pending]:
            writes += len(subscription.members)
            size += subscription.flush()
        self._flushed()
        took = self._scheduler.cpu() - cpu
        self._pacing.flushed(began, self._scheduler.now(), took, size / writes if writes else 0.0)

    @property
    def _is_due(self) -> bool:
        return self._timer is not None

    def _due(self) -> None:
        self._timer = None
        before = self._stats.events_in
        try:
            self._catch_up()
            self.flush()
            wait = self._pacing.wait(self._scheduler.now())
            if self._stats.events_in != before and not self._is_due and 0 < wait <= _LONGEST_REST:
                self._timer = self._scheduler.later(wait, self._due)
                self._rests = True
                self._exchange.rest()
        finally:
            if not (self._is_due and self._rests):
                # Nothing would wake it soon, a fault above included.
                self._exchange.read_on()
        self._settled()

    def _catch_up(self) -> None:
        self._catching_up = True  # what this brings is flushed behind it, and waits for nothing
        try:
            self._exchange.catch_up()
        finally:
            self._catching_up = False
