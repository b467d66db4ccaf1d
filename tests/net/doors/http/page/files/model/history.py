"""The same messages for the kinds of the proxy's history and for the board of the page."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from amiproxy.ami.encodings.json import event_object
from amiproxy.ami.encodings.jsonsnapshots import GROUPS
from amiproxy.core.history.kinds.agents import Agents
from amiproxy.core.history.kinds.bridges import Bridges
from amiproxy.core.history.kinds.channels import Channels
from amiproxy.core.history.kinds.conferences import Conferences
from amiproxy.core.history.kinds.lines.endpoints import Endpoints
from amiproxy.core.history.kinds.lines.extensions import Extensions
from amiproxy.core.history.kinds.lines.peers import Peers
from amiproxy.core.history.kinds.lines.presence import Presence
from amiproxy.core.history.kinds.parked import Parked
from amiproxy.core.history.kinds.queues import Queues
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item
from amiproxy.core.history.state.kind import Kind
from tests.core.history.kinds.recorded import messages
from tests.support.core_doubles import HandClock
from tests.support.page_scripts import TESTS, answer

_REPLAY = TESTS / "model/replay.js"
_COUNTERS = ("Calls", "Completed", "Abandoned", "Holdtime", "TalkTime", "ServiceLevel")
_AGENTS = {"AGENT_IDLE": "idle", "AGENT_ONCALL": "talking"}


class Both:
    """Gives messages to the kinds at once, and to the board when ``compare`` is called."""

    def __init__(self) -> None:
        self.clock = HandClock()
        calls = (Channels, Bridges, Queues, Agents, Parked, Conferences)
        made = (*calls, Extensions, Presence, Endpoints, Peers)
        self.kinds: dict[str, Kind] = {kind.name: kind for kind in (make(self.clock.now) for make in made)}
        self.steps: list[dict[str, Any]] = []
        self.expected: list[dict[str, Any]] = []

    def happen(self, text: str) -> None:
        """Each paragraph of a text is an event."""
        for fields in messages(text):
            self.take(fields)

    def take(self, fields: Fields) -> None:
        for kind in self.kinds.values():
            if fields.name in kind.events:
                kind.events[fields.name](fields)
        self.steps.append({"at": self.clock.now(), "event": json.loads(event_object(fields.raw))})

    def show(self, *kinds: str) -> None:
        """Give the board a snapshot of some kinds, or of all, as the proxy makes it."""
        data: dict[str, list[dict[str, str]]] = {}
        for name in kinds or self.kinds:
            for item in self.kinds[name].items():
                data.setdefault(GROUPS[item.event], []).append(_texts(item))
        message: dict[str, Any] = {"data": data, "kinds": [*(kinds or self.kinds)]}
        if kinds:
            message["id"] = "1"
        self.steps.append({"at": self.clock.now(), "snapshot": message})

    def look(self, *, within: bool = False) -> None:
        """What both know now is to be the same.

        ``within`` the events of one change: the board takes the first one that shows that a channel has left
        a place, the history the one that says so.
        """
        self.steps.append({"at": self.clock.now()})
        known = self._known()
        if within:
            del known["parked"], known["participants"]
        self.expected.append(known)

    def compare(self) -> None:
        found = answer(_REPLAY, self.steps)
        assert len(found) == len(self.expected)
        for place, (mine, theirs) in enumerate(zip(found, self.expected, strict=True)):
            assert seconds(mine["callers"]) == pytest.approx(seconds(theirs["callers"]), abs=1.5), place
            for name, those in theirs.items():
                assert _sorted(name, mine[name]) == _sorted(name, those), (place, name)

    def _items(self, event: str, kind: str) -> Iterable[dict[str, str]]:
        return [_texts(item) for item in self.kinds[kind].items() if item.event.decode() == event]

    def _known(self) -> dict[str, Any]:
        queues = [*self._items("QueueParams", "queues")]
        callers: dict[str, list[Any]] = {queue["Queue"]: [] for queue in queues}
        for one in self._items("QueueEntry", "queues"):
            texts = [one["Uniqueid"], _known(one["CallerIDName"]), _known(one["CallerIDNum"])]
            callers[one["Queue"]].append([*texts, int(one["Wait"])])
        return {
            "queues": [
                [
                    one["Queue"],
                    [_number(one, name) for name in _COUNTERS],
                    [float(one.get(name, "0")) for name in ("ServicelevelPerf", "ServicelevelPerf2")],
                ]
                for one in queues
            ],
            "members": [
                [
                    *(one.get(name, "") for name in ("Queue", "Location", "Name", "Status")),
                    *(one.get(name) == "1" for name in ("InCall", "Paused")),
                    one.get("PausedReason", ""),
                    *(_number(one, name) for name in ("CallsTaken", "LastCall", "LastPause", "LoginTime")),
                ]
                for one in self._items("QueueMember", "queues")
            ],
            "callers": [*callers.items()],
            "channels": [
                [
                    *(one.get(name, "") for name in ("Uniqueid", "Channel", "ChannelState")),
                    *(_known(one.get(name, "")) for name in ("CallerIDNum", "CallerIDName")),
                    *(one.get(name, "") for name in ("Linkedid", "BridgeId")),
                ]
                for one in self._items("CoreShowChannel", "channels")
            ],
            "parked": [
                [f"{one['Parkinglot']}\0{one['ParkingSpace']}", one["ParkeeUniqueid"]]
                for one in self._items("ParkedCall", "parked")
            ],
            "participants": [
                [one["Conference"], one["Uniqueid"]] for one in self._items("ConfbridgeList", "conferences")
            ],
            "extensions": [
                [one["Exten"], one["Context"], one["Status"], one["Hint"]]
                for one in self._items("ExtensionStatus", "extensions")
            ],
            "presences": [
                [one["Presentity"], one["Status"], one["Message"]]
                for one in self._items("PresenceStateChange", "presence")
            ],
            "endpoints": [
                [f"PJSIP/{one['ObjectName']}", one["DeviceState"]]
                for one in self._items("EndpointList", "endpoints")
            ],
            "contacts": [
                [f"PJSIP/{one['Endpoint']}", one["Uri"], one["Status"]]
                for one in self._items("ContactList", "endpoints")
            ],
            "peers": [
                [f"SIP/{one['ObjectName']}", one["Status"], _address(one)]
                for one in self._items("PeerEntry", "peers")
            ],
            "agents": [
                [one["Agent"], _AGENTS.get(one["Status"], "off"), one.get("Uniqueid", "")]
                for one in self._items("Agents", "agents")
            ],
        }


def _sorted(name: str, found: Iterable[Any]) -> list[Any]:
    rows = sorted([*row] for row in found)
    return (
        [[queue, [caller[:-1] for caller in those]] for queue, those in rows] if name == "callers" else rows
    )


def seconds(callers: Iterable[Any]) -> list[float]:
    """How long each has waited; lists tell whole seconds."""
    return [caller[-1] for _, those in sorted([*row] for row in callers) for caller in those]


def _texts(item: Item) -> dict[str, str]:
    # A field with several values is a variable, of which the board takes none.
    texts = {name.decode(): value.decode("utf-8", "replace") for name, value in item.values.items()}
    texts.pop("ChanVariable", None)
    return texts


def _address(peer: dict[str, str]) -> str:
    address = peer["IPaddress"]
    return "" if address == "-none-" else f"{address}:{peer['IPport']}"


def _known(value: str) -> str:
    return "" if value in ("unknown", "<unknown>") else value


def _number(item: dict[str, str], name: str) -> int:
    value = item.get(name, "")
    return int(value) if value.isdigit() else 0
