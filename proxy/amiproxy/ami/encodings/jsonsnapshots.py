"""JSON snapshots: the answer of ProxySnapshot, its items regrouped by what they are."""

# mypyc: compiled

import re
from collections.abc import Iterable, Mapping
from typing import Final

from amiproxy.ami.encodings import json

#: The events of items -> the name of their group.
GROUPS: Final[Mapping[bytes, str]] = {
    b"CoreShowChannel": "channels",
    b"BridgeListItem": "bridges",
    b"QueueParams": "queues",
    b"QueueMember": "members",
    b"QueueEntry": "entries",
    b"Agents": "agents",
    b"ParkedCall": "parked",
    b"ConfbridgeListRooms": "conferences",
    b"ConfbridgeList": "participants",
    b"DeviceStateChange": "devices",
    b"ExtensionStatus": "extensions",
    b"PresenceStateChange": "presence",
    b"EndpointList": "endpoints",
    b"ContactList": "contacts",
    b"PeerEntry": "peers",
    b"MessageWaiting": "mailboxes",
}
#: Kinds of ProxySnapshot -> the groups of their items, if there is not just one of the same name.
_GROUPS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "queues": ("queues", "members", "entries"),
    "conferences": ("conferences", "participants"),
    "endpoints": ("endpoints", "contacts"),
}
_COMPLETE: Final = b"ProxySnapshotComplete"
_EVENT: Final = re.compile(rb"Event: ([A-Za-z]+)\r\n")
_LAST: Final = re.compile(rb"\r\n(EventList|Kinds|KindsMissing|ServersMissing|Sequence): ([^\r\n]*)")


class Snapshot:
    """What exists, as JSON objects by group; filled message by message."""

    def __init__(self) -> None:
        self._groups: dict[str, list[bytes]] = {}
        self._last: dict[bytes, bytes] = {}
        #: Bytes of the objects so far.
        self.size = 0

    def take(self, raw: bytes) -> None:
        """Take one message of the answer; what is no item is left out."""
        found = _EVENT.match(raw)
        if found is None:
            return
        if found[1] == _COMPLETE:
            self._last = dict(_LAST.findall(raw))
            return
        group = GROUPS.get(found[1])
        if group is not None:
            made = json.event_object(raw)
            self.size += len(made)
            self._groups.setdefault(group, []).append(made)

    @property
    def is_complete(self) -> bool:
        """Whether its end has come, and nothing has cut it off."""
        return self._last.get(b"EventList", b"").lower() == b"complete"

    @property
    def sequence(self) -> bytes:
        """The token of its position; b"" if it has none."""
        return self._last.get(b"Sequence", b"")

    @property
    def kinds(self) -> list[str]:
        """The kinds that are in it, even if nothing of them exists."""
        return _names(self._last.get(b"Kinds", b""))

    @property
    def kinds_missing(self) -> list[str]:
        """Kinds that were asked for and are not in it."""
        return _names(self._last.get(b"KindsMissing", b""))

    @property
    def servers_missing(self) -> list[str]:
        """Names of servers that were asked for and are not in it."""
        return _names(self._last.get(b"ServersMissing", b""))

    @property
    def groups(self) -> dict[str, list[bytes]]:
        """All groups of the kinds that are known, even if they are empty."""
        ordered = {
            group: self._groups.get(group, [])
            for kind in self.kinds
            for group in _GROUPS_OF.get(kind, (kind,))
        }
        return ordered | self._groups

    @property
    def about(self) -> bytes:
        """Members of a JSON object that say what is in it: ``kinds`` and so on, ending with a comma."""
        lists = [(b"kinds", self.kinds), (b"kindsMissing", self.kinds_missing)]
        lists.append((b"serversMissing", self.servers_missing))
        return b"".join([b'"%b":%b,' % (name, _array(names)) for name, names in lists])


def joined_groups(groups: Mapping[str, Iterable[bytes]]) -> bytes:
    """Groups of JSON objects as one JSON object of arrays."""
    return b"{%b}" % b",".join(
        [b'"%b":[%b]' % (name.encode(), b",".join(items)) for name, items in groups.items()]
    )


def in_parts(groups: Mapping[str, list[bytes]], most: int) -> list[dict[str, list[bytes]]]:
    """The groups in parts of about ``most`` bytes, at least one; together they have everything, in order."""
    parts: list[dict[str, list[bytes]]] = [{}]
    size = 0
    for name, items in groups.items():
        parts[-1][name] = []
        for item in items:
            if size and size + len(item) > most:
                parts.append({name: []})
                size = 0
            parts[-1][name].append(item)
            size += len(item)
    return parts


def _names(text: bytes) -> list[str]:
    return [name.decode("ascii", "replace") for name in text.split(b", ") if name]


def _array(names: Iterable[str]) -> bytes:
    return b"[%b]" % b",".join([json.quoted(name.encode()) for name in names])
