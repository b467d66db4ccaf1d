"""The nats-servers of deploy/examples, running, with the accounts of ``ami-proxy fleet``."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from amiproxy.cli import main
from tests.fleet.lab import engine
from tests.fleet.lab.cluster import Node
from tests.fleet.lab.nkeys import UserKey, user_key
from tests.fleet.lab.rawclient import RawClient
from tests.support.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "deploy/examples/nats"
_NAMES = ("nats1", "nats2", "nats3")


@dataclass
class Engines:
    """Three nats-servers of the example, the folder of the fleet's keys, and the CA of their certificates."""

    nodes: list[Node]
    keys: Path
    plan: Path
    cafile: Path

    def fleet(self, *words: str) -> None:
        """A verb of ``ami-proxy fleet`` with its options."""
        assert main(["fleet", words[0], str(self.plan), "--out", str(self.keys), *words[1:]]) == 0

    def publish_accounts(self) -> None:
        """Make accounts.conf again, and have all nodes read it."""
        self.fleet("config")
        (self.nodes[0].log.parent / "accounts.conf").write_text((self.keys / "accounts.conf").read_text())

    def key(self, name: str) -> UserKey:
        return user_key((self.keys / f"{name}.seed").read_text().strip())

    def client(self, name: str, node: int = 0) -> RawClient:
        return RawClient(self.nodes[node].port, self.cafile, self.key(name))

    def lets_in(self, key: UserKey | None, node: int = 0) -> bool:
        with RawClient(self.nodes[node].port, self.cafile, key) as client:
            return client.until_pong() == []


@contextmanager
def running_example(folder: Path, plan: str) -> Iterator[Engines]:
    """The three nodes with the keys of this plan.  Raises Unavailable where there is no nats-server."""
    engine.nats_server()
    nodes = [Node(name, folder) for name in _NAMES]
    found = Engines(nodes, folder / "keys", folder / "fleet.yaml", folder / "ca.pem")
    found.plan.write_text(plan)
    found.fleet("keys")
    found.publish_accounts()
    _configure(folder, nodes)
    try:
        for node in nodes:
            node.start()
        wait_until(lambda: all(len(node.peers()) == 2 for node in nodes), within=30)
        yield found
    finally:
        for node in nodes:
            node.kill()


def _configure(folder: Path, nodes: list[Node]) -> None:
    """The example with the addresses, files and a password of this test."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    leaf = ca.issue_cert("localhost", "127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(str(folder / "node.crt"))
    leaf.private_key_pem.write_to_path(str(folder / "node.key"))
    routes = (EXAMPLE / "routes.conf").read_text().replace("PASSWORD", secrets.token_hex(32))
    for node in nodes:
        routes = routes.replace(f"{node.name}.example.org:6222", f"127.0.0.1:{node.routes}")
    (folder / "routes.conf").write_text(routes)
    for node in nodes:
        text = (EXAMPLE / "nats-server.conf").read_text()
        for old, new in (
            ("server_name: nats1", f"server_name: {node.name}"),
            ("0.0.0.0:4222", f"127.0.0.1:{node.port}"),
            ("127.0.0.1:8222", f"127.0.0.1:{node.monitor}"),
            ("0.0.0.0:6222", f"127.0.0.1:{node.routes}"),
            ("/etc/nats-server/", f"{folder}/"),
        ):
            assert old in text
            text = text.replace(old, new)
        (folder / f"{node.name}.conf").write_text(text)
