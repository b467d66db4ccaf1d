"""Clients of edges get what clients of the agents get: events, answers, lists, snapshots and positions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.fleet.conftest import Site
from tests.fleet.counting.deeds import Deeds
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.clients import Caller, Watcher
from tests.fleet.lab.members import PASSWORD, RIGHTS, Member
from tests.fleet.lab.source import CLASSES
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import hashed
from tests.support.waiting import until

_BERLIN = [f"berlin.{name}" for name in CLASSES]
_PARIS = [f"paris.{name}" for name in CLASSES]
#: Items of a list that needs several messages on its way from an agent to an edge.
_MANY = 4000


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    both = ["berlin", "paris"]
    plan = Plan({"berlin": ["berlin-a", "berlin-b"], "paris": ["paris-a"]}, {"edge1": both, "edge2": both})
    # This one has a secret at the agents as well.
    at_home = {"secret": hashed(PASSWORD), "read": ["call"], "write": ["user"]}
    return make_site(plan, rights={**RIGHTS, "at-home": at_home})


@pytest.fixture
async def edges(site: Site) -> list[Member]:
    """Both, once they serve everything."""
    await site.fleet.ready()
    return list(site.fleet.edges.values())


@pytest.fixture
async def client(edges: list[Member]) -> AsyncIterator[AmiClient]:
    """A session at the first edge, of all servers, without events."""
    async with await edges[0].connect() as session:
        assert (await session.login("board", PASSWORD, Events="off")).get("Response") == "Success"
        yield session


async def test_events_reach_the_clients_of_every_edge_once_and_by_their_rights(
    site: Site, edges: list[Member]
) -> None:
    watchers = [await Watcher.open(edge, "board", [*_BERLIN, *_PARIS]) for edge in edges]
    watchers += [await Watcher.open(edge, "local", ["berlin.call"], bound="berlin") for edge in edges]
    for _ in range(20):
        for source in site.sources.values():
            source.count(25)
    for watcher in watchers:
        for stream in [*_BERLIN, *_PARIS] if watcher.bound == "" else ["berlin.call"]:
            server, _, name = stream.partition(".")
            number = site.sources[server].reached(name)
            await watcher.reaches(stream, number)
    for watcher in watchers:
        assert watcher.ledger.faults == []
        assert watcher.ledger.events == (500 if watcher.bound else 2000)
        watcher.break_off()


async def test_an_action_is_done_once_at_the_server_that_it_names(site: Site, edges: list[Member]) -> None:
    deeds = Deeds()
    callers = [await Caller.open(edge, deeds) for edge in edges]
    names = {server: [caller.act(server) for caller in callers] for server in site.sources}
    await until(lambda: not deeds.open, lambda: deeds.open)
    for server, source in site.sources.items():
        done = [name for name, _ in source.done]
        assert sorted(name for name in done if name.startswith("deed-")) == sorted(names[server])
    assert deeds.counts == {"done": 4}
    for caller in callers:
        caller.break_off()


async def test_a_client_at_home_and_one_at_an_edge_get_the_same_answers(
    site: Site, edges: list[Member]
) -> None:
    answers = []
    for member in (site.fleet.agents["berlin-a"], edges[1]):
        async with await member.connect() as session:
            assert (await session.login("at-home", PASSWORD, Events="off")).get("Response") == "Success"
            headers = {} if member.name == "berlin-a" else {"Server": "berlin"}
            for action in ("UserEvent", "CoreStatus", "Nonsense"):
                answer = await session.action(action, UserEvent="x", ActionID="same", **headers)
                answers.append((action, answer.without("Server")))
    assert answers[:3] == answers[3:]


async def test_a_list_that_needs_several_messages_arrives_whole(site: Site, client: AmiClient) -> None:
    filler = "x" * 200
    items = "".join(
        f"Event: CoreShowChannel\r\nActionID: @@\r\nChannel: PJSIP/{number}\r\nFiller: {filler}\r\n\r\n"
        for number in range(_MANY)
    )
    start = "Response: Success\r\nActionID: @@\r\nEventList: start\r\nMessage: will follow\r\n\r\n"
    complete = "Event: CoreShowChannelsComplete\r\nActionID: @@\r\nEventList: Complete\r\n"
    answer = f"{start}{items}{complete}ListItems: {_MANY}\r\n\r\n"
    site.sources["paris"].script("CoreShowChannels", answer.encode())
    _, found, end = await client.event_list("CoreShowChannels", Server="paris", within=30)
    assert [item.get("Channel") for item in found] == [f"PJSIP/{number}" for number in range(_MANY)]
    assert end.get("ListItems") == str(_MANY)


async def test_a_list_that_many_ask_for_at_once_is_asked_for_a_few_times_by_each_edge(
    site: Site, edges: list[Member]
) -> None:
    source = site.sources["berlin"]
    before = source.asked["QueueSummary"]
    clients = []
    for number in range(40):
        clients.append(session := await edges[number % 2].connect())
        assert (await session.login("board", PASSWORD, Events="off")).get("Response") == "Success"
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one.event_list("QueueSummary", Server="berlin")) for one in clients]
    assert len({len(one.result()[1]) for one in asked}) == 1
    # One under way and one that waits, and what came between them.
    assert 1 <= source.asked["QueueSummary"] - before <= 3 * len(edges)
    for session in clients:
        await session.close()


async def test_a_snapshot_is_followed_by_exactly_the_events_behind_it(
    site: Site, edges: list[Member]
) -> None:
    async with await edges[0].connect() as session:
        assert (await session.login("board", PASSWORD, ProxySequence="on")).get("Response") == "Success"
        _, _, end = await session.event_list("ProxySnapshot", Kinds="channels", Server="berlin")
        assert end.get("EventList") == "Complete"
        assert end.get("Sequence")
        first = site.sources["berlin"].next["call"]
        site.sources["berlin"].count(2)
        event = await session.wait_event("Counted", Stream="berlin.call")
        assert event.get("Number") == str(first)


async def test_an_interrupted_client_resumes_at_another_edge(site: Site, edges: list[Member]) -> None:
    watcher = await Watcher.open(edges[0], "board", [*_BERLIN, *_PARIS])
    for number in range(1, 7):
        for source in site.sources.values():
            source.count(10)
        if number % 2:
            # Positions of both servers, perhaps not of the newest event.
            await watcher.has_positions_of(2)
        watcher.break_off()
        for source in site.sources.values():
            source.count(10)
        watcher = await Watcher.open(edges[number % 2], "board", [], watcher)
    for stream in (*_BERLIN, *_PARIS):
        server, _, name = stream.partition(".")
        number = site.sources[server].reached(name)
        await watcher.reaches(stream, number)
    assert watcher.ledger.faults == []
    assert watcher.ledger.changes == 0
    watcher.break_off()


async def test_a_position_is_worthless_where_its_server_may_not_be_seen(
    edges: list[Member], site: Site
) -> None:
    watcher = await Watcher.open(edges[0], "board", [*_BERLIN, *_PARIS])
    for source in site.sources.values():
        source.count(1)
    await until(lambda: len(watcher.tokens) == 2, "an event of both servers")
    async with await edges[1].connect() as session:
        assert (await session.login("local", PASSWORD, Events="off")).get("Response") == "Success"
        answer = await session.action("ProxyResume", From=watcher.tokens["paris"])
        assert answer.get("Response") == "Error"
    watcher.break_off()


async def test_the_status_of_each_process_says_whom_it_follows_or_serves(
    site: Site, edges: list[Member]
) -> None:
    def fleet_of(name: str) -> Any:
        members = {**site.fleet.agents, **site.fleet.edges}
        return members[name].ctl("fleet")

    edge = await asyncio.to_thread(fleet_of, "edge1")
    assert (edge["role"], edge["name"]) == ("edge", "edge1")
    followed = {one["server"]: one for one in edge["servers"]}
    assert {name: one["state"] for name, one in followed.items()} == {"berlin": "up", "paris": "up"}
    assert followed["paris"]["agent"] == "paris-a"
    assert {name: one["state"] for name, one in edge["engines"].items()} == {
        "events": "connected",
        "actions": "connected",
    }
    for name, one in followed.items():
        agent = await asyncio.to_thread(fleet_of, one["agent"])
        assert (agent["role"], agent["servers"][0]["server"]) == ("agent", name)
        assert agent["servers"][0]["epoch"] == one["epoch"]
