"""The agents and edges of a fleet, each the product's own process, and all of them together."""

import asyncio
import copy
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.fleet.lab.accounts import Plan
from tests.fleet.lab.cluster import Cluster
from tests.support.proxy_process import hashed
from tests.support.service import LIMITS, Service
from tests.support.waiting import until

#: The secret of every user at an edge.
PASSWORD = "chief"
#: As in users.yaml of an agent: rights without secrets.
RIGHTS: dict[str, dict[str, Any]] = {
    "board": {"read": ["call", "agent", "system"], "write": ["call", "reporting", "user"], "history": True},
    "caller": {"read": [], "write": ["user", "call", "reporting"]},
    "local": {"read": ["call", "system"], "write": ["user"], "history": True},
}
#: By user, the servers that it may use at edges.
SERVERS: dict[str, list[str]] = {"board": ["*"], "caller": ["*"], "local": ["berlin"]}
#: What agents let each edge do.
CEILING: dict[str, Any] = {"users": "all", "read": "all", "write": ["call", "reporting", "user"]}


def edge_users(rights: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same users as an edge has them: with secrets and servers."""
    secret = hashed(PASSWORD)
    return {
        name: {"secret": secret, "servers": SERVERS.get(name, ["*"]), **entry}
        for name, entry in rights.items()
    }


class Member(Service):
    """One process of the fleet; ``fleet`` is what its configuration has besides the files and engines."""

    def __init__(
        self,
        directory: Path,
        name: str,
        cluster: Cluster,
        token_key: str,
        users: Mapping[str, Mapping[str, Any]],
        upstream: tuple[str, int, str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        **fleet: Any,
    ) -> None:
        self.name = name
        directory.mkdir(mode=0o700)
        (directory / "engine-ca.pem").write_bytes(cluster.cafile.read_bytes())
        (directory / "process.seed").write_text(f"{cluster.plan.keys[name].seed}\n")
        (directory / "token.key").write_text(f"{token_key}\n")
        section: dict[str, Any] = {
            "name": name,
            "engines": cluster.addresses,
            "ca": "engine-ca.pem",
            "seed_file": "process.seed",
            "token_key_file": "token.key",
            "prefix": cluster.plan.prefix,
            **fleet,
        }
        more = {"limits": LIMITS, "control": {"socket": "control.sock"}, **(settings or {})}
        if upstream is None:
            # An edge has no Asterisk of its own: without this key there would be an upstream.
            more["servers"] = {}
        super().__init__(directory, upstream or ("", 0, "", ""), users, fleet=_written_out(section), **more)
        if upstream is None:
            self.drop("servers")

    def listen_on(self, address: str) -> None:
        """Listen on this address instead of 127.0.0.1."""
        self.address = address
        listeners = yaml.safe_load(self.config.read_text())["listeners"]
        self.change(listeners=[{**listeners[0], "address": f"{address}:{self.port}"}])

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and nothing comes."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def change_fleet(self, **settings: Any) -> None:
        """Other keys in the section ``fleet``."""
        found = yaml.safe_load(self.config.read_text())["fleet"]
        self.change(fleet=_written_out({**found, **settings}))

    async def reloaded(self) -> None:
        """Have it read its files again, and wait until it has."""
        before = self.stderr.count(" reloaded ")
        self.signal(signal.SIGHUP)
        await until(lambda: self.stderr.count(" reloaded ") > before, lambda: self.stderr[-3000:], within=20)

    @property
    def servers(self) -> list[str]:
        """The servers of an edge."""
        return list(yaml.safe_load(self.config.read_text())["fleet"]["servers"])

    def ctl(self, *words: str) -> Any:
        """The result of a command of the control socket."""
        command = [sys.executable, "-m", "amiproxy", "ctl", "--socket", "control.sock", "--json", *words]
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def _written_out(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with nothing in it twice: YAML would have an alias for that, which the proxy refuses."""
    found: dict[str, Any] = json.loads(json.dumps(settings))
    return found


class Fleet:
    """A cluster with the agents and edges of its plan; ``upstreams`` are the Asterisks by server."""

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        upstreams: Mapping[str, tuple[str, int, str, str]],
        rights: Mapping[str, Mapping[str, Any]] = RIGHTS,
        **settings: Any,
    ) -> None:
        self.cluster = cluster
        self.plan: Plan = cluster.plan
        self.rights = copy.deepcopy({**rights})
        key = secrets.token_hex(16)
        self.agents = {
            agent: Member(
                folder / agent,
                agent,
                cluster,
                key,
                self.rights,
                upstreams[server],
                settings,
                role="agent",
                server=server,
                edges={edge: CEILING for edge, servers in self.plan.edges.items() if server in servers},
            )
            for server, agents in self.plan.servers.items()
            for agent in agents
        }
        self.edges = {
            edge: Member(
                folder / edge,
                edge,
                cluster,
                key,
                edge_users(self.rights),
                None,
                settings,
                role="edge",
                servers={server: {"agents": list(self.plan.servers[server])} for server in servers},
            )
            for edge, servers in self.plan.edges.items()
        }

    @property
    def members(self) -> list[Member]:
        return [*self.agents.values(), *self.edges.values()]

    def followed(self, edge: str, server: str) -> Member:
        """The agent that an edge follows at a server."""
        shown = self.edges[edge].ctl("fleet")["servers"]
        return self.agents[next(one["agent"] for one in shown if one["server"] == server)]

    @contextmanager
    def running(self) -> Iterator["Fleet"]:
        """Start all of them; at the end each must stop in good order."""
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Member.start, self.members))
            yield self
            with ThreadPoolExecutor() as pool:
                list(pool.map(Member.stop, self.members))
        finally:
            for member in self.members:
                member.kill()

    async def ready(self) -> None:
        """Wait until every edge serves all its servers."""
        for edge in self.edges.values():
            await served(edge)


async def served(edge: Member, within: float = 30.0) -> None:
    """Wait until this edge serves all its servers, as a client sees it."""
    async with await edge.connect() as client, asyncio.timeout(within):
        assert (await client.login("board", PASSWORD, Events="off")).get("Response") == "Success"
        for server in edge.servers:
            answer = await client.action("Ping", Server=server)
            while answer.get("Response") != "Success":
                await asyncio.sleep(0.05)
                answer = await client.action("Ping", Server=server)
