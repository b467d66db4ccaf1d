"""The running service as the control socket and the metrics see it; ``App`` implements it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from amiproxy.config import Config, UsersFile
from amiproxy.core.hub import Hub
from amiproxy.net.admin.journal import Journal
from amiproxy.net.admin.reloads import Rehearsal, Reloads
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.rotation import Rotation
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.loop.lag import LoopLag
from amiproxy.net.upstream.fleet.anylink import AnyLink


class Fleet(Protocol):
    """What this process does in a fleet: as an agent beside an Asterisk, or as an edge where clients are."""

    def status(self) -> Mapping[str, Any]:
        """Its state as plain data for JSON; what is named a count only increases.

        Of both roles:
        ``role`` ("agent" or "edge"), ``name``, ``prefix``; and ``engines``, for "events" and "actions" each
        with ``state`` ("connected", "connecting" or "closed"), ``server`` (host:port), ``version``,
        ``rtt_ms`` (None before it was measured), ``since`` (seconds since the epoch), ``connects`` (a
        count), ``reason``; and in ``failures`` counts of what failed: ``not_sent`` (messages that were not
        sent), ``refused`` (subjects that the engine refused), ``slow`` (connections that it ended because
        we read too slowly) and ``faults`` (of ours).

        Of an edge:
        ``servers``, each with ``server``, ``agent`` (followed now, or None), ``state`` ("up", "booting",
        "down", "behind" or "waiting"), ``reason``, ``epoch``, ``position``, ``lag_ms`` (or None),
        ``repairing``; the counts ``events``, ``messages``, ``bytes``, ``gaps``, ``repaired``,
        ``duplicates``, ``snapshots``, ``changes``, ``malformed``; and ``agents``, each with ``agent``,
        ``state`` (what it has said last; "unknown" before its first beat), ``beat_age`` (seconds, or
        None), ``software``, ``rights`` ("same", "differs" or "unknown").
        ``actions``: the counts ``sent``, ``answered``, ``refused``, ``not_connected``, ``unknown``; and
        ``pending``, now.

        Of an agent:
        ``servers``, each with ``server``, ``epoch``, ``position``, and the counts ``events``, ``messages``,
        ``bytes``, ``replays``, ``gone``.
        ``edges``, each with ``edge``, ``users`` (names, or None for all), the counts ``actions`` and ``own``,
        ``refused`` (a count for every possible reason, also 0), and ``last`` (seconds since the epoch of its
        last action, or None).
        """


class Service(Protocol):
    """Properties only read state; changes are methods."""

    @property
    def config(self) -> Config:
        """The configuration in force."""

    @property
    def path(self) -> Path:
        """The proxy.yaml that is read at the start and by each reload."""

    @property
    def entries(self) -> UsersFile:
        """The users in force, as written in the users files."""

    @property
    def fleet_secrets(self) -> Mapping[str, bytes]:
        """The secrets of a process in a fleet, by the key of proxy.yaml that names their file."""

    @property
    def hub(self) -> Hub:
        """The hub, with all sessions and counters."""

    @property
    def pool(self) -> ConnectionPool:
        """The connections of all listeners, and their handshakes."""

    @property
    def links(self) -> Mapping[str, AnyLink]:
        """The link to each server, by the server's name, in the order of the configuration."""

    @property
    def fleet(self) -> Fleet | None:
        """Its part in a fleet, if proxy.yaml has ``fleet``."""

    @property
    def stores(self) -> Sequence[CertStore]:
        """The certificates of each listener, in the order of the configuration."""

    @property
    def rotation(self) -> Rotation:
        """Reloads of the certificates alone."""

    @property
    def reloads(self) -> Reloads:
        """Reloads of the whole configuration."""

    @property
    def certificate_reloads(self) -> Counter[tuple[str, str]]:
        """Number of logged certificate reload attempts, by outcome and trigger."""

    @property
    def journal(self) -> Journal:
        """The last lines of the log, and those who read along."""

    @property
    def lag(self) -> LoopLag:
        """The lag of the event loop."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each listener."""

    @property
    def doors(self) -> list[tuple[str, ...]]:
        """The ways in on each listener, in the order of ``addresses``: those that users may have."""

    @property
    def hashes_pending(self) -> int:
        """Number of secrets that are being compared or wait for it."""

    @property
    def started(self) -> float:
        """When the service started, in seconds since the epoch."""

    @property
    def log_level(self) -> str:
        """The log level in force: as configured, or as set since."""

    @property
    def draining(self) -> bool:
        """Whether the service is shutting down."""

    async def rehearse_reload(self) -> Rehearsal:
        """What a reload would do now with the files on disk; it changes nothing."""

    def set_log_level(self, level: str) -> None:
        """Set the log level until the next reload."""

    def stop(self) -> None:
        """Start the shutdown, as SIGTERM does."""
