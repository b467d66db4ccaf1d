"""Agents of app_agent_pool, and with whom those that are logged in talk.

A login and a logoff are events of the class ``agent``.  That an agent talks to somebody shows from events
of the class ``call``: the list takes it from the variable BRIDGEPEER, which Asterisk sets in each channel
when two or more are in a bridge, and clears when the agent's channel is back in the bridge where it waits.
"""

# mypyc: compiled

from collections.abc import Callable, Sequence

from amiproxy.core.calls.callfacts import CallFacts
from amiproxy.core.history.kinds import channelfields
from amiproxy.core.history.kinds.channelfields import facts_as, read_channel
from amiproxy.core.history.kinds.durations import number
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

_TOLD = f"{channelfields.names()} Agent"
_FACTS = {name: name for name in _TOLD.encode().split()}
_OFF = b"AGENT_LOGGEDOFF"
_IDLE = b"AGENT_IDLE"
_TALKING = b"AGENT_ONCALL"
#: Uniqueid and name of each of some channels.
_Channels = tuple[tuple[bytes, bytes], ...]
#: Most channels that Asterisk names in BRIDGEPEER.
_MOST_PEERS = 10


def _facts_of(values: Values) -> CallFacts:
    return facts_as(b"AgentLogin", _FACTS, values)


AGENT = form(
    b"Agents",
    f"Agent Name Status TalkingToChan CallStarted LoggedInTime {channelfields.names()}",
    "Agent",
    "Status TalkingToChan Channel Uniqueid",
    [
        carrier(b"AgentLogin", b"agent", f"{_TOLD} Status", "Uniqueid"),
        carrier(b"AgentLogoff", b"agent", "Agent Status"),
        # The event alone says nothing of agents.
        carrier(b"BridgeEnter", b"agent,call", "TalkingToChan=Channel", "TalkingToChan", of_others=True),
    ],
    _facts_of,
)


class Agents(Kind):
    """The agents, logged in or not."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "agents"
        self.lists = (seed(b"Agents", "Agents"),)
        self.forms = {b"Agents": AGENT}
        self.modules = frozenset({b"app_agent_pool"})
        self.events = {
            b"AgentLogin": self._logged_in,
            b"AgentLogoff": self._logged_off,
            b"BridgeEnter": self._entered,
            b"BridgeLeave": self._left,
            b"BridgeDestroy": self._destroyed,
            b"Rename": self._renamed,
        }
        #: Uniqueid of the channel -> key of the agent that is logged in with it.
        self._channels: dict[bytes, bytes] = {}
        #: Uniqueid of a bridge in which channels talk -> Uniqueid and name of each, in their order.
        self._bridges: dict[bytes, _Channels] = {}

    def item_of(self, fields: Fields) -> Item | None:
        """See Kind."""
        item = super().item_of(fields)
        if item is None:
            return None
        if b"CallStarted" in item.values:
            # Asterisk ends this line without CR: its value is the next line as well.
            started, _, rest = item.values[b"CallStarted"].partition(b"\n")
            _, _, logged_in = rest.partition(b": ")
            item = item.with_values({b"CallStarted": started, b"LoggedInTime": logged_in})
        return item.with_values(read_channel(fields))

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """See Kind."""
        drift = super().replace(answers)
        self._channels = {
            item.values[b"Uniqueid"]: key for key, item in self._items.items() if item.values.get(b"Uniqueid")
        }
        return drift

    def inherit(self, before: Kind) -> None:
        """See Kind."""
        super().inherit(before)
        assert isinstance(before, Agents)
        self._channels = dict(before._channels)
        self._bridges = dict(before._bridges)

    def forget(self) -> None:
        """See Kind."""
        super().forget()
        self._channels = {}
        self._bridges = {}

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """See Kind."""
        if item.values.get(b"Status") == _OFF:
            return []
        headers = [(name, item.values[name]) for name in channelfields.NAMES if name in item.values]
        return [synthetic(b"AgentLogoff", b"agent", [*headers, (b"Agent", item.values[b"Agent"])])]

    def has_ended(self, before: Item, after: Item | None) -> bool:
        """See Kind."""
        if after is None:
            return True
        return before.values.get(b"Uniqueid", b"") not in (b"", after.values.get(b"Uniqueid", b""))

    def _logged_in(self, fields: Fields) -> None:
        known = self._items.get(AGENT.key_of(fields))
        uniqueid = fields.only(b"uniqueid")
        if known is not None and known.values.get(b"Uniqueid") == uniqueid:
            return  # a list has told it already, and perhaps more
        item = self._told(fields, _IDLE)
        if item is not None and uniqueid:
            self._items[item.key] = item.with_values(read_channel(fields))
            self._channels[uniqueid] = item.key
            self.is_outdated = True  # only the list says since when

    def _logged_off(self, fields: Fields) -> None:
        known = self._items.get(AGENT.key_of(fields))
        uniqueid = fields.only(b"uniqueid")
        if known is not None and known.values.get(b"Uniqueid", uniqueid) != uniqueid:
            return  # the agent has logged in again since, from another channel
        item = self._told(fields, _OFF)
        if item is not None:
            self._items[item.key] = item
            self._channels.pop(uniqueid, None)

    def _told(self, fields: Fields, status: bytes) -> Item | None:
        """The agent that an event is about, with its name and this status only."""
        key = AGENT.key_of(fields)
        if not key:
            return None
        known = self._items.get(key)
        values = {b"Agent": fields.only(b"agent"), b"Status": status}
        if known is None:
            self.is_outdated = True  # only the list has its name
        elif b"Name" in known.values:
            values[b"Name"] = known.values[b"Name"]
        return Item(AGENT, key, {}).with_values(values)

    def _entered(self, fields: Fields) -> None:
        bridge, uniqueid = fields.only(b"bridgeuniqueid"), fields.only(b"uniqueid")
        if not self._items or not bridge or not uniqueid:
            return
        if fields.only(b"bridgetechnology") == b"holding_bridge":
            self._waits(uniqueid)
            return
        others = _without(self._bridges.get(bridge, ()), uniqueid)
        talking = (*others, (uniqueid, fields.get(b"channel")))
        self._bridges[bridge] = talking
        if number(fields.only(b"bridgenumchannels")) != len(talking) and self._has_agent(talking):
            self.is_outdated = True  # some channels are there since before the list
        self._talk(talking)

    def _left(self, fields: Fields) -> None:
        bridge = fields.only(b"bridgeuniqueid")
        talking = _without(self._bridges.get(bridge, ()), fields.only(b"uniqueid"))
        if talking:
            self._bridges[bridge] = talking
            self._talk(talking)
        else:
            self._bridges.pop(bridge, None)

    def _destroyed(self, fields: Fields) -> None:
        # Channels may not have left, as far as is known: a caller can make it unclear which one has.
        self._bridges.pop(fields.only(b"bridgeuniqueid"), None)

    def _has_agent(self, talking: _Channels) -> bool:
        return any(uniqueid in self._channels for uniqueid, _ in talking)

    def _talk(self, talking: _Channels) -> None:
        """Set with whom the agents among these channels talk."""
        if len(talking) < 2:
            return  # BRIDGEPEER stays as it is until the channel is in a bridge with others again
        for uniqueid, _ in talking:
            key = self._channels.get(uniqueid)
            if key is None:
                continue
            peers = [name for _, name in _without(talking, uniqueid)[:_MOST_PEERS]]
            before = self._items[key]
            self._items[key] = before.with_values({b"Status": _TALKING, b"TalkingToChan": b",".join(peers)})
            if before.values.get(b"Status") != _TALKING:
                self.is_outdated = True  # only the list says since when

    def _waits(self, uniqueid: bytes) -> None:
        """The agent with this channel is back where it waits for calls."""
        key = self._channels.get(uniqueid)
        if key is not None:
            values = dict(self._items[key].values)
            values.pop(b"TalkingToChan", None)
            values.pop(b"CallStarted", None)
            values[b"Status"] = _IDLE
            self._items[key] = Item(AGENT, key, values)

    def _renamed(self, fields: Fields) -> None:
        uniqueid, name = channelfields.renamed(fields)
        key = self._channels.get(uniqueid)
        if key is not None:
            self._items[key] = self._items[key].with_values({b"Channel": name})


def _without(channels: _Channels, uniqueid: bytes) -> _Channels:
    return tuple([channel for channel in channels if channel[0] != uniqueid])
