"""A call that the reception parks for a colleague, and a conference."""

from amiproxy.tools.simulator.calls.call import Steps
from amiproxy.tools.simulator.centre.calls import CentreCall, is_idle
from amiproxy.tools.simulator.pbx.channel import RING, UP, Channel, Headers, event
from amiproxy.tools.simulator.pbx.line import Line, Parked
from amiproxy.tools.simulator.pbx.linestates import device_event
from amiproxy.tools.simulator.pbx.state import Bridge, Pbx

_RECEPTION = "PJSIP/reception"
_FIRST_SPACE, _SPACES = 701, 20
#: Mean seconds of a short talk, that a call stays parked, that a conference lasts, between two who join it.
_SHORT_TALK, _PARKED, _CONFERENCE, _LATE = 15.0, 30.0, 180.0, 6.0
_ROOMS = ("8001", "8002", "8003")


class ParkedCall(CentreCall):
    """A caller talks to the reception, is parked, and is fetched by a colleague."""

    kind = "parked"
    mean_talk = 60.0

    def __init__(self, pbx: Pbx, number: int, pace: float = 1.0) -> None:
        super().__init__(pbx, number, pace)
        self._parked: Parked | None = None

    def body(self) -> Steps:
        """Ring the reception, talk, wait in the parking lot, talk to a colleague."""
        reception = self.pbx.lines[_RECEPTION]
        if not is_idle(self.pbx, reception):
            return
        caller = yield from self.comes_in(reception.exten)
        if caller is None:
            return
        first = yield from self.dial(caller, _RECEPTION, reception.owner, reception.exten, misses=False)
        if first is None:
            return
        yield from self.join(first, caller)
        yield self._after(_SHORT_TALK), b""
        yield from self.part()
        yield from self._park(caller, first)
        yield self._after(_PARKED), b""
        line = self.idle(reception)
        if line is None:
            return
        fetching = self.new_channel(line.device, "from-internal", str(self._space))
        fetching.caller = (line.exten, line.owner)
        yield from self._appear(fetching)
        yield from self.newstate(fetching, UP)
        yield from self._fetched(fetching)
        yield from self.join(fetching, caller)
        yield from self._talk(caller, fetching)

    def let_go(self) -> Steps:
        """A call that is still parked gives up."""
        yield from self._unparked("ParkedCallGiveUp")

    @property
    def _space(self) -> int:
        return 0 if self._parked is None else self._parked.space

    def _park(self, caller: Channel, parker: Channel) -> Steps:
        spaces = range(_FIRST_SPACE, _FIRST_SPACE + _SPACES)
        space = next((space for space in spaces if space not in self.pbx.parked), None)
        if space is None:
            return
        bridge = self.bridge = self.pbx.new_bridge("holding_bridge", "Parking")
        yield 0, bridge.event("BridgeCreate")
        yield self.enter(bridge, caller)
        parked = self._parked = Parked(caller, parker.device, space, self.pbx.clock())
        self.pbx.parked[space] = parked
        yield 0, event("ParkedCall", "call", *parked.snapshot(self.pbx.clock()))
        yield from self.hung_up(parker, 16)

    def _fetched(self, fetching: Channel) -> Steps:
        yield from self._unparked("UnParkedCall", *fetching.snapshot("Retriever"))
        yield from self.part()

    def _unparked(self, name: str, *headers: tuple[str, object]) -> Steps:
        parked, self._parked = self._parked, None
        if parked is None:
            return
        del self.pbx.parked[parked.space]
        yield 0, event(name, "call", *parked.snapshot(self.pbx.clock()), *headers)


class ConferenceCall(CentreCall):
    """Three or four people meet in a conference."""

    kind = "conference"

    def body(self) -> Steps:
        """They join one after another, talk, and leave."""
        for _ in range(self.chance.choice((3, 3, 4))):
            # Chosen only now: while nobody was there, others may have met in the same room.
            free = [name for name in _ROOMS if name not in self.pbx.rooms]
            room = self.bridge.name if self.bridge is not None else free[0] if free else None
            line = self.idle()
            if room is not None and line is not None:
                yield from self._joins(room, line)
            yield self._after(_LATE), b""
        yield self._after(_CONFERENCE), b""

    def _joins(self, room: str, line: Line) -> Steps:
        channel = self._caller(line.name, line.exten, line.owner, "from-internal", room)
        bridge = self.bridge
        if bridge is None:
            bridge = self.bridge = self.pbx.new_bridge("softmix", "ConfBridge", room)
            self.pbx.rooms[room] = bridge
            yield 0, bridge.event("BridgeCreate")
            yield 0, _conference("ConfbridgeStart", bridge)
            self.pbx.devices[f"confbridge:{room}"] = "INUSE"
            yield 0, device_event(f"confbridge:{room}", "INUSE")
        yield 0, channel.event("Newchannel", "call")
        yield from self.newstate(channel, RING)
        yield from self.newstate(channel, UP)
        yield self.newexten(channel, "ConfBridge", room)
        yield self.enter(bridge, channel)
        own: Headers = [*channel.snapshot(), ("Admin", "No"), ("Muted", "No")]
        yield 0, _conference("ConfbridgeJoin", bridge, *own)

    def part(self) -> Steps:
        """All leave the conference, which ends."""
        bridge, self.bridge = self.bridge, None
        if bridge is None:
            return
        room = bridge.name
        while bridge.channels:
            channel = bridge.channels[-1]
            yield self.leave(bridge, channel)
            yield 0, _conference("ConfbridgeLeave", bridge, *channel.snapshot(), ("Admin", "No"))
        del self.pbx.rooms[room]
        yield 0, _conference("ConfbridgeEnd", bridge)
        self.pbx.devices[f"confbridge:{room}"] = "NOT_INUSE"
        yield 0, device_event(f"confbridge:{room}", "NOT_INUSE")
        yield self.destroy(bridge)


def _conference(name: str, bridge: Bridge, *headers: tuple[str, object]) -> bytes:
    return event(name, "call", ("Conference", bridge.name), *bridge.snapshot(), *headers)
