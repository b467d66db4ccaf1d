"""Agent: publishes the events of the servers of this process, and lets edges act there.

It follows the journals in the rhythm in which clients are sent their events.  Without a connection to an
engine nothing is published and nothing is kept for later: an edge that misses events asks for them.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from amiproxy.core.fleet.desk import REFUSALS, Desk
from amiproxy.core.fleet.publishing import Publisher
from amiproxy.core.fleet.rights import RightsDigest
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.hub import Hub
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.servers.server import Server
from amiproxy.net.fleet.channel import Channel, EngineDown

#: Seconds between two beats.
_BEAT_SECONDS: Final = 1.0
#: Seconds between looks at what makes another beat due.
_LOOK_SECONDS: Final = 0.1
#: Most seconds that the last beats may take to leave.
_LEAVE_SECONDS: Final = 0.2
#: A long answer waits while more bytes than this wait for the socket.
_ENOUGH: Final = 1 << 20
#: Seconds between looks at that.
_WAIT_SECONDS: Final = 0.005


class Outlet(Channel, Protocol):
    """A channel that says how much it has to send."""

    @property
    def pending(self) -> int:
        """The number of bytes that wait for the socket."""

    def on_change(self, watcher: Callable[[bool], None]) -> Callable[[], None]:
        """Call ``watcher`` with ``is_up`` whenever that has changed; returns what ends that."""


class _Topic:
    """One server: what is published about it, and the subscriptions for it."""

    def __init__(self, publisher: Publisher, subject: str) -> None:
        self.publisher = publisher
        self.subject = subject
        self.ends: list[Callable[[], None]] = []
        #: When the last beat was sent, and what it said of the link.
        self.beaten = 0.0
        self.said: tuple[bool, bool, int] = (False, False, 0)

    @property
    def state(self) -> tuple[bool, bool, int]:
        """What a beat says of the link; a change is published at once."""
        server = self.publisher.server
        epoch = server.journal.epoch if server.journal is not None else 0
        return server.exchange.linked, server.exchange.connected, epoch


class Agent:
    """See ``Follower`` in core/fanout/flushing.py; ``run`` ends only by cancellation.

    ``known_as`` translates the name of a server to its name in the fleet, and ``reason_of`` says why its
    link is down.
    """

    def __init__(
        self,
        hub: Hub,
        name: str,
        subjects: Subjects,
        events: Outlet,
        actions: Outlet,
        *,
        edges: Mapping[str, Ceiling],
        known_as: Callable[[str], str],
        reason_of: Callable[[str], str],
    ) -> None:
        self._hub = hub
        self._name = name
        self._subjects = subjects
        self._events = events
        self._actions = actions
        self._known_as = known_as
        self._reason_of = reason_of
        self._loop = asyncio.get_running_loop()
        self._group: asyncio.TaskGroup | None = None
        self._is_leaving = False
        #: By the server's name in the fleet.
        self._topics: dict[str, _Topic] = {}
        self._publishers: dict[str, Publisher] = {}
        #: The replays that are being sent, by server and edge.
        self._replays: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._desk = Desk(hub.ctx, hub.web, self._publishers, edges, self._clock)
        hub.followers.append(self)
        events.on_change(self._engine_changed)
        self.settle(hub.servers)

    def settle(self, servers: Iterable[Server]) -> None:
        """Publish the events of these servers and no others; call it after servers were added or removed."""
        wanted = {self._known_as(server.name): server for server in servers}
        for name in [*self._topics]:
            if self._topics[name].publisher.server is not wanted.get(name):
                del self._publishers[name]
                for end in self._topics.pop(name).ends:
                    end()
        for name, server in wanted.items():
            if name not in self._topics:
                self._begin(name, server)

    def adopt(self, edges: Mapping[str, Ceiling]) -> None:
        """Apply which edges may act here, and how much."""
        self._desk.adopt(edges)

    def _begin(self, name: str, server: Server) -> None:
        rights = RightsDigest(self._hub.ctx, server.name)
        publisher = self._publishers[name] = Publisher(server, self._name, name, rights)
        topic = self._topics[name] = _Topic(publisher, self._subjects.events(name, self._name))
        asks, actions = self._subjects.asks_of(name, self._name), self._subjects.actions_of(name, self._name)
        topic.ends = [
            # An engine lets us answer only over the connection that brought the request.
            self._events.subscribe(asks, partial(self._asked, name)),
            self._actions.subscribe(actions, partial(self._requested, name)),
        ]

    def _clock(self) -> int:
        return int(self._loop.time() * 1000)

    # -- the task ----------------------------------------------------------

    async def run(self) -> None:
        """Publish beats, and everything that takes more than one turn of the loop."""
        ticked = self._loop.time()
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                while True:
                    await asyncio.sleep(_LOOK_SECONDS)
                    now = self._loop.time()
                    if now - ticked >= 1.0:
                        ticked = now
                        self._desk.tick()
                    self._beat_if_due(now)
            finally:
                self._group = None

    def _beat_if_due(self, now: float) -> None:
        if not self._events.is_up:
            return
        for topic in self._topics.values():
            if now - topic.beaten >= _BEAT_SECONDS or topic.state != topic.said:
                self._beat(topic)

    def _beat(self, topic: _Topic) -> None:
        topic.beaten = self._loop.time()
        topic.said = topic.state
        publisher = topic.publisher
        # Before the beat, which says what number comes next.
        self._publish(topic, publisher.take())
        reason = "the agent is stopping" if self._is_leaving else self._reason_of(publisher.server.name)
        self._publish(topic, [publisher.beat(self._clock(), reason)])

    async def leave(self) -> None:
        """Say at once that the links are down, so that edges follow other agents; the process ends now."""
        self._is_leaving = True
        self._beat_if_due(self._loop.time())
        until = self._loop.time() + _LEAVE_SECONDS
        while self._events.pending and self._loop.time() < until:  # noqa: ASYNC110 - nats-py tells nobody
            await asyncio.sleep(_WAIT_SECONDS)
        await asyncio.sleep(_WAIT_SECONDS)  # the loop writes what it was given at the end of a turn

    def _engine_changed(self, is_up: bool) -> None:
        if is_up:
            for topic in self._topics.values():
                topic.publisher.leave_out()
                self._beat(topic)

    # -- events ------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """See Follower."""
        return self._events.is_up and any(topic.publisher.waits for topic in self._topics.values())

    def flushed(self) -> None:
        """See Follower."""
        if not self._events.is_up:
            return
        for topic in self._topics.values():
            if topic.publisher.waits:
                if topic.state != topic.said:
                    self._beat(topic)
                self._publish(topic, topic.publisher.take())

    def _publish(self, topic: _Topic, messages: Iterable[bytes]) -> None:
        for data in messages:
            try:
                self._events.publish(topic.subject, data)
            except EngineDown:
                continue  # the engine counts it; edges ask for what they miss

    # -- edges -------------------------------------------------------------

    def _asked(self, server: str, subject: str, reply: str, data: bytes, _nobody: bool) -> None:
        edge = self._sender(subject, reply)
        if edge is None or self._group is None:
            return
        earlier = self._replays.pop((server, edge), None)
        if earlier is not None:
            earlier.cancel()
        work = self._send(self._events, reply, self._desk.ask(server, edge, data))
        task = self._replays[server, edge] = self._group.create_task(work, name=f"replay for {edge}")
        task.add_done_callback(partial(self._replayed, (server, edge)))

    def _replayed(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        if self._replays.get(key) is task:
            del self._replays[key]

    def _requested(self, server: str, subject: str, reply: str, data: bytes, _nobody: bool) -> None:
        edge = self._sender(subject, reply)
        if edge is not None:
            self._desk.request(server, edge, data, partial(self._answer, reply))

    def _sender(self, subject: str, reply: str) -> str | None:
        """The edge that has sent this; None if the answer would not go to that edge."""
        edge = self._subjects.edge_of(subject)
        if edge is None or not reply.startswith(f"{self._subjects.inbox(edge)}."):
            return None
        return edge

    def _answer(self, reply: str, messages: list[bytes]) -> None:
        if len(messages) > 1 and self._group is not None:
            self._group.create_task(self._send(self._actions, reply, messages), name="answer")
            return
        for data in messages:
            try:
                self._actions.publish(reply, data)
            except EngineDown:
                return  # the edge says that the outcome is unknown

    async def _send(self, channel: Outlet, subject: str, messages: Iterable[bytes]) -> None:
        """Send messages as fast as they are taken; the rest is dropped if the connection ends."""
        for data in messages:
            while channel.pending > _ENOUGH and channel.is_up:  # noqa: ASYNC110 - nats-py tells nobody
                await asyncio.sleep(_WAIT_SECONDS)
            try:
                channel.publish(subject, data)
            except EngineDown:
                return
            await asyncio.sleep(0)

    # -- status ------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The part of ``Fleet.status`` that only an agent has, without the users of edges."""
        return {
            "servers": [
                {
                    "server": name,
                    "epoch": publisher.epoch,
                    "position": publisher.position,
                    "events": publisher.events,
                    "messages": publisher.messages,
                    "bytes": publisher.bytes,
                    "replays": publisher.replays,
                    "gone": publisher.gone,
                }
                for name, publisher in self._publishers.items()
            ],
            "edges": [
                {
                    "edge": edge.name,
                    "actions": edge.counts.actions,
                    "own": edge.counts.own,
                    "refused": {reason: edge.counts.refused[reason] for reason in REFUSALS},
                    "last": edge.counts.last or None,
                }
                for edge in self._desk.edges
            ],
        }
