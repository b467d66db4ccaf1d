"""Everything that happens in the call centre, at a rate of calls per minute."""

import random

from amiproxy.tools.simulator.calls.patterns import TalkingCall
from amiproxy.tools.simulator.calls.timeline import Script, Timeline
from amiproxy.tools.simulator.calls.traffic import Traffic
from amiproxy.tools.simulator.centre.calls import InboundCall, InternalCall, OutboundCall
from amiproxy.tools.simulator.centre.gatherings import ConferenceCall, ParkedCall
from amiproxy.tools.simulator.centre.routine import Break, TrunkFailures, agents
from amiproxy.tools.simulator.centre.staff import furnish
from amiproxy.tools.simulator.pbx.state import Pbx

_SHARES: tuple[tuple[type[TalkingCall], float], ...] = (
    (InboundCall, 0.56),
    (InternalCall, 0.2),
    (OutboundCall, 0.16),
    (ParkedCall, 0.06),
    (ConferenceCall, 0.02),
)
#: Every fifth agent begins the day with a break.
_BEGIN_ABSENT = 5


class CallCentre(Traffic):
    """Makes a call centre of an empty PBX, and lets its day pass while calls start."""

    kinds = {kind.kind: kind for kind, _ in _SHARES}  # noqa: RUF012 - as declared there

    def __init__(self, pbx: Pbx, timeline: Timeline, per_minute: float = 0.0, pace: float = 1.0) -> None:
        furnish(pbx)
        self._routine: list[Script] = []
        super().__init__(pbx, timeline, per_minute, pace)

    def rate(self, per_minute: float) -> None:
        """As of Traffic; at 0 nobody takes a break either, and no trunk fails."""
        super().rate(per_minute)
        if per_minute <= 0:
            for script in self._routine:
                self.timeline.stop(script)
            self._routine = []
        elif not self._routine:
            self._routine = [
                Break(self.pbx, line, self._pace_now, begins_absent=number % _BEGIN_ABSENT == 0)
                for number, line in enumerate(agents(self.pbx), 1)
            ]
            self._routine.append(TrunkFailures(self.pbx, self._pace_now))
            for script in self._routine:
                self.timeline.start(script, self.pbx.clock())

    def choose(self, chance: random.Random) -> str:
        """As of Traffic."""
        [(kind, _)] = chance.choices(_SHARES, [share for _, share in _SHARES])
        return kind.kind

    def _pace_now(self) -> float:
        return self.pace
