"""What an edge may do: what its own users may, then the agent's, within its ceiling and its key."""

import copy
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.fleet.conftest import Site
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.members import CEILING, PASSWORD, Member, edge_users, served
from tests.support.ami_client import AmiClient, Message


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(Plan({"berlin": ["berlin-a"]}, {"edge1": ["berlin"], "edge2": ["berlin"]}))


@pytest.fixture
async def edges(site: Site) -> AsyncIterator[list[Member]]:
    """Both, once they serve everything; afterwards all processes get back their users and settings."""
    await site.fleet.ready()
    yield list(site.fleet.edges.values())
    site.fleet.agents["berlin-a"].change_fleet(edges=dict.fromkeys(site.fleet.edges, CEILING))
    await _users(site, site.fleet.rights, *site.fleet.members)


async def _users(site: Site, rights: dict[str, Any], *members: Member) -> None:
    """Give these processes users, and have them read them."""
    for member in members:
        member.write_users(edge_users(rights) if member.name in site.fleet.edges else rights)
        await member.reloaded()


async def _act(edge: Member, name: str, user: str = "caller") -> Message:
    """A user event of this name."""
    async with await edge.connect() as session:
        assert (await session.login(user, PASSWORD, Events="off")).get("Response") == "Success"
        return await session.action("UserEvent", UserEvent=name)


def _done(site: Site) -> list[str]:
    return [name for name, _ in site.sources["berlin"].done]


async def test_what_the_agents_users_may_not_do_is_not_done_whatever_the_edge_says(
    site: Site, edges: list[Member]
) -> None:
    fewer = copy.deepcopy(site.fleet.rights)
    fewer["caller"]["write"] = []
    await _users(site, fewer, site.fleet.agents["berlin-a"])
    answer = await _act(edges[0], "refused-by-agent")
    assert answer.get("Response") == "Error"
    await _users(site, site.fleet.rights, site.fleet.agents["berlin-a"])
    assert (await _act(edges[0], "permitted-again")).get("Response") == "Success"
    assert "refused-by-agent" not in _done(site)
    assert "permitted-again" in _done(site)


async def test_what_the_edges_users_may_not_do_never_reaches_the_agent(
    site: Site, edges: list[Member]
) -> None:
    fewer = copy.deepcopy(site.fleet.rights)
    fewer["caller"]["write"] = []
    await _users(site, fewer, edges[0])
    before = site.fleet.agents["berlin-a"].stderr
    assert (await _act(edges[0], "refused-by-edge")).get("Response") == "Error"
    assert "refused-by-edge" not in _done(site)
    assert site.fleet.agents["berlin-a"].stderr == before


async def test_agents_accept_rights_of_before_but_none_that_they_do_not_know_yet(
    site: Site, edges: list[Member]
) -> None:
    more = copy.deepcopy(site.fleet.rights)
    more["caller"]["write"] = ["user", "reporting"]
    # The right order: agents first.  Meanwhile the edge has the old rights.
    await _users(site, more, site.fleet.agents["berlin-a"])
    assert (await _act(edges[0], "with-old-rights")).get("Response") == "Success"
    await _users(site, more, edges[0])
    assert (await _act(edges[0], "with-new-rights")).get("Response") == "Success"
    # The wrong order: the agent cannot know whether it is the edge that is right.
    await _users(site, {**more, "caller": {**more["caller"], "write": ["user", "call", "agent"]}}, edges[0])
    answer = await _act(edges[0], "too-early")
    assert answer.get("Response") == "Error"
    assert "not executed" in (answer.get("Message") or "")
    assert "too-early" not in _done(site)


async def test_an_edge_speaks_only_for_the_users_and_classes_of_its_ceiling(
    site: Site, edges: list[Member]
) -> None:
    agent = site.fleet.agents["berlin-a"]
    agent.change_fleet(
        edges={"edge1": CEILING, "edge2": {**CEILING, "users": ["board"], "write": ["reporting"]}}
    )
    await agent.reloaded()
    assert (await _act(edges[0], "by-edge1")).get("Response") == "Success"
    assert (await _act(edges[1], "for-another-user")).get("Response") == "Error"
    assert (await _act(edges[1], "above-the-class", "board")).get("Response") == "Error"
    assert {"for-another-user", "above-the-class"}.isdisjoint(_done(site))
    async with await edges[1].connect() as session:
        assert (await session.login("board", PASSWORD, Events="off")).get("Response") == "Success"
        assert (await session.action("CoreStatus")).get("Response") == "Success"


async def test_an_edge_that_no_agent_names_only_follows(site: Site, edges: list[Member]) -> None:
    agent = site.fleet.agents["berlin-a"]
    agent.change_fleet(edges={"edge1": CEILING})
    await agent.reloaded()
    async with await edges[1].connect() as session:
        assert (await session.login("board", PASSWORD)).get("Response") == "Success"
        assert (await session.action("UserEvent", UserEvent="by-nobody")).get("Response") == "Error"
        site.sources["berlin"].count(1)
        await session.wait_event("Counted")
    assert "by-nobody" not in _done(site)


async def test_an_edge_whose_key_is_revoked_is_cut_off_and_the_others_stay(
    site: Site, edges: list[Member]
) -> None:
    cluster = site.fleet.cluster
    async with await edges[0].connect() as other, await edges[1].connect() as session:
        for client in (other, session):
            assert (await client.login("board", PASSWORD)).get("Response") == "Success"
        cluster.write_accounts(without=("edge2",))
        cluster.reload()
        try:
            await session.wait_event("ProxyUpstream", Status="Down", within=15)
            answer = await session.action("UserEvent", UserEvent="revoked")
            assert answer.get("Response") == "Error"
            assert cluster.node_of("edge2") is None
            site.sources["berlin"].count(1)
            await other.wait_event("Counted")
            assert not [message for message in session.inbox if message.event == "Counted"]
        finally:
            cluster.write_accounts()
            cluster.reload()
        await session.wait_event("ProxyUpstream", Status="Up", within=15)
        assert "revoked" not in _done(site)
    await served(edges[1])


async def test_the_agent_logs_for_whom_and_for_which_edge_it_acts(site: Site, edges: list[Member]) -> None:
    async with await edges[0].connect() as session:
        assert (await session.login("board", PASSWORD, Events="off")).get("Response") == "Success"
        assert (await session.action("UserEvent", UserEvent="audited")).get("Response") == "Success"
    agent = site.fleet.agents["berlin-a"]
    await agent.said("userevent=audited")
    [line] = [line for line in agent.stderr.splitlines() if "userevent=audited" in line]
    for field in (" user=board ", " edge=edge1 ", " peer=127.0.0.1 ", " result=Success"):
        assert field in line
    await edges[0].said("userevent=audited")
    [there] = [line for line in edges[0].stderr.splitlines() if "userevent=audited" in line]
    assert " edge=" not in there
    ids = [re.findall(r" request=([0-9a-f]{32}) ", each) for each in (line, there)]
    assert len(ids[0]) == 1
    assert ids[0] == ids[1]


async def test_a_client_of_an_edge_is_not_a_client_of_the_agent(site: Site, edges: list[Member]) -> None:
    agent = site.fleet.agents["berlin-a"]
    # Users without a secret cannot log in there.
    async with await agent.connect() as session:
        answer = await session.login("caller", PASSWORD)
        assert answer.get("Response") == "Error"
    async with await AmiClient.connect("127.0.0.1", edges[0].port, edges[0].context, "localhost") as session:
        assert (await session.login("caller", PASSWORD)).get("Response") == "Success"
