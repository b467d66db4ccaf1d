"""The kind ``channels``: CoreShowChannels, and the events of channels.

``Application`` and ``ApplicationData`` are as the last Newexten said, because Asterisk changes them without
an event too, and ``Duration`` is computed from the time at which the channel was first seen.
"""

# mypyc: compiled

from collections.abc import Callable, Sequence
from typing import Final

from amiproxy.core.calls.callfacts import CallFacts, device_of
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item, Values, carrier, form, joined
from amiproxy.core.history.state.kind import Drift, Kind, Picture, seed, synthetic

_SNAPSHOT: Final = (
    "Channel ChannelState ChannelStateDesc CallerIDNum CallerIDName ConnectedLineNum ConnectedLineName"
    " Language AccountCode Context Exten Priority Uniqueid Linkedid ChanVariable"
)
#: The fields of every event that begins with a channel, except the variables, which may occur several times.
_PLAIN: Final = tuple(name for name in _SNAPSHOT.encode().split() if name != b"ChanVariable")
#: Those by which users may see the channel.
_DECISIVE: Final = frozenset({b"Channel", b"AccountCode", b"Context", b"Uniqueid", b"Linkedid"})
#: Field -> header in lower case, and whether the field is decisive.
_READ: Final = tuple((name, name.lower(), name in _DECISIVE) for name in _PLAIN)
_BRIDGE: Final = b"BridgeId"
_UNIQUEID: Final = b"Uniqueid"
_DURATION: Final = b"Duration"
_VARIABLE: Final = b"ChanVariable"
#: Most ids of ended channels that are remembered: events of a channel may still come after its Hangup.
_ENDED: Final = 512


def _facts_of(values: Values) -> CallFacts:
    def present(name: bytes) -> tuple[bytes, ...]:
        value = values.get(name, b"")
        return (value,) if value else ()

    return CallFacts(
        present(_UNIQUEID),
        present(b"Linkedid"),
        tuple(map(device_of, present(b"Channel"))),
        present(b"Context"),
        present(b"AccountCode"),
        b"",
    )


FORM: Final = form(
    b"CoreShowChannel",
    f"{_SNAPSHOT} Application ApplicationData Duration BridgeId",
    "Uniqueid",
    "Channel ChannelState ChannelStateDesc CallerIDNum CallerIDName ConnectedLineNum ConnectedLineName"
    " AccountCode Context Exten Priority BridgeId",
    [
        carrier(b"Newchannel", b"call", f"{_SNAPSHOT} Duration"),
        carrier(b"Newexten", b"dialplan", f"{_SNAPSHOT} Application ApplicationData=AppData", "Application"),
        carrier(b"BridgeEnter", b"call", f"BridgeId=BridgeUniqueid {_SNAPSHOT}", "BridgeId"),
    ],
    _facts_of,
)


class Channels(Kind):
    """All channels, by Uniqueid."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.name = "channels"
        self.lists = (seed(b"CoreShowChannels", "CoreShowChannel"),)
        self.forms = {FORM.event: FORM}
        self.events = {
            b"Newchannel": self._tell,
            b"Newstate": self._tell,
            b"NewCallerid": self._tell,
            b"NewConnectedLine": self._tell,
            b"NewAccountCode": self._tell,
            b"Newexten": self._run,
            b"Rename": self._renamed,
            b"BridgeEnter": self._entered,
            b"BridgeLeave": self._left,
            b"Hangup": self._hung_up,
        }
        #: When each channel began, in monotonic seconds.
        self._since: dict[bytes, float] = {}
        self._ended: dict[bytes, None] = {}
        #: Whether a list has told all channels.
        self._is_listed = False

    # -- lists -------------------------------------------------------------

    def items(self) -> list[Item]:
        """See Kind."""
        now = self._clock()
        since = self._since
        return [
            item.with_values({_DURATION: _clock_of(now - since[key])}) for key, item in self._items.items()
        ]

    def replace(self, answers: Sequence[Fields]) -> Drift:
        """See Kind."""
        drift = super().replace(answers)
        self._is_listed = True
        now = self._clock()
        self._since = {
            key: self._since.get(key, now - _seconds_of(item.values.get(_DURATION, b"")))
            for key, item in self._items.items()
        }
        return drift

    def item_of(self, fields: Fields) -> Item | None:
        """See Kind."""
        item = super().item_of(fields)
        if item is None:
            return None
        values = {name: fields.only(header) for name, header, decisive in _READ if decisive}
        if fields.has(b"chanvariable"):
            values[_VARIABLE] = joined(_VARIABLE, fields.get_all(b"chanvariable"))
        return item.with_values(values)

    # -- events ------------------------------------------------------------

    def _key_of(self, fields: Fields) -> bytes:
        """The key of the channel that an event is about; b"" if that is not certain."""
        key = fields.only(b"uniqueid")
        if key:
            return key
        # A caller has put an Uniqueid into a value.  The name of the channel precedes all such values.
        name = fields.only(b"channel")
        for item in self._items.values():
            if name and item.values.get(b"Channel") == name:
                return item.key
        return b""

    def _tell(self, fields: Fields) -> None:
        self._set(fields, {})

    def _set(self, fields: Fields, more: Values) -> None:
        key = self._key_of(fields)
        if not key or key in self._ended:
            return
        values: Values = {}
        first = fields.first
        for name, header, decisive in _READ:
            value = first.get(header)
            if value is not None and (not decisive or not value or fields.only(header)):
                values[name] = value
        values[_UNIQUEID] = key
        if b"chanvariable" in first:
            values[_VARIABLE] = joined(_VARIABLE, fields.get_all(b"chanvariable"))
        values.update(more)
        known = self._items.get(key)
        if known is None:
            if self._is_listed and fields.name != b"Newchannel":
                return  # lists are ahead of events: it has ended, and some events come after the Hangup
            self._since[key] = self._clock()
            empty = {b"Application": b"", b"ApplicationData": b"", _DURATION: b"", _BRIDGE: b""}
            known = Item(FORM, key, empty)
        self._items[key] = known.with_values(values)

    def _run(self, fields: Fields) -> None:
        run = {b"Application": fields.get(b"application"), b"ApplicationData": fields.get(b"appdata")}
        self._set(fields, run)

    def _renamed(self, fields: Fields) -> None:
        key, name = fields.only(b"uniqueid"), fields.only(b"newname")
        known = self._items.get(key)
        if known is not None and name:
            self._items[key] = known.with_values({b"Channel": name})

    def _entered(self, fields: Fields) -> None:
        self._set(fields, {_BRIDGE: fields.get(b"bridgeuniqueid")})

    def _left(self, fields: Fields) -> None:
        known = self._items.get(self._key_of(fields))
        if known is None:
            return
        # It may have entered another bridge before: then it is still in that one.
        is_there = known.values.get(_BRIDGE) == fields.get(b"bridgeuniqueid")
        self._set(fields, {_BRIDGE: b""} if is_there else {})

    def _hung_up(self, fields: Fields) -> None:
        key = self._key_of(fields)
        if not key:
            self.is_outdated = True  # a caller can make it unclear which channel has ended
            return
        self._items.pop(key, None)
        self._since.pop(key, None)
        self._ended[key] = None
        if len(self._ended) > _ENDED:
            del self._ended[next(iter(self._ended))]

    # -- ends --------------------------------------------------------------

    def closing(self, item: Item, before: Picture) -> list[bytes]:
        """See Kind."""
        snapshot = [(name, item.values[name]) for name in _SNAPSHOT.encode().split() if name in item.values]
        events = []
        bridge_id = item.values.get(_BRIDGE, b"")
        bridge = before.get("bridges", {}).get(bridge_id)
        if bridge is not None:
            inside = [
                key
                for key, other in before.get(self.name, {}).items()
                if other.values.get(_BRIDGE) == bridge_id
            ]
            # The last of them leaves an empty bridge.
            left = len(inside) - 1 - inside.index(item.key) if item.key in inside else 0
            around = bridge.with_values({b"BridgeNumChannels": b"%d" % left}).values
            events.append(synthetic(b"BridgeLeave", b"call", [*around.items(), *snapshot]))
        cause = [(b"Cause", b"0"), (b"Cause-txt", b"Unknown")]
        events.append(synthetic(b"Hangup", b"call", snapshot + cause))
        return events

    def inherit(self, before: Kind) -> None:
        """See Kind."""
        super().inherit(before)
        assert isinstance(before, Channels)
        self._since = dict(before._since)
        self._ended = dict(before._ended)

    def forget(self) -> None:
        """See Kind."""
        super().forget()
        self._since = {}
        self._ended = {}
        self._is_listed = False


def _clock_of(seconds: float) -> bytes:
    whole = max(0, int(seconds))
    return b"%02d:%02d:%02d" % (whole // 3600, whole // 60 % 60, whole % 60)


def _seconds_of(text: bytes) -> int:
    """The seconds of a Duration such as ``00:01:05``; 0 if it is none."""
    parts = text.split(b":")
    if len(parts) != 3 or not all(part.isdigit() and len(part) < 6 for part in parts):
        return 0
    hours, minutes, seconds = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds
