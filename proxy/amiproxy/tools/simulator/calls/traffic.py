"""Starts calls at a rate per minute; and the same as a plain iterator, without a loop."""

import random
from collections.abc import Iterator
from typing import ClassVar

from amiproxy.tools.simulator.calls.call import Step, Steps
from amiproxy.tools.simulator.calls.patterns import DialledCall, QueueCall, TalkingCall
from amiproxy.tools.simulator.calls.timeline import Timeline
from amiproxy.tools.simulator.pbx.state import Pbx

#: The share of calls that go to a queue.
_QUEUE_SHARE = 0.35


class Traffic:
    """Starts calls on a timeline at a rate that can be changed at any time."""

    #: The kinds of calls that there are, by name.
    kinds: ClassVar[dict[str, type[TalkingCall]]] = {kind.kind: kind for kind in (DialledCall, QueueCall)}

    def __init__(self, pbx: Pbx, timeline: Timeline, per_minute: float = 0.0, pace: float = 1.0) -> None:
        self.pbx = pbx
        self.timeline = timeline
        self.pace = pace
        self._chance = pbx.chance("traffic")
        self._placed = 0
        self._running = False
        self.steps: Steps = self._arrivals(0.0)
        self.rate(per_minute)

    def rate(self, per_minute: float) -> None:
        """Start so many calls a minute from now on; 0 starts none.  Calls in progress continue."""
        if self._running:
            self.timeline.stop(self)
        self._running = per_minute > 0
        if self._running:
            self.steps = self._arrivals(per_minute)
            self.timeline.start(self, self.pbx.clock())

    def place(self, kind: str = "dialled") -> TalkingCall:
        """Start one call now, ``dialled`` or ``queue``.  Raises KeyError for a kind that does not exist."""
        call = self.kinds[kind](self.pbx, self._placed, self.pace)
        self._placed += 1
        self.pbx.calls_processed += 1
        self.timeline.start(call, self.pbx.clock())
        return call

    def _arrivals(self, per_minute: float) -> Steps:
        while True:
            yield self._chance.expovariate(per_minute / 60), b""
            self.place(self.choose(self._chance))

    def choose(self, chance: random.Random) -> str:
        """The kind of the next call."""
        return "queue" if chance.random() < _QUEUE_SHARE else "dialled"


def pattern(per_minute: float, seed: int = 1, start: float = 1700000000.0) -> Iterator[Step]:
    """Endless ``(delay, event)`` of a PBX with so many calls a minute; equal arguments give equal results."""
    now = start
    pbx = Pbx(lambda: now, seed)
    timeline = Timeline()
    Traffic(pbx, timeline, per_minute)
    while (due := timeline.next_due) is not None:
        delay, now = due - now, due
        for raw in timeline.advance(now):
            yield delay, raw
            delay = 0.0
