"""The state of the simulated PBX: channels, bridges, queues, variables, the database.

Pure: time comes from the clock passed in, randomness from the seed.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from amiproxy.tools.simulator.pbx.channel import Channel, event
from amiproxy.tools.simulator.pbx.queue import Member, Queue


@dataclass(eq=False, slots=True)
class Bridge:
    """Channels that are connected with each other."""

    uniqueid: str
    channels: list[Channel] = field(default_factory=list)

    def event(self, name: str, *headers: tuple[str, object]) -> bytes:
        """An event about this bridge, with ``headers`` after those of the bridge."""
        return event(
            name,
            "call",
            ("BridgeUniqueid", self.uniqueid),
            ("BridgeType", "basic"),
            ("BridgeTechnology", "simple_bridge"),
            ("BridgeCreator", "<unknown>"),
            ("BridgeName", "<unknown>"),
            ("BridgeNumChannels", len(self.channels)),
            ("BridgeVideoSourceMode", "none"),
            *headers,
        )


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

    def new_bridge(self) -> Bridge:
        """A new, empty bridge."""
        bridge = Bridge(str(UUID(int=self._random.getrandbits(128), version=4)))
        self.bridges[bridge.uniqueid] = bridge
        return bridge
