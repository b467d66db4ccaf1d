"""The processes of a fleet and who may see which server, as the operator writes them down once."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from amiproxy.config import ConfigErrors, Engine, Problem, Unfit
from amiproxy.config.fleet.schema import FleetName, check_fleet_name
from amiproxy.config.reading.binding import Binder
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.files import read_file
from amiproxy.config.reading.problems import KeyPath
from amiproxy.config.users.classes import Classes

_PLACE = re.compile(r"[A-Za-z0-9_./-]+")


def _check_folder(folder: str) -> None:
    if not _PLACE.fullmatch(folder):
        raise Unfit("not the path of a folder", "use letters, digits and _ . / -")


class PlannedServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An Asterisk, and the agents beside it."""

    agents: tuple[FleetName, ...]


class PlannedEdge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge: the servers that it may see, and what all agents let it do."""

    servers: Literal["all"] | tuple[FleetName, ...]
    #: In whose names it may act; without users, the agents' sections do not name the edge.
    users: Literal["all"] | tuple[str, ...] = ()
    read: Classes = ()
    write: Classes = ()


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a fleet.  An agent may be beside several servers."""

    prefix: FleetName = "ami"
    engines: tuple[Engine, ...]
    servers: dict[str, PlannedServer]
    edges: dict[str, PlannedEdge] = msgspec.field(default_factory=dict)
    #: Where the files of the fleet lie at each process, from the folder of its proxy.yaml.
    folder: Annotated[str, _check_folder] = "fleet"

    @property
    def agents(self) -> dict[str, tuple[str, ...]]:
        """The servers of each agent."""
        found: dict[str, tuple[str, ...]] = {}
        for name, server in self.servers.items():
            for agent in server.agents:
                found[agent] = (*found.get(agent, ()), name)
        return found

    @property
    def processes(self) -> tuple[str, ...]:
        """The names of all agents and edges."""
        return (*self.agents, *self.edges)

    def servers_of(self, edge: str) -> tuple[str, ...]:
        """The servers that an edge may see."""
        servers = self.edges[edge].servers
        return tuple(self.servers) if isinstance(servers, str) else servers

    def edges_at(self, agent: str) -> Iterator[str]:
        """The edges that may see a server of this agent."""
        own = set(self.agents[agent])
        yield from (edge for edge in self.edges if not own.isdisjoint(self.servers_of(edge)))


def load_plan(path: Path) -> FleetPlan:
    """Read the file.  Raises ConfigErrors with all problems."""
    try:
        document = Document.parse(path, read_file(path))
    except Unfit as error:
        raise ConfigErrors([Problem.of_file(path, error)]) from None
    plan = Binder(document, os.environ, {FleetPlan: _check}).bind(FleetPlan)
    if plan is None or document.problems:
        raise ConfigErrors(document.in_order())
    return plan


def _check(plan: FleetPlan, path: KeyPath, document: Document) -> None:
    if not plan.engines:
        document.report((*path, "engines"), "names no nats-server", "write [nats1.example.org:4222]")
    if not plan.servers:
        document.report((*path, "servers"), "has no server", "add one: {berlin: {agents: [berlin-a]}}")
    for key in ("servers", "edges"):
        for name in getattr(plan, key):
            try:
                check_fleet_name(name)
            except Unfit as error:
                document.report((*path, key, name), str(error), error.remedy)
    for name, server in plan.servers.items():
        place = (*path, "servers", name, "agents")
        if not server.agents:
            document.report(place, "names no agent", "name the ami-proxy beside this Asterisk")
        _check_twice(server.agents, place, document)
    for name, edge in plan.edges.items():
        place = (*path, "edges", name)
        if name in plan.agents:
            document.report(place, "an agent has this name already", "rename one of the two")
        if not edge.servers:
            document.report((*place, "servers"), "the edge could see nothing", "name servers, or write all")
        if isinstance(edge.servers, tuple):
            _check_twice(edge.servers, (*place, "servers"), document)
            for number, server_name in enumerate(edge.servers):
                if server_name not in plan.servers:
                    text = f"there is no server {server_name!r}"
                    remedy = f"servers has {', '.join(plan.servers)}"
                    document.report((*place, "servers", number), text, remedy)
        for key in ("read", "write"):
            if getattr(edge, key) and not edge.users:
                text = "has no effect without users"
                document.report((*place, key), text, "name the users in whose names the edge acts")


def _check_twice(values: tuple[str, ...], path: KeyPath, document: Document) -> None:
    for number, value in enumerate(values):
        if value in values[:number]:
            document.report((*path, number), f"{value} is there already", "remove it")
