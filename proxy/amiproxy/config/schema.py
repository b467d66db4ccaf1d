"""proxy.yaml as types: the names here are the operator's interface.

Paths are resolved (relative ones against the file's folder, ``${NAME}`` from the
environment) before one of these is built.  All are frozen: a reload builds new ones
and swaps them in whole.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from amiproxy.config.actions import ActionEntry
from amiproxy.config.address import Address, Place, SocketPlace, check_host_name, check_peer_name
from amiproxy.config.fleet.schema import FleetServer, FleetSettings
from amiproxy.config.reading.files import check_certificate_file, check_readable, read_secret
from amiproxy.config.reading.patterns import matching
from amiproxy.config.reading.sizes import bytes_of, check_journal
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.web.values import AllowedHost, Digest, HttpDoor, Origin, Prefix, Realm
from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.hiddennames import HIDDEN_NAMES, HiddenName
from amiproxy.core.model.limits import HistoryBounds, Limits, Seconds, ServerLimits, UpstreamLost
from amiproxy.core.model.networks import Network
from amiproxy.core.model.users import LONE_SERVER

ReadableFile = Annotated[Path, check_readable]
CertificateFile = Annotated[Path, check_certificate_file]
SecretFile = Annotated[Path, read_secret]
UsersFiles = Annotated[Path, matching]
Suite = Literal[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
]
HostName = Annotated[str, check_host_name]
FlushSeconds = Annotated[float, Meta(ge=0, le=1)]


class UpstreamTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS on the way to Asterisk.  The server's certificate is always verified, by its name."""

    #: PEM file of the CA, or CAs, that the server's certificate must come from.
    ca: CertificateFile
    #: Name that the server's certificate must cover; by default the host.
    name: Annotated[str, check_peer_name] | None = None
    #: Certificate and private key that the proxy presents, if the server asks for one.
    chain: CertificateFile | None = None
    key: CertificateFile | None = None


class UpstreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Asterisk to connect to, and the proxy's own manager user there."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 5038
    username: Annotated[str, Meta(min_length=1, max_length=79)]
    secret_file: SecretFile
    #: Login name or uid that must own Asterisk's end of the connection (loopback only).
    expect_user: str | None = None
    #: Allow a host other than loopback, although the link is plain text.
    insecure_remote: bool = False
    #: Connect by TLS; None: plain text.
    tls: UpstreamTls | None = None


class ServerSettings(UpstreamSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several Asterisks."""

    #: Limits that apply to this server instead of those under ``limits``.
    limits: ServerLimits = ServerLimits()


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two PEM files: the chain with the server's certificate first, and its private key."""

    chain: CertificateFile
    #: Its mode is checked with its content (x509/validating/pair.py).
    key: CertificateFile
    #: Names that the certificate must cover, or it is refused.
    names: tuple[str, ...] = ()


class AjamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a listener serves AJAM."""

    #: Seconds for which a session lives after its last request; a WaitEvent ends ten seconds earlier.
    timeout: Annotated[float, Meta(ge=15, le=3600)] = 60.0
    #: What becomes of a login whose secret is in the URL, where logs and browsers keep it.
    get_login: Literal["allow", "warn", "refuse"] = "allow"
    #: What is offered to clients of /arawman, in this order.  Python's urllib fails if SHA-256 comes first.
    digest: tuple[Digest, ...] = ("MD5",)
    realm: Realm = "amiproxy"


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One listening socket.  The first certificate serves clients that send no SNI."""

    address: Address
    #: The protocol that is spoken on it.
    door: Literal["ami", "http"] = "ami"
    #: With ``door: http``, what is served there.
    doors: tuple[HttpDoor, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    client_auth: Literal["none", "optional", "required"] = "none"
    client_ca: CertificateFile | None = None
    client_crl: CertificateFile | None = None
    #: Upstream proxies or load balancers whose PROXY header is trusted for the client's address.
    proxy_protocol: tuple[Network, ...] = ()
    #: The only server that clients of this listener can use; None: any that their user may use.
    server: str | None = None
    #: Values that the Host header may have; empty: the names in the certificates.
    names: tuple[AllowedHost, ...] = ()
    #: What the paths of AJAM begin with.
    prefix: Prefix = ""
    #: Origins of web pages elsewhere that may use this listener in their users' browsers.
    allowed_origins: tuple[Origin, ...] = ()
    #: Reverse proxies whose headers name the client.
    trusted_proxies: tuple[Network, ...] = ()
    #: Speak plain HTTP, on loopback or a Unix socket only.
    insecure_local: bool = False
    #: Seconds for which browsers are told to use TLS only (HSTS); 0: they are not told.
    hsts: Annotated[int, Meta(ge=0, le=63_072_000)] = 0
    ajam: AjamSettings = AjamSettings()

    @property
    def is_plain(self) -> bool:
        """Whether it has no TLS, and so no certificates."""
        return self.insecure_local


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS settings of all listeners, and how strictly their certificate files are checked."""

    #: Mozilla's names: modern is TLS 1.3 only, intermediate also 1.2 with forward secrecy.
    policy: Literal["modern", "intermediate"] = "intermediate"
    #: Can raise the policy's minimum version, not lower it.
    minimum_version: Literal["TLSv1.2", "TLSv1.3"] | None = None
    #: Suites for TLS 1.2, in the server's order of preference; empty: all of them.
    suites: tuple[Suite, ...] = ()
    #: Serve a certificate even outside its validity period.
    allow_expired: bool = False
    #: What to do with a new certificate that lacks a name which the old one had.
    lost_names: Literal["warn", "refuse"] = "warn"
    #: When a revocation list is out of date: refuse every client of its CA, or keep using the list.
    expired_crl: Literal["refuse", "accept"] = "refuse"
    #: When one of several pairs cannot be served: keep the old certificate of that pair, or of all pairs.
    bad_pair: Literal["keep_old", "refuse_all"] = "keep_old"


class FanOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Flush intervals in seconds, in which events are collected; 0 sends every event immediately."""

    flush_interval: FlushSeconds = 0.005
    flush_interval_max: FlushSeconds = 0.05


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the journal of each server, from which clients resume: older events are forgotten."""

    #: A number of bytes, or a text such as 8MiB.
    bytes: Annotated[int | str, check_journal] = "8MiB"
    seconds: Seconds = 300.0

    @property
    def bounds(self) -> HistoryBounds:
        """Both bounds as numbers."""
        return HistoryBounds(bytes_of(self.bytes), self.seconds)


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The local control socket, for root and for the user that the proxy runs as."""

    socket: SocketPlace


class Metrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP server for metrics (Prometheus) and health checks (load balancers)."""

    address: Place
    #: Names allowed in a request's Host header, besides IP addresses and localhost.
    hosts: tuple[HostName, ...] = ()
    #: Allow an address other than loopback, although it is plain HTTP without authentication.
    insecure_remote: bool = False


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log: one line per record on stderr."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    #: Variables whose values are never shown, neither in the log nor by ``ctl trace``.
    hidden_variables: tuple[HiddenName, ...] = HIDDEN_NAMES


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of proxy.yaml.  ``control`` and ``metrics`` are disabled if absent."""

    #: The only Asterisk, which has no name for clients.  If it is absent, ``servers`` is there.
    upstream: UpstreamSettings | None = None
    #: Several Asterisks, by name.
    servers: dict[str, ServerSettings] = msgspec.field(default_factory=dict)
    #: The server of actions that name none, for users without a default of their own.
    default_server: str = ""
    listeners: tuple[ListenerSettings, ...]
    tls: Tls = Tls()
    #: Exactly one of the two: a file, or patterns of files that together form one table.
    users_file: ReadableFile | None = None
    users_files: tuple[UsersFiles, ...] = ()
    fan_out: FanOut = FanOut()
    #: Whether sessions stay or are closed when the link is lost.  auto: sessions that get an event about it
    #: stay, the others are closed.
    upstream_lost: UpstreamLost = "auto"
    history: History = History()
    limits: Limits = Limits()
    control: Control | None = None
    metrics: Metrics | None = None
    #: When the service reports ready (service manager, /readyz): clients can connect, or also the link is up.
    ready: Literal["listening", "upstream"] = "listening"
    log: Log = Log()
    #: Actions of third-party modules: their classes and headers.
    actions: dict[str, ActionEntry] = msgspec.field(default_factory=dict)
    #: Files with more such descriptions, such as modules.yaml.
    actions_from: tuple[ReadableFile, ...] = ()
    #: Which users may run an action that is not described: none, or class system with plain text.
    actions_undescribed: Literal["deny", "system"] = "deny"
    #: The part of this process in a fleet; None: it is in none.
    fleet: FleetSettings | None = None

    @property
    def every_server(self) -> Mapping[str, ServerSettings]:
        """The settings of all Asterisks that the proxy itself connects to, by name and in their order.

        That of ``upstream`` is called ``LONE_SERVER``.  An edge of a fleet may have none.
        """
        if self.upstream is None:
            return self.servers
        names = UpstreamSettings.__struct_fields__
        return {LONE_SERVER: ServerSettings(**{name: getattr(self.upstream, name) for name in names})}

    @property
    def tls_listeners(self) -> tuple[ListenerSettings, ...]:
        """The listeners that have certificates: all but those with ``insecure_local``."""
        return tuple(listener for listener in self.listeners if not listener.is_plain)

    @property
    def doors(self) -> frozenset[str]:
        """All ways in that listeners serve, by the names that users have for them."""
        served = (("ami",) if one.door == "ami" else one.doors for one in self.listeners)
        return frozenset(door for doors in served for door in doors)

    @property
    def is_agent(self) -> bool:
        """Whether the process is an agent of a fleet, some of whose users may come by edges only."""
        return self.fleet is not None and not self.fleet.is_edge

    @property
    def fleet_servers(self) -> Mapping[str, FleetServer]:
        """The Asterisks that an edge reaches through agents, by name; empty for any other proxy."""
        return self.fleet.servers if self.fleet is not None else {}

    @property
    def every_name(self) -> tuple[str, ...]:
        """The names of all servers: first of those that the proxy connects to, then of those of a fleet."""
        return (*self.every_server, *self.fleet_servers)

    @property
    def first_server(self) -> ServerSettings:
        """The settings of the first server that the proxy connects to, or of the only one.

        Raises Unfit for an edge of a fleet that has none.
        """
        for server in self.every_server.values():
            return server
        text = "this proxy is an edge of a fleet, and connects to no Asterisk itself"
        raise Unfit(text, "run this on the machine of an Asterisk")

    @property
    def server_names(self) -> ServerNames:
        """What users can name: the servers, and the default for all."""
        is_only = self.upstream is not None
        alias = (self.fleet.server or "") if is_only and self.fleet is not None else ""
        return ServerNames(self.every_name, self.default_server, named=not is_only, alias=alias)

    def own_limits_of(self, server: str) -> ServerLimits:
        """The limits that one server has of its own."""
        fleet = self.fleet_servers
        return fleet[server].limits if server in fleet else self.every_server[server].limits

    def limits_of(self, server: str) -> Limits:
        """The limits in force for one server."""
        return self.own_limits_of(server).over(self.limits)
