"""Runs many calls at once, by due time.  Pure: the owner passes the time.

Starting or interrupting a call changes the time of the next step; ``changed`` is then
called, so that a sleeping loop can check again.
"""

import heapq
from collections.abc import Callable
from typing import Protocol

from amiproxy.tools.simulator.calls.call import Call, HungUp, Redirected, Steps
from amiproxy.tools.simulator.pbx.channel import Channel


class Script(Protocol):
    """Anything with steps: a call, or the traffic that starts calls."""

    steps: Steps


def _nothing() -> None:
    pass


class Timeline:
    """The calls in progress and the next step of each."""

    def __init__(self, changed: Callable[[], None] = _nothing) -> None:
        self.changed = changed
        self._due: list[tuple[float, int, Script, bytes]] = []
        self._valid: dict[int, int] = {}
        self._scripts: dict[int, Script] = {}
        self._count = 0

    @property
    def calls(self) -> list[Call]:
        """The calls in progress, oldest first."""
        return [script for script in self._scripts.values() if isinstance(script, Call)]

    @property
    def next_due(self) -> float | None:
        """When the next step is due, by the callers' clock; None if no script is running."""
        while self._due and self._valid.get(id(self._due[0][2])) != self._due[0][1]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def start(self, script: Script, now: float) -> None:
        """Start a script with its first step."""
        self._scripts[id(script)] = script
        self._resume(script, now)
        self.changed()

    def stop(self, script: Script) -> None:
        """Drop a script at its current step; its remaining steps do not happen."""
        self._scripts.pop(id(script), None)
        self._valid.pop(id(script), None)
        script.steps.close()

    def advance(self, now: float) -> list[bytes]:
        """Take every step that is due, in order; returns the resulting events as whole messages."""
        events: list[bytes] = []
        while (due := self.next_due) is not None and due <= now:
            _, _, script, raw = heapq.heappop(self._due)
            if raw:
                events.append(raw)
            self._resume(script, due)
        return events

    def interrupt(self, call: Call, order: HungUp | Redirected, now: float) -> None:
        """Give an order to a call; it has no effect on a call that is already ending."""
        if call.ending or id(call) not in self._scripts:
            return
        try:
            delay, raw = call.steps.throw(order)
        except StopIteration:
            self._forget(call)
        else:
            self._schedule(call, now + delay, raw)
        self.changed()

    def call_of(self, channel: Channel) -> Call | None:
        """The call a channel belongs to."""
        return next((call for call in self.calls if channel in call.channels), None)

    def _resume(self, script: Script, now: float) -> None:
        try:
            delay, raw = next(script.steps)
        except StopIteration:
            self._forget(script)
        else:
            self._schedule(script, now + delay, raw)

    def _schedule(self, script: Script, due: float, raw: bytes) -> None:
        self._count += 1
        self._valid[id(script)] = self._count
        heapq.heappush(self._due, (due, self._count, script, raw))

    def _forget(self, script: Script) -> None:
        self._scripts.pop(id(script), None)
        self._valid.pop(id(script), None)
