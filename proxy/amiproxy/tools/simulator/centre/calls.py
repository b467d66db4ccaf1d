"""Calls of the call centre: from outside to a queue, between phones, and to the outside."""

from collections.abc import Generator

from amiproxy.tools.simulator.calls.call import Step, Steps, dial_event
from amiproxy.tools.simulator.calls.patterns import TalkingCall, agent_event
from amiproxy.tools.simulator.centre.staff import CALLERS, phones, trunks
from amiproxy.tools.simulator.pbx.channel import RINGING, UP, Channel, Headers
from amiproxy.tools.simulator.pbx.line import Line
from amiproxy.tools.simulator.pbx.queue import Member, Queue
from amiproxy.tools.simulator.pbx.state import Pbx

#: Seconds between two looks for a free agent.
_LOOK = 0.5
#: Mean seconds until a phone is answered, until it stops ringing without an answer, and that a caller waits.
_ANSWER, _NO_ANSWER, _PATIENCE = 5.0, 15.0, 90.0
#: The shares of ringing phones that are not answered, and of callers with a known name.
_MISSED, _NAMED = 0.08, 0.6
#: Of two callers, one knows which queue: some queues have more calls than others.
_WEIGHTS = {"sales": 3, "support": 5, "billing": 2, "returns": 1}


class CentreCall(TalkingCall):
    """What all calls of the call centre have in common."""

    mean_talk = 75.0

    def outside(self) -> tuple[str, str]:
        """Number and name of somebody outside."""
        chance = self.chance
        if chance.random() < 0.5:
            number = f"+442079460{chance.randrange(1000):03}"
        else:
            number = f"+447700900{chance.randrange(1000):03}"
        return number, chance.choice(CALLERS) if chance.random() < _NAMED else "<unknown>"

    def trunk(self) -> Line | None:
        """A trunk that works; None if all are down."""
        working = [line for line in trunks(self.pbx) if line.is_up]
        return self.chance.choice(working) if working else None

    def idle(self, *not_these: Line) -> Line | None:
        """A phone that nobody uses; None if there is none."""
        free = [line for line in phones(self.pbx) if is_idle(self.pbx, line) and line not in not_these]
        return self.chance.choice(free) if free else None

    def comes_in(self, exten: str) -> Generator[Step, None, Channel | None]:
        """A call arrives on a trunk and is answered; returns its channel."""
        trunk = self.trunk()
        if trunk is None:
            return None
        number, name = self.outside()
        caller = self._caller(trunk.name, number, name, "from-trunk", exten)
        yield from self._appear(caller)
        yield self.newexten(caller, "Answer", "")
        yield from self.newstate(caller, UP)
        return caller

    def dial(
        self, caller: Channel, device: str, name: str, number: str, *, misses: bool = True
    ) -> Generator[Step, None, Channel | None]:
        """Ring a device; returns its channel once it has answered, None if it does not."""
        line = self.pbx.lines[device]
        called = self._called(caller, device, name, number)
        yield 0, called.event("Newchannel", "call")
        yield self.newexten(called, "AppDial", "(Outgoing Line)")
        yield 0, dial_event("DialBegin", caller, called, ("DialString", line.name))
        if line.exten and self.pbx.devices[device] != "NOT_INUSE":
            yield from self._fails(caller, called, "BUSY", 17)
            return None
        yield from self.newstate(called, RINGING)
        yield 0, dial_event("DialState", caller, called, ("DialStatus", "RINGING"))
        if misses and self.chance.random() < _MISSED:
            yield _NO_ANSWER / self._pace, b""
            yield from self._fails(caller, called, "NOANSWER", 19)
            return None
        yield self._after(_ANSWER), b""
        yield from self.newstate(called, UP)
        if caller.state != UP:
            yield from self.newstate(caller, UP)
        yield 0, dial_event("DialEnd", caller, called, ("DialStatus", "ANSWER"))
        caller.connected = called.caller
        yield 0, caller.event("NewConnectedLine", "call")
        return called

    def _fails(self, caller: Channel, called: Channel, status: str, cause: int) -> Steps:
        yield 0, dial_event("DialEnd", caller, called, ("DialStatus", status))
        yield from self.hung_up(called, cause)


class InboundCall(CentreCall):
    """A caller from outside waits in a queue for an agent; a few lose patience."""

    kind = "queue"

    def __init__(self, pbx: Pbx, number: int, pace: float = 1.0) -> None:
        super().__init__(pbx, number, pace)
        self._queue: Queue | None = None
        self._caller_channel: Channel | None = None
        self._joined = 0.0
        self._line: Line | None = None
        self._served: tuple[Member, Channel, float, int] | None = None

    def body(self) -> Steps:
        """Join, wait, reach an agent or give up, talk."""
        names = list(self.pbx.queues)
        [name] = self.chance.choices(names, [_WEIGHTS.get(name, 1) for name in names])
        queue = self.pbx.queues[name]
        caller = yield from self.comes_in(name)
        if caller is None:
            return
        yield self.newexten(caller, "Queue", f"{name},t,,,600")
        self._queue, self._caller_channel, self._joined = queue, caller, self.pbx.clock()
        queue.waiting.append((caller, self._joined))
        yield 0, caller.event("QueueCallerJoin", "agent", *_place(queue, len(queue.waiting)))
        ends = self._joined + self._after(_PATIENCE)
        called = None
        while called is None:
            member = self._free_member(queue, caller)
            if member is not None:
                called = yield from self._ring(queue, member, caller)
            elif self.pbx.clock() > ends:
                yield from self._give_up()
                return
            else:
                yield _LOOK / self._pace, b""
        yield from self.join(called, caller)
        yield from self._talk(caller, called)
        yield 0, caller.event("HangupRequest", "call", ("Cause", 16))
        yield from self.part()
        yield from self._complete("caller" if self.chance.random() < 0.6 else "agent")

    def let_go(self) -> Steps:
        """The caller leaves the queue, or the agent has finished."""
        self._release()
        yield from self._complete("caller")
        yield from self._give_up()

    def _free_member(self, queue: Queue, caller: Channel) -> Member | None:
        # As with autofill: while it rings for the first callers, the next one gets the next free agent.
        if next(channel for channel, _ in queue.waiting if channel not in queue.ringing) is not caller:
            return None
        now = self.pbx.clock()
        free = [
            member
            for member in queue.members
            if not member.paused
            and is_idle(self.pbx, self.pbx.lines[member.interface])
            and now - member.last_call >= member.wrapup
        ]
        if not free:
            return None
        best = min(member.penalty for member in free)
        return self.chance.choice([member for member in free if member.penalty == best])

    def _ring(self, queue: Queue, member: Member, caller: Channel) -> Generator[Step, None, Channel | None]:
        line = self._line = self.pbx.lines[member.interface]
        line.is_taken = True
        queue.ringing.add(caller)
        called = self._called(caller, line.device, member.name, line.exten)
        own: Headers = [("Queue", queue.name), ("Interface", member.interface), ("MemberName", member.name)]
        yield 0, called.event("Newchannel", "call")
        yield 0, agent_event("AgentCalled", caller, called, *own)
        yield 0, dial_event("DialBegin", caller, called, ("DialString", line.name))
        yield from self.newstate(called, RINGING)
        began = self.pbx.clock()
        if self.chance.random() < _MISSED:
            yield _NO_ANSWER / self._pace, b""
            rung = int((self.pbx.clock() - began) * 1000)
            yield 0, agent_event("AgentRingNoAnswer", caller, called, *own, ("RingTime", rung))
            yield from self._fails(caller, called, "NOANSWER", 19)
            self._release()
            return None
        yield self._after(_ANSWER), b""
        yield from self.newstate(called, UP)
        self._release()
        yield 0, dial_event("DialEnd", caller, called, ("DialStatus", "ANSWER"))
        yield from self._leave(queue, caller)
        now = self.pbx.clock()
        held = int(now - self._joined)
        queue.connected(held)
        member.in_call = True
        self._served = member, called, now, held
        times: Headers = [("HoldTime", held), ("RingTime", int(now - began))]
        yield 0, agent_event("AgentConnect", caller, called, *own, *times)
        caller.connected = called.caller
        yield 0, caller.event("NewConnectedLine", "call")
        return called

    def _release(self) -> None:
        if self._line is not None:
            self._line.is_taken = False
        self._line = None
        if self._queue is not None and self._caller_channel is not None:
            self._queue.ringing.discard(self._caller_channel)

    def _complete(self, reason: str) -> Steps:
        served, self._served = self._served, None
        queue, caller = self._queue, self._caller_channel
        if served is None or queue is None or caller is None:
            return
        member, called, began, held = served
        talked = int(self.pbx.clock() - began)
        queue.completes(held, talked)
        member.in_call = False
        member.calls_taken += 1
        member.last_call = int(self.pbx.clock())
        own: Headers = [("Queue", queue.name), ("Interface", member.interface), ("MemberName", member.name)]
        times: Headers = [("HoldTime", held), ("TalkTime", talked), ("Reason", reason)]
        yield 0, agent_event("AgentComplete", caller, called, *own, *times)

    def _give_up(self) -> Steps:
        queue, caller = self._queue, self._caller_channel
        if queue is None or caller is None or all(channel is not caller for channel, _ in queue.waiting):
            return
        held = int(self.pbx.clock() - self._joined)
        queue.gives_up(held)
        position = 1 + [channel for channel, _ in queue.waiting].index(caller)
        own: Headers = [("Queue", queue.name), ("Position", position), ("OriginalPosition", position)]
        yield 0, caller.event("QueueCallerAbandon", "agent", *own, ("HoldTime", held))
        yield from self._leave(queue, caller)

    def _leave(self, queue: Queue, caller: Channel) -> Steps:
        position = 1 + [channel for channel, _ in queue.waiting].index(caller)
        del queue.waiting[position - 1]
        yield 0, caller.event("QueueCallerLeave", "agent", *_place(queue, position))


class InternalCall(CentreCall):
    """A phone calls another."""

    kind = "dialled"
    mean_talk = 50.0

    def body(self) -> Steps:
        """Ring, answer or not, talk."""
        line = self.idle()
        if line is None:
            return
        others = [other for other in phones(self.pbx) if other is not line and other.is_up]
        other = self.chance.choice(others)
        caller = self._caller(line.name, line.exten, line.owner, "from-internal", other.exten)
        yield from self._appear(caller)
        yield self.newexten(caller, "Dial", f"{other.device},30")
        called = yield from self.dial(caller, other.device, other.owner, other.exten)
        if called is None:
            return
        yield from self.join(called, caller)
        yield from self._talk(caller, called)
        yield 0, caller.event("HangupRequest", "call", ("Cause", 16))


class OutboundCall(CentreCall):
    """A phone calls somebody outside."""

    kind = "outbound"
    mean_talk = 90.0

    def body(self) -> Steps:
        """Ring, answer or not, talk."""
        line, trunk = self.idle(), self.trunk()
        if line is None or trunk is None:
            return
        number, name = self.outside()
        caller = self._caller(line.name, line.exten, line.owner, "from-internal", number)
        yield from self._appear(caller)
        yield self.newexten(caller, "Dial", f"PJSIP/{number}@{trunk.name},60")
        called = yield from self.dial(caller, trunk.device, name, number)
        if called is None:
            return
        yield from self.join(called, caller)
        yield from self._talk(caller, called)
        yield 0, caller.event("HangupRequest", "call", ("Cause", 16))


def is_idle(pbx: Pbx, line: Line) -> bool:
    """Whether a call can ring this phone and no other call is about to."""
    return line.is_up and not line.is_taken and pbx.devices[line.device] == "NOT_INUSE"


def _place(queue: Queue, position: int) -> Headers:
    return [("Queue", queue.name), ("Position", position), ("Count", len(queue.waiting))]
