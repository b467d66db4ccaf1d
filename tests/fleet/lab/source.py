"""A simulated Asterisk whose events are numbered and whose actions are counted, in a thread of its own."""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Self, TypeVar

from amiproxy.ami import privilege
from amiproxy.net.loop.eventloop import new_event_loop
from amiproxy.tools.simulator import Settings, Simulator, User
from amiproxy.tools.simulator.session import Session
from tests.support.ports import free_port
from tests.support.service import SECRET

T = TypeVar("T")

#: The classes of its events; each has numbers of its own.
CLASSES = ("call", "agent")
_BURST_SECONDS = 0.01
#: The user of the proxies may read every class, so that one of them stands for all.
_CALL = privilege.required_classes(b"call,all")
_FILLER = b"x" * 300


def numbered(server: str, name: str, number: int) -> bytes:
    """An event of a class; ``Stream`` and ``Number`` are what a ledger counts."""
    head = f"Event: Counted\r\nPrivilege: {name},all\r\nStream: {server}.{name}\r\nNumber: {number}\r\n"
    return head.encode() + b"Filler: " + _FILLER[: number * 41 % len(_FILLER)] + b"\r\n\r\n"


class _Noting(Simulator):
    """Notes each action, and when it got it."""

    def __init__(self, asked: Callable[[dict[str, str], float], None]) -> None:
        super().__init__([User("proxy", SECRET)], Settings(login_delay=0.0))
        self._asked = asked

    def note(self, raw: bytes) -> None:
        lines = (line.partition(": ") for line in raw.decode().split("\r\n"))
        self._asked({name: value for name, _, value in lines}, time.monotonic())


class Source:
    """The Asterisk of one server of the fleet; it may be restarted on the same port.

    ``rate`` is the number of its events in a second, of all classes together, while a proxy listens.
    """

    def __init__(self, server: str, rate: float = 0.0, port: int = 0) -> None:
        self.server = server
        self.rate = rate
        self.port = port or free_port()
        #: By class, the number of the next event.
        self.next = dict.fromkeys(CLASSES, 0)
        #: Its user events in the order of arrival: name and time.
        self.done: list[tuple[str, float]] = []
        #: How often each action arrived.
        self.asked: Counter[str] = Counter()
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._simulator: Simulator | None = None
        self._thread = threading.Thread(target=self._run)
        self._up = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def upstream(self) -> tuple[str, int, str, str]:
        """What a ProxyProcess takes."""
        return ("127.0.0.1", self.port, "proxy", SECRET)

    @property
    def links(self) -> int:
        """How many proxies are logged in now."""
        simulator = self._simulator
        return sum(session.user is not None for session in list(simulator.sessions)) if simulator else 0

    def reached(self, name: str) -> int:
        """The number of the newest event of a class; -1 before the first."""
        return self.next[name] - 1

    def send(self, raw: bytes) -> None:
        """Send one event to all that may see it."""
        self._call(lambda: self._simulator and self._simulator.broadcast(raw))

    def count(self, events: int) -> None:
        """Send so many numbered events of each class at once."""
        self._call(lambda: self._burst(events * len(CLASSES)))

    def reset(self) -> None:
        """End all connections with RST, and with them what is on its way."""
        self._call(lambda: self._simulator and self._simulator.faults.reset())

    def shut(self) -> None:
        """Stop listening and end all connections, as a killed Asterisk does."""
        self._await(self._shut)

    def open(self) -> None:
        """Listen again."""
        self._await(self._open)

    def script(self, action: str, answer: bytes) -> None:
        """Answer an action with these bytes, in which ``@@`` stands for its ActionID."""

        def script() -> None:
            assert self._simulator is not None
            self._simulator.script(action, lambda request: answer.replace(b"@@", request.action_id))

        self._call(script)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        await self._open()
        pumping = self._loop.create_task(self._pump())
        self._up.set()
        await self._stop.wait()
        pumping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pumping
        await self._shut()

    async def _open(self) -> None:
        self._simulator = _Noting(self._note)
        await self._simulator.start(port=self.port)

    def _note(self, headers: dict[str, str], now: float) -> None:
        action = headers.get("Action", "")
        self.asked[action] += 1
        if action == "UserEvent":
            self.done.append((headers["UserEvent"], now))

    async def _shut(self) -> None:
        simulator, self._simulator = self._simulator, None
        if simulator is not None:
            await simulator.stop()

    async def _pump(self) -> None:
        due, before = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(_BURST_SECONDS)
            now = time.monotonic()
            due += (now - before) * self.rate
            before = now
            if not self._listening():
                due = 0.0
                continue
            whole = int(due)
            due -= whole
            self._burst(whole)

    def _burst(self, events: int) -> None:
        """Send so many events, of the classes in turn."""
        burst = b""
        for _ in range(events):
            name = min(CLASSES, key=self.next.__getitem__)
            burst += numbered(self.server, name, self.next[name])
            self.next[name] += 1
        if burst:
            for session in self._listening():
                session.deliver(burst, _CALL)

    def _listening(self) -> list[Session]:
        simulator = self._simulator
        return [one for one in simulator.sessions if one.user is not None] if simulator else []

    def _call(self, work: Callable[[], object]) -> None:
        """Run it in the thread, and wait until it is done."""

        async def run() -> None:
            work()

        self._await(run)

    def _await(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return future.result(10)
