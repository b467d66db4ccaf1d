"""The keys of a running fleet are replaced as the help of ``ami-proxy fleet keys`` says."""

import shutil
from collections.abc import Callable
from pathlib import Path

from amiproxy.cli import main
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.clients import Watcher
from tests.fleet.lab.cluster import Cluster
from tests.fleet.lab.members import PASSWORD, Fleet, Member
from tests.fleet.lab.nkeys import UserKey, user_key
from tests.fleet.lab.rawclient import RawClient
from tests.fleet.lab.source import CLASSES, Source
from tests.support.waiting import until

_PLAN = """\
engines: [nats1]
servers: {berlin: {agents: [berlin-a]}, paris: {agents: [paris-a]}}
edges: {edge1: {servers: all, users: all}}
"""
_STREAMS = [f"berlin.{name}" for name in CLASSES]


class _Operator:
    """Runs ``ami-proxy fleet``, and copies its files to where they belong."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "keys"
        self._plan = folder / "fleet.yaml"
        self._plan.write_text(_PLAN)
        self.fleet("keys")

    def fleet(self, verb: str, *options: str) -> None:
        assert main(["fleet", verb, str(self._plan), "--out", str(self.keys), *options]) == 0

    def key(self, name: str) -> UserKey:
        return user_key((self.keys / f"{name}.seed").read_text().strip())

    def publish(self, cluster: Cluster) -> None:
        """Make the accounts again, and have all nodes read them."""
        self.fleet("config")
        cluster.write_accounts(text=(self.keys / "accounts.conf").read_text())
        cluster.reload()

    async def install(self, member: Member) -> None:
        """Copy its secrets to a process, and have it read them."""
        shutil.copyfile(self.keys / f"{member.name}.seed", member.directory / "process.seed")
        shutil.copyfile(self.keys / "token.key", member.directory / "token.key")
        await member.reloaded()


def _lets_in(cluster: Cluster, key: UserKey) -> list[bool]:
    found = []
    for node in cluster.nodes:
        with RawClient(node.port, cluster.cafile, key) as client:
            found.append(client.until_pong() == [])
    return found


async def test_no_client_notices_that_all_keys_are_replaced(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    operator = _Operator(tmp_path)
    agents = {"berlin": ["berlin-a"], "paris": ["paris-a"]}
    keys = {name: operator.key(name) for name in ("berlin-a", "paris-a", "edge1")}
    cluster = make_cluster(Plan(agents, {"edge1": ["berlin", "paris"]}, keys=keys))
    operator.publish(cluster)
    with Source("berlin") as source, Source("paris") as other:
        upstreams = {"berlin": source.upstream, "paris": other.upstream}
        with Fleet(tmp_path, cluster, upstreams).running() as fleet:
            for member in fleet.members:
                await operator.install(member)
            await fleet.ready()
            watcher = await Watcher.open(fleet.edges["edge1"], "board", _STREAMS)
            await _passes_on(fleet, source, watcher)
            for member in (fleet.agents["berlin-a"], fleet.edges["edge1"]):
                await _replace_seed(operator, cluster, member)
                await _passes_on(fleet, source, watcher)
            for step in ("add", "use", "drop"):
                operator.fleet("keys", "--rotate-token", step)
                for member in fleet.members:
                    await operator.install(member)
                await _passes_on(fleet, source, watcher)
            assert watcher.ledger.faults == []
            watcher.break_off()


async def _passes_on(fleet: Fleet, source: Source, watcher: Watcher) -> None:
    """Events still come to the client, and actions are still answered."""
    await fleet.ready()
    source.count(10)
    for name in CLASSES:
        await watcher.reaches(f"berlin.{name}", source.reached(name))
    async with await fleet.edges["edge1"].connect() as client:
        await client.login("board", PASSWORD, Events="off")
        answer = await client.action("UserEvent", UserEvent="x", Server="berlin")
        assert answer.get("Response") == "Success"


async def _replace_seed(operator: _Operator, cluster: Cluster, member: Member) -> None:
    old = operator.key(member.name)
    operator.fleet("keys", "--rotate", member.name)
    new = operator.key(member.name)
    operator.publish(cluster)
    await until(lambda: _lets_in(cluster, new) == [True] * 3, within=20)
    await operator.install(member)
    # Its two connections.
    await until(lambda: sum(node.clients().count(new.public) for node in cluster.nodes) == 2, within=20)
    operator.fleet("keys", "--retire", member.name)
    operator.publish(cluster)
    await until(lambda: _lets_in(cluster, old) == [False] * 3, within=20)
