"""The life of the service, as the service manager sees it: ready, a tick each second, the drain, the end."""

import asyncio
from collections.abc import Callable

from amiproxy import log
from amiproxy.core.hub import Hub
from amiproxy.core.model.limits import CLOSING_SECONDS
from amiproxy.counted import count
from amiproxy.net.admin.reloads import Reloads
from amiproxy.net.doors.pool import ConnectionPool
from amiproxy.net.doors.secrets import HashVerifier
from amiproxy.net.host.hardstop import HardStop
from amiproxy.net.host.systemd import Notifier
from amiproxy.net.loop.lag import LoopLag
from amiproxy.service.listeners import Listeners
from amiproxy.service.membership import Part
from amiproxy.service.upstreams import Upstreams

_TICK_SECONDS = 1.0
#: Seconds that the service manager is asked to wait beyond ``limits.stop_timeout``, when the process
#: force-exits.
_STOP_MARGIN = 2.0


class Lifecycle:
    """When the service is ready, what it does each second, and how it stops.

    ``lag`` records how late each tick comes.
    ``waits_for_link``: whether the service is ready only once the link to Asterisk serves; of several links
    one is enough, because clients of the others must not wait for the one that is down.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hub: Hub,
        pool: ConnectionPool,
        *,
        listeners: Listeners,
        upstreams: Upstreams,
        fleet: Part | None,
        reloads: Reloads,
        verifier: HashVerifier,
        lag: LoopLag,
        waits_for_link: bool,
    ) -> None:
        self._loop = loop
        self._hub = hub
        self._pool = pool
        self._listeners = listeners
        self._upstreams = upstreams
        self._fleet = fleet
        self._reloads = reloads
        self._verifier = verifier
        self._lag = lag
        self.waits_for_link = waits_for_link
        self._notifier = Notifier()
        self._told_ready = False
        self._stopping = asyncio.Event()
        self._now = False
        self._hard_stop = HardStop()
        #: Loop time until which the service manager has to wait for the process to end.
        self._stop_by = 0.0

    # -- ready -------------------------------------------------------------

    def status(self, *, failed: bool | None = None) -> str:
        """One line for people: sessions, link, certificates, and whether the last reload failed.

        ``failed``: whether the reload that is just ending failed, which ``Reloads`` does not know yet.
        """
        if failed is None:
            failed = self._reloads.failed
        state = "draining: " if self.draining else ""
        kept = "last reload failed, old configuration kept; " if failed else ""
        certificates = self._listeners.certificates
        hub = self._hub
        users = f" of {count(hub.users_logged_in, 'user')}" if hub.authenticated else ""
        sessions = f"{state}{kept}{count(hub.authenticated, 'session')}{users}, {self._upstreams.summary}"
        if self._fleet is not None:
            sessions += f", {self._fleet.summary}"
        parts = [f"{sessions}, certificate until {certificates.first_end:%Y-%m-%d}"]
        parts += filter(None, [certificates.attention()])
        return "; ".join(parts)

    def tell_ready(self) -> None:
        """Tell the service manager once that we are ready."""
        waits = self.waits_for_link and not self._upstreams.serves
        if not self._told_ready and not waits:
            self._told_ready = True
            self._notifier.ready(self.status())

    def reload_begins(self) -> None:
        """Tell the service manager that a reload begins."""
        if self._told_ready:
            self._notifier.reloading()

    def reload_ends(self, *, failed: bool) -> None:
        """Tell the service manager that the reload has ended, and whether the old configuration was kept."""
        if self._told_ready:
            self._notifier.ready(self.status(failed=failed))

    # -- each second -------------------------------------------------------

    async def tick(self) -> None:
        """Do what has to be done each second, until cancelled."""
        watchdog = self._notifier.watchdog
        interval = _TICK_SECONDS if watchdog is None else min(_TICK_SECONDS, watchdog / 2)
        while True:
            due = self._loop.time() + interval
            await asyncio.sleep(interval)
            now = self._loop.time()
            self._lag.measured(now - due)
            self._hub.tick(now)
            self._pool.tick(now)
            self._upstreams.tick(now)
            # Reaching here proves that the loop runs; also require that no link or listener is stuck.
            stuck = self._listeners.stuck(now)
            if watchdog is not None and not stuck and not self._upstreams.stuck(now):
                self._notifier.alive()
            if self.draining:
                self._notifier.extend(self._stop_by - now)
            self.tell_ready()
            self._notifier.status(self.status())

    # -- the end -----------------------------------------------------------

    @property
    def draining(self) -> bool:
        """Whether ``stop`` has been called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Drain, then stop; a second call stops at once."""
        self._reloads.close("the service is stopping")
        if self._stopping.is_set():
            self._now = True
        else:
            seconds = self._hub.limits.stop_timeout
            self._hard_stop.start(seconds)
            self._stop_by = self._loop.time() + seconds + _STOP_MARGIN
        self._stopping.set()

    async def drained(self) -> None:
        """Wait for ``stop``.  Then stop accepting, let actions in flight be answered, close the sessions."""
        await self._stopping.wait()
        limits = self._hub.limits
        self._notifier.stopping("draining", self._stop_by - self._loop.time())
        log.say(
            log.INFO,
            "stopping",
            sessions=len(self._hub.sessions),
            in_flight=self._hub.servers.in_flight,
        )
        self._listeners.stop()
        self._pool.drain()
        for server in self._hub.servers:
            server.drain()
        self._hub.tell_shutdown()
        await self._while(lambda: self._hub.servers.in_flight > 0, limits.drain_timeout)
        for server in self._hub.servers:
            server.disconnect()  # answers actions still in flight: their outcome is unknown
        if self._fleet is not None:
            await self._fleet.leave()
        # Each session refuses the actions queued behind those when it is next scheduled.
        await self._while(lambda: self._hub.queued > 0, CLOSING_SECONDS / 2)
        for session in self._hub.sessions:
            session.close("shutdown")
        # Wait briefly for the last bytes to leave and for the clients to close.
        await self._while(lambda: self._pool.open > 0, CLOSING_SECONDS / 2)

    async def _while(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = self._loop.time() + seconds
        # The core is synchronous and offers nothing to await, so poll; this only happens while stopping.
        while condition() and self._loop.time() < deadline and not self._now:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def end(self) -> None:
        """Close what is still open at once; the process no longer has to end by a deadline."""
        self._listeners.stop()
        for session in self._hub.sessions:
            session.close("shutdown", abort=True)
        self._pool.close_all()
        self._verifier.close()
        self._hard_stop.cancel()
