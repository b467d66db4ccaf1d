"""Messages that somebody with a stolen key sends through a real engine.

None ends another's connection, and many do not fill its memory.
"""

import asyncio
import time
from collections.abc import Callable

import pytest

from amiproxy.net.fleet.engine import Engine
from amiproxy.net.fleet.settings import EngineSettings
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.fleet.lab.rawclient import RawClient
from tests.support.waiting import until

_ACTIONS = "ami.v1.act.berlin.berlin-a.edge1"


def _with_headers(headers: bytes) -> bytes:
    return b"HPUB %s _INBOX.edge1.1 %d %d\r\n%s\r\n" % (
        _ACTIONS.encode(),
        len(headers),
        len(headers),
        headers,
    )


def _with_reply(reply: bytes) -> bytes:
    return b"PUB %s %s 3\r\nodd\r\n" % (_ACTIONS.encode(), reply)


HOSTILE = {
    "a status that is not text": _with_headers(b"NATS/1.0 \xff\xff\xff\r\n\r\n"),
    "a description that is not text": _with_headers(b"NATS/1.0 503 \xff\r\n\r\n"),
    "headers that end at once": _with_headers(b"NATS/1.0"),
    "no version": _with_headers(b"\r\n"),
    "many headers": _with_headers(b"NATS/1.0\r\n" + b"a:b\r\n" * 150_000 + b"\r\n"),
    "a name that is not text": _with_headers(b"NATS/1.0\r\n\xff: \xff\r\n\r\n"),
    "a vertical tab in the subject for the answer": _with_reply(b"_INBOX.edge1.a\x0b5"),
    "a form feed in it": _with_reply(b"_INBOX.edge1.\x0c"),
    "a subject for the answer that is not text": _with_reply(b"_INBOX.edge1.\xff"),
    "a long one": _with_reply(b"_INBOX.edge1." + b"x" * 3000),
    "wildcards": _with_reply(b"_INBOX.edge1.>"),
    "empty names": _with_reply(b"_INBOX.edge1..."),
}


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    return make_cluster(Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"]}))


def _agent(cluster: Cluster) -> Engine:
    seed = cluster.plan.keys["berlin-a"].seed.encode()
    address = f"127.0.0.1:{cluster.nodes[0].port}"
    return Engine(EngineSettings((address,), cluster.cafile, seed, "berlin-a"), "actions")


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=[*HOSTILE])
async def test_no_message_of_an_edge_ends_the_connection_of_an_agent(
    cluster: Cluster, hostile: bytes
) -> None:
    node, keys = cluster.nodes[0], cluster.plan.keys
    agent = _agent(cluster)
    heard: list[bytes] = []

    def answer(_subject: str, reply: str, data: bytes, _nobody: bool) -> None:
        heard.append(data)
        agent.publish(reply, b"answer")

    agent.subscribe("ami.v1.act.berlin.berlin-a.*", answer)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        await until(lambda: agent.is_up, within=20)
        with await asyncio.to_thread(RawClient, node.port, cluster.cafile, keys["edge1"]) as thief:
            thief.send(hostile)
            thief.publish(_ACTIONS, b"fine", "_INBOX.edge1.2")
            await asyncio.to_thread(thief.until_pong)
            await until(lambda: b"fine" in heard, lambda: (heard, agent.facts), within=3)
        assert agent.facts.connects == 1
        assert agent.is_up
        running.cancel()


async def test_what_is_sent_faster_than_it_is_read_waits_at_the_engine(cluster: Cluster) -> None:
    node, keys = cluster.nodes[0], cluster.plan.keys
    agent = _agent(cluster)
    waiting: list[int] = []

    def slowly(*_: object) -> None:
        waiting.append(len(agent._client._transport._io_reader._buffer))
        time.sleep(0.002)

    agent.subscribe("ami.v1.act.berlin.berlin-a.*", slowly)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        await until(lambda: agent.is_up, within=20)
        with await asyncio.to_thread(RawClient, node.port, cluster.cafile, keys["edge1"]) as thief:
            for _ in range(300):
                await asyncio.to_thread(thief.publish, _ACTIONS, bytes(100_000))
            await until(lambda: len(waiting) == 300, lambda: (len(waiting), agent.facts), within=20)
        assert max(waiting) < 1 << 20
        running.cancel()
