"""The link of an edge to an agent over real nats-servers, of which one after another fails.

Both ends are in this process.  What the client of the edge was sent is counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.config.fleet.schema import FleetServer
from amiproxy.core.clients.routes.entrance import ANYWHERE
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.fleet.agent import Agent
from amiproxy.net.fleet.engine import Engine
from amiproxy.net.fleet.settings import EngineSettings
from amiproxy.net.upstream.fleet.link import FleetLink
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster, Node
from tests.support.core_doubles import ListTransport, ListUpstream, event
from tests.support.live_hub import live_hub
from tests.support.waiting import until

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
ORIGINATE = (
    b"Action: Originate\r\nActionID: %d\r\nChannel: Local/1\r\nTimeout: 1000\r\n"
    b"Application: Wait\r\nData: 1\r\nAsync: true\r\n\r\n"
)
#: Seconds between two events.
EVERY = 0.01


class World:
    """An agent with an Asterisk that answers each Originate, and an edge with one client."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.agent_hub = live_hub(User("board", read=privilege.ALL, write=privilege.ALL))
        self.agent_hub.always_kept = frozenset({self.agent_hub.servers.first.name})
        self.edge_hub = live_hub(
            User("board", read=privilege.ALL, write=privilege.ALL, secret="plain:x", servers=("berlin",)),
            servers=Configured(("berlin",), named=True),
        )
        self.edge_hub.always_kept = frozenset({"berlin"})
        for hub in (self.agent_hub, self.edge_hub):
            hub.adopt(hub.ctx.users)
        self.agent_engines = self._engines("berlin-a", cluster.nodes[0])
        self.edge_engines = self._engines("edge1", cluster.nodes[1])
        self.agent = Agent(
            self.agent_hub,
            "berlin-a",
            Subjects(),
            *self.agent_engines,
            edges={"edge1": Ceiling(None, privilege.ALL, privilege.ALL)},
            known_as=lambda _: "berlin",
            reason_of=lambda _: "",
        )
        events, actions = self.edge_engines
        self.link = FleetLink(
            self.edge_hub.servers.first,
            FleetServer(agents=("berlin-a",)),
            edge="edge1",
            subjects=Subjects(),
            events=events,
            actions=actions,
            max_lag=5.0,
        )
        self.upstream = ListUpstream()
        self.sent = self.asked = 0
        self.executed: list[bytes] = []
        self.transport = ListTransport()
        self._said = b""
        #: The numbers of the events that the client was sent, and its answers by ActionID.
        self.numbers: list[int] = []
        self.answers: dict[int, list[bytes]] = {}

    def _engines(self, name: str, first: Node) -> tuple[Engine, Engine]:
        nodes = [first, *(node for node in self.cluster.nodes if node is not first)]
        settings = EngineSettings(
            tuple(f"127.0.0.1:{node.port}" for node in nodes),
            self.cluster.cafile,
            self.cluster.plan.keys[name].seed.encode(),
            name,
            f"_INBOX.{name}",
        )
        return Engine(settings, "events"), Engine(settings, "actions")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        asterisk = self.agent_hub.servers.first
        asterisk.link_up(self.upstream, BANNER)
        asterisk.serve()
        async with asyncio.TaskGroup() as tasks:
            work = [*(engine.run for engine in (*self.agent_engines, *self.edge_engines))]
            running = [
                tasks.create_task(each()) for each in (*work, self.agent.run, self.link.run, self.tick)
            ]
            try:
                await until(lambda: self.link.serves, lambda: self.link.status(b""))
                self.session = self.edge_hub.attach(self.transport, ANYWHERE)
                self.session.receive(b"Action: Login\r\nUsername: board\r\nSecret: x\r\n\r\n")
                self.read()
                yield
            finally:
                for task in running:
                    task.cancel()

    async def tick(self) -> None:
        """What the service does each second."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            self.link.tick(loop.time())
            for hub in (self.agent_hub, self.edge_hub):
                hub.tick(loop.time())

    def answer(self) -> None:
        """Do what Asterisk was asked since the last call."""
        asterisk = self.agent_hub.servers.first
        for action in self.upstream.take():
            relay_id = action.get(b"actionid")
            if action.get(b"action") == b"Originate":
                self.executed.append(action.get(b"channel"))
            asterisk.from_upstream(
                [b"Response: Success\r\nActionID: " + relay_id + b"\r\nMessage: x\r\n\r\n"]
            )

    def emit(self) -> None:
        """Asterisk sends the next event."""
        self.sent += 1
        self.agent_hub.servers.first.from_upstream([event("Newchannel", Uniqueid=str(self.sent))], True)

    def read(self) -> None:
        """Read what the client was sent."""
        *messages, self._said = (self._said + self.transport.take()).split(b"\r\n\r\n")
        for raw in messages:
            message = Message(raw + b"\r\n\r\n")
            if message.get(b"event") == b"Newchannel":
                self.numbers.append(int(message.get(b"uniqueid")))
            elif raw.startswith(b"Response:") and message.get(b"actionid"):
                self.answers.setdefault(int(message.get(b"actionid")), []).append(message.get(b"message"))

    async def load(self, seconds: float, fault: Callable[[], None] | None = None) -> None:
        """Events and actions, and a fault after half a second."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (now := loop.time() - began) < seconds:
            if now > 0.5 and fault is not None:
                fault()
                fault = None
            self.emit()
            self.answer()
            if self.sent % 20 == 0 and self.asked == len(self.answers):
                self.asked += 1
                self.session.receive(ORIGINATE % self.asked)
            self.read()
            await asyncio.sleep(EVERY)


@pytest.fixture
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    return make_cluster(Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"]}))


async def everything(world: World) -> None:
    """Wait until the client has the last event and the last answer."""
    world.answer()

    def is_there() -> bool:
        world.answer()
        world.read()
        has_all = bool(world.numbers) and world.numbers[-1] == world.sent
        return has_all and len(world.answers) == world.asked

    # An action whose answer was lost holds the client's events back until its time is over.
    await until(is_there, lambda: (world.sent, world.numbers[-5:], world.link.status(b"")), within=30)


async def test_nothing_is_lost_if_one_node_after_another_is_killed(cluster: Cluster) -> None:
    world = World(cluster)
    async with world.running():
        for node in cluster.nodes:
            await world.load(4.0, node.kill)
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(cluster.formed)
        await everything(world)
        assert world.numbers == [*range(1, world.sent + 1)]
        assert world.link.following.counts.snapshots == 0
        told = [text for texts in world.answers.values() for text in texts]
        assert len(told) == len(world.answers)  # each action is answered once
        done = told.count(b"x")
        unknown = sum(b"outcome unknown" in text for text in told)
        assert done <= len(world.executed) <= done + unknown
        assert done


async def test_nothing_is_doubled_if_a_node_is_frozen(cluster: Cluster) -> None:
    world = World(cluster)
    async with world.running():
        await world.load(12.0, cluster.nodes[1].freeze)
        cluster.nodes[1].thaw()
        await world.load(3.0)
        await everything(world)
        assert world.numbers == sorted({*world.numbers})
        missed = world.sent - len(world.numbers)
        assert not missed or world.link.following.counts.snapshots
        told = [text for texts in world.answers.values() for text in texts]
        assert len(told) == len(world.answers)
        assert len(world.executed) <= len(told)
