"""Checks of the section ``fleet``: values that do not make sense together."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Final

from amiproxy.config.fleet.schema import EdgeEntry, FleetServer, FleetSettings, check_fleet_name
from amiproxy.config.reading.document import Document
from amiproxy.config.reading.problems import KeyPath
from amiproxy.config.schema import Config
from amiproxy.core.model.errors import Unfit

#: Packages of the extra [fleet].
_EXTRA: Final = ("nats", "nkeys")
#: Keys that only an agent, or only an edge, has, with their defaults.
_OF_AGENTS: Final[Mapping[str, object]] = {"server": None, "edges": {}}
_OF_EDGES: Final[Mapping[str, object]] = {"max_lag": 5.0, "servers": {}}


def missing_packages() -> list[str]:
    """Packages that a process in a fleet needs and that are not installed."""
    return [name for name in _EXTRA if find_spec(name) is None]


def check_fleet(fleet: FleetSettings, path: KeyPath, document: Document) -> None:
    """Report what is wrong with the section by itself."""
    missing = missing_packages()
    if missing:
        text = f"a fleet needs {' and '.join(missing)}, which this Python does not have"
        remedy = "install the extra amiproxy[fleet], in a checkout: pip install '.[fleet]'"
        document.report((*path, "role"), text, remedy)
    if not fleet.engines:
        document.report((*path, "engines"), "names no nats-server", "write [nats1.example.org:4222]")
    _check_twice(map(str, fleet.engines), (*path, "engines"), document)
    for key, default in (_OF_AGENTS if fleet.is_edge else _OF_EDGES).items():
        if getattr(fleet, key) != default:
            document.report((*path, key), f"has no effect with role: {fleet.role}", "remove it")
    for key in ("edges", "servers"):
        for name in getattr(fleet, key):
            try:
                check_fleet_name(name)
            except Unfit as error:
                document.report((*path, key, name), str(error), error.remedy)
    if fleet.is_edge and not fleet.servers:
        text = "an edge without servers has nothing to show"
        document.report((*path, "servers"), text, "add them: {berlin: {agents: [berlin-a]}}")
    if fleet.seed_file == fleet.token_key_file:
        text = "is the seed_file as well"
        document.report((*path, "token_key_file"), text, "the two have different contents: name both files")


def check_edge(edge: EdgeEntry, path: KeyPath, document: Document) -> None:
    """Report what is wrong with an edge's entry at an agent."""
    if isinstance(edge.users, str):
        return
    if not edge.users:
        text = "the edge could act for nobody"
        document.report((*path, "users"), text, "name users, write all, or remove the edge")
    _check_twice(edge.users, (*path, "users"), document)


def check_fleet_server(server: FleetServer, path: KeyPath, document: Document) -> None:
    """Report what is wrong with a server of an edge."""
    if not server.agents:
        document.report((*path, "agents"), "names no agent", "name those beside this Asterisk")
    _check_twice(server.agents, (*path, "agents"), document)


def check_fleet_in(config: Config, path: KeyPath, document: Document) -> None:
    """Report where the section does not agree with the rest of proxy.yaml."""
    fleet = config.fleet
    if fleet is None:
        return
    if fleet.is_edge:
        if config.upstream is not None:
            text = "an Asterisk without a name cannot be beside those of the fleet"
            document.report((*path, "upstream"), text, "remove it, or write servers: with a name")
        for name in fleet.servers:
            if name in config.servers:
                text = "servers has this name already"
                document.report((*path, "fleet", "servers", name), text, "rename one of the two")
    elif config.upstream is not None and fleet.server is None:
        text = "the key 'server' is missing: upstream has no name that the fleet could use"
        document.report((*path, "fleet"), text, "add it, such as server: berlin")
    elif config.servers and fleet.server is not None:
        text = "has no effect: the fleet uses the names under servers"
        document.report((*path, "fleet", "server"), text, "remove it")


def written_role(document: Document) -> str:
    """The role in a fleet that proxy.yaml says it is of, whatever else is wrong with it; "" for none."""
    root = document.root.content
    fleet = root["fleet"].content if isinstance(root, dict) and "fleet" in root else None
    role = fleet["role"].content if isinstance(fleet, dict) and "role" in fleet else ""
    return role if isinstance(role, str) else ""


def _check_twice(values: Iterable[str], path: KeyPath, document: Document) -> None:
    seen: set[str] = set()
    for number, value in enumerate(values):
        if value in seen:
            document.report((*path, number), f"{value} is there already", "remove it")
        seen.add(value)
