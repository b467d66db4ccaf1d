"""A real Asterisk 22 behind two agents: clients of edges see what a client of its own port sees."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from amiproxy.ami.listqueries import LIST_QUERIES
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.lab.everything import with_every_module
from tests.asterisk.lab.node import CLIENTS
from tests.asterisk.page.board import Board, come_true
from tests.asterisk.test_clients import run_client
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.fleet.lab.members import CEILING, PASSWORD, Fleet
from tests.support.ami_client import AmiClient, Message
from tests.support.browser import chromium
from tests.support.http_doors import add_listener
from tests.support.ports import free_port
from tests.support.requirements import give_up
from tests.support.tls_wrapper import tls_wrapped
from tests.support.waiting import until

pytestmark = [pytest.mark.asterisk, pytest.mark.long]

_RIGHTS: dict[str, dict[str, Any]] = {
    "boss": {"read": "all", "write": "all", "history": True},
    "board": {"read": ["call", "system"], "write": [], "history": True},
    "wall": {"read": ["call", "agent"], "write": [], "doors": ["page"]},
}
#: User events of one call.
_STORM = 300
#: What a list query needs to be answered at all.
_ARGUMENTS = {
    "confbridgelist": {"Conference": "none"},
    "coreshowchannelmap": {"Channel": "none"},
    "mwiget": {"Mailbox": "/^1/"},
    "pjsipshowendpoint": {"Endpoint": "none"},
}


@pytest.fixture(scope="module")
def asterisk() -> Iterator[Asterisk]:
    try:
        asterisk = with_every_module(Asterisk("sid"))
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="module")
def page_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def fleet(
    asterisk: Asterisk,
    page_port: int,
    make_cluster: Callable[..., Cluster],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    cluster = make_cluster(
        Plan({"berlin": ["berlin-a", "berlin-b"]}, {"edge1": ["berlin"], "edge2": ["berlin"]})
    )
    link = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), cluster, {"berlin": link}, _RIGHTS)
    for agent in fleet.agents.values():
        agent.change_fleet(edges={edge: {**CEILING, "write": "all"} for edge in fleet.edges})
    add_listener(fleet.edges["edge1"], f"127.0.0.1:{page_port}", doors=["page"])
    with fleet.running():
        yield fleet
    assert all(asterisk.secret not in member.stderr for member in fleet.members)


@pytest.fixture
async def clients(asterisk: Asterisk, fleet: Fleet) -> AsyncIterator[list[AmiClient]]:
    """A session at Asterisk's own port, and one at each edge."""
    await fleet.ready()
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(await AmiClient.connect(asterisk.host, asterisk.port))]
        assert (await found[0].login(asterisk.user, asterisk.secret)).get("Response") == "Success"
        for edge in fleet.edges.values():
            client = await stack.enter_async_context(await edge.connect())
            assert (await client.login("boss", PASSWORD)).get("Response") == "Success"
            found.append(client)
        yield found


async def _call(client: AmiClient, exten: str) -> None:
    answer = await client.action(
        "Originate", Channel=f"Local/{exten}@lab", Application="Wait", Data="60", Async="true"
    )
    assert answer.get("Response") == "Success", answer


async def test_a_call_made_at_an_edge_is_seen_byte_for_byte_as_at_asterisk(clients: list[AmiClient]) -> None:
    await _call(clients[1], f"storm-{_STORM}")

    def seen(client: AmiClient) -> list[bytes]:
        """What the call's channels did."""
        return [message.raw for message in client.log if f"Local/storm-{_STORM}@lab".encode() in message.raw]

    def is_over(client: AmiClient) -> bool:
        hangups = sum(raw.startswith(b"Event: Hangup\r\n") for raw in seen(client))
        return hangups == 2

    for client in clients:
        await until(partial(is_over, client), "two hangups", within=30)
    there, *at_edges = (
        [raw for raw in seen(client) if not raw.startswith(b"Event: OriginateResponse\r\n")]
        for client in clients
    )
    assert sum(raw.startswith(b"Event: UserEvent\r\n") for raw in there) == _STORM
    for here in at_edges:
        assert here == there


async def _answer(client: AmiClient, query: str) -> Counter[str]:
    """What kinds of messages answer a list query, and how many of each."""
    action_id = client.send(query, **_ARGUMENTS.get(query, {}))
    found: list[Message] = [await client.response(action_id)]
    if (found[0].get("EventList") or "").lower() == "start":
        while found[-1].get("EventList") not in {"Complete", "Cancelled"}:
            found.append(await client.take(lambda m: m.event and m.get("ActionID") == action_id))
    return Counter(" ".join(message.headers[0]) for message in found)


async def test_every_list_is_at_an_edge_what_it_is_at_asterisk(clients: list[AmiClient]) -> None:
    await _call(clients[0], "stay")
    await clients[0].wait_event("OriginateResponse")
    try:
        for query in sorted(key.decode() for key in LIST_QUERIES):
            there, *at_edges = [await _answer(client, query) for client in clients]
            assert at_edges == [there, there], query
    finally:
        await clients[0].action("Hangup", Channel="/^Local/")


async def test_actions_of_both_edges_are_done_once_each(clients: list[AmiClient]) -> None:
    direct, *at_edges = clients
    names = [f"Once{number}" for number in range(40)]
    ids = [
        (at_edges[n % 2], at_edges[n % 2].send("UserEvent", UserEvent=name)) for n, name in enumerate(names)
    ]
    for client, action_id in ids:
        assert (await client.response(action_id)).get("Response") == "Success"
    await _call(direct, "userevent")
    await direct.wait_event("UserEvent", UserEvent="LabDialplan")
    done = Counter(message.get("UserEvent") for message in direct.log if message.event == "UserEvent")
    assert {name: done[name] for name in names} == dict.fromkeys(names, 1)


@pytest.mark.parametrize("library", ["panoramisk", "pyst2"])
async def test_published_libraries_work_at_an_edge_as_at_asterisk(
    asterisk: Asterisk, fleet: Fleet, library: str
) -> None:
    await fleet.ready()
    command = [sys.executable, "-W", "ignore", str(CLIENTS / f"with_{library}.py")]
    edge = fleet.edges["edge2"]
    async with tls_wrapped(edge.address, edge.port, edge.context) as port:
        there, here = [
            await run_client(
                command,
                {"host": "127.0.0.1", "port": at, "username": user, "secret": secret, "name": library},
            )
            for at, user, secret in (
                (asterisk.port, asterisk.user, asterisk.secret),
                (port, "boss", PASSWORD),
            )
        ]
    assert there["channels"] == 2
    assert here == there


async def _talk(client: AmiClient) -> None:
    """A call that the page shows, unlike those with nothing but Local channels."""
    answer = await client.action(
        "Originate",
        Channel="UnicastRTP/127.0.0.1:9/c(ulaw)",
        Context="lab",
        Exten="wait60-talk",
        Priority="1",
        Async="true",
    )
    assert answer.get("Response") == "Success", answer
    await client.wait_event("OriginateResponse", Response="Success")


async def test_a_browser_at_an_edge_shows_the_calls_before_and_after_its_agent_dies(
    clients: list[AmiClient], fleet: Fleet, page_port: int, tmp_path: Path
) -> None:
    await _talk(clients[0])
    try:
        async with chromium(tmp_path) as browser:
            board = Board(await browser.page(), f"https://localhost:{page_port}/")
            await board.open()
            await board.log_in("wall", PASSWORD)
            await board.go("#calls")
            [before] = await board.has_rows("calls")
            agent = await asyncio.to_thread(fleet.followed, "edge1", "berlin")
            agent.kill()
            try:
                await clients[1].wait_event("ProxyUpstream", Status="Down", within=15)
                await clients[1].wait_event("ProxyUpstream", Status="Up", within=15)
                await _talk(clients[0])
                await _two_rows(board)
            finally:
                await agent.start_up()
            assert before["key"] in {row["key"] for row in await board.rows("calls")}
            assert board.faults() == []
    finally:
        await clients[0].action("Hangup", Channel="/^UnicastRTP/")


async def _two_rows(board: Board) -> None:
    """Wait until the page shows two calls, and that nothing on it is old."""

    async def shown() -> bool:
        rows = await board.rows("calls")
        return len(rows) == 2 and not any(row["stale"] for row in rows)

    await come_true(shown, "two calls")


async def test_clients_stay_while_asterisk_restarts_and_start_again_from_a_snapshot(
    asterisk: Asterisk, fleet: Fleet
) -> None:
    await fleet.ready()
    async with await fleet.edges["edge1"].connect() as client:
        assert (await client.login("board", PASSWORD, ProxySequence="on")).get("Response") == "Success"
        await asyncio.to_thread(asterisk.stop)
        await client.wait_event("ProxyUpstream", Status="Down", within=20)
        await asyncio.to_thread(asterisk.start)
        await client.wait_event("ProxyUpstream", Status="Up", within=60)
        await client.wait_event("FullyBooted", within=60)
        _, _, end = await client.event_list("ProxySnapshot", Kinds="channels", within=30)
        assert end.get("EventList") == "Complete"
        assert end.get("Sequence")
