"""Follower: a State at a real Asterisk without a proxy, and what the native lists say in comparison."""

import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple

from amiproxy.ami.message import Action
from amiproxy.core.audit.historycounts import HistoryCounts
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.item import Item
from amiproxy.core.history.state.kept import Kept
from amiproxy.core.history.state.kind import Drift, Kind, Maker
from amiproxy.core.history.state.seeding import ListReader, Lists
from amiproxy.core.history.state.state import State
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.core_doubles import HandClock

#: Seconds that Asterisk may take to come to rest.
_DEADLINE = 20.0


class _Answer:
    """An open list; its reader is given what a ``Collector`` is given."""

    def __init__(self, reader: ListReader) -> None:
        self.reader = reader

    def take(self, raw: bytes) -> bool:
        """Take a message of the answer, without its ActionID; returns whether it was the last."""
        if raw.startswith(b"Response:"):
            self.reader.response(raw)
            if b"\r\nEventList: start" in raw:
                return False
        elif b"\r\nEventList: Complete" not in raw:
            self.reader.item(raw)
            return False
        self.reader.ended()
        return True


class _Items:
    """Collects the items of a list for ``Follower.listed``."""

    def __init__(self) -> None:
        self.items: list[Fields] = []
        self.is_over = False

    def response(self, raw: bytes) -> None:
        """See ListReader."""

    def item(self, raw: bytes) -> None:
        """See ListReader."""
        self.items.append(Fields(raw))

    def ended(self) -> None:
        """See ListReader."""
        self.is_over = True

    def failed(self, reason: bytes) -> None:
        """See ListReader."""
        raise AssertionError(reason)


class Found(NamedTuple):
    """What an audit has found."""

    kind: str
    drift: Drift
    #: Key, field and value of what the list says otherwise.
    listed: list[tuple[bytes, bytes, bytes]]


class _Noting(State):
    """Keeps what audits have found."""

    def __init__(
        self, makers: Sequence[Maker], lists: Lists, counts: HistoryCounts, scheduler: HandClock
    ) -> None:
        super().__init__(makers, lists, counts, scheduler)
        self.found: list[Found] = []

    def _count(self, kept: Kept, drift: Drift) -> None:
        super()._count(kept, drift)
        values = kept.kind.by_key()
        listed = [
            (key, name, values[key].values.get(name, b"")) for key, name in drift.changed if key in values
        ]
        self.found.append(Found(kept.name, drift, listed))


class Follower:
    """Follows the kinds of these makers.  Nothing happens outside of ``pump`` and what calls it."""

    def __init__(self, asterisk: Asterisk, makers: Sequence[Maker]) -> None:
        self.clock = HandClock()
        self.counts = HistoryCounts()
        self._makers = {make(self.clock.now).name: make for make in makers}
        self.state = _Noting(makers, self, self.counts, self.clock)
        #: Every event so far.
        self.events: list[bytes] = []
        self._open: dict[bytes, _Answer] = {}
        self._rest = b""
        self._asked = 0
        self._socket = socket.create_connection((asterisk.host, asterisk.port))
        self._began = time.monotonic() - self.clock.now()
        self.do("Login", Username=asterisk.user, Secret=asterisk.secret)
        self.until(lambda: any(raw.startswith(b"Event: FullyBooted") for raw in self.events))
        self.state.begin()
        self.until(lambda: self.state.settled(self.state.kinds))

    def __enter__(self) -> "Follower":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._socket.close()

    # -- actions -----------------------------------------------------------

    def do(self, action: str, **headers: str) -> None:
        """Send an action whose answer does not matter."""
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def originate(self, channel: str, exten: str, context: str = "lab") -> None:
        """Call a channel and connect it to an extension."""
        self.do("Originate", Channel=channel, Context=context, Exten=exten, Priority="1", Async="yes")

    @property
    def lists_apart(self) -> bool:
        """See Lists."""
        return False

    def ask_list(self, action: Action, reader: ListReader, *, long: bool) -> None:
        """See Lists."""
        self._asked += 1
        action_id = b"list-%d" % self._asked
        self._open[action_id] = _Answer(reader)
        self._socket.sendall(action.serialise(action_id))

    def fault(self, error: Exception, where: str) -> None:
        """See Lists."""
        raise error

    # -- time --------------------------------------------------------------

    def pump(self, seconds: float) -> None:
        """Handle what Asterisk sends in this time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                data = b""
            else:
                if not data:
                    raise ConnectionError("end of stream")
            self._receive(data)

    def until(self, condition: Callable[[], bool]) -> None:
        """Handle what Asterisk sends until the condition is true."""
        give_up = time.monotonic() + _DEADLINE
        while not condition():
            assert time.monotonic() < give_up, "Asterisk did not come to that in time"
            self.pump(0.02)

    def _receive(self, data: bytes) -> None:
        self.clock.advance(time.monotonic() - self._began - self.clock.now())
        *messages, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for framed in messages:
            message = framed.lstrip(b"\r\n")  # Park's answer ends with one empty line more
            raw = message.removeprefix(b"Asterisk Call Manager/") + b"\r\n\r\n"
            lines = message.split(b"\r\n")
            owners = [line for line in lines if line.startswith(b"ActionID: list-")]
            if owners:
                action_id = owners[0].removeprefix(b"ActionID: ")
                if self._open[action_id].take(raw.replace(owners[0] + b"\r\n", b"")):
                    del self._open[action_id]
            elif raw.startswith(b"Event: "):
                self.events.append(raw)
                self.state.feed(raw)

    # -- comparison --------------------------------------------------------

    def items(self, kind: str) -> dict[bytes, Item]:
        """The items of a kind as the state has them."""
        return {item.key: item for item in self.state.present([kind])[kind]}

    def listed(self, kind: str) -> dict[bytes, Item]:
        """The items of a kind as the native lists have them now."""
        fresh: Kind = self._makers[kind](self.clock.now)
        answers: list[Fields] = []
        seeds = list(fresh.lists)
        for seed in seeds:
            answers += self._ask(seed.action)
        for seed in fresh.further(answers):
            answers += self._ask(seed.action)
        fresh.replace(answers)
        return fresh.by_key()

    def _ask(self, action: Action) -> list[Fields]:
        found = _Items()
        self.ask_list(action, found, long=False)
        self.until(lambda: found.is_over)
        return found.items

    def differing(self, kind: str) -> Drift:
        """What the native lists say otherwise than the state."""
        listed = self.listed(kind)
        return self._makers[kind](self.clock.now).told_otherwise(self.items(kind), listed)

    def settle(self, *kinds: str) -> None:
        """Wait until the state equals the native lists; fails with the difference if it does not."""
        give_up = time.monotonic() + _DEADLINE
        for kind in kinds or filter(self.state.is_known, self.state.kinds):
            while (found := self.differing(kind)).total:
                assert time.monotonic() < give_up, (kind, found, self._values(kind, found))
                self.pump(0.2)

    def _values(self, kind: str, drift: Drift) -> list[tuple[bytes, bytes, bytes, bytes]]:
        ours, theirs = self.items(kind), self.listed(kind)
        return [
            (key, name, ours[key].values.get(name, b""), theirs[key].values.get(name, b""))
            for key, name in drift.changed
            if key in ours and key in theirs
        ]
