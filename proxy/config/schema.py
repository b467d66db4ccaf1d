"""proxy.yaml as types: the names here are the operator's interface.

Paths are resolved (relative ones against the file's folder, ``${NAME}`` from
the environment) by the time one of these exists.  All is frozen: a reload makes
new ones and swaps them whole.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from proxy.config.actions import ActionEntry
from proxy.config.address import Address, Place, SocketPlace, check_host_name
from proxy.config.files import check_certificate_file, check_readable, read_secret
from proxy.config.hiddennames import HIDDEN_NAMES, HiddenName
from proxy.config.limits import Limits, UpstreamLost
from proxy.config.networks import Network
from proxy.config.patterns import matching

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


class Upstream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one Asterisk, and the manager user that is ours."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 5038
    username: Annotated[str, Meta(min_length=1, max_length=79)]
    secret_file: SecretFile
    #: Login name or uid that must own Asterisk's end of the connection (loopback only).
    expect_user: str | None = None
    #: Without it only loopback is taken: the link is plain text.
    insecure_remote: bool = False


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two PEM files: the chain with the server's certificate first, and its private key."""

    chain: CertificateFile
    #: Its mode is judged with its content (x509/validate.py).
    key: CertificateFile
    #: Names that the certificate must cover, or it is refused.
    names: tuple[str, ...] = ()


class Listener(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One listening socket.  The first certificate serves clients that name no host."""

    address: Address
    certificates: tuple[Certificate, ...] = ()
    client_auth: Literal["none", "optional", "required"] = "none"
    client_ca: CertificateFile | None = None
    client_crl: CertificateFile | None = None
    #: Proxies in front whose PROXY header says where a client comes from.
    proxy_protocol: tuple[Network, ...] = ()


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How all listeners speak TLS, and how strictly their certificate files are judged."""

    #: Mozilla's names: modern is TLS 1.3 only, intermediate also 1.2 with forward secrecy.
    policy: Literal["modern", "intermediate"] = "intermediate"
    #: Raises the policy's floor, never lowers it.
    minimum_version: Literal["TLSv1.2", "TLSv1.3"] | None = None
    #: For TLS 1.2, in the server's order; none: all of them.
    suites: tuple[Suite, ...] = ()
    #: Serve a certificate outside its time all the same.
    allow_expired: bool = False
    #: A new certificate without a name that the one before had.
    lost_names: Literal["warn", "refuse"] = "warn"
    #: A revocation list past its date: refuse every client of its CA, or go by what it says.
    expired_crl: Literal["refuse", "accept"] = "refuse"
    #: A pair that cannot be served, of several: keep that one's old certificate, or those of all.
    bad_pair: Literal["keep_old", "refuse_all"] = "keep_old"


class FanOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds that events wait for company; 0 sends every event at once."""

    flush_interval: FlushSeconds = 0.005
    flush_interval_max: FlushSeconds = 0.05


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The local control socket: for root and for the user that the proxy runs as."""

    socket: SocketPlace


class Metrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Prometheus may fetch, and a load balancer ask how the service does."""

    address: Place
    #: Names that a request's Host may have, beside addresses and localhost.
    hosts: tuple[HostName, ...] = ()
    #: Without it only loopback is taken: it is plain HTTP, and whoever asks is answered.
    insecure_remote: bool = False


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line a record on stderr."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    #: Variables whose values are shown nowhere, neither here nor by ``ctl trace``.
    hidden_variables: tuple[HiddenName, ...] = HIDDEN_NAMES


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of proxy.yaml.  ``control`` and ``metrics`` are off where absent."""

    upstream: Upstream
    listeners: tuple[Listener, ...]
    tls: Tls = Tls()
    #: One of the two: a file, or patterns of files that are one table together.
    users_file: ReadableFile | None = None
    users_files: tuple[UsersFiles, ...] = ()
    fan_out: FanOut = FanOut()
    #: What becomes of sessions when the link is lost.  auto: those that are told stay, the others are closed.
    upstream_lost: UpstreamLost = "auto"
    limits: Limits = Limits()
    control: Control | None = None
    metrics: Metrics | None = None
    #: What the service manager and /readyz are told is ready: clients can connect; or Asterisk is there, too.
    ready: Literal["listening", "upstream"] = "listening"
    log: Log = Log()
    #: Actions of other modules: their classes and headers.
    actions: dict[str, ActionEntry] = msgspec.field(default_factory=dict)
    #: Files with more of them, such as modules.yaml.
    actions_from: tuple[ReadableFile, ...] = ()
    #: Who may run an action that is not described: nobody, or class system with plain text.
    actions_undescribed: Literal["deny", "system"] = "deny"
