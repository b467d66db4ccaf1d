"""The scenario of the fleet: what its processes are configured with, and what its summary says."""

from types import SimpleNamespace

import pytest
import trustme

from amiproxy.config.loading import load
from tests.bench.accounts import pairs
from tests.bench.fleet import Wanted, summary
from tests.bench.members import AGENTS, EDGES, SERVER, with_fleet
from tests.bench.peers import Ours, OursCompiled, Place
from tests.fleet.lab.accounts import Plan


@pytest.fixture
def cluster(tmp_path):
    """Addresses and keys, but no nats-server."""
    cafile = tmp_path / "engines.pem"
    trustme.CA().cert_pem.write_to_path(str(cafile))
    plan = Plan({SERVER: AGENTS}, {edge: [SERVER] for edge in EDGES})
    return SimpleNamespace(plan=plan, cafile=cafile, addresses=["127.0.0.1:4222"], nodes=[])


def test_agents_let_the_edges_act_for_users_who_cannot_log_in_there(tmp_path, cluster):
    peer = with_fleet(Ours, cluster, agents=2, edges=2)(Place(tmp_path), 5038, pairs(2))
    for agent, name in zip(peer.agents, AGENTS, strict=True):
        agent.command()
        loaded = load(agent.directory / "proxy.yaml")
        assert (loaded.config.fleet.role, loaded.config.fleet.name) == ("agent", name)
        assert [*loaded.config.fleet.edges] == [*EDGES]
        assert [server.port for server in loaded.config.every_server.values()] == [5038]
        assert [*loaded.users.users] == ["board0", "desk1"]


def test_edges_follow_the_agents_and_have_no_asterisk(tmp_path, cluster):
    peer = with_fleet(Ours, cluster, agents=1, edges=2)(Place(tmp_path), 5038, pairs(2))
    assert peer.name == "ami-proxy, 2 edges"
    for edge, name, port in zip(peer.edges, EDGES, peer.ports, strict=True):
        edge.command()
        loaded = load(edge.directory / "proxy.yaml")
        assert (loaded.config.fleet.role, loaded.config.fleet.name) == ("edge", name)
        assert loaded.config.fleet.servers[SERVER].agents == (AGENTS[0],)
        assert not loaded.config.every_server
        assert loaded.config.listeners[0].address.port == port
        assert loaded.users.users["board0"].servers == (SERVER,)


def test_a_compiled_proxy_is_compiled_in_a_fleet_too(tmp_path, cluster):
    peer = with_fleet(OursCompiled, cluster)(Place(tmp_path), 5038, pairs(2))
    for member in (*peer.agents, *peer.edges):
        assert "-P" in member.command()


def test_only_what_is_behind_the_edges_helps_them(tmp_path, cluster):
    cluster.nodes = [SimpleNamespace(pid=7), SimpleNamespace(pid=8)]
    peer = with_fleet(Ours, cluster)(Place(tmp_path), 5038, pairs(2))
    assert peer.helpers() == {"agents": [], "engines": [7, 8]}
    assert peer.pids() == []


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (Wanted("a", 1.0), ["a", "1.0", "", ""]),
        (Wanted("a", 1.04, 1.05, ".2f"), ["a", "1.04", "≤ 1.05", "yes"]),
        (Wanted("a", 1.06, 1.05, ".2f"), ["a", "1.06", "≤ 1.05", "no"]),
        (Wanted("a", None, 1.05, ".2f"), ["a", "-", "≤ 1.05", "no"]),
    ],
)
def test_a_row_says_whether_a_wish_is_met(row, cells):
    assert row.cells == cells


def test_the_summary_is_one_table():
    table = summary([Wanted("cost", 1.1, 1.2, ".2f"), Wanted("seconds", 3.46)])
    assert table.splitlines() == [
        "|  | measured | wanted | met |",
        "| --- | --: | --: | --: |",
        "| cost | 1.10 | ≤ 1.20 | yes |",
        "| seconds | 3.5 |  |  |",
    ]
