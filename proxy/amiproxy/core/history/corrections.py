"""Corrections: the events that lead from what was there when the link was lost to what is there now.

They are the native events of what ended unseen, and of what began or changed unseen.  Each is marked with the
line ``ProxySynthetic: yes``.
"""

# mypyc: compiled

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from amiproxy.core.calls.call import Call
from amiproxy.core.calls.scope import CallTracker
from amiproxy.core.history.kinds.joining import calls
from amiproxy.core.history.state.item import Item
from amiproxy.core.history.state.kept import Lost
from amiproxy.core.history.state.kind import Kind, Picture, differences

_MARK: Final = b"ProxySynthetic: yes\r\n\r\n"
#: Channels leave their bridges before these end, and everything else before its channel.
_LAST: Final = ("channels", "bridges")
#: The events that tell of an item that is new, as far as they apply to it, by its name in the native list.
_OF_NEW: Final = {
    b"CoreShowChannel": (b"Newchannel", b"Newexten", b"BridgeEnter"),
    b"BridgeListItem": (b"BridgeCreate",),
    b"QueueMember": (b"QueueMemberAdded",),
    b"QueueEntry": (b"QueueCallerJoin",),
    b"ParkedCall": (b"ParkedCall",),
    b"ConfbridgeListRooms": (b"ConfbridgeStart",),
    b"ConfbridgeList": (b"ConfbridgeJoin",),
    b"Agents": (b"AgentLogin",),
    b"DeviceStateChange": (b"DeviceStateChange",),
    b"ExtensionStatus": (b"ExtensionStatus",),
    b"PresenceStateChange": (b"PresenceStateChange",),
    b"MessageWaiting": (b"MessageWaiting",),
    b"ContactList": (b"ContactStatus",),
    b"EndpointList": (b"PeerStatus",),
    b"PeerEntry": (b"PeerStatus",),
}
#: Those that tell of one that has changed.  Of other items Asterisk does not tell what may change.
_OF_CHANGED: Final = {
    b"CoreShowChannel": (b"Newchannel", b"Newexten", b"BridgeEnter"),
    b"QueueMember": (b"QueueMemberStatus",),
    b"ParkedCall": (b"ParkedCall",),
    b"Agents": (b"AgentLogin", b"AgentLogoff"),
    b"DeviceStateChange": (b"DeviceStateChange",),
    b"ExtensionStatus": (b"ExtensionStatus",),
    b"PresenceStateChange": (b"PresenceStateChange",),
    b"MessageWaiting": (b"MessageWaiting",),
    b"ContactList": (b"ContactStatus",),
    b"EndpointList": (b"PeerStatus",),
    b"PeerEntry": (b"PeerStatus",),
}
#: An event that begins an item -> the one that tells the same of an item that exists already.
_OF_KNOWN: Final = {b"Newchannel": b"Newstate"}


class Correction(NamedTuple):
    """One event, and the call that it is about; None if it is about no call."""

    raw: bytes
    call: Call | None


class Corrections(NamedTuple):
    """All corrections of one server."""

    #: The ends, to be sent before all events since the link came up.
    ends: tuple[Correction, ...]
    #: Beginnings and changes, to be sent after the events so far.
    others: tuple[Correction, ...]


def corrections(losses: Sequence[tuple[Lost, Kind]]) -> Corrections:
    """The corrections for each kind as it was when the link was lost, and as it is now.

    What has begun or ended since the link is back, according to events, needs none: clients are sent these
    events.  The kinds are in the order in which a snapshot shows them.
    """
    before: Picture = {lost.kind.name: lost.kind.by_key() for lost, _ in losses}
    bridges = next((now.by_key() for _, now in losses if now.name == "bridges"), {})
    tracker = CallTracker()
    ends: dict[str, list[Correction]] = {}
    others: list[Correction] = []
    _follow(tracker, before)
    _follow(tracker, {now.name: now.by_key() for _, now in losses})
    for lost, now in losses:
        known, present = before[now.name], now.by_key()
        drift = differences(known, present)
        ends[now.name] = []
        begun = [*drift.unknown]
        # The last first: members before their conference, and callers from the end of their queue.
        for key, item in reversed([*known.items()]):
            after = present.get(key)
            if lost.kind.has_ended(item, after):
                if key in lost.keys:  # else events are to come that end it
                    ends[now.name] += _corrections(lost.kind.closing(item, before), item, tracker)
                if after is not None:
                    begun.append(key)
        for key in begun:
            item = present[key]
            others += _corrections(_telling(item, _OF_NEW, bridges), item, tracker)
        changed: dict[bytes, set[bytes]] = {}
        for key, field in drift.changed:
            if key not in begun:
                changed.setdefault(key, set()).add(field)
        for key, fields in changed.items():
            earlier, item = known[key], present[key]
            if any(earlier.values.get(field) for field in fields & _needed(earlier)):
                # All but the last of the events that close it end what it was a part of.
                others += _corrections(lost.kind.closing(earlier, before)[:-1], earlier, tracker)
            others += _corrections(
                [_of_known(raw) for raw in _telling(item, _OF_CHANGED, bridges)], item, tracker
            )
    ordered = [each for name in _in_order_of_ends([*ends]) for each in ends[name]]
    return Corrections(tuple(ordered), tuple(others))


def _in_order_of_ends(names: list[str]) -> list[str]:
    first = [name for name in reversed(names) if name not in _LAST]
    return first + [name for name in _LAST if name in names]


def _corrections(raws: Iterable[bytes], item: Item, tracker: CallTracker) -> list[Correction]:
    facts = item.facts()
    call = tracker.call_of(facts) if facts is not None else None
    return [Correction(raw, call) for raw in raws]


def _needed(item: Item) -> set[bytes]:
    """The fields that say that the item is a part of something."""
    return {need for carrier in item.form.carriers for need in carrier.needs}


def _telling(
    item: Item, names: Mapping[bytes, tuple[bytes, ...]], bridges: Mapping[bytes, Item]
) -> list[bytes]:
    """The events of these names that tell of an item; ``bridges`` are those that channels are in."""
    raws: list[bytes] = []
    wanted = names.get(item.event, ())
    for name in wanted:
        for carrier in item.form.carriers:
            raw = item.as_event(carrier) if carrier.event == name else None
            if raw is not None:
                raws.append(_with_bridge(raw, bridges.get(item.values.get(b"BridgeId", b""))) + _MARK)
        if raws and item.event == b"Agents":
            break  # one that has not logged in is said to have logged off
    return raws


def _with_bridge(raw: bytes, bridge: Item | None) -> bytes:
    """The event without its blank line; if it names a bridge, with all that is known about the bridge."""
    raw = raw.removesuffix(b"\r\n")
    if bridge is None:
        return raw
    lines = b"".join([name + b": " + value + b"\r\n" for name, value in bridge.values.items()])
    return raw.replace(b"\r\nBridgeUniqueid: " + bridge.key + b"\r\n", b"\r\n" + lines, 1)


def _of_known(raw: bytes) -> bytes:
    end = raw.find(b"\r\n")
    name = raw[7:end]
    return b"Event: " + _OF_KNOWN.get(name, name) + raw[end:]


def _follow(tracker: CallTracker, picture: Picture) -> None:
    """Let the tracker know all calls of a picture."""
    channels, bridges = picture.get("channels", {}), picture.get("bridges", {})
    for facts in calls([*channels.values()], [*bridges.values()]):
        tracker.know(facts)
