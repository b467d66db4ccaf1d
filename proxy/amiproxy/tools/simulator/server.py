"""The simulator itself: a listening socket, its sessions, and the PBX behind them.

simulator = Simulator([User("proxy", "secret")])
await simulator.start()
... connect to 127.0.0.1, simulator.port ...
await simulator.stop()
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Self

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.tools.simulator import users as accounts
from amiproxy.tools.simulator.actions import offered_actions
from amiproxy.tools.simulator.calls.storm import storm_event
from amiproxy.tools.simulator.calls.timeline import Timeline
from amiproxy.tools.simulator.calls.traffic import Traffic
from amiproxy.tools.simulator.centre.traffic import CallCentre
from amiproxy.tools.simulator.misbehaviour.faults import Faults
from amiproxy.tools.simulator.pbx.state import Pbx
from amiproxy.tools.simulator.reading import Request
from amiproxy.tools.simulator.session import Offered, Session
from amiproxy.tools.simulator.settings import Settings
from amiproxy.tools.simulator.supervised import Tasks
from amiproxy.tools.simulator.users import User

#: Seconds between the bursts of a storm: as many writes as a busy Asterisk makes.
_STORM_INTERVAL = 0.005


class Simulator:
    """A small Asterisk.

    ``users`` are its manager users; if none are given, it has one with all classes and a
    random secret, found in ``user``.  ``sessions`` are the open connections, ``received``
    the raw messages of all clients in order of arrival, ``faults`` makes it misbehave,
    ``calls`` starts calls.
    """

    def __init__(self, users: Iterable[User] = (), settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.users = tuple(users) or (accounts.generated(),)
        self.user_names = {user.name.lower(): user for user in self.users}
        self._clock = _Clock(time.time() - self.settings.warm_up)
        self.pbx = Pbx(self._clock, self.settings.seed, self.settings.system_name)
        self.sessions: set[Session] = set()
        self.received: list[bytes] = []
        self.faults = Faults(lambda: self.sessions)
        self._offered = offered_actions(of_lines=self.settings.call_centre)
        self._tasks = Tasks()
        self._changed = asyncio.Event()
        self.timeline = Timeline(self._changed.set)
        calls = CallCentre if self.settings.call_centre else Traffic
        self.calls: Traffic = calls(self.pbx, self.timeline)
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Listen and start the calls; ``port`` is set afterwards.  Raises OSError if the port is in use.

        ``tls``: speak TLS, as Asterisk does on the port of ``tlsbindaddr``.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Session(self), host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.calls.rate(self.settings.calls_per_minute)
        self._warm_up()
        self._tasks.spawn(self._run_calls())

    def _warm_up(self) -> None:
        """Let the time until now pass at once."""
        while (due := self.timeline.next_due) is not None and due <= time.time():
            self._clock.stands_at = due
            self.timeline.advance(due)
        self._clock.stands_at = None

    async def stop(self) -> None:
        """Close everything.  Raises ExceptionGroup if a task of the simulator has failed."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.calls.rate(0)
        for session in list(self.sessions):
            session.abort()
        try:
            await self._tasks.end()
        finally:
            await self._empty.wait()

    @property
    def user(self) -> User:
        """The first manager user."""
        return self.users[0]

    async def until_received(self, part: bytes, times: int = 1) -> None:
        """Wait until ``received`` has so many messages that contain ``part``.  Without a time limit."""
        while sum(part in raw for raw in self.received) < times:
            self._news.clear()
            await self._news.wait()

    def inject(self, raw: bytes) -> None:
        """Send these bytes to every session, regardless of logins, classes, masks and faults."""
        for session in list(self.sessions):
            session.inject(raw)

    def broadcast(self, raw: bytes, classes: str | None = None) -> None:
        """Send an event to every session that may see it; its classes are those of its Privilege line.

        ``classes``, such as ``call,agent``, overrides them.  Raises UnknownPrivilege for an unknown class.
        """
        if classes is None:
            line = raw[: raw.find(b"\r\n\r\n")].split(b"\r\n", 2)[1]
            required = privilege.required_classes(line.partition(b": ")[2])
        else:
            required = privilege.parse_classes(classes)
        if self.settings.system_name:
            raw = _with_system_name(raw, self.settings.system_name)
        for session in list(self.sessions):
            session.deliver(raw, required)

    async def storm(self, per_second: float, total: int) -> None:
        """Send ``total`` events of one shape at this rate, each with its number and ``time.monotonic()``.

        ``per_second`` is in events; see ``storm_event`` for their shape.
        """
        required = privilege.required_classes(b"dialplan,all")
        began = time.monotonic()
        sent = 0
        while sent < total:
            now = time.monotonic()
            due = min(total, int((now - began) * per_second) + 1)
            burst = b"".join(storm_event(number, now) for number in range(sent, due))
            sent = due
            if burst:
                for session in list(self.sessions):
                    session.deliver(burst, required)
            await asyncio.sleep(_STORM_INTERVAL)

    def script(self, action: str, answer: Callable[[Request], bytes], classes: str | None = None) -> None:
        """Answer an action, whether known or new, with the bytes that ``answer`` makes from the request.

        The bytes are one or more whole messages.  ``classes`` defaults to those Asterisk has for the action,
        or to none if it has no such action.  Raises UnknownPrivilege for an unknown class.
        """
        key = action.lower().encode()
        listed = SHIPPED.find(key)

        async def run(session: Session, request: Request) -> None:
            session.send(answer(request))

        mask = privilege.parse_classes(classes) if classes is not None else listed.classes if listed else 0
        self._offered[key] = Offered(action, mask, "Scripted.", run)
        self._offered = dict(sorted(self._offered.items()))

    # The interface for sessions (``Host``).

    @property
    def offered(self) -> Iterable[Offered]:
        """Every action, in ListCommands' order."""
        return self._offered.values()

    def find(self, action: bytes) -> Offered | None:
        """An action by its name in any case."""
        return self._offered.get(action.lower())

    def user_named(self, name: str) -> User | None:
        """A manager user by its name in any case."""
        return self.user_names.get(name.lower())

    def logged_in(self, name: str) -> bool:
        """Whether a session of this user is up."""
        return any(session.user is not None and session.user.name == name for session in self.sessions)

    def note(self, raw: bytes) -> None:
        """A message of a client arrived."""
        self.received.append(raw)
        self._news.set()

    def arrived(self, session: Session) -> None:
        """A connection was accepted."""
        self.sessions.add(session)
        self._empty.clear()

    def left(self, session: Session) -> None:
        """A connection ended."""
        self.sessions.discard(session)
        if not self.sessions:
            self._empty.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a task that ends with the simulator."""
        return self._tasks.spawn(work)

    async def _run_calls(self) -> None:
        while True:
            self._changed.clear()
            now = self.pbx.clock()
            for raw in self.timeline.advance(now):
                self.broadcast(raw)
            due = self.timeline.next_due
            delay = None if due is None or due == float("inf") else max(0.0, due - self.pbx.clock())
            try:
                async with asyncio.timeout(delay):
                    await self._changed.wait()
            except TimeoutError:
                pass


class _Clock:
    """The time in seconds since the epoch, or the one at which it stands."""

    def __init__(self, stands_at: float) -> None:
        self.stands_at: float | None = stands_at

    def __call__(self) -> float:
        return time.time() if self.stands_at is None else self.stands_at


def _with_system_name(raw: bytes, name: str) -> bytes:
    """The event as an Asterisk with this ``systemname`` writes it: a header after Privilege."""
    event, privileges, body = raw.split(b"\r\n", 2)
    return b"\r\n".join((event, privileges, b"SystemName: " + name.encode(), body))
