"""The proxy as the edges of a fleet: with agents and real nats-servers between them and their Asterisk."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from amiproxy import counted
from tests.bench.accounts import Account
from tests.bench.peers import Ours, Peer, Place
from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster

SERVER = "s0"
AGENTS, EDGES = ("agent1", "agent2"), ("edge1", "edge2")
#: What an agent lets edges do.
_CEILING: Mapping[str, Any] = {"users": "all", "read": "all", "write": ["system", "call", "reporting"]}
_READY_SECONDS = 30.0
_LOOK_SECONDS = 0.1


@contextmanager
def engines(folder: Path) -> Iterator[Cluster]:
    """Three nats-servers for two agents and two edges.  Raises Unavailable where there is no nats-server."""
    cluster = Cluster(folder, Plan({SERVER: AGENTS}, {edge: [SERVER] for edge in EDGES}))
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


class Member(Ours):
    """One process of a fleet, called ``member`` there."""

    member: ClassVar[str]
    cluster: ClassVar[Cluster]
    token_key: ClassVar[str]

    def _section(self, **more: Any) -> dict[str, Any]:
        plan = self.cluster.plan
        self._write("engine-ca.pem", self.cluster.cafile.read_text())
        self._write("process.seed", f"{plan.keys[self.member].seed}\n")
        self._write("token.key", f"{self.token_key}\n")
        return {
            "name": self.member,
            "engines": self.cluster.addresses,
            "ca": "engine-ca.pem",
            "seed_file": "process.seed",
            "token_key_file": "token.key",
            "prefix": plan.prefix,
            **more,
        }


class AgentMember(Member):
    """An agent.  Users of edges cannot log in there."""

    edges: ClassVar[Sequence[str]]

    def _upstream(self) -> dict[str, Any]:
        # A dictionary for each: YAML would have an alias for the same one, which the proxy refuses.
        ceilings = {edge: json.loads(json.dumps(_CEILING)) for edge in self.edges}
        return {**super()._upstream(), "fleet": self._section(role="agent", server=SERVER, edges=ceilings)}

    def _entry(self, account: Account) -> dict[str, Any]:
        entry = super()._entry(account)
        del entry["secret"]
        return entry


class EdgeMember(Member):
    """An edge."""

    agents: ClassVar[Sequence[str]]

    def _upstream(self) -> dict[str, Any]:
        servers = {SERVER: {"agents": [*self.agents]}}
        return {
            "fleet": self._section(role="edge", servers=servers),
            "control": {"socket": "control.sock"},
            # So that clients are there when the server comes back.
            "upstream_lost": "stay",
        }

    def _entry(self, account: Account) -> dict[str, Any]:
        return {**super()._entry(account), "servers": [SERVER]}

    def status(self) -> dict[str, Any]:
        """What it says of the agents of its server; empty if it does not answer yet."""
        command = [sys.executable, "-m", "amiproxy", "ctl", "--socket", "control.sock", "--json", "fleet"]
        environment = {**os.environ, "PYTHONPATH": str(Path("proxy").absolute())}
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, check=False, text=True
        )
        if done.returncode:
            return {}
        [found] = json.loads(done.stdout)["servers"]
        return dict(found)


class Fleet(Peer):
    """Agents and edges.  The edges are the peer, whose cost is measured; the rest are its helpers."""

    multiplexes = True
    has_rights = True
    agent_kinds: ClassVar[Sequence[type[AgentMember]]]
    edge_kinds: ClassVar[Sequence[type[EdgeMember]]]
    cluster: ClassVar[Cluster]

    def __init__(self, place: Place, upstream: int, accounts: Sequence[Account], cpus: str = "") -> None:
        self.place = place
        self.accounts = accounts
        self.agents = [kind(place, upstream, accounts) for kind in self.agent_kinds]
        self.edges = [kind(place, upstream, accounts, cpus) for kind in self.edge_kinds]
        self.port = self.edges[0].port

    @property
    def ports(self) -> Sequence[int]:
        """Where the edges listen."""
        return [edge.port for edge in self.edges]

    def start(self) -> None:
        members = [*self.agents, *self.edges]
        with ThreadPoolExecutor() as pool:
            list(pool.map(Peer.start, members))
        give_up = time.monotonic() + _READY_SECONDS
        for edge in self.edges:
            while not self._is_ready(status := edge.status()):
                if time.monotonic() > give_up:
                    said = "".join((one.directory / "log").read_text()[-1000:] for one in members)
                    raise RuntimeError(f"{self.name} is not ready: {status}; {said}")
                time.sleep(_LOOK_SECONDS)

    def _is_ready(self, status: Mapping[str, Any]) -> bool:
        return bool(
            status and status["state"] == "up" and all(one["state"] == "up" for one in status["agents"])
        )

    def pids(self) -> list[int]:
        return [pid for edge in self.edges for pid in edge.pids()]

    def helpers(self) -> Mapping[str, Sequence[int]]:
        return {
            "agents": [pid for agent in self.agents for pid in agent.pids()],
            "engines": [node.pid for node in self.cluster.nodes],
        }

    def kill_agent(self) -> float:
        """SIGKILL for the agent that the first edge follows; when that was, in monotonic seconds."""
        followed = self.edges[0].status()["agent"]
        [pids] = [agent.pids() for agent in self.agents if agent.member == followed]
        now = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return now

    def stop(self) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Peer.stop, [*self.edges, *self.agents]))


def with_fleet(kind: type[Ours], cluster: Cluster, agents: int = 1, edges: int = 1) -> type[Fleet]:
    """The same proxy, whose clients come to so many edges of a fleet with so many agents."""
    title = f"{kind.name}, {counted.count(edges, 'edge')}"
    agent_names, edge_names = AGENTS[:agents], EDGES[:edges]
    common = {"cluster": cluster, "token_key": secrets.token_hex(16)}

    def member(base: type[Member], name: str, **more: Any) -> Any:
        return type(name, (base, kind), {"name": f"{title}, {name}", "member": name, **common, **more})

    class OursInFleet(Fleet):
        name = title
        agent_kinds = tuple(member(AgentMember, name, edges=edge_names) for name in agent_names)
        edge_kinds = tuple(member(EdgeMember, name, agents=agent_names) for name in edge_names)

    OursInFleet.cluster = cluster
    return OursInFleet
