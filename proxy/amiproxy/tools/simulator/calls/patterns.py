"""Typical calls: one phone calls another, or a caller reaches an agent of a queue.

Sequences and privileges are those of Asterisk 22; people, numbers and durations come
from the call's own random generator, so the same seed gives the same calls.
"""

import random
from typing import ClassVar

from amiproxy.tools.simulator.calls.call import Call, Steps, dial_event
from amiproxy.tools.simulator.pbx.channel import RING, RINGING, UP, Channel, Headers, event
from amiproxy.tools.simulator.pbx.queue import Member, Queue, member_event
from amiproxy.tools.simulator.pbx.state import Pbx

#: Device, number, name.
_PHONES = (
    ("alice", "101", "Alice Andersson"),
    ("bob", "102", "Bob Berger"),
    ("carol", "103", "Carol Costa"),
    ("dave", "104", "Dave Dubois"),
    ("erin", "105", "Erin Eriksson"),
    ("frank", "106", "Frank Fischer"),
)
#: Maximum duration of a conversation, in seconds.
_LONGEST_TALK = 600.0
_RTCP_INTERVAL = 5.0


class TalkingCall(Call):
    """The common part of the two kinds below: time passes while two people talk."""

    kind: ClassVar[str] = ""
    #: Mean duration of a conversation, in seconds.
    mean_talk: ClassVar[float] = 40.0

    def __init__(self, pbx: Pbx, number: int, pace: float = 1.0) -> None:
        super().__init__(pbx)
        self.chance: random.Random = pbx.chance(f"{self.kind}{number}")
        # Every duration is divided by the pace: 60 turns an hour into a minute.
        self._pace = pace

    def _after(self, mean: float) -> float:
        return min(self.chance.expovariate(1 / mean), 10 * mean) / self._pace

    def _talk(self, one: Channel, two: Channel) -> Steps:
        left = min(self.chance.expovariate(1 / self.mean_talk), _LONGEST_TALK)
        packets = 0
        while left > 0:
            piece = min(left, _RTCP_INTERVAL)
            yield piece / self._pace, b""
            left -= piece
            packets += int(piece * 50)
            for channel in (one, two):
                yield 0, _rtcp(channel, self.pbx.clock(), packets)
            if self.chance.random() < 0.15:
                yield from self._digit(one, self.chance.choice("0123456789*#"))

    def _digit(self, channel: Channel, digit: str) -> Steps:
        pressed: Headers = [("Digit", digit), ("Direction", "Received")]
        yield 0, channel.event("DTMFBegin", "dtmf", *pressed)
        yield 0.1 / self._pace, b""
        released: Headers = [("Digit", digit), ("DurationMs", 100), ("Direction", "Received")]
        yield 0, channel.event("DTMFEnd", "dtmf", *released)

    def _caller(self, device: str, number: str, name: str, context: str, exten: str) -> Channel:
        channel = self.new_channel(f"PJSIP/{device}", context, exten)
        channel.caller = (number, name)
        return channel

    def _appear(self, channel: Channel) -> Steps:
        yield 0, channel.event("Newchannel", "call")
        yield from self.newstate(channel, RING)

    def _called(self, caller: Channel, device: str, name: str, number: str) -> Channel:
        channel = self.new_channel(device, caller.context, caller.exten)
        channel.caller = (number, name)
        channel.connected = caller.caller
        return channel


class DialledCall(TalkingCall):
    """A phone dials another: most answer, some are busy or do not answer."""

    kind = "dialled"

    def body(self) -> Steps:
        """Ring, answer or not, talk."""
        (device, number, name), (other, exten, other_name) = self.chance.sample(_PHONES, 2)
        caller = self._caller(device, number, name, "from-internal", exten)
        yield from self._appear(caller)
        yield self.newexten(caller, "Dial", f"PJSIP/{other},30")
        yield self.varset(caller, "DIALSTATUS", "")
        called = self._called(caller, f"PJSIP/{other}", other_name, exten)
        caller.connected = (exten, other_name)
        yield 0, called.event("Newchannel", "call")
        yield self.newexten(called, "AppDial", "(Outgoing Line)")
        yield 0, called.event("NewConnectedLine", "call")
        yield 0, dial_event("DialBegin", caller, called, ("DialString", other))
        fate = self.chance.random()
        if fate < 0.1:
            yield from self._unanswered(caller, called, "BUSY", 17)
            return
        yield from self.newstate(called, RINGING)
        yield 0, dial_event("DialState", caller, called, ("DialStatus", "RINGING"))
        yield self._after(4), b""
        if fate < 0.2:
            yield 20 / self._pace, b""
            yield from self._unanswered(caller, called, "NOANSWER", 19)
            return
        for channel in (called, caller):
            yield from self.newstate(channel, UP)
        yield 0, dial_event("DialEnd", caller, called, ("DialStatus", "ANSWER"))
        yield self.varset(caller, "DIALSTATUS", "ANSWER")
        yield from self.join(called, caller)
        yield from self._talk(caller, called)
        yield 0, caller.event("HangupRequest", "call", ("Cause", 16))

    def _unanswered(self, caller: Channel, called: Channel, dial_status: str, cause: int) -> Steps:
        self.cause = cause
        yield 0, dial_event("DialEnd", caller, called, ("DialStatus", dial_status))
        yield self.varset(caller, "DIALSTATUS", dial_status)


class QueueCall(TalkingCall):
    """A caller from outside joins a queue and waits for an agent; a few lose patience."""

    kind = "queue"

    def __init__(self, pbx: Pbx, number: int, pace: float = 1.0) -> None:
        super().__init__(pbx, number, pace)
        self._queue: Queue | None = None
        self._member: Member | None = None
        self._linkedid = ""

    def body(self) -> Steps:
        """Join, wait, reach an agent or give up, talk."""
        queue = self._queue = self.chance.choice(list(self.pbx.queues.values()))
        number = f"+4670{self.chance.randrange(10**7):07}"
        caller = self._caller("trunk", number, "<unknown>", "from-trunk", queue.name)
        yield from self._appear(caller)
        yield self.newexten(caller, "Answer", "")
        yield from self.newstate(caller, UP)
        yield self.newexten(caller, "Queue", f"{queue.name},t,,,120")
        joined = self.pbx.clock()
        self._linkedid = caller.linkedid
        queue.waiting.append((caller, joined))
        place: Headers = [
            ("Queue", queue.name),
            ("Position", len(queue.waiting)),
            ("Count", len(queue.waiting)),
        ]
        yield 0, caller.event("QueueCallerJoin", "agent", *place)
        yield 0, event("DeviceStateChange", "call", ("Device", f"Queue:{queue.name}"), ("State", "RINGING"))
        yield self._after(3), b""
        free = [member for member in queue.members if member.status == 1 and not member.paused]
        if not free or self.chance.random() < 0.1:
            yield self._after(10), b""
            yield from self._abandon(queue, caller, joined)
            return
        yield from self._served(queue, self.chance.choice(free), caller, joined)

    def let_go(self) -> Steps:
        """The waiting caller leaves the queue, and the agent is free again."""
        queue, member = self._queue, self._member
        if queue is None:
            return
        for caller, joined in [entry for entry in queue.waiting if entry[0].linkedid == self._linkedid]:
            yield from self._abandon(queue, caller, joined)
        if member is not None:
            self._member = None
            member.status = 1
            yield 0, member_event("QueueMemberStatus", self.pbx.started, queue, member)

    def _served(self, queue: Queue, member: Member, caller: Channel, joined: float) -> Steps:
        self._member = member
        called = self._called(caller, member.interface, member.name, "")
        yield 0, called.event("Newchannel", "call")
        own: Headers = [("Queue", queue.name), ("Interface", member.interface), ("MemberName", member.name)]
        yield 0, agent_event("AgentCalled", caller, called, *own)
        yield 0, dial_event("DialBegin", caller, called, ("DialString", member.interface.partition("/")[2]))
        yield from self.newstate(called, RINGING)
        member.status = 6
        yield 0, member_event("QueueMemberStatus", self.pbx.started, queue, member)
        rung = self._after(3)
        yield rung, b""
        yield from self.newstate(called, UP)
        yield 0, dial_event("DialEnd", caller, called, ("DialStatus", "ANSWER"))
        position = self._leave(queue, caller)
        left: Headers = [("Queue", queue.name), ("Position", position), ("Count", len(queue.waiting))]
        yield 0, caller.event("QueueCallerLeave", "agent", *left)
        held = int(self.pbx.clock() - joined)
        yield (
            0,
            agent_event("AgentConnect", caller, called, *own, ("HoldTime", held), ("RingTime", int(rung))),
        )
        member.status = 2
        yield 0, member_event("QueueMemberStatus", self.pbx.started, queue, member)
        yield from self.join(called, caller)
        answered = self.pbx.clock()
        yield from self._talk(caller, called)
        talked = int(self.pbx.clock() - answered)
        queue.completed += 1
        member.calls_taken += 1
        member.last_call = int(self.pbx.clock())
        yield 0, caller.event("HangupRequest", "call", ("Cause", 16))
        yield from self.part()
        times: Headers = [("HoldTime", held), ("TalkTime", talked), ("Reason", "caller")]
        yield 0, agent_event("AgentComplete", caller, called, *own, *times)

    def _abandon(self, queue: Queue, caller: Channel, joined: float) -> Steps:
        position = self._leave(queue, caller)
        queue.abandoned += 1
        own: Headers = [("Queue", queue.name), ("Position", position), ("OriginalPosition", position)]
        waited = int(self.pbx.clock() - joined)
        yield 0, caller.event("QueueCallerAbandon", "agent", *own, ("HoldTime", waited))
        left: Headers = [("Queue", queue.name), ("Position", position), ("Count", len(queue.waiting))]
        yield 0, caller.event("QueueCallerLeave", "agent", *left)

    def _leave(self, queue: Queue, caller: Channel) -> int:
        position = next(place for place, (channel, _) in enumerate(queue.waiting, 1) if channel is caller)
        del queue.waiting[position - 1]
        return position


def agent_event(name: str, caller: Channel, called: Channel, *headers: tuple[str, object]) -> bytes:
    """An event about a caller of a queue and the agent's channel, with ``headers`` after those of both."""
    return event(name, "agent", *caller.snapshot(), *called.snapshot("Dest"), *headers)


def _rtcp(channel: Channel, now: float, packets: int) -> bytes:
    stream = int(channel.uniqueid.rpartition(".")[2]) & 0xFFFF
    return channel.event(
        "RTCPSent",
        "reporting",
        ("To", f"192.0.2.{stream % 250 + 1}:4001"),
        ("From", "198.51.100.1:10001"),
        ("SSRC", f"0x{0x5A000000 + stream:08x}"),
        ("PT", "200(SR)"),
        ("ReportCount", 1),
        ("SentNTP", f"{now:.6f}"),
        ("SentRTP", packets * 160),
        ("SentPackets", packets),
        ("SentOctets", packets * 160),
        ("Report0SourceSSRC", f"0x{0xA5000000 + stream:08x}"),
        ("Report0FractionLost", 0),
        ("Report0CumulativeLost", 0),
        ("Report0HighestSequence", packets & 0xFFFF),
        ("Report0SequenceNumberCycles", packets >> 16),
        ("Report0IAJitter", 3),
        ("Report0LSR", 0),
        ("Report0DLSR", "0.0000"),
    )
