"""The section ``fleet`` of proxy.yaml as types: the part of this process in a fleet over NATS."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from amiproxy.config.address import check_peer_name, host_and_port
from amiproxy.config.fleet.files import read_seed, read_token_keys
from amiproxy.config.reading.files import check_certificate_file
from amiproxy.config.users.classes import Classes, mask_of
from amiproxy.config.users.servers import check_server_name
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.limits import ServerLimits

#: The port of a nats-server, unless it is configured otherwise.
NATS_PORT = 4222


def check_fleet_name(name: str) -> None:
    """Raise Unfit unless a process, or the prefix of all subjects, may have this name."""
    try:
        check_server_name(name)
    except Unfit:
        text = f"{name!r} cannot be a name in a fleet"
        raise Unfit(text, "use lower-case letters, digits and hyphens, at most 32: berlin-a") from None


FleetName = Annotated[str, check_fleet_name]
SeedFile = Annotated[Path, read_seed]
TokenKeyFile = Annotated[Path, read_token_keys]


class Engine(NamedTuple):
    """Where one nats-server of the fleet listens.  Its certificate must cover ``host``."""

    host: str
    port: int = NATS_PORT

    @classmethod
    def from_text(cls, text: str) -> "Engine":
        """Parse ``HOST:PORT`` or ``HOST``.  Raises Unfit, which does not repeat the text."""
        remedy = "write nats1.example.org:4222, without nats:// or a user: TLS and the seed are always used"
        try:
            host, port = host_and_port(text, "nats1.example.org:4222", NATS_PORT)
            check_peer_name(host)
        except Unfit:
            # The text may be a URL with a password.
            raise Unfit("not the address of a nats-server", remedy) from None
        return cls(host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class EdgeEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent lets one edge do at most; the rights of the user it speaks for apply as well."""

    #: Names of users in whose names the edge may act.
    users: Literal["all"] | tuple[str, ...]
    #: Privilege classes that lists and other actions of the edge may need.
    read: Classes = ()
    write: Classes = ()

    @property
    def ceiling(self) -> Ceiling:
        """The same with masks."""
        users = None if isinstance(self.users, str) else frozenset(self.users)
        return Ceiling(users, mask_of(self.read), mask_of(self.write))


class FleetServer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An Asterisk that an edge reaches through its agents."""

    #: The agents beside it.  The edge follows one of them.
    agents: tuple[FleetName, ...]
    #: Limits that apply to this server instead of those under ``limits``.
    limits: ServerLimits = ServerLimits()


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of this process in a fleet: an agent beside an Asterisk, or an edge where the clients are."""

    role: Literal["agent", "edge"]
    #: Of this process; no other process of the fleet has the same.
    name: FleetName
    #: The nats-servers of the fleet, which form one cluster.
    engines: tuple[Engine, ...]
    #: PEM file of the CA, or CAs, that the engines' certificates must come from.
    ca: Annotated[Path, check_certificate_file]
    #: The nkey seed of this process.
    seed_file: SeedFile
    #: The keys of positions, the same at all processes of the fleet.
    token_key_file: TokenKeyFile
    #: What all subjects begin with, so that several fleets can share engines.
    prefix: FleetName = "ami"
    #: Agent: what the fleet calls the Asterisk under ``upstream``.
    server: FleetName | None = None
    #: Agent: by name, the edges that may act here, and how much.
    edges: dict[str, EdgeEntry] = msgspec.field(default_factory=dict)
    #: Edge: seconds that events may be late before newer ones are taken instead.
    max_lag: Annotated[float, Meta(ge=0.5, le=60)] = 5.0
    #: Edge: by name, the Asterisks that it reaches through agents.
    servers: dict[str, FleetServer] = msgspec.field(default_factory=dict)

    @property
    def is_edge(self) -> bool:
        """Whether this process is an edge."""
        return self.role == "edge"

    @property
    def ceilings(self) -> dict[str, Ceiling]:
        """The ceilings of an agent's edges, by name."""
        return {name: entry.ceiling for name, entry in self.edges.items()}
