"""The composition root: builds everything from a Config, starts, reloads, drains, stops.

Everyone else is wired; this file wires.  What a reload may change is built
aside, whole, and swapped; or the old stays and the reason is told.
"""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from proxy import __version__, log
from proxy.config import Address, Config, ConfigErrors, Listener, Unfit, load, read_secret
from proxy.core import policy
from proxy.core.hub import Hub
from proxy.core.pacing import Pacing
from proxy.core.users import UserTable
from proxy.net.certstore import Candidate, CertificatesRefused, CertStore, ReloadResult
from proxy.net.client import Objection
from proxy.net.hardstop import HardStop
from proxy.net.link import Link, LinkState
from proxy.net.listener import Door, bind
from proxy.net.listener import Listener as ListeningSocket
from proxy.net.scheduler import LoopScheduler
from proxy.net.secrets import HashVerifier
from proxy.net.systemd import NoListener, Notifier, inherited_sockets
from proxy.net.tlspolicy import tls_facts

uvloop: ModuleType | None
try:
    import uvloop
except ImportError:  # the standard loop serves as well, only dearer
    uvloop = None

_TICK_SECONDS = 1.0
#: Limits that are built into what cannot be exchanged while it works.
_FIXED_LIMITS = ("hash_threads", "hash_queue", "hash_cache_timeout", "hash_cache_entries")


class StartError(Exception):
    """The service cannot start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that was read from disk for one configuration, validated."""

    config: Config
    users: UserTable
    secret: bytes


def prepare(path: Path) -> Prepared:
    """Read and validate everything.  Raises ConfigErrors with all problems."""
    config, users = load(path)
    try:
        secret = read_secret(config.upstream.secret_file)
    except Unfit as error:
        raise StartError(f"upstream.secret_file: {error}; {error.remedy}") from error
    return Prepared(config, UserTable.from_config(users), secret)


class App:
    """One running proxy."""

    def __init__(self, path: Path, prepared: Prepared, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._prepared = prepared
        self._loop = loop
        config = prepared.config
        limits = config.limits
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
        self.door = Door(self.hub)
        self.link = Link(self.hub, config.upstream, prepared.secret)
        self._notifier = Notifier()
        self._stores: list[CertStore] = []
        self._listeners: list[ListeningSocket] = []
        self._stopping = asyncio.Event()
        self._now = False
        self._hard_stop = HardStop()
        self._reload_failed = False

    # -- life --------------------------------------------------------------

    async def run(self, started: Callable[["App"], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT, then drain.  ``started`` is called once clients can connect."""
        self._loop.set_exception_handler(_fault)
        try:
            self._listen()
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self.stop)
            self._loop.add_signal_handler(signal.SIGHUP, self.reload)
            self._tell_start()
            started(self)
            self._notifier.ready(self.status())
            async with asyncio.TaskGroup() as tasks:
                link = tasks.create_task(self.link.run(), name="link")
                ticks = tasks.create_task(self._tick(), name="tick")
                await self._stopping.wait()
                await self._drain()
                ticks.cancel()
                link.cancel()
            log.say(log.INFO, "stopped")
        finally:
            self._end()
            self._hard_stop.cancel()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where clients can connect, with the ports that were chosen for 0."""
        return [listener.address for listener in self._listeners]

    def stop(self) -> None:
        """Stop: drain first; at once when called again."""
        if self._stopping.is_set():
            self._now = True
        else:
            self._hard_stop.start(self.hub.limits.stop_timeout)
        self._stopping.set()

    def status(self) -> str:
        """One line on how things stand."""
        link = self.link.state.value + (f" ({self.link.reason})" if self.link.reason else "")
        failed = "last reload failed, old configuration kept; " if self._reload_failed else ""
        return f"{failed}{self.hub.authenticated} sessions, link {link}"

    def _tell_start(self) -> None:
        facts = tls_facts()
        log.say(
            log.INFO,
            "started",
            version=__version__,
            loop=type(self._loop).__module__,
            openssl=facts.openssl,
            hybrid_key_exchange=facts.hybrid_groups,
            listeners=" ".join(str(Address(host, port)) for host, port in self.addresses),
            users=len(self._prepared.users),
        )

    def _listen(self) -> None:
        try:
            inherited = inherited_sockets()
        except NoListener as error:
            raise StartError(f"listeners: {error}; pass only sockets of ListenStream= with a port") from error
        for number, settings in enumerate(self._prepared.config.listeners):
            try:
                store = CertStore(settings, self._prepared.config.tls)
            except CertificatesRefused as error:
                raise StartError(f"listeners: {error}") from error
            self._stores.append(store)
            _tell_findings(store.last_result)
            for sock in self._sockets(settings, inherited):
                listener = ListeningSocket(
                    self.door, sock, self._context_of(number), self._objection_of(number)
                )
                listener.start(self._loop)
                self._listeners.append(listener)
        for name, sockets in inherited.items():
            log.say(log.WARNING, "socket-unused", name=name, remedy=f"name it in a listener: fd:{name}")
            for sock in sockets:
                sock.close()

    def _context_of(self, number: int) -> Callable[[], ssl.SSLContext]:
        # By number: a reload may put another store in its place.
        return lambda: self._stores[number].context

    def _objection_of(self, number: int) -> Objection:
        def objection(chain: Sequence[bytes]) -> str | None:
            return self._stores[number].client_objection(chain)

        return objection

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
            return sockets
        try:
            return [bind(address.host, address.port)]
        except OSError as error:
            raise StartError(f"listeners: {error.strerror}") from error

    async def _tick(self) -> None:
        watchdog = self._notifier.watchdog
        interval = _TICK_SECONDS if watchdog is None else min(_TICK_SECONDS, watchdog / 2)
        while True:
            await asyncio.sleep(interval)
            now = self._loop.time()
            self.hub.tick(now)
            self.door.tick(now)
            self.link.tick(now)
            if watchdog is not None:
                self._notifier.alive()
            self._notifier.status(self.status())

    async def _drain(self) -> None:
        """Accept no more, answer what is under way, close."""
        limits = self.hub.limits
        self._notifier.stopping("draining")
        log.say(log.INFO, "stopping", sessions=len(self.hub.sessions), in_flight=self.hub.exchange.in_flight)
        for listener in self._listeners:
            listener.stop()
        await self._while(lambda: self.hub.exchange.in_flight > 0, limits.drain_timeout)
        self.hub.exchange.disconnect()  # what is not answered by now is told that its outcome is unknown
        for session in self.hub.sessions:
            session.close("shutdown")
        # The last bytes and the clients' own close: a moment, no more.
        await self._while(lambda: self.door.open > 0, 1.0)

    async def _while(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = self._loop.time() + seconds
        # The core is synchronous and has no events to wait for; this happens once, at the end.
        while condition() and self._loop.time() < deadline and not self._now:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _end(self) -> None:
        for listener in self._listeners:
            listener.stop()
        for session in self.hub.sessions:
            session.close("shutdown", abort=True)
        self.door.close_all()
        self._verifier.close()

    # -- reload ------------------------------------------------------------

    def reload(self) -> bool:
        """Read everything again: swap all of it, or keep all the old and log why.  True if swapped."""
        if self._stopping.is_set():
            return False
        self._notifier.reloading()
        try:
            prepared = prepare(self._path)
            problem = self._unchangeable(prepared.config)
            if problem:
                raise StartError(problem)
            commit = self._certificates(prepared.config)
        except (ConfigErrors, StartError, OSError) as error:
            for line in str(error).splitlines():
                log.say(log.ERROR, "reload-failed", reason=line)
            self._reload_failed = True
            self._notifier.ready(self.status())
            return False
        commit()
        self._reload_failed = False
        self._adopt(prepared)
        log.say(log.INFO, "reloaded", users=len(prepared.users))
        self._notifier.ready(self.status())
        return True

    def _unchangeable(self, config: Config) -> str:
        before = self._prepared.config
        old = [listener.address for listener in before.listeners]
        if [listener.address for listener in config.listeners] != old:
            return f"{self._path}: listeners: addresses change only with a restart"
        for name in _FIXED_LIMITS:
            if getattr(config.limits, name) != getattr(before.limits, name):
                return f"{self._path}: limits.{name}: changes only with a restart"
        return ""

    def _certificates(self, config: Config) -> Callable[[], None]:
        """Read and prove the certificates of all listeners; what swaps them.  Raises StartError."""
        before = self._prepared.config
        fresh: dict[int, CertStore] = {}
        prepared: list[tuple[CertStore, Candidate]] = []
        errors: list[str] = []
        for number, (old, new) in enumerate(zip(before.listeners, config.listeners, strict=True)):
            if (old, before.tls) == (new, config.tls):
                candidate = self._stores[number].prepare("reload")
                errors += [str(found) for found in candidate.result.findings if found.level == "error"]
                prepared.append((self._stores[number], candidate))
                continue
            try:
                fresh[number] = CertStore(new, config.tls)
            except CertificatesRefused as refused:
                errors += [str(found) for found in refused.findings if found.level == "error"]
        if errors:
            raise StartError("\n".join(errors))

        def commit() -> None:
            results = [store.commit(candidate) for store, candidate in prepared]
            for number, store in fresh.items():
                self._stores[number] = store
                results.append(store.last_result)
            for result in results:
                log.say(log.INFO, "certificates", result=str(result))
                _tell_findings(result)
            self.door.judge_certificates()

        return commit

    def _adopt(self, prepared: Prepared) -> None:
        config = prepared.config
        self._prepared = prepared
        log.configure(config.log.format, config.log.level, journal=_journal())
        self._verifier.forget()
        self.hub.adopt_limits(config.limits)
        self._pacing.shortest = config.fan_out.flush_interval
        self._pacing.longest = config.fan_out.flush_interval_max
        self.hub.adopt(prepared.users)
        self.link.adopt(config.upstream, prepared.secret)


def _tell_findings(result: ReloadResult) -> None:
    """What is served all the same, but should be put right."""
    for finding in result.findings:
        log.say(
            log.WARNING, "certificate-doubtful", file=finding.file, reason=finding.text, remedy=finding.remedy
        )


def _fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a callback raised: a fault of ours, told on one line like everything else."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        log.exception("fault", error, where=context.get("message"))
    else:
        log.say(log.ERROR, "fault", where=context.get("message"))


def _journal() -> bool:
    return "JOURNAL_STREAM" in os.environ


def run(path: Path, started: Callable[[App], None] = lambda _: None) -> None:
    """Serve until told to stop.  Raises ConfigErrors or StartError if it cannot begin."""
    prepared = prepare(path)
    log.configure(prepared.config.log.format, prepared.config.log.level, journal=_journal())
    _raise_descriptors(prepared.config.limits.connections)

    async def serve() -> None:
        await App(path, prepared, asyncio.get_running_loop()).run(started)

    factory = uvloop.new_event_loop if uvloop is not None else asyncio.new_event_loop
    # A reload that comes too early or too late must not end us; in between the loop has its handler.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _raise_descriptors(connections: int) -> None:
    """Take what the hard limit gives, as far as it is needed; less is logged."""
    needed = connections + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        log.say(log.WARNING, "few-descriptors", limit=soft, needed=needed, remedy="raise LimitNOFILE")


__all__ = ["App", "LinkState", "Prepared", "StartError", "prepare", "run"]
