"""Who may do what at the engine: one user for each process, with the subjects that it needs and no others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.fleet.lab.nkeys import UserKey, user_key

_RESPONSES = 'allow_responses: {max: 4096, expires: "2m"}'


@dataclass
class Plan:
    """A fleet: the agents of each server, and the servers of each edge.

    ``keys`` are those of all its processes, by name.
    """

    servers: Mapping[str, Sequence[str]]
    edges: Mapping[str, Sequence[str]]
    prefix: str = "ami"
    keys: dict[str, UserKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.edges, *(agent for agents in self.servers.values() for agent in agents)):
            self.keys.setdefault(name, user_key())

    def server_of(self, agent: str) -> str:
        return next(server for server, agents in self.servers.items() if agent in agents)

    def accounts(self, without: Sequence[str] = ()) -> str:
        """The part of nats-server's configuration that lets these processes in, except some."""
        users = [
            f"{{nkey: {self.keys[name].public}, permissions: {{publish: {_quoted(publish)}, "
            f"subscribe: {_quoted(subscribe)}{more}}}}}"
            for name, publish, subscribe, more in (*self._agents(), *self._edges())
            if name not in without
        ]
        return "accounts: {AMI: {users: [\n  " + "\n  ".join(users) + "\n]}}\n"

    def _agents(self) -> list[tuple[str, list[str], list[str], str]]:
        return [
            (
                agent,
                [f"{self.prefix}.v1.ev.{server}.{agent}"],
                [f"{self.prefix}.v1.{kind}.{server}.{agent}.*" for kind in ("act", "ask")],
                f", {_RESPONSES}",
            )
            for server, agents in self.servers.items()
            for agent in agents
        ]

    def _edges(self) -> list[tuple[str, list[str], list[str], str]]:
        found = []
        for edge, servers in self.edges.items():
            pairs = [(server, agent) for server in servers for agent in self.servers[server]]
            publish = [
                f"{self.prefix}.v1.{kind}.{server}.{agent}.{edge}"
                for server, agent in pairs
                for kind in ("act", "ask")
            ]
            events = [f"{self.prefix}.v1.ev.{server}.{agent}" for server, agent in pairs]
            found.append((edge, publish, [*events, f"_INBOX.{edge}.>"], ""))
        return found


def _quoted(subjects: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{subject}"' for subject in subjects) + "]"
