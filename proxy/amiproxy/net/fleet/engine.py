"""Engine: a connection to one of several nats-servers, made again for ever.

Each attempt to connect has a client of nats-py of its own.  nats-py could reconnect by itself, but then it
sends what was published just before the connection ended when it has another one.  An action
would be executed although its caller was told long ago that it was not.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from nats import errors
from nats.aio.subscription import Subscription

from amiproxy import log
from amiproxy.net.fleet.channel import EngineDown, Handler
from amiproxy.net.fleet.errors import why
from amiproxy.net.fleet.natsclient import NatsClient, NotTaken
from amiproxy.net.fleet.settings import EngineSettings
from amiproxy.net.fleet.versions import REMEDY, is_fit
from amiproxy.net.loop.backoff import Backoff
from amiproxy.net.loop.foreign import foreign

State = Literal["connected", "connecting", "closed"]
#: The subscriptions of one connection by subject.
_Subscribed = dict[str, Subscription]

#: Most bytes that wait for the socket of one connection; more are not taken.
PENDING: Final = 2 << 20
#: Seconds between our pings.  With two of them unanswered, the third ends the connection.
_PING_SECONDS: Final = 2
_UNANSWERED: Final = 2
#: Seconds for one attempt to connect, from the name's look-up to the confirmation of the subscriptions.
_CONNECT_SECONDS: Final = 5.0
_BACKOFF: Final = Backoff(0.5, 2.0, 0.3)
#: A connection that lasted longer than this many seconds is replaced without a pause.
_STEADY_SECONDS: Final = 5.0
#: Most seconds until an end is noticed that nats-py does not report.
_LOOK_SECONDS: Final = 0.25
#: Seconds between measurements of the round trip.
_MEASURE_SECONDS: Final = 5.0
#: Seconds until a subscription that the engine refused is made again.
_REFUSED_SECONDS: Final = 5.0
#: Seconds that the tasks of an aborted client may take to end.
_CLOSE_SECONDS: Final = 1.0
#: Seconds in which one fault of ours is logged: another process of the fleet may be able to cause many.
_FAULT_SECONDS: Final = 10.0
#: Failed attempts of which one is logged, apart from the first.
_LOGGED: Final = 10


class EngineCounts:
    """Counts since the start."""

    __slots__ = ("faults", "not_sent", "published", "received", "refused", "slow")

    def __init__(self) -> None:
        self.published = 0
        self.received = 0
        #: Messages that were not published.
        self.not_sent = 0
        #: Publications and subscriptions that the engine refused for want of a permission.
        self.refused = 0
        #: Times that an engine ended the connection because we read too slowly.
        self.slow = 0
        #: Exceptions of the callbacks for messages: faults of ours.
        self.faults = 0


class EngineFacts(NamedTuple):
    """What status and metrics show of one connection."""

    state: State
    #: HOST:PORT of the engine; of the last one tried while there is no connection.
    server: str
    version: str
    #: The last measured round trip in milliseconds; None without a connection.
    rtt_ms: float | None
    #: Unix time of the last change of ``state``.
    since: float
    #: Connections made so far.
    connects: int
    #: Why there is no connection.
    reason: str


class Engine:
    """One connection; ``run`` ends only by cancellation.

    ``name`` says what it is for, in log and status.  All methods belong to the loop's thread.
    """

    def __init__(self, settings: EngineSettings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.counts = EngineCounts()
        self._addresses = _shuffled(settings.addresses)
        self._address = self._addresses[0]
        self._client: NatsClient | None = None
        self._is_up = False
        self._handlers: dict[str, Handler] = {}
        #: The subscriptions of this connection that the engine refused, and when each is made again.
        self._refused: dict[str, float] = {}
        #: Set by each change of subscriptions or settings, and by each error.
        self._changed = asyncio.Event()
        self._adopted = asyncio.Event()
        self._watchers: list[Callable[[bool], None]] = []
        self._rationed = log.Rationed()
        #: When the next fault is logged.
        self._fault_due = 0.0
        self._state: State = "connecting"
        self._since = time.time()
        self._version = ""
        self._rtt: float | None = None
        self._connects = 0
        self._reason = "not yet connected"

    # -- for its users -----------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether there is a connection, and the engine has all subscriptions that were wanted before it."""
        return self._is_up

    @property
    def pending(self) -> int:
        """The number of bytes that wait for the socket."""
        return 0 if self._client is None else self._client.pending_data_size

    @property
    def facts(self) -> EngineFacts:
        """The state for status and metrics."""
        return EngineFacts(
            self._state, self._address, self._version, self._rtt, self._since, self._connects, self._reason
        )

    def publish(self, subject: str, data: bytes, reply: str = "") -> None:
        """Send a message now, or never.  Raises EngineDown if it was not sent."""
        client = self._client
        if client is None:
            self.counts.not_sent += 1
            raise EngineDown("not connected to an engine")
        try:
            client.send(subject, data, reply, PENDING)
        except NotTaken as error:
            self.counts.not_sent += 1
            raise EngineDown(str(error)) from error
        self.counts.published += 1

    def subscribe(self, subject: str, callback: Handler) -> Callable[[], None]:
        """Call back for each message to ``subject``, which may have wildcards; returns what ends that.

        The callback takes subject, reply subject or "", data, and whether the message is the engine's that
        there are no responders (then the subject is the reply subject of what was published).  A
        subject has one callback.  Subscriptions live on over the ends of connections.
        """
        assert subject not in self._handlers, f"{subject} is subscribed to already"
        self._handlers[subject] = callback
        self._changed.set()

        def end() -> None:
            if self._handlers.get(subject) is callback:
                del self._handlers[subject]
                self._changed.set()

        return end

    def on_change(self, watcher: Callable[[bool], None]) -> Callable[[], None]:
        """Call ``watcher`` with ``is_up`` whenever that has changed; returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def adopt(self, settings: EngineSettings) -> None:
        """Apply settings; a connection that was made with others is made again."""
        if settings != self.settings:
            self.settings = settings
            self._addresses = _shuffled(settings.addresses)
            if self._client is not None:
                self._client.abort()
            self._changed.set()
            self._adopted.set()

    # -- the life of the connection ----------------------------------------

    async def run(self) -> None:
        """Connect, wait for the end of the connection, and connect again."""
        loop = asyncio.get_running_loop()
        attempt = 0
        try:
            while True:
                attempt += 1
                self._adopted.clear()
                self._address = self._addresses[0]
                self._addresses.append(self._addresses.pop(0))
                began = loop.time()
                try:
                    await self._connection()
                except Exception as error:
                    self._reason = why(error)
                lasted = self._came_down()
                if lasted:
                    attempt = 0 if loop.time() - began > _STEADY_SECONDS else 1
                    log.say(
                        log.ERROR, "engine-lost", engine=self._address, use=self.name, reason=self._reason
                    )
                elif attempt == 1 or attempt % _LOGGED == 0:
                    log.say(
                        log.ERROR,
                        "engine-unreachable",
                        engine=self._address,
                        use=self.name,
                        reason=self._reason,
                        attempt=attempt,
                    )
                if attempt:
                    await self._pause(_BACKOFF.delay(attempt))
        finally:
            self._state = "closed"
            self._since = time.time()

    async def _pause(self, seconds: float) -> None:
        """Wait, or until settings are adopted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._adopted.wait()

    async def _connection(self) -> None:
        """One connection from its beginning to its end; returns or raises at the end."""
        settings = self.settings
        client = NatsClient(self._handlers, self._handler_failed)
        subscribed: _Subscribed = {}
        self._refused.clear()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await foreign(self._connect(client, settings))
                await foreign(self._subscribe(client, subscribed))
                self._client = client  # a message that comes from now on can be answered
                self._rtt = _milliseconds(await foreign(client.confirm()))
            await self._serve(client, settings, subscribed)
        finally:
            self._client = None
            client.abort()
            with contextlib.suppress(Exception):
                await foreign(client.close(), _CLOSE_SECONDS)  # its tasks end

    async def _connect(self, client: NatsClient, settings: EngineSettings) -> None:
        context = await asyncio.to_thread(settings.context)
        connecting = True

        async def failed(error: Exception) -> None:
            if connecting:
                raise error  # nats-py would try again, with the same address
            self._went_wrong(error)

        async def ended() -> None:
            self._changed.set()

        await client.connect(
            [f"tls://{self._address}"],
            error_cb=failed,
            disconnected_cb=ended,
            closed_cb=ended,
            name=f"{settings.client} {self.name}",
            allow_reconnect=False,
            no_echo=True,
            connect_timeout=int(_CONNECT_SECONDS),
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=_UNANSWERED,
            tls=context,
            nkeys_seed_str=settings.seed.decode("ascii"),
            inbox_prefix=settings.inbox_prefix,
            pending_size=0,
        )
        connecting = False

    async def _serve(self, client: NatsClient, settings: EngineSettings, subscribed: _Subscribed) -> None:
        """Until the connection has ended, or has to end because there are other settings."""
        self._came_up(client)
        async with asyncio.TaskGroup() as tasks:
            measuring = tasks.create_task(self._measure(client))
            while client.is_connected and settings is self.settings:
                await foreign(self._subscribe(client, subscribed))
                self._rationed.tick(asyncio.get_running_loop().time())
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    # With a timeout, because nats-py calls nobody if closing fails.
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._changed.wait()
            measuring.cancel()
        self._reason = "settings changed" if client.is_connected else why(client.last_error)
        if "slow consumer" in self._reason:
            self.counts.slow += 1

    async def _subscribe(self, client: NatsClient, subscribed: _Subscribed) -> None:
        """Bring the subscriptions of the connection in line with those that are wanted."""
        now = asyncio.get_running_loop().time()
        for subject in [subject for subject, due in self._refused.items() if due <= now]:
            # An engine that is reloaded with other accounts keeps its connections, and says nothing.
            del self._refused[subject]
            if subject in subscribed:
                await subscribed.pop(subject).unsubscribe()
        for subject in [*self._handlers]:
            if subject not in subscribed:
                subscribed[subject] = await client.subscribe(subject)
        for subject in [*subscribed]:
            if subject not in self._handlers:
                await subscribed.pop(subject).unsubscribe()

    async def _measure(self, client: NatsClient) -> None:
        with contextlib.suppress(errors.Error):  # the connection has just ended
            while True:
                await asyncio.sleep(_MEASURE_SECONDS)
                self._rtt = _milliseconds(await foreign(client.round_trip()))

    def _came_up(self, client: NatsClient) -> None:
        self._is_up = True
        self._state = "connected"
        self._since = time.time()
        self._reason = ""
        self._connects += 1
        self._version = client.version
        log.say(log.INFO, "engine-connected", engine=self._address, use=self.name, version=self._version)
        if not is_fit(self._version):
            log.say(
                log.WARNING,
                "engine-unfit",
                engine=self._address,
                use=self.name,
                version=self._version,
                remedy=REMEDY,
            )
        self._tell()

    def _came_down(self) -> bool:
        """Whether there was a connection."""
        if not self._is_up:
            return False
        self._is_up = False
        self._rtt = None
        self._state = "connecting"
        self._since = time.time()
        self._tell()
        return True

    def _tell(self) -> None:
        for watcher in [*self._watchers]:
            try:
                watcher(self._is_up)
            except Exception as fault:
                log.exception("fault", fault, where=f"watcher of {self.name}")

    # -- what goes wrong without ending the connection ---------------------

    def _went_wrong(self, error: Exception) -> None:
        text = str(error)
        if "permissions violation" in text:
            self.counts.refused += 1
            self._rationed.say(log.WARNING, "engine-refused", self._address, use=self.name, reason=text)
            due = asyncio.get_running_loop().time() + _REFUSED_SECONDS
            for subject in self._handlers:
                # nats-py passes the engine's words on in lower case.
                if f'subscription to "{subject.lower()}"' in text:
                    self._refused[subject] = due
        self._changed.set()

    def _handler_failed(self, fault: Exception, subject: str) -> None:
        self.counts.faults += 1
        now = asyncio.get_running_loop().time()
        if now >= self._fault_due:
            self._fault_due = now + _FAULT_SECONDS
            log.exception("fault", fault, where=f"message to {subject}")


def _shuffled(addresses: Sequence[str]) -> list[str]:
    """So that not all processes come to the same engine."""
    return random.sample(addresses, len(addresses))


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
