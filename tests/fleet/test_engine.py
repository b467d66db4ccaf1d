"""What the engine refuses whatever our processes do, by the accounts that ``ami-proxy fleet config`` writes.

The accounts of the lab, which the other tests use, are tried as well.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.fleet.lab.nkeys import user_key
from tests.fleet.lab.rawclient import RawClient

_SERVERS = {"berlin": ["berlin-a", "berlin-b"], "paris": ["paris-a"]}
_EDGES = {"edge1": ["berlin"], "edge2": ["berlin", "paris"]}


def _written_by_the_product(folder: Path) -> tuple[Plan, str]:
    """The keys and accounts that ``ami-proxy fleet`` makes for the same fleet."""
    described = {
        "engines": ["127.0.0.1:4222"],
        "servers": {server: {"agents": agents} for server, agents in _SERVERS.items()},
        "edges": {edge: {"servers": servers} for edge, servers in _EDGES.items()},
    }
    (folder / "fleet.yaml").write_text(yaml.safe_dump(described))
    for verb in ("keys", "config"):
        command = [sys.executable, "-m", "amiproxy", "fleet", verb, "fleet.yaml", "--out", "out"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    keys = {file.stem: user_key(file.read_text().strip()) for file in (folder / "out").glob("*.seed")}
    return Plan(_SERVERS, _EDGES, keys=keys), (folder / "out" / "accounts.conf").read_text()


@pytest.fixture(scope="module", params=["by the lab", "by ami-proxy"])
def cluster(
    make_cluster: Callable[..., Cluster],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Cluster:
    if request.param == "by the lab":
        return make_cluster(Plan(_SERVERS, _EDGES))
    plan, accounts = _written_by_the_product(tmp_path_factory.mktemp("described"))
    return make_cluster(plan, accounts=accounts)


def _connected(cluster: Cluster, name: str, node: int = 0) -> RawClient:
    return RawClient(cluster.nodes[node].port, cluster.cafile, cluster.plan.keys[name])


def test_a_node_that_was_killed_joins_the_others_again(cluster: Cluster) -> None:
    node = cluster.nodes[1]
    node.kill()
    node.start()
    cluster.formed()


def test_nobody_is_let_in_without_a_key_or_in_plain_text(cluster: Cluster) -> None:
    port = cluster.nodes[0].port
    for cafile, key in (
        (cluster.cafile, None),
        (cluster.cafile, user_key()),
        (None, cluster.plan.keys["edge1"]),
    ):
        with RawClient(port, cafile, key) as client:
            assert client.info["tls_required"]
            assert client.info["auth_required"]
            assert client.until_pong()[-1] == b"end"


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("edge1", "ami.v1.ev.berlin.berlin-a"),
        ("edge1", "ami.v1.act.berlin.berlin-a.edge2"),
        ("edge1", "ami.v1.act.paris.paris-a.edge1"),
        ("edge1", "_INBOX.edge2.x"),
        ("berlin-a", "ami.v1.ev.berlin.berlin-b"),
        ("berlin-a", "ami.v1.act.berlin.berlin-b.edge1"),
        ("berlin-a", "_INBOX.edge1.x"),
        ("berlin-a", "$SYS.REQ.SERVER.PING"),
    ],
)
def test_the_engine_refuses_to_publish_in_anothers_name(cluster: Cluster, name: str, subject: str) -> None:
    with _connected(cluster, name) as client:
        client.publish(subject, b"forged")
        assert any(b"permissions violation for publish" in line.lower() for line in client.until_pong())


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("edge1", ">"),
        ("edge1", "ami.v1.ev.>"),
        ("edge1", "ami.v1.ev.paris.paris-a"),
        ("edge1", "ami.v1.act.berlin.berlin-a.edge1"),
        ("edge1", "_INBOX.>"),
        ("edge1", "_INBOX.edge2.>"),
        ("berlin-a", "ami.v1.act.berlin.*.*"),
        ("berlin-a", "ami.v1.ev.berlin.berlin-b"),
        ("berlin-a", "_INBOX.edge1.>"),
    ],
)
def test_the_engine_lets_nobody_read_what_is_for_others(cluster: Cluster, name: str, subject: str) -> None:
    with _connected(cluster, name) as client:
        client.subscribe(subject)
        assert any(b"permissions violation for subscription" in line.lower() for line in client.until_pong())


def test_a_request_is_answered_across_nodes_and_only_as_often_as_asked(cluster: Cluster) -> None:
    with _connected(cluster, "edge1", 0) as edge, _connected(cluster, "berlin-a", 2) as agent:
        agent.subscribe("ami.v1.act.berlin.berlin-a.*")
        edge.subscribe("_INBOX.edge1.>")
        assert agent.until_pong() == edge.until_pong() == []
        requests: list[bytes] = []
        while not requests:  # the other node learns of the subscription a moment later
            edge.publish("ami.v1.act.berlin.berlin-a.edge1", b"asked", "_INBOX.edge1.7")
            edge.until_pong()
            requests = agent.until_pong()
        assert b"asked" in requests
        agent.publish("_INBOX.edge1.7", b"first")
        agent.publish("_INBOX.edge1.7", b"second")
        agent.publish("_INBOX.edge1.8", b"unasked")
        assert any(b"permissions violation" in line.lower() for line in agent.until_pong())
        answers: list[bytes] = []
        while len(answers) < 4:
            answers += edge.until_pong()
        assert answers[1::2] == [b"first", b"second"]
