"""The composition root: builds everything from a Config, and is what control socket and metrics see.

Only this file wires the other modules together.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from amiproxy import __version__, log
from amiproxy.config import Address, Config, UsersFile
from amiproxy.core import policy
from amiproxy.core.audit import masking
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.form import FORM
from amiproxy.core.hub import Hub
from amiproxy.net.admin.control.remote import RemoteOperator
from amiproxy.net.admin.endpoints import AdminEndpoints, EndpointRefused
from amiproxy.net.admin.health import is_ready
from amiproxy.net.admin.journal import Journal
from amiproxy.net.admin.reloads import Rehearsal, ReloadReport, Reloads
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.rotation import Rotation
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.secrets import HashVerifier
from amiproxy.net.host.sealing import AesSealer
from amiproxy.net.host.systemd import NoListener, inherited_sockets, logs_to_journal
from amiproxy.net.loop.lag import LoopLag
from amiproxy.net.loop.scheduler import LoopScheduler
from amiproxy.net.loop.supervision import supervised
from amiproxy.net.tls.tlspolicy import tls_facts
from amiproxy.net.upstream.fleet.anylink import AnyLink
from amiproxy.service.lifecycle import Lifecycle
from amiproxy.service.listeners import Listeners
from amiproxy.service.loadedconfig import LoadedConfig, StartError
from amiproxy.service.membership import part_in_fleet
from amiproxy.service.reload import Transaction
from amiproxy.service.upstreams import Upstreams


class App:
    """One running proxy."""

    def __init__(self, path: Path, prepared: LoadedConfig, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        config = prepared.config
        limits = config.limits
        masking.configure(config.log.hidden_variables)
        prepared.warn()
        self._verifier = HashVerifier(
            loop,
            threads=limits.hash_threads,
            queue=limits.hash_queue,
            cache_timeout=limits.hash_cache_timeout,
        )
        self._pacing = Pacing(config.fan_out.flush_interval, config.fan_out.flush_interval_max)
        self.hub = Hub(
            prepared.users,
            limits,
            self._pacing,
            LoopScheduler(loop),
            self._verifier,
            policy.decide,
            policy.may_run,
            prepared.servers,
            sealer=AesSealer(prepared.token_keys),
        )
        self.hub.adopt_limits(limits, prepared.server_limits)
        for server in self.hub.servers:
            server.adopt_actions(prepared.actions)
        self.hub.adopt_history(config.history.bounds, config.upstream_lost)
        self.pool = ConnectionPool(self.hub.limit_state, self.hub.ctx.shares)
        self.fleet = part_in_fleet(self.hub, prepared, lambda server: self.links[server].reason)
        make_link = None if self.fleet is None else self.fleet.make_link
        self.upstreams = Upstreams(self.hub.servers, config, prepared.secrets, make_link)
        self._listeners = Listeners(self.pool, self.hub, lambda: is_ready(self), lambda: RemoteOperator(self))
        self.reloads = Reloads(self._reload)
        self.lag = LoopLag()
        self.journal = Journal()
        self.lifecycle = Lifecycle(
            loop,
            self.hub,
            self.pool,
            listeners=self._listeners,
            upstreams=self.upstreams,
            fleet=self.fleet,
            reloads=self.reloads,
            verifier=self._verifier,
            lag=self.lag,
            waits_for_link=config.ready == "upstream",
        )
        self._transaction = Transaction(
            path,
            prepared,
            self.lifecycle,
            hub=self.hub,
            pacing=self._pacing,
            verifier=self._verifier,
            listeners=self._listeners,
            upstreams=self.upstreams,
            fleet=self.fleet,
            set_log_level=self.set_log_level,
        )
        self.started = time.time()
        self.log_level: str = config.log.level
        self._endpoints = AdminEndpoints(self)

    async def run(self, started: Callable[["App"], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT, then drain.  ``started`` is called once clients can connect.

        Raises StartError.
        """
        self._loop.set_exception_handler(_fault)
        try:
            await self._open()
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self.stop)
            self._loop.add_signal_handler(signal.SIGHUP, self.reloads.request, "SIGHUP")
            self._tell_start()
            started(self)
            self.lifecycle.tell_ready()
            async with asyncio.TaskGroup() as tasks:
                work = {
                    "links": self.upstreams.run,
                    "tick": self.lifecycle.tick,
                    "certificates": self.rotation.run,
                    "reloads": self.reloads.run,
                }
                if self.fleet is not None:
                    work["fleet"] = self.fleet.run
                running = [tasks.create_task(supervised(name, run), name=name) for name, run in work.items()]
                await self.lifecycle.drained()
                for task in running:
                    task.cancel()
            log.say(log.INFO, "stopped")
        finally:
            await self._endpoints.close()
            self.lifecycle.end()

    async def _open(self) -> None:
        try:
            inherited = inherited_sockets()
        except NoListener as error:
            raise StartError(f"listeners: {error}; pass only sockets of ListenStream= with a port") from error
        await self._listeners.open(self.config, inherited, self._loop)
        try:
            await self._endpoints.open(inherited)
        except EndpointRefused as error:
            raise StartError(str(error), may_pass=isinstance(error.__cause__, OSError)) from error
        for name, sockets in inherited.items():
            log.say(log.WARNING, "socket-unused", name=name, remedy=f"name it in proxy.yaml: fd:{name}")
            for sock in sockets:
                sock.close()

    def _tell_start(self) -> None:
        facts = tls_facts()
        log.say(
            log.INFO,
            "started",
            version=__version__,
            core=FORM,
            loop=type(self._loop).__module__,
            openssl=facts.openssl,
            hybrid_key_exchange=facts.hybrid_groups,
            generation=self.hub.ctx.generation,
            listeners=" ".join(str(Address(host, port)) for host, port in self.addresses),
            users=len(self._transaction.prepared.users),
        )

    async def reload(self, trigger: str) -> ReloadReport:
        """Reload configuration, users and certificates; see ``Transaction``.  What fails is in the report."""
        return await self.reloads.reload(trigger)

    async def rehearse_reload(self) -> Rehearsal:
        """What a reload would do now; see ``Transaction``."""
        return await self._transaction.rehearse()

    async def _reload(self, triggers: frozenset[str]) -> ReloadReport:
        return await self._transaction.run(triggers)

    def stop(self) -> None:
        """Drain, then stop; a second call stops at once."""
        self.lifecycle.stop()

    # -- what control socket and metrics see -------------------------------

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each listener; a configured port of 0 shows as the port that was chosen."""
        return self._listeners.addresses

    @property
    def doors(self) -> list[tuple[str, ...]]:
        """The ways in on each listener, in the order of ``addresses``."""
        return self._listeners.doors

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._transaction.prepared.config

    @property
    def path(self) -> Path:
        """The proxy.yaml that is read at the start and by each reload."""
        return self._path

    @property
    def entries(self) -> UsersFile:
        """The users in force, as written."""
        return self._transaction.prepared.entries

    @property
    def fleet_secrets(self) -> Mapping[str, bytes]:
        """The secrets of a process in a fleet, by the key of proxy.yaml that names their file."""
        return self._transaction.prepared.fleet_secrets

    @property
    def links(self) -> Mapping[str, AnyLink]:
        """The link of each server by name, in the order of the configuration."""
        return self.upstreams.links

    @property
    def link(self) -> AnyLink:
        """The link of the first server."""
        return self.links[self.hub.servers.first.name]

    @property
    def stores(self) -> Sequence[CertStore]:
        """The certificates of each listener."""
        return self._listeners.certificates.stores

    @property
    def rotation(self) -> Rotation:
        """The watcher that checks the certificate files again."""
        return self._listeners.certificates.rotation

    @property
    def certificate_reloads(self) -> Counter[tuple[str, str]]:
        """Certificate reload attempts that were logged, by outcome and trigger."""
        return self._listeners.certificates.outcomes

    @property
    def hashes_pending(self) -> int:
        """Secrets that are being compared or wait to be compared."""
        return self._verifier.pending

    @property
    def draining(self) -> bool:
        """Whether ``stop`` has been called."""
        return self.lifecycle.draining

    def set_log_level(self, level: str) -> None:
        """Set the lowest level that is logged, until the next reload."""
        log.configure(self.config.log.format, level, journal=logs_to_journal(), clock=time.monotonic)
        self.log_level = level


def _fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception from a loop callback, which is a bug of ours, on one line like everything else."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        log.exception("fault", error, where=context.get("message"))
    else:
        log.say(log.ERROR, "fault", where=context.get("message"))
