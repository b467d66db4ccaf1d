"""The composition root: builds everything from a Config, starts, reloads, drains, stops.

Only this file wires the other modules together.  A reload builds everything that it
may change beside the running service and swaps it whole; if any of it is wrong, the
old configuration stays and the reason is logged.
"""

import asyncio
import gc
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from amiproxy import __version__, log
from amiproxy.config import Address, Config, ConfigErrors, Listener, users_files
from amiproxy.config.differences import Differences, needs_restart
from amiproxy.core import policy
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.audit import masking
from amiproxy.core.fanout.hub import Hub
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.form import FORM
from amiproxy.core.model.limits import CLOSING_SECONDS
from amiproxy.net.admin.localdoor import LocalDoor, LocalDoorRefused
from amiproxy.net.admin.reloads import ReloadReport, Reloads
from amiproxy.net.certs.certset import CertSet
from amiproxy.net.certs.certstore import CertificatesRefused, CertStore
from amiproxy.net.certs.rotation import Rotation
from amiproxy.net.doors.ami import AmiConnection
from amiproxy.net.doors.binding import await_first_byte, bind
from amiproxy.net.doors.listener import Listener as ListeningSocket
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.secrets import HashVerifier
from amiproxy.net.doors.tlsconnection import TlsAcceptor
from amiproxy.net.host.confinement import confine
from amiproxy.net.host.descriptors import raise_descriptors
from amiproxy.net.host.hardstop import HardStop
from amiproxy.net.host.logwriter import LogWriter
from amiproxy.net.host.systemd import NoListener, Notifier, inherited_sockets
from amiproxy.net.loop import gently
from amiproxy.net.loop.coalescer import joined
from amiproxy.net.loop.eventloop import new_event_loop
from amiproxy.net.loop.lag import LoopLag
from amiproxy.net.loop.scheduler import LoopScheduler
from amiproxy.net.loop.supervision import supervised
from amiproxy.net.tls.tlspolicy import tls_facts
from amiproxy.net.upstream.link import Link, LinkState
from amiproxy.net.upstream.sidelink import SideLink
from amiproxy.service.prepared import Prepared, StartError, prepare, preparing
from amiproxy.steps import Steps
from amiproxy.x509.validate import errors_of

_TICK_SECONDS = 1.0
#: Most users that the log line about a reload names in each of its lists (added, removed, changed).
_SHOWN = 50
#: Most errors of a failed reload that are logged, one line each; more would not be read.
_MISTAKES = 100
#: Seconds that the service manager is asked to wait beyond ``limits.stop_timeout``, when the process
#: force-exits.
_STOP_MARGIN = 2.0


class App:
    """One running proxy."""

    def __init__(self, path: Path, prepared: Prepared, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._prepared = prepared
        self._loop = loop
        config = prepared.config
        limits = config.limits
        masking.configure(config.log.hidden_variables)
        self._verifier = HashVerifier(
            loop,
            threads=limits.hash_threads,
            queue=limits.hash_queue,
            cache_timeout=limits.hash_cache_timeout,
            cache_entries=limits.hash_cache_entries,
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
        )
        self.hub.server.adopt_actions(prepared.actions)
        self.hub.link_loss.by_default = config.upstream_lost
        self.pool = ConnectionPool(self.hub.bounds, self.hub.shares)
        self.link = Link(self.hub.server, config.upstream, prepared.secret)
        self._side_links = [
            SideLink(side, config.upstream, prepared.secret) for side in self.hub.server.sides
        ]
        self._notifier = Notifier()
        self.reloads = Reloads(self._transact)
        self.lag = LoopLag()
        self.started = time.time()
        self.log_level: str = config.log.level
        self._certificates: CertSet | None = None
        self._local = LocalDoor(self)
        self._told_ready = False
        #: Each with the index of its entry in proxy.yaml: systemd may pass several sockets for one entry.
        self._listeners: dict[ListeningSocket, int] = {}
        self._stopping = asyncio.Event()
        self._now = False
        self._hard_stop = HardStop()
        #: Loop time until which the service manager has to wait for the process to end.
        self._stop_by = 0.0

    # -- life --------------------------------------------------------------

    async def run(self, started: Callable[["App"], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT, then drain.  ``started`` is called once clients can connect."""
        self._loop.set_exception_handler(_fault)
        try:
            await self._open()
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self.stop)
            self._loop.add_signal_handler(signal.SIGHUP, self.reloads.request, "SIGHUP")
            self._tell_start()
            started(self)
            self._tell_ready()
            async with asyncio.TaskGroup() as tasks:
                work = {
                    "link": self.link.run,
                    **{f"{link.name} link": link.run for link in self._side_links},
                    "tick": self._tick,
                    "certificates": self.rotation.run,
                    "reloads": self.reloads.run,
                }
                running = [tasks.create_task(supervised(name, run), name=name) for name, run in work.items()]
                await self._stopping.wait()
                await self._drain()
                for task in running:
                    task.cancel()
            log.say(log.INFO, "stopped")
        finally:
            await self._local.close()
            self._end()
            self._hard_stop.cancel()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each listener; a configured port of 0 shows as the port that was chosen."""
        return [listener.address for listener in self._listeners]

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._prepared.config

    @property
    def stores(self) -> Sequence[CertStore]:
        """The certificates of each listener."""
        assert self._certificates is not None
        return self._certificates.stores

    @property
    def rotation(self) -> Rotation:
        """The watcher that checks the certificate files again."""
        assert self._certificates is not None
        return self._certificates.rotation

    @property
    def certificate_reloads(self) -> Counter[tuple[str, str]]:
        """Certificate reload attempts that were logged, by outcome and trigger."""
        assert self._certificates is not None
        return self._certificates.outcomes

    @property
    def hashes_pending(self) -> int:
        """Secrets that are being compared or wait to be compared."""
        return self._verifier.pending

    @property
    def draining(self) -> bool:
        """Whether ``stop`` has been called."""
        return self._stopping.is_set()

    def set_log_level(self, level: str) -> None:
        """Set the lowest level that is logged, until the next reload."""
        log.configure(self.config.log.format, level, journal=_journal(), clock=time.monotonic)
        self.log_level = level

    def stop(self) -> None:
        """Drain, then stop; a second call stops at once."""
        self.reloads.close("the service is stopping")
        if self._stopping.is_set():
            self._now = True
        else:
            seconds = self.hub.limits.stop_timeout
            self._hard_stop.start(seconds)
            self._stop_by = self._loop.time() + seconds + _STOP_MARGIN
        self._stopping.set()

    def status(self) -> str:
        """One line for people: sessions, link, certificates, and whether the last reload failed."""
        return self._status(failed=self.reloads.failed)

    def _status(self, *, failed: bool) -> str:
        link = self.link.standing + (f" ({self.link.reason})" if self.link.reason else "")
        state = "draining: " if self.draining else ""
        kept = "last reload failed, old configuration kept; " if failed else ""
        parts = [f"{state}{kept}{self.hub.authenticated} sessions, link {link}"]
        if self._certificates is not None:
            parts[0] += f", certificate until {self._certificates.first_end:%Y-%m-%d}"
            parts += filter(None, [self._certificates.attention()])
        return "; ".join(parts)

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
            generation=self.hub.generation,
            listeners=" ".join(str(Address(host, port)) for host, port in self.addresses),
            users=len(self._prepared.users),
        )

    def _tell_ready(self) -> None:
        """Tell the service manager once that we are ready; with ``ready: upstream``, once the link serves."""
        waits = self.config.ready == "upstream" and not self.link.serves
        if not self._told_ready and not waits:
            self._told_ready = True
            self._notifier.ready(self.status())

    async def _open(self) -> None:
        config = self.config
        try:
            inherited = inherited_sockets()
        except NoListener as error:
            raise StartError(f"listeners: {error}; pass only sockets of ListenStream= with a port") from error
        try:
            self._certificates = CertSet(config.listeners, config.tls, self.pool.judge_certificates)
        except CertificatesRefused as error:
            raise StartError(f"listeners: {error}") from error
        for number, settings in enumerate(config.listeners):
            for sock in self._sockets(settings, inherited):
                await_first_byte(sock)
                acceptor = TlsAcceptor(self.pool, *self._certificates.served_by(number))
                accept = partial(AmiConnection, self.hub.attach, acceptor)
                trusted = NetworkSet(settings.proxy_protocol)
                listener = ListeningSocket(self.pool, sock, accept, trusted)
                listener.start(self._loop)
                self._listeners[listener] = number
        try:
            await self._local.open(inherited)
        except LocalDoorRefused as error:
            raise StartError(str(error)) from error
        for name, sockets in inherited.items():
            log.say(log.WARNING, "socket-unused", name=name, remedy=f"name it in proxy.yaml: fd:{name}")
            for sock in sockets:
                sock.close()

    @staticmethod
    def _sockets(settings: Listener, inherited: dict[str, list[socket.socket]]) -> list[socket.socket]:
        address = settings.address
        if address.name:
            sockets = inherited.pop(address.name, [])
            if not sockets:
                raise StartError(
                    f"listeners: no socket named {address.name!r} was passed by the service manager; "
                    f"set FileDescriptorName={address.name} in its socket unit"
                )
            if any(sock.family == socket.AF_UNIX for sock in sockets):
                raise StartError(
                    f"listeners: the socket {address.name!r} is a Unix socket; give ListenStream= a port"
                )
            return sockets
        try:
            return [bind(address.host, address.port)]
        except OSError as error:
            raise StartError(f"listeners: {error.strerror}") from error

    async def _tick(self) -> None:
        watchdog = self._notifier.watchdog
        interval = _TICK_SECONDS if watchdog is None else min(_TICK_SECONDS, watchdog / 2)
        while True:
            due = self._loop.time() + interval
            await asyncio.sleep(interval)
            now = self._loop.time()
            self.lag.measured(now - due)
            self.hub.tick(now)
            self.pool.tick(now)
            self.link.tick(now)
            for link in self._side_links:
                link.tick(now)
            # Reaching here proves that the loop runs; also require that no link or listener is stuck.
            stuck = [listener for listener in self._listeners if listener.stuck(now)]
            if watchdog is not None and not stuck and not self.link.stuck(now):
                self._notifier.alive()
            if self.draining:
                self._notifier.extend(self._stop_by - now)
            self._tell_ready()
            self._notifier.status(self.status())

    async def _drain(self) -> None:
        """Stop accepting, tell clients, wait for actions in flight to be answered, close the sessions."""
        limits = self.hub.limits
        self._notifier.stopping("draining", self._stop_by - self._loop.time())
        log.say(log.INFO, "stopping", sessions=len(self.hub.sessions), in_flight=self.hub.server.in_flight)
        for listener in self._listeners:
            listener.stop()
        self.hub.server.drain()
        self.hub.tell_shutdown()
        await self._while(lambda: self.hub.server.in_flight > 0, limits.drain_timeout)
        self.hub.server.disconnect()  # answers actions still in flight: their outcome is unknown
        # Each session refuses the actions queued behind those when it is next scheduled.
        await self._while(lambda: self.hub.bounds.queued > 0, CLOSING_SECONDS / 2)
        for session in self.hub.sessions:
            session.close("shutdown")
        # Wait briefly for the last bytes to leave and for the clients to close.
        await self._while(lambda: self.pool.open > 0, CLOSING_SECONDS / 2)

    async def _while(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = self._loop.time() + seconds
        # The core is synchronous and offers nothing to await, so poll; this only happens while stopping.
        while condition() and self._loop.time() < deadline and not self._now:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _end(self) -> None:
        for listener in self._listeners:
            listener.stop()
        for session in self.hub.sessions:
            session.close("shutdown", abort=True)
        self.pool.close_all()
        self._verifier.close()

    # -- reload ------------------------------------------------------------

    async def reload(self, trigger: str) -> ReloadReport:
        """Read everything again: swap all of it, or keep all of the old configuration and report why.

        If only certificate files have changed, the good ones are adopted and the rest stay as they were.
        """
        return await self.reloads.reload(trigger)

    async def _transact(self, triggers: frozenset[str]) -> ReloadReport:
        trigger = joined(triggers)
        if self._told_ready:
            self._notifier.reloading()
        failed = True
        try:
            report = await self._exchange(triggers)
        except (ConfigErrors, StartError, CertificatesRefused, OSError) as error:
            report = ReloadReport(False, trigger, time.time(), _told(error))
        else:
            failed = report.keeps_old
        finally:
            # In every case: the service manager waits for READY after RELOADING.
            if self._told_ready:
                self._notifier.ready(self._status(failed=failed))
        for line in report.problems:
            log.say(log.ERROR, "reload-failed", reason=line, trigger=trigger)
        return report

    async def _exchange(self, triggers: frozenset[str]) -> ReloadReport:
        trigger = joined(triggers)
        certificates, old = self._certificates, self._prepared
        assert certificates is not None
        async with certificates.turn:
            new, changed = await gently.aside(lambda: _compared(self._path, old))
            fixed = needs_restart(old.config, new.config)
            if fixed:
                raise StartError("\n".join(f"{self._path}: {line}" for line in fixed))
            candidates = await certificates.prepare(
                new.config.listeners, new.config.tls, triggers, whole=any(changed)
            )
            if self.draining:
                raise StartError("the service is stopping")
            results = certificates.commit(candidates)
        told = tuple(str(result) for result in results)
        refused = errors_of(finding for result in results for finding in result.findings)
        if refused:
            problems = tuple(map(str, refused))
            return ReloadReport(False, trigger, time.time(), problems, changed, told, only_certificates=True)
        await self._adopt(new)
        log.say(
            log.INFO,
            "reloaded",
            trigger=trigger,
            users=len(new.users),
            changed=" ".join(changed.keys) or None,
            users_added=_some(changed.users_added),
            users_removed=_some(changed.users_removed),
            users_changed=_some(
                [f"{name}({','.join(keys)})" for name, keys in changed.users_changed[:_SHOWN]],
                len(changed.users_changed),
            ),
            generation=self.hub.generation,
        )
        return ReloadReport(True, trigger, time.time(), (), changed, told)

    async def _adopt(self, prepared: Prepared) -> None:
        config, old = prepared.config, self._prepared
        self.set_log_level(config.log.level)
        masking.configure(config.log.hidden_variables)
        self._verifier.forget()
        self.hub.adopt_limits(config.limits)
        self.hub.server.adopt_actions(prepared.actions)
        self.hub.link_loss.by_default = config.upstream_lost
        for listener, number in self._listeners.items():
            listener.trusted = NetworkSet(config.listeners[number].proxy_protocol)
        self._pacing.shortest = config.fan_out.flush_interval
        self._pacing.longest = config.fan_out.flush_interval_max
        await gently.between(self.hub.adopting(prepared.users))
        self._prepared = prepared
        self.link.adopt(config.upstream, prepared.secret)
        for link in self._side_links:
            link.adopt(config.upstream, prepared.secret)
        await gently.between(old.letting_go())


def _some(users: Sequence[str], number: int | None = None) -> str | None:
    """User names for a log line: the first ``_SHOWN``, then how many more; None if there are no users.

    ``number`` is the number of users in all, if ``users`` holds only the first of them.
    """
    number = len(users) if number is None else number
    more = [f"(and {number - _SHOWN} more)"] if number > _SHOWN else []
    return " ".join([*users[:_SHOWN], *more]) or None


def _told(error: Exception) -> tuple[str, ...]:
    """The errors, one line each: the first ``_MISTAKES``, then how many more there are."""
    lines = str(error).splitlines()
    more = len(lines) - _MISTAKES
    return tuple(lines) if more <= 0 else (*lines[:_MISTAKES], f"and {more} more; ami-proxy check shows all")


def _compared(path: Path, old: Prepared) -> Steps[tuple[Prepared, Differences]]:
    """The configuration on disk now, and how it differs from ``old``."""
    new = yield from preparing(path, certificate_files=False, old=old)
    changed = yield from new.differing_from(old)
    return new, changed


def _fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception from a loop callback, which is a bug of ours, on one line like everything else."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        log.exception("fault", error, where=context.get("message"))
    else:
        log.say(log.ERROR, "fault", where=context.get("message"))


def _journal() -> bool:
    return "JOURNAL_STREAM" in os.environ


def run(path: Path, started: Callable[[App], None] = lambda _: None) -> None:
    """Serve until told to stop.  Raises ConfigErrors or StartError if the service cannot start."""
    prepared = prepare(path)
    settings = prepared.config.log
    log.configure(settings.format, settings.level, journal=_journal(), clock=time.monotonic)
    raise_descriptors(prepared.config.limits.connections)

    writer = LogWriter()

    def open_to_clients(app: App) -> None:
        # Landlock confines the calling thread and those that it starts later, so confine before the log
        # writer starts its thread.
        confine(_files(path, prepared.config), _folders(prepared.config))
        writer.start()
        log.leave_by(writer)
        # The objects that exist now live as long as the process, so exempt them from garbage collection.
        # A full collection, which comes when many clients connect, would otherwise scan all of them
        # again: 45 ms in which no event leaves.
        gc.collect()
        gc.freeze()
        started(app)

    async def serve() -> None:
        await App(path, prepared, asyncio.get_running_loop()).run(open_to_clients)

    # A SIGHUP before the loop has its handler, or after, must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve())
    finally:
        writer.stop()
        log.leave_by(None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _files(path: Path, config: Config) -> Iterator[Path]:
    """The files that a reload reads."""
    yield path
    yield from filter(None, (config.users_file, *config.users_files))
    yield from users_files(config)
    yield from config.actions_from
    yield config.upstream.secret_file
    for listener in config.listeners:
        yield from filter(None, (listener.client_ca, listener.client_crl))
        for pair in listener.certificates:
            yield pair.chain
            yield pair.key


def _folders(config: Config) -> Iterator[Path]:
    """The folders from which our Unix sockets are removed at the end."""
    places = (
        config.control.socket.path if config.control is not None else None,
        config.metrics.address.path if config.metrics is not None else None,
    )
    yield from (place.parent for place in places if place is not None)


__all__ = ["App", "LinkState", "Prepared", "StartError", "prepare", "run"]
