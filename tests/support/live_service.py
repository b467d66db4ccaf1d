"""A Service (see ``net.admin.service``) on the running loop: real parts wired by hand, without a process."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from amiproxy.config import Certificate, Config, ListenerSettings, UpstreamSettings, UsersFile
from amiproxy.config.address import Address
from amiproxy.config.schema import ServerSettings
from amiproxy.core.hub import ONE_SERVER
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from amiproxy.net.admin.journal import Journal
from amiproxy.net.admin.reloads import Rehearsal, ReloadReport, Reloads
from amiproxy.net.admin.service import Fleet
from amiproxy.net.certs.certset import CertSet
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.rotation import Rotation
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.loop.coalescer import joined
from amiproxy.net.loop.lag import LoopLag
from amiproxy.net.upstream.link import Link
from tests.support import tls_door
from tests.support.live_hub import live_hub


class LiveService:
    """Its reloads return ``report``; ``stopped`` counts calls of stop.

    ``link`` is that of the first server.
    """

    def __init__(self, directory: Path, *users: User, servers: Configured = ONE_SERVER) -> None:
        chain, key = tls_door.install(directory)
        certificate = Certificate(chain=chain, key=key)
        secret_file = directory / "upstream.secret"
        self.config = Config(
            upstream=None
            if servers.named
            else UpstreamSettings(username="amiproxy", secret_file=secret_file),
            servers={
                name: ServerSettings(username="amiproxy", secret_file=secret_file, port=port)
                for port, name in enumerate(servers.names if servers.named else (), 5038)
            },
            default_server=servers.default,
            listeners=(ListenerSettings(address=Address("127.0.0.1", 5039), certificates=(certificate,)),),
            users_file=directory / "users.yaml",
        )
        self.hub = live_hub(*users, servers=servers)
        self.pool = ConnectionPool(self.hub.limit_state, self.hub.ctx.shares)
        self.links: Mapping[str, Link] = {
            server.name: Link(server, self.config.every_server[server.name], b"the upstream secret")
            for server in self.hub.servers
        }
        self.link = self.links[servers.names[0]]
        self.certificates = CertSet(self.config.listeners, self.config.tls, settle=0.01)
        self.report = ReloadReport(True, "", 0.0)
        self.rehearsal = Rehearsal(closes={})
        self.path = directory / "proxy.yaml"
        self.entries = UsersFile(users={})
        self.fleet_secrets: dict[str, bytes] = {}
        self.reloads = Reloads(self._reload)
        self.lag = LoopLag()
        self.journal = Journal()
        self.addresses = [("127.0.0.1", 5039), ("::", 5040)]
        self.doors: list[tuple[str, ...]] = [("ami",), ("ajam", "ws")]
        self.hashes_pending = 0
        self.started = time.time() - 100
        self.log_level = "info"
        self.fleet: Fleet | None = None
        self.draining = False
        self.stopped = 0
        self.reloading = asyncio.Event()

    @property
    def stores(self) -> Sequence[CertStore]:
        return self.certificates.stores

    @property
    def rotation(self) -> Rotation:
        return self.certificates.rotation

    @property
    def certificate_reloads(self) -> Counter[tuple[str, str]]:
        return self.certificates.outcomes

    def set_log_level(self, level: str) -> None:
        self.log_level = level

    async def rehearse_reload(self) -> Rehearsal:
        return self.rehearsal

    def stop(self) -> None:
        self.stopped += 1

    async def _reload(self, triggers: frozenset[str]) -> ReloadReport:
        return self.report._replace(trigger=joined(triggers))
