"""The state of the simulated PBX: channels, bridges, queues, variables, the database.

Pure: time comes from the clock passed in, randomness from the seed.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from amiproxy.tools.simulator.pbx.channel import Channel, Headers, event
from amiproxy.tools.simulator.pbx.line import Line, Parked
from amiproxy.tools.simulator.pbx.queue import Member, Queue


@dataclass(eq=False, slots=True)
class Bridge:
    """Channels that are connected with each other."""

    uniqueid: str
    channels: list[Channel] = field(default_factory=list)
    type: str = "basic"
    technology: str = "simple_bridge"
    creator: str = "<unknown>"
    name: str = "<unknown>"

    def snapshot(self) -> Headers:
        """The headers that describe the bridge in an event or a list."""
        return [
            ("BridgeUniqueid", self.uniqueid),
            ("BridgeType", self.type),
            ("BridgeTechnology", self.technology),
            ("BridgeCreator", self.creator),
            ("BridgeName", self.name),
            ("BridgeNumChannels", len(self.channels)),
            ("BridgeVideoSourceMode", "none"),
        ]

    def event(self, name: str, *headers: tuple[str, object]) -> bytes:
        """An event about this bridge, with ``headers`` after those of the bridge."""
        return event(name, "call", *self.snapshot(), *headers)


class Pbx:
    """The state that actions read and calls change.  ``clock`` returns seconds since the epoch.

    ``system_name`` is that of asterisk.conf: Asterisk puts it before its unique ids.
    """

    def __init__(self, clock: Callable[[], float], seed: int = 1, system_name: str = "") -> None:
        self.clock = clock
        self.seed = seed
        self._before_ids = f"{system_name}-" if system_name else ""
        self.started = clock()
        self.reloaded = self.started
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.variables: dict[str, str] = {}
        self.database: dict[tuple[str, str], str] = {}
        #: The endpoints by device, such as ``PJSIP/alice``; none unless it is a call centre.
        self.lines: dict[str, Line] = {}
        #: Device -> its state, as the last DeviceStateChange said.
        self.devices: dict[str, str] = {}
        #: The parked calls by space.
        self.parked: dict[int, Parked] = {}
        #: The conferences by name.
        self.rooms: dict[str, Bridge] = {}
        self.calls_processed = 0
        self.queues = {
            queue.name: queue
            for queue in (
                Queue(
                    "support", "ringall", [Member("Alice", "PJSIP/alice", 1), Member("Bob", "PJSIP/bob", 2)]
                ),
                Queue("sales", "rrmemory", [Member("Carol", "PJSIP/carol")]),
            )
        }
        self._names = 0
        self._local_names = 0
        self._uniqueids = 0
        self._random = self.chance("bridges")

    def chance(self, purpose: object) -> random.Random:
        """A separate random generator for one purpose, so that no call changes what another one draws."""
        return random.Random(f"{self.seed}:{purpose}")  # noqa: S311 - the point is that it repeats

    def channel(self, device: str, context: str, exten: str, linkedid: str = "") -> Channel:
        """A new channel on a device, such as ``PJSIP/alice``."""
        name = f"{device}-{self._names:08x}"
        self._names += 1
        return self._add(name, context, exten, linkedid)

    def local_channels(self, resource: str, context: str, exten: str) -> tuple[Channel, Channel]:
        """The two ends of a new Local channel, such as ``wait@lab``."""
        name = f"Local/{resource}-{self._local_names:08x}"
        self._local_names += 1
        one = self._add(f"{name};1", context, exten, "")
        return one, self._add(f"{name};2", context, exten, one.uniqueid)

    def _add(self, name: str, context: str, exten: str, linkedid: str) -> Channel:
        uniqueid = f"{self._before_ids}{int(self.clock())}.{self._uniqueids}"
        self._uniqueids += 1
        channel = Channel(name, uniqueid, linkedid or uniqueid, self.clock(), context, exten)
        self.channels[name] = channel
        return channel

    def remove(self, channel: Channel) -> None:
        """Remove a channel that has ended."""
        self.channels.pop(channel.name, None)

    def new_bridge(
        self, technology: str = "simple_bridge", creator: str = "<unknown>", name: str = "<unknown>"
    ) -> Bridge:
        """A new, empty bridge; one that an application has made has a creator."""
        kind = "basic" if creator == "<unknown>" else "base"
        uniqueid = str(UUID(int=self._random.getrandbits(128), version=4))
        bridge = Bridge(uniqueid, [], kind, technology, creator, name)
        self.bridges[bridge.uniqueid] = bridge
        return bridge
