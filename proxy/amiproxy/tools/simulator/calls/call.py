"""The base of every call: its steps, its bridge, its end, and how it can be interrupted.

A call is a generator of steps ``(delay, event)``: wait so many seconds, then send these
bytes (none if they are empty).  It changes the PBX right before the event that reports
the change, so lists and events agree.  It is independent of an event loop: ``Timeline``
runs it, and tests can step through it.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass

from amiproxy.tools.simulator.pbx.channel import BUSY, CAUSES, RINGING, UP, Channel, Headers, event
from amiproxy.tools.simulator.pbx.dialplan import application
from amiproxy.tools.simulator.pbx.linestates import line_events
from amiproxy.tools.simulator.pbx.state import Bridge, Pbx

Step = tuple[float, bytes]
Steps = Generator[Step, None, None]


@dataclass
class HungUp(Exception):
    """Thrown into a call's steps: hang up, with this cause."""

    cause: int = 16


@dataclass
class Redirected(Exception):
    """Thrown into a call's steps: one channel goes to another extension, the others are hung up."""

    channel: Channel
    context: str
    exten: str
    priority: int = 1


class Call:
    """One call.  Subclasses implement ``body``; this class carries the call to its end."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self.channels: list[Channel] = []
        self.bridge: Bridge | None = None
        self.cause = 16
        self.ending = False
        self.steps = self._steps()

    def body(self) -> Steps:
        """The call's steps until a party hangs up.  Subclasses implement it."""
        raise NotImplementedError

    def let_go(self) -> Steps:
        """Release what the call holds besides its channels and its bridge; may be called more than once."""
        yield from ()

    def _steps(self) -> Steps:
        part: Steps | None = self.body()
        while part is not None:
            try:
                yield from part
                part = None
            except Redirected as order:
                part = self._redirected(order)
            except HungUp as order:
                self.cause = order.cause
                part = None
        self.ending = True
        yield from self.conclusion()

    def new_channel(self, device: str, context: str, exten: str) -> Channel:
        """A channel of this call; the first one's Uniqueid is the Linkedid of all."""
        linkedid = self.channels[0].linkedid if self.channels else ""
        channel = self.pbx.channel(device, context, exten, linkedid)
        self.channels.append(channel)
        return channel

    def newstate(self, channel: Channel, state: int) -> Steps:
        """The channel changes its state, and so does its device."""
        channel.state = state
        if state == UP:
            channel.answered = self.pbx.clock()
        yield 0, channel.event("Newstate", "call")
        yield from self.device(
            channel, "RINGING" if state == RINGING else "BUSY" if state == BUSY else "INUSE"
        )

    def device(self, channel: Channel, state: str) -> Steps:
        """The channel's device changes its state: to that of all its channels if it is a line."""
        line = self.pbx.lines.get(channel.device)
        for raw in [device_state(channel, state)] if line is None else line_events(self.pbx, line):
            yield 0, raw

    def newexten(self, channel: Channel, app: str, data: str) -> Step:
        """The channel starts a dialplan application."""
        channel.application, channel.data = app, data
        return 0, channel.event(
            "Newexten", "dialplan", ("Extension", channel.exten), ("Application", app), ("AppData", data)
        )

    def varset(self, channel: Channel, name: str, value: str) -> Step:
        """A variable of the channel is set."""
        channel.variables[name] = value
        return 0, channel.event("VarSet", "dialplan", ("Variable", name), ("Value", value))

    def join(self, *channels: Channel) -> Steps:
        """The channels enter a new bridge."""
        bridge = self.bridge = self.pbx.new_bridge()
        yield 0, bridge.event("BridgeCreate")
        for channel in channels:
            yield self.enter(bridge, channel)
        for channel, peer in zip(channels, reversed(channels), strict=True):
            yield self.varset(channel, "BRIDGEPEER", peer.name)

    def enter(self, bridge: Bridge, channel: Channel) -> Step:
        """A channel enters a bridge."""
        bridge.channels.append(channel)
        channel.bridge = bridge.uniqueid
        return 0, bridge.event("BridgeEnter", *channel.snapshot())

    def leave(self, bridge: Bridge, channel: Channel) -> Step:
        """A channel leaves the bridge that it is in."""
        bridge.channels.remove(channel)
        channel.bridge = ""
        return 0, bridge.event("BridgeLeave", *channel.snapshot())

    def destroy(self, bridge: Bridge) -> Step:
        """A bridge ends."""
        self.pbx.bridges.pop(bridge.uniqueid, None)
        return 0, bridge.event("BridgeDestroy")

    def part(self) -> Steps:
        """All channels leave the bridge, if there is one, and it is destroyed."""
        bridge, self.bridge = self.bridge, None
        if bridge is None:
            return
        while bridge.channels:
            yield self.leave(bridge, bridge.channels[-1])
        yield self.destroy(bridge)

    def conclusion(self) -> Steps:
        """Release the bridge and hang up all channels that remain."""
        yield from self.let_go()
        yield from self.part()
        for channel in list(self.channels):
            yield 0, channel.event("SoftHangupRequest", "call", ("Cause", 16))
        for channel in list(self.channels):
            yield from self.hung_up(channel, self.cause)

    def hung_up(self, channel: Channel, cause: int) -> Steps:
        """One channel ends, with this hangup cause of Asterisk's."""
        self.channels.remove(channel)
        self.pbx.remove(channel)
        yield (
            0,
            channel.event("Hangup", "call", ("Cause", cause), ("Cause-txt", CAUSES.get(cause, "Unknown"))),
        )
        yield from self.device(channel, "NOT_INUSE")
        yield 0, event("Cdr", "cdr", *self._cdr(channel))

    def _redirected(self, order: Redirected) -> Steps:
        channel = order.channel
        yield from self.let_go()
        yield from self.part()
        for other in [leg for leg in self.channels if leg is not channel]:
            yield from self.hung_up(other, self.cause)
        channel.context, channel.exten, channel.priority = order.context, order.exten, order.priority
        app, data, seconds = application(order.exten)
        yield self.newexten(channel, app, data)
        yield seconds, b""

    def _cdr(self, channel: Channel) -> Headers:
        now = self.pbx.clock()
        answered = channel.answered or now
        number, name = (part.removeprefix("<unknown>") for part in channel.caller)
        return [
            ("AccountCode", ""),
            ("Source", number),
            ("Destination", channel.exten),
            ("DestinationContext", channel.context),
            ("CallerID", f'"{name}" <{number}>'),
            ("Channel", channel.name),
            ("DestinationChannel", ""),
            ("LastApplication", channel.application),
            ("LastData", channel.data),
            ("StartTime", _stamp(channel.created)),
            ("AnswerTime", _stamp(answered) if channel.answered else ""),
            ("EndTime", _stamp(now)),
            ("Duration", int(now - channel.created)),
            ("BillableSeconds", int(now - answered)),
            ("Disposition", "ANSWERED" if channel.answered else "NO ANSWER"),
            ("AMAFlags", "DOCUMENTATION"),
            ("UniqueID", channel.uniqueid),
            ("UserField", ""),
        ]


def device_state(channel: Channel, state: str) -> bytes:
    """A DeviceStateChange event: the channel's device changes its state."""
    return event("DeviceStateChange", "call", ("Device", channel.device), ("State", state))


def dial_event(name: str, caller: Channel | None, called: Channel, *headers: tuple[str, object]) -> bytes:
    """DialBegin, DialState or DialEnd, a whole message; an originated call has no caller."""
    own = caller.snapshot() if caller else []
    return event(name, "call", *own, *called.snapshot("Dest"), *headers)


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
