"""Flushing: when pending events are sent, and when the link pauses reading.

Between two flushes nothing that arrives is urgent, as long as no answer is awaited.  So the link pauses,
and a single read gets all events just before the flush.  In a steady stream this repeats with every
flush, and the loop wakes once per flush instead of once per event.

A flush to many clients is divided: after one or two milliseconds it yields to reads and timers, and
continues in the loop's next turn.  Events that arrive meanwhile are not part of it, so the link stays
paused for that time too.
"""

# mypyc: compiled

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from amiproxy.core.audit.stats import Stats
from amiproxy.core.budgets.caused import Caused
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.fanout.subscription import AT_ONCE, Subscription
from amiproxy.core.ports import Scheduler, Timer
from amiproxy.core.servers.servers import Servers

#: Most seconds for which the link may pause.  Asterisk drops a manager that leaves about 4 MB unread.
_LONGEST_PAUSE: Final = 0.1
#: Length of one slice of a flush in seconds, counted from its first reading of the clock.  Each further slice
#: costs a turn of the loop.
_SLICE: Final = 0.002
#: The same while a server has an action to answer.
_SHORT_SLICE: Final = 0.001
#: The same while one of several servers has one: the answer takes several turns of the loop.
_SHORTEST_SLICE: Final = 0.00025
#: Most members served between two readings of the clock, if the last ones took little time.
_MOST: Final = 64
#: One in this many flushes is measured, for the estimate of what deliveries cost.
_MEASURED: Final = 4


class Follower(Protocol):
    """Takes the events of a server from its journal, in the rhythm in which clients are sent theirs."""

    @property
    def waits(self) -> bool:
        """Whether there are events that it has not taken."""

    def flushed(self) -> None:
        """A flush has ended: take them."""


class Flusher:
    """Flushes ``subscriptions``; calls ``flushed`` at the end of each flush.

    ``settled`` is called after work that the flusher did from a timer.
    The main links of ``servers`` pause, and are read just before a flush.
    """

    __slots__ = (
        "_asked",
        "_before",
        "_began",
        "_caused",
        "_counted",
        "_cpu",
        "_cpu_time",
        "_each",
        "_events",
        "_flushed",
        "_left",
        "_may_pause",
        "_next_turn",
        "_now",
        "_pacing",
        "_reading_pending",
        "_scheduler",
        "_servers",
        "_settled",
        "_size",
        "_stats",
        "_subscriptions",
        "_timer",
        "_until",
        "_writes",
        "followers",
    )

    def __init__(
        self,
        pacing: Pacing,
        scheduler: Scheduler,
        servers: Servers,
        stats: Stats,
        subscriptions: Mapping[object, Subscription],
        flushed: Callable[[], None],
        settled: Callable[[], None],
        caused: Caused,
    ) -> None:
        self._pacing = pacing
        self._scheduler = scheduler
        self._now: Callable[[], float] = scheduler.now
        self._cpu_time: Callable[[], float] = scheduler.cpu
        self._servers = servers
        self._stats = stats
        self._subscriptions = subscriptions
        self._flushed = flushed
        self._settled = settled
        self._caused = caused
        #: Those for which there is a flush, too, although no client waits for one.
        self.followers: list[Follower] = []
        self._timer: Timer | None = None
        #: Whether the link may pause until the timer.
        self._may_pause = False
        self._reading_pending = False
        #: The flush in progress: remaining subscriptions, start, and CPU seconds, bytes and writes so far.
        self._left: list[Subscription] = []
        self._began = self._cpu = 0.0
        self._size = self._writes = 0
        #: ``events_in`` when the flush was due, and when the last one began.
        self._before = self._counted = 0
        #: Events that have arrived between these two flushes.
        self._events = 0
        #: When the current slice ends, and when the clock was last read.
        self._until = self._asked = 0.0
        #: Seconds that each of the last members took.
        self._each = _SLICE / AT_ONCE
        #: Runs until the next slice.
        self._next_turn: Timer | None = None

    def settle(self) -> None:
        """Flush now, or set a timer for it."""
        if self._reading_pending or self._left:
            return
        for subscription in self._subscriptions.values():
            if subscription.pending:
                break
        else:
            if not self.followers or not self._is_followed():
                return
        if self._timer is None:
            wait = self._pacing.wait(self._now())
            if wait <= 0:
                self._before = self._stats.events_in
                self._begin(self._room)
                return
            self._timer = self._scheduler.later(wait, self._due)
            self._may_pause = wait <= _LONGEST_PAUSE
        if self._may_pause:
            self._pause_reading()

    def _is_followed(self) -> bool:
        return any(follower.waits for follower in self.followers)

    def flush(self) -> None:
        """Send every pending event to every member of its subscription now, without dividing the flush."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._send(None)
        self._begin(None)
        self._resume_reading_unless_due_soon()

    # -- one flush, in slices ----------------------------------------------

    def _begin(self, room: Callable[[int], int] | None) -> None:
        self._began = self._now()
        self._until = 0.0
        self._cpu = 0.0
        self._size = self._writes = 0
        self._stats.flushes += 1
        events = self._stats.events_in
        self._events = events - self._counted
        self._counted = events
        # A copy: a delivery may change who is subscribed to what.
        self._left = [s for s in self._subscriptions.values() if s.pending]
        self._left.reverse()
        self._send(room)

    def _go_on(self) -> None:
        try:
            self._until = 0.0
            self._send(self._room)
            if not self._left:
                self._pause_if_steady()
                self.settle()
        finally:
            self._resume_reading_unless_due_soon()
            self._settled()

    def _is_over(self) -> bool:
        # A flush to a few members does not get here, so it reads no clock.  The loop's own time would not do,
        # as it may be a millisecond old.
        self._asked = self._scheduler.clock()
        if not self._until:
            self._until = self._asked + self._slice
        return self._asked >= self._until

    @property
    def _slice(self) -> float:
        """Seconds of the slice that begins now."""
        for server in self._servers.all:
            if server.exchange.in_flight:
                return _SHORTEST_SLICE if self._servers.named else _SHORT_SLICE
        return _SLICE

    def _room(self, served: int) -> int:
        """How many members may be served before the next call, 0 to stop; ``served`` were since the last.

        At the start (``served`` 0) it is at least one, however little time is left.
        """
        asked = self._asked
        over = self._is_over()
        now = self._asked
        if served:
            if over:
                return 0
            self._each = (now - asked) / served
        # As many as take half of the remaining time, if they take as long as the last ones.
        half = max(self._until - now, 0.0) / 2
        each = self._each
        return _MOST if each * _MOST <= half else max(int(half / each), 1)

    def _send(self, room: Callable[[int], int] | None) -> None:
        """Continue the flush until everything is sent or the slice ends; report its cost at the end."""
        self._next_turn = None
        cpu = self._cpu_time()
        left = self._left
        size = writes = served = 0
        try:
            while left:
                subscription = left[-1]
                if subscription.pending:  # after a fault nothing may be pending
                    size += subscription.flush(room)
                    if subscription.divided:
                        break
                left.pop()
                members = len(subscription.members)
                writes += members
                served += members
                if room is not None and served >= AT_ONCE:
                    if self._is_over():
                        break
                    served = 0
        except Exception:
            # The fault must not keep the events from the other sessions.
            self._next_turn = self._scheduler.later(0, self._go_on)
            self._resume_reading()
            raise
        self._size += size
        self._writes += writes
        self._cpu += self._cpu_time() - cpu
        if left:
            self._next_turn = self._scheduler.later(0, self._go_on)
            return
        self._flushed()
        each = self._size / self._writes if self._writes else 0.0
        if not self._stats.flushes % _MEASURED:
            self._caused.flushed(self._cpu, self._size)
        self._pacing.flushed(self._began, self._now(), self._cpu, each, self._events)

    # -- flushes that were due ---------------------------------------------

    @property
    def _is_due(self) -> bool:
        return self._timer is not None

    def _due(self) -> None:
        self._timer = None
        self._before = self._stats.events_in
        try:
            self._read_pending()
            self._begin(self._room)
            if not self._left:
                self._pause_if_steady()
        finally:
            self._resume_reading_unless_due_soon()  # this also covers a fault above
        self._settled()

    def _pause_if_steady(self) -> None:
        """If events keep coming, pause reading until the next flush is due."""
        wait = self._pacing.pause(self._now())
        if self._stats.events_in != self._before and not self._is_due and 0 < wait <= _LONGEST_PAUSE:
            self._timer = self._scheduler.later(wait, self._due)
            self._may_pause = True
            self._pause_reading()

    def _resume_reading_unless_due_soon(self) -> None:
        """Resume reading, unless the link is soon read anyway: before the next flush, or after this one."""
        if self._left:
            due_soon = self._now() - self._began <= _LONGEST_PAUSE
        else:
            due_soon = self._is_due and self._may_pause
        if not due_soon:
            self._resume_reading()

    def _resume_reading(self) -> None:
        for server in self._servers.all:
            server.exchange.resume_reading()

    def _pause_reading(self) -> None:
        for server in self._servers.all:
            server.exchange.pause_reading()

    def _read_pending(self) -> None:
        self._reading_pending = True  # events from this read are flushed right after it
        try:
            for server in self._servers.all:
                server.exchange.read_pending()
        finally:
            self._reading_pending = False
