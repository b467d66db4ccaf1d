"""Connections to real nats-servers: three of them, with TLS, which know one agent and one edge."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from nats.errors import ProtocolError

from amiproxy.net.fleet.channel import EngineDown
from amiproxy.net.fleet.engine import Engine
from amiproxy.net.fleet.natsclient import NatsClient
from amiproxy.net.fleet.settings import EngineSettings
from tests.asterisk.lab.cache import Unavailable
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster, Node
from tests.support.requirements import give_up
from tests.support.waiting import until

_EVENTS = "ami.v1.ev.berlin.berlin-a"
_TO_AGENT = "ami.v1.act.berlin.berlin-a.edge1"
#: A subject that the edge may publish to, but that nobody subscribes to.
_TO_NOBODY = "ami.v1.ask.berlin.berlin-a.edge1"

Heard = list[tuple[str, str, bytes, bool]]

BOTH_LOOPS = True


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        found = Cluster(
            tmp_path_factory.mktemp("cluster"), Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"]})
        )
    except Unavailable as reason:
        give_up("NATS", reason)
    found.start()
    yield found
    found.stop()


def _settings(cluster: Cluster, name: str, *nodes: Node) -> EngineSettings:
    return EngineSettings(
        tuple(f"127.0.0.1:{node.port}" for node in nodes or cluster.nodes),
        cluster.cafile,
        cluster.plan.keys[name].seed.encode(),
        name,
        f"_INBOX.{name}",
    )


@asynccontextmanager
async def _running(*engines: Engine, up: bool = True) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(engine.run()) for engine in engines]
        try:
            if up:
                await _up(*engines)
            yield
        finally:
            for task in running:
                task.cancel()


async def _up(*engines: Engine) -> None:
    await until(
        lambda: all(engine.is_up for engine in engines),
        lambda: [engine.facts for engine in engines],
        within=20,
    )


def _hearing(engine: Engine, subject: str) -> Heard:
    heard: Heard = []
    engine.subscribe(subject, lambda *message: heard.append(message))
    return heard


async def test_a_message_is_answered(cluster: Cluster) -> None:
    agent, edge = (
        Engine(_settings(cluster, "berlin-a"), "actions"),
        Engine(_settings(cluster, "edge1"), "actions"),
    )
    agent.subscribe(_TO_AGENT, lambda _subject, reply, data, _: agent.publish(reply, b"answer to " + data))
    answers = _hearing(edge, "_INBOX.edge1.>")
    async with _running(agent, edge):
        edge.publish(_TO_AGENT, b"one", "_INBOX.edge1.7")
        await until(lambda: answers)
    assert answers == [("_INBOX.edge1.7", "", b"answer to one", False)]
    assert edge.counts.published == agent.counts.published == 1
    facts = edge.facts
    assert facts.state == "closed"
    assert facts.connects == 1
    assert facts.version.startswith("2.")


async def test_the_engine_says_that_nobody_has_received_a_request(cluster: Cluster) -> None:
    edge = Engine(_settings(cluster, "edge1"), "actions")
    answers = _hearing(edge, "_INBOX.edge1.>")
    async with _running(edge):
        edge.publish(_TO_NOBODY, b"one", "_INBOX.edge1.7")
        await until(lambda: answers)
    assert answers == [("_INBOX.edge1.7", "", b"", True)]


async def test_a_subscription_begins_and_ends_while_there_is_a_connection(cluster: Cluster) -> None:
    agent, edge = (
        Engine(_settings(cluster, "berlin-a"), "events"),
        Engine(_settings(cluster, "edge1"), "events"),
    )
    async with _running(agent, edge):
        heard: Heard = []
        end = edge.subscribe(_EVENTS, lambda *message: heard.append(message))

        def published() -> bool:
            agent.publish(_EVENTS, b"event")
            return bool(heard)

        await until(published)
        end()
        end()  # does nothing

        def silent() -> bool:
            before = len(heard)
            agent.publish(_EVENTS, b"event")
            return len(heard) == before

        await until(silent)


async def test_what_the_engine_refuses_is_counted(cluster: Cluster) -> None:
    edge = Engine(_settings(cluster, "edge1"), "actions")
    edge.subscribe("ami.v1.act.>", lambda *_: None)
    async with _running(edge):
        edge.publish("ami.v1.act.berlin.berlin-a.edge2", b"one")
        await until(lambda: edge.counts.refused == 2)
        assert edge.is_up


async def test_a_subscription_is_made_once_the_engine_allows_it(cluster: Cluster) -> None:
    """An edge may have been told of a new agent before the engines were."""
    plan = cluster.plan
    grown = Plan({"berlin": ["berlin-a", "berlin-b"]}, plan.edges, keys=plan.keys)
    edge = Engine(_settings(cluster, "edge1"), "events")
    heard = _hearing(edge, "ami.v1.ev.berlin.berlin-b")
    try:
        async with _running(edge):
            await until(lambda: edge.counts.refused)
            cluster.write_accounts(text=grown.accounts())
            cluster.reload()
            agent = Engine(_settings(cluster, "berlin-b"), "events")
            async with _running(agent):

                def arrived() -> bool:
                    agent.publish("ami.v1.ev.berlin.berlin-b", b"event")
                    return bool(heard)

                await until(arrived, within=30)
            assert edge.facts.connects == 1
    finally:
        cluster.write_accounts()
        cluster.reload()


async def test_a_fault_of_a_callback_ends_nothing(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    agent, edge = (
        Engine(_settings(cluster, "berlin-a"), "events"),
        Engine(_settings(cluster, "edge1"), "events"),
    )
    heard: list[object] = []

    def fails(*message: object) -> None:
        heard.append(message)
        raise ZeroDivisionError

    edge.subscribe(_EVENTS, fails)
    async with _running(agent, edge):
        agent.publish(_EVENTS, b"one")
        agent.publish(_EVENTS, b"two")
        await until(lambda: len(heard) == 2)
        assert edge.is_up
    assert edge.counts.faults == 2
    assert [record.getMessage() for record in caplog.records].count("fault") == 1


async def test_without_a_connection_nothing_is_taken_or_sent_later(cluster: Cluster) -> None:
    """A request that is published around the end of a connection is sent at once or never."""
    first, second = cluster.nodes[0], cluster.nodes[1]
    agent = Engine(_settings(cluster, "berlin-a", second), "actions")
    edge = Engine(_settings(cluster, "edge1", first), "actions")
    done = _hearing(agent, _TO_AGENT)
    changes: list[bool] = []
    edge.on_change(changes.append)
    async with _running(agent, edge):
        first.kill()
        taken, refused = [], []
        number = 0
        while len(refused) < 1000:
            number += 1
            try:
                edge.publish(_TO_AGENT, b"%d" % number, "_INBOX.edge1.7")
            except EngineDown:
                refused.append(number)
            else:
                taken.append(number)
            await asyncio.sleep(0)
        before = len(done)
        first.start()
        cluster.formed()
        await _up(edge)
        edge.publish(_TO_AGENT, b"last", "_INBOX.edge1.7")
        await until(lambda: done and done[-1][2] == b"last")
    assert len(done) == before + 1
    assert not {int(data) for _, _, data, _ in done[:-1]} & set(refused)
    assert edge.counts.not_sent == 1000
    assert changes == [True, False, True]


async def test_another_engine_is_used_if_one_is_frozen(cluster: Cluster) -> None:
    """A frozen server says nothing, and does not even end TLS."""
    agent = Engine(_settings(cluster, "berlin-a"), "events")
    async with _running(agent):
        [used] = [node for node in cluster.nodes if agent.facts.server == f"127.0.0.1:{node.port}"]
        used.freeze()
        try:
            began = time.monotonic()
            await until(lambda: not agent.is_up, within=20)
            assert time.monotonic() - began < 9
            await _up(agent)
            assert agent.facts.server != f"127.0.0.1:{used.port}"
        finally:
            used.thaw()
    cluster.formed()


async def test_it_ends_although_nats_py_swallows_the_cancellation(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its flush does, and then waits for ever."""
    waits = asyncio.Event()

    async def confirm(_client: NatsClient) -> float:
        waits.set()
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(5)
        return 0.0

    monkeypatch.setattr(NatsClient, "confirm", confirm)
    running = asyncio.get_running_loop().create_task(Engine(_settings(cluster, "edge1"), "events").run())
    await waits.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=4)
    assert running.cancelled()


async def test_other_settings_are_used_at_once(cluster: Cluster) -> None:
    first, second = cluster.nodes[:2]
    agent = Engine(_settings(cluster, "berlin-a", first), "events")
    async with _running(agent):
        agent.adopt(_settings(cluster, "berlin-a", first))
        assert agent.is_up
        agent.adopt(_settings(cluster, "berlin-a", second))
        await until(lambda: agent.is_up and agent.facts.server == f"127.0.0.1:{second.port}")
    assert agent.facts.connects == 2


async def test_a_large_message_is_refused_and_nothing_else_is(cluster: Cluster) -> None:
    agent = Engine(_settings(cluster, "berlin-a"), "events")
    async with _running(agent):
        with pytest.raises(EngineDown):
            agent.publish(_EVENTS, bytes(2 << 20))
        agent.publish(_EVENTS, bytes(256 << 10))
        assert agent.is_up


async def test_only_a_bounded_amount_waits(cluster: Cluster) -> None:
    agent = Engine(_settings(cluster, "berlin-a"), "events")

    def publish_much() -> None:
        for _ in range(40):
            agent.publish(_EVENTS, bytes(100 << 10))

    async with _running(agent):
        with pytest.raises(EngineDown):
            publish_much()
        assert agent.pending <= 2 << 20
        await until(lambda: not agent.pending)
        agent.publish(_EVENTS, b"again")


async def test_a_key_that_the_engine_does_not_know(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    other = Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"]})
    settings = _settings(cluster, "edge1")
    seed = other.keys["edge1"].seed.encode()
    engine = Engine(EngineSettings(settings.addresses, settings.ca, seed, "edge1"), "events")
    async with _running(engine, up=False):
        await until(lambda: "does not know our key" in engine.facts.reason, lambda: engine.facts)
    assert not engine.is_up
    for said in (repr(engine.settings), repr(engine.facts), caplog.text):
        assert seed.decode() not in said


async def test_a_certificate_of_another_ca(cluster: Cluster, tmp_path: Path) -> None:
    settings = _settings(cluster, "edge1")
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    engine = Engine(EngineSettings(settings.addresses, ca, settings.seed, "edge1"), "events")
    async with _running(engine, up=False):
        await until(lambda: "fleet.ca" in engine.facts.reason, lambda: engine.facts)


async def test_a_certificate_of_another_name(cluster: Cluster) -> None:
    settings = _settings(cluster, "edge1")
    # On Linux this address is the machine itself, too.
    addresses = tuple(address.replace("127.0.0.1", "0.0.0.0") for address in settings.addresses)
    engine = Engine(EngineSettings(addresses, settings.ca, settings.seed, "edge1"), "events")
    async with _running(engine, up=False):
        await until(lambda: "not valid for its name" in engine.facts.reason, lambda: engine.facts)


async def test_a_ca_that_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    settings = _settings(cluster, "edge1")
    engine = Engine(EngineSettings(settings.addresses, tmp_path / "no.pem", settings.seed, "edge1"), "events")
    async with _running(engine, up=False):
        await until(lambda: "no.pem" in engine.facts.reason, lambda: engine.facts)


async def test_nothing_is_sent_to_a_server_that_does_not_ask_for_tls(cluster: Cluster) -> None:
    """Otherwise somebody between the two could have the key sign what a real server has asked for."""
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {
            "server_id": "x",
            "version": "2.15.1",
            "max_payload": 1 << 20,
            "headers": True,
            "nonce": "n" * 11,
        }
        writer.write(b"INFO " + json.dumps({**info, "auth_required": True}).encode() + b"\r\n")
        said.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = _settings(cluster, "edge1")
    engine = Engine(EngineSettings((f"127.0.0.1:{port}",), settings.ca, settings.seed, "edge1"), "events")
    async with server, _running(engine, up=False):
        await until(lambda: said)
        assert "TLS" in engine.facts.reason
    assert not any(said)


async def test_a_max_payload_that_is_no_number_ends_the_attempt() -> None:
    client = NatsClient({}, lambda *_: None)
    client._server_info = {"tls_required": True}
    client._max_payload = "1048576"
    with pytest.raises(ProtocolError):
        client._connect_command()
