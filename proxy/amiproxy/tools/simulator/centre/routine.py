"""What happens besides calls: agents pause and come back, phones go away, a trunk fails now and then."""

from collections.abc import Callable
from typing import Final

from amiproxy.tools.simulator.calls.call import Steps
from amiproxy.tools.simulator.centre.calls import is_idle
from amiproxy.tools.simulator.centre.staff import memberships, phones, trunks
from amiproxy.tools.simulator.pbx.line import Line
from amiproxy.tools.simulator.pbx.linestates import contact_events, line_events
from amiproxy.tools.simulator.pbx.queue import member_event
from amiproxy.tools.simulator.pbx.state import Pbx

#: Pace at the moment: every duration is divided by it.
Pace = Callable[[], float]

_REASONS: Final = ("Lunch", "Coffee", "Training", "Follow-up", "Meeting")
#: Mean seconds that an agent works, pauses, is away; that all trunks work, and that one fails.
_WORK, _PAUSE, _AWAY, _TRUNKS_WORK, _TRUNK_FAILS = 300.0, 90.0, 120.0, 240.0, 40.0
#: The share of breaks in which an agent's phone goes away; the most agents who are not there at a time.
_LEAVES, _MOST_ABSENT = 0.25, 0.3


class Break:
    """The breaks of one agent; ``begins_absent`` if the day begins with one."""

    def __init__(self, pbx: Pbx, line: Line, pace: Pace, *, begins_absent: bool) -> None:
        self._pbx = pbx
        self._line = line
        self._pace = pace
        self._chance = pbx.chance(f"break {line.name}")
        self.steps: Steps = self._day(begins_absent=begins_absent)

    def _day(self, *, begins_absent: bool) -> Steps:
        while True:
            if not begins_absent:
                yield self._after(_WORK), b""
            if begins_absent or _absent_share(self._pbx) < _MOST_ABSENT:
                leaves = self._chance.random() < _LEAVES and is_idle(self._pbx, self._line)
                yield from self._away() if leaves else self._pause()
            begins_absent = False

    def _pause(self) -> Steps:
        yield from self._set_paused(self._chance.choice(_REASONS))
        yield self._after(_PAUSE), b""
        yield from self._set_paused("")

    def _set_paused(self, reason: str) -> Steps:
        for queue, member in memberships(self._pbx, self._line):
            member.paused, member.reason = bool(reason), reason
            if reason:
                member.last_pause = int(self._pbx.clock())
            yield 0, member_event("QueueMemberPause", self._pbx.started, queue, member)

    def _away(self) -> Steps:
        yield from _set_up(self._pbx, self._line, is_up=False)
        yield self._after(_AWAY), b""
        yield from _set_up(self._pbx, self._line, is_up=True)

    def _after(self, mean: float) -> float:
        return max(mean / 5, min(self._chance.expovariate(1 / mean), 4 * mean)) / self._pace()


class TrunkFailures:
    """A trunk that nobody uses fails, and works again."""

    def __init__(self, pbx: Pbx, pace: Pace) -> None:
        self._pbx = pbx
        self._pace = pace
        self._chance = pbx.chance("trunks")
        self.steps: Steps = self._day()

    def _day(self) -> Steps:
        while True:
            yield self._chance.uniform(0.5, 1.5) * _TRUNKS_WORK / self._pace(), b""
            line = self._chance.choice(trunks(self._pbx))
            yield from _set_up(self._pbx, line, is_up=False)
            yield self._chance.uniform(0.5, 1.5) * _TRUNK_FAILS / self._pace(), b""
            yield from _set_up(self._pbx, line, is_up=True)


def agents(pbx: Pbx) -> list[Line]:
    """The phones of agents."""
    return [line for line in phones(pbx) if memberships(pbx, line)]


def _set_up(pbx: Pbx, line: Line, *, is_up: bool) -> Steps:
    line.is_up = is_up
    for raw in [*contact_events(line), *line_events(pbx, line)]:
        yield 0, raw


def _absent_share(pbx: Pbx) -> float:
    lines = agents(pbx)
    return sum(_is_absent(pbx, line) for line in lines) / len(lines)


def _is_absent(pbx: Pbx, line: Line) -> bool:
    return not line.is_up or any(member.paused for _, member in memberships(pbx, line))
