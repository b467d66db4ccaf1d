"""500 boards on five edges that come back at the same time cost Asterisk as much as five would."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.fleet.conftest import Site
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.members import PASSWORD, Member
from tests.support.waiting import until

pytestmark = pytest.mark.long

_EDGES = [f"edge{number}" for number in range(1, 6)]
#: Boards of each edge, and how many of them connect at the same time.
_BOARDS = 100
_AT_ONCE = 20
#: Actions whose answers are not lists: those of logins and links.
_NO_LISTS = {
    "Login",
    "Challenge",
    "Ping",
    "ListCommands",
    "CoreSettings",
    "Events",
    "Filter",
    "Command",
    "Getvar",
}


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(Plan({"berlin": ["berlin-a"]}, {edge: ["berlin"] for edge in _EDGES}))


async def _snapshot(edge: Member, door: asyncio.Semaphore) -> int:
    """Connect, and take a snapshot; the number of its items."""
    async with door:
        session = await edge.connect()
        answer = await session.login("board", PASSWORD, Events="off")
    async with session:
        assert answer.get("Response") == "Success"
        _, items, end = await session.event_list("ProxySnapshot", Kinds="channels,queues", within=30)
        assert end.get("EventList") == "Complete", end.headers
        assert not end.get("KindsMissing"), end.headers
        return len(items)


async def _come_back(site: Site) -> None:
    """All boards at once; they are shown the same."""
    async with asyncio.TaskGroup() as tasks:
        shown = []
        for edge in site.fleet.edges.values():
            door = asyncio.Semaphore(_AT_ONCE)
            shown += [tasks.create_task(_snapshot(edge, door)) for _ in range(_BOARDS)]
    assert len(shown) == _BOARDS * len(_EDGES)
    assert len({one.result() for one in shown}) == 1


def _lists(asked: Counter[str], before: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in (asked - before).items() if name not in _NO_LISTS}


async def test_boards_that_come_back_cost_asterisk_no_list(site: Site) -> None:
    source = site.sources["berlin"]
    await site.fleet.ready()
    await _come_back(site)
    before = source.asked.copy()
    await _come_back(site)
    assert _lists(source.asked, before) == {}


async def test_after_a_restart_of_asterisk_each_edge_asks_for_a_list_once(site: Site) -> None:
    source = site.sources["berlin"]
    await site.fleet.ready()
    before = source.asked.copy()
    await asyncio.to_thread(source.shut)
    await until(lambda: not source.links)
    await asyncio.to_thread(source.open)
    await site.fleet.ready()
    await _come_back(site)
    lists = _lists(source.asked, before)
    # Each edge, and the agent for its own clients.
    assert lists
    assert max(lists.values()) <= len(_EDGES) + 1, lists


async def test_boards_that_know_only_lists_cost_one_under_way_and_one_that_waits(site: Site) -> None:
    source = site.sources["berlin"]
    await site.fleet.ready()
    async with AsyncExitStack() as stack:
        sessions = []
        for number in range(_BOARDS * len(_EDGES)):
            edge = site.fleet.edges[_EDGES[number % len(_EDGES)]]
            sessions.append(session := await stack.enter_async_context(await edge.connect()))
            answer = await session.login("board", PASSWORD, Events="off")
            assert answer.get("Response") == "Success"
        before = source.asked.copy()
        async with asyncio.TaskGroup() as tasks:
            for session in sessions:
                tasks.create_task(session.event_list("QueueStatus", within=30))
        assert 1 <= _lists(source.asked, before)["QueueStatus"] <= 2 * len(_EDGES)
