"""Unread: what a web session has not been sent of its events, since its login.

Events of the servers are a position in the journal of each.  What no journal has is kept aside, within
bounds, with the positions that it follows: the proxy's own events, and messages for this client alone.
"""

# mypyc: compiled

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from amiproxy.ami import message, privilege
from amiproxy.core.clients.history.cursor import NO_END, Reader, Start
from amiproxy.core.clients.history.pieces import Pieces
from amiproxy.core.clients.principal import Principal
from amiproxy.core.context import Context
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.fanout.subscription import Subscription
from amiproxy.core.history.journal import PIECE
from amiproxy.core.model.encoding import AMI, Encoding
from amiproxy.core.servers.server import Server

#: Most messages that are kept aside for one session, and most bytes of them.
_MOST_ASIDE: Final = 64
_MOST_ASIDE_BYTES: Final = 32 << 10
#: Tells a client, whatever its classes, that it has missed events.
LOST: Final = message.event(b"EventsLost", (b"Privilege", b"system,all"))


class _Aside(NamedTuple):
    data: bytes
    #: By the server's name: the epoch of its journal, and the number of its last event then.
    after: dict[str, tuple[int, int]]


class Unread:
    """The events of one web session.  See ``Member`` in subscription.py, for the proxy's own."""

    __slots__ = (
        "_aside",
        "_aside_bytes",
        "_ctx",
        "_news",
        "_principal",
        "_readers",
        "_starts",
        "_turns",
        "_view",
        "found",
        "found_bytes",
        "keeps_aside",
        "outbox",
        "subscription",
    )

    def __init__(self, ctx: Context, principal: Principal, news: Callable[[], None]) -> None:
        """``news`` is called when something has been kept aside.  The client must have logged in."""
        self._ctx = ctx
        self._principal = principal
        self._news: Callable[[], None] = news
        #: Where it begins at each server that has a journal.
        self._starts = {
            server.name: start for server in principal.route.servers if (start := _end_of(server))
        }
        #: Made when they are needed first.
        self._readers: dict[str, Reader] = {}
        self._view: EventView | None = None
        #: Whose turn it is to be read: the names of the servers.
        self._turns: deque[str] = deque()
        self._aside: deque[_Aside] = deque()
        self._aside_bytes = 0
        #: Whether the client may ask for its events, so that they are kept aside.
        self.keeps_aside = False
        #: What has been read and not been sent yet: whole messages.
        self.found: list[bytes] = []
        self.found_bytes = 0
        self.subscription: Subscription | None = None
        self.outbox = Outbox(self, NO_END)

    # -- what no journal has; see Member -------------------------------------

    @property
    def view(self) -> EventView:
        """See Member."""
        if not self.keeps_aside:
            return EventView(None, (), self._wanted.own._replace(mask=0), named=False)
        return self._wanted._replace(numbered=False, own_only=True)

    @property
    def _wanted(self) -> EventView:
        """What the client may see.  Without a mask it is sent all it may read, as in Asterisk by HTTP."""
        principal = self._principal
        return principal.view_with(principal.mask or privilege.ALL)

    @property
    def encoding(self) -> Encoding:
        """See Member."""
        return AMI

    @property
    def payer(self) -> str:
        """See Member."""
        return self._principal.payer

    def deliver(self, data: bytes) -> None:
        """See Member."""
        self.keep(data)

    def fall_behind(self, data: bytes, taken: int) -> None:
        """See Member.  It takes everything."""

    def write(self, data: bytes, /) -> int:
        """See Sender."""
        self.keep(data)
        return len(data)

    def send(self, data: bytes | memoryview) -> int:
        """See Sender."""
        self.keep(bytes(data))
        return len(data)

    def keep(self, data: bytes) -> None:
        """Keep whole messages aside; the oldest are lost if there are too many."""
        if not self.keeps_aside:
            return
        after: dict[str, tuple[int, int]] = {}
        for server in self._principal.route.servers:
            journal = server.journal
            if journal is not None:
                after[server.name] = journal.epoch, journal.last
        self._aside.append(_Aside(data, after))
        self._aside_bytes += len(data)
        while len(self._aside) > _MOST_ASIDE or self._aside_bytes > _MOST_ASIDE_BYTES:
            oldest = self._aside.popleft()
            self._aside_bytes -= len(oldest.data)
            self._lose()
        self._news()

    # -- reading -----------------------------------------------------------

    def step(self, pieces: Pieces, most: int) -> bool:
        """Read about this many bytes of what is there; what is for the client is ``found``.

        False if there is no more.
        """
        self._look_again()
        after = self._aside[0].after if self._aside else {}
        for _ in range(len(self._turns)):
            name = self._turns[0]
            self._turns.rotate(-1)
            if self._read(self._readers[name], after.get(name), pieces, most):
                return True
        if not self._aside:
            return False
        oldest = self._aside.popleft()
        self._aside_bytes -= len(oldest.data)
        self._find(oldest.data)
        return True

    def take(self) -> bytes:
        """What was found, which counts as sent."""
        data = b"".join(self.found)
        self.found.clear()
        self.found_bytes = 0
        return data

    def _read(self, reader: Reader, after: tuple[int, int] | None, pieces: Pieces, most: int) -> bool:
        journal = reader.server.journal
        if journal is None:
            return False
        until = NO_END
        if after is not None:
            until = (
                after[1] if after[0] == reader.epoch else -1
            )  # what is to come first is of an earlier epoch
        if reader.is_valid and (reader.is_done or reader.sequence >= until):
            return False
        piece = reader.read(min(PIECE, most), pieces, until)
        if piece is None:
            self._lose()
            reader.sequence = journal.first - 1
            reader.epoch = journal.epoch
        elif piece.events:
            self._find(piece.data)
        return True

    def _lose(self) -> None:
        if not self.found or self.found[-1] != LOST:
            self._find(LOST)

    def _find(self, data: bytes) -> None:
        self.found.append(data)
        self.found_bytes += len(data)

    def _look_again(self) -> None:
        """Read as the rights are now, at the servers that the client has now."""
        view = self._wanted
        if view == self._view:
            return
        self._view = view
        readers: dict[str, Reader] = {}
        for server in self._principal.route.servers:
            reader = self._readers.get(server.name)
            if reader is not None:
                reader.judge_by(view, AMI)
            elif (start := self._starts.pop(server.name, None) or _end_of(server)) is not None:
                reader = Reader(start, view, AMI)
            else:
                continue
            readers[server.name] = reader
        self._readers = readers
        self._turns = deque(readers)


def _end_of(server: Server) -> Start | None:
    """Behind the newest event of this server; None if it has no journal."""
    journal = server.journal
    return None if journal is None else Start(server, journal.epoch, journal.last)
