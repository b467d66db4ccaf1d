"""A large call centre, simulated: queues, agents and calls by the hundreds, and what a board must show."""

import random
import time
from collections import defaultdict
from typing import NamedTuple

from amiproxy.tools.simulator import Settings, Simulator, User
from amiproxy.tools.simulator.calls.traffic import Traffic
from amiproxy.tools.simulator.pbx.line import Line
from amiproxy.tools.simulator.pbx.linestates import STATES, line_events
from amiproxy.tools.simulator.pbx.queue import Member, Queue
from amiproxy.tools.simulator.pbx.state import Pbx

#: Seconds of the simulator's clock that pass at once before the run begins.
_BEFORE = 90.0
_STEP = 1.0
_STATES = {1: "free", 2: "talking", 3: "talking", 6: "ringing", 7: "ringing", 8: "talking"}


class Size(NamedTuple):
    """How large it is; ``per_minute`` calls begin, and each is ``pace`` times as short as in life."""

    queues: int = 50
    agents: int = 500
    phones: int = 900
    per_minute: float = 3000.0
    pace: float = 3.25


class Crowd(Simulator):
    """A simulator in front of which nobody can keep count by hand."""

    def __init__(self, user: User, size: Size) -> None:
        super().__init__([user], Settings(login_delay=0.0, call_centre=True))
        self._size = size
        enlarge(self.pbx, size)

    def hurry(self) -> None:
        """Let the first minutes pass at once, so that as many calls are up as there will be."""
        now = time.time() - _BEFORE
        self.pbx.clock = lambda: now
        self.calls.pace = self._size.pace
        self.go_on()
        while now < time.time():  # Time passes meanwhile, in which calls must begin as well.
            now += _STEP
            self.timeline.advance(now)
        self.pbx.clock = time.time

    def go_on(self) -> None:
        """Let calls begin.  Agents take no breaks: each would look at all others, which takes too long."""
        Traffic.rate(self.calls, self._size.per_minute)

    def broadcast(self, raw: bytes, classes: str | None = None) -> None:
        """As of Simulator, without what the page never gets: it would be a third of the work."""
        if not raw.startswith(b"Event: RTCP"):
            super().broadcast(raw, classes)

    def freeze(self) -> None:
        """From now on nothing happens."""
        now = self.pbx.clock()
        self.pbx.clock = lambda: now

    def queues_now(self) -> dict[str, dict[str, int]]:
        """The figures of each queue."""
        found = {}
        for name, queue in self.pbx.queues.items():
            states: dict[str, int] = defaultdict(int)
            for member in queue.members:
                states[_state(member)] += 1
            found[name] = {
                "waiting": len(queue.waiting),
                **{state: states[state] for state in ("free", "ringing", "talking", "paused", "away")},
                "completed": queue.completed,
                "abandoned": queue.abandoned,
            }
        return found

    def calls_now(self) -> set[str]:
        """The Linkedid of each call."""
        return {channel.linkedid for channel in self.pbx.channels.values()}

    def agents_now(self) -> dict[str, str]:
        """The state of each agent by name."""
        return {member.name: _state(member) for queue in self.pbx.queues.values() for member in queue.members}


def _state(member: Member) -> str:
    state = "talking" if member.in_call else _STATES.get(member.status, "away")
    return "paused" if member.paused and state not in {"talking", "ringing"} else state


def enlarge(pbx: Pbx, size: Size) -> None:
    """Add queues, agents and phones until there are as many as asked for."""
    chance = random.Random("crowd")
    for number in range(len(pbx.queues), size.queues):
        name = f"queue-{number:02}"
        pbx.queues[name] = Queue(name, "rrmemory", [], service_level=20)
    names = list(pbx.queues)
    agents = {member.interface for queue in pbx.queues.values() for member in queue.members}
    for number in range(size.phones):
        line = Line(f"phone{number}", f"Phone {number}", str(2000 + number), "192.0.2.99:5060", 5000)
        pbx.lines[line.device] = line
        line_events(pbx, line)
        if len(agents) < size.agents:
            agents.add(line.device)
            for name in {names[number % len(names)], chance.choice(names)}:
                status = STATES[pbx.devices[line.device]][1]
                pbx.queues[name].members.append(
                    Member(f"Agent {number}", line.device, status=status, in_call=False, since=pbx.started)
                )
