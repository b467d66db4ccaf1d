"""Correlator: whose answer is this?

Every action that goes upstream carries a relay id of ours: 128 random bits,
used once, never shown to a client.  An entry lives from the moment the action
is written until its last answer was read; when its asker has gone, or was told
that time is up, the entry stays as a tombstone that swallows the late answer.
After that, what a broadcast event may still echo (ami.md §5) is remembered for
a while.
"""

import secrets
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, Protocol

from proxy.ami.answers import UNKNOWN
from proxy.ami.message import Action
from proxy.ami.relay import RELAY_DIGITS, RELAY_MARK
from proxy.core.accounts import Account

#: Seconds for which a UserEvent or SIPQualifyPeerDone may follow its action.
_ECHO_SECONDS = 60.0
#: Relay ids whose random bits are drawn together.
_IDS_AT_ONCE: Final = 64


class Asker(Protocol):
    """Who gets the answer: a session."""

    @property
    def payer(self) -> str:
        """The user whose time it is that Asterisk spends on the action."""

    def reply(self, data: bytes) -> None:
        """Part of the answer, as the client shall see it."""

    def late(self, data: bytes) -> None:
        """Part of an answer that was finished, and went on all the same."""

    def finished(self) -> None:
        """The answer is complete; the next action may go."""

    def hit(self, limit: str, **fields: object) -> None:
        """The answer is over a limit."""


class Shape(Enum):
    """What kind of answer is awaited."""

    RESPONSE = "one response, or a list if it says so"
    LIST = "items until the list's Complete"
    ONE_EVENT = "one event behind the response"
    ORIGINATE = "the OriginateResponse of a rewritten Originate"
    OPEN = "whatever has its id, until the Pong of the Ping behind it"
    FENCED = "anything until the Pong of the Ping behind it"


class Entry:
    """One action upstream; ``asker`` is None for a tombstone and for the proxy's own actions."""

    __slots__ = (
        "account",
        "action",
        "answer",
        "asker",
        "began",
        "deadline",
        "echoed",
        "expected",
        "item_head",
        "item_head_sent",
        "items",
        "last",
        "own",
        "relay_id",
        "relayed",
        "responded",
        "seconds",
        "shape",
        "size",
    )

    def __init__(self, relay_id: bytes, asker: Asker | None, action: Action) -> None:
        self.relay_id = relay_id
        self.asker = asker
        self.action = action
        self.answer = UNKNOWN
        self.shape = Shape.RESPONSE
        self.began = 0.0
        self.deadline = 0.0
        self.last = 0.0
        self.items = 0
        #: How many of them were counted as the proxy's own work.
        self.relayed = 0
        #: Bytes of the answer so far.
        self.size = 0
        #: Its asker was given a response: another would be a second answer.
        self.responded = False
        #: The broadcast event that carries its id has come: no other will.
        self.echoed = False
        #: Whose time it takes, and what it has taken so far; None for the proxy's own actions.
        self.account: Account | None = None
        self.seconds = 0.0
        #: Seconds that it counts as long as it is on the link; see ``Accounts.sent``.
        self.expected = 0.0
        #: The first lines of the list's last item, name and relay id; b"" before one that had both there.
        self.item_head = b""
        #: The same as its asker was sent them.
        self.item_head_sent = b""
        #: For the proxy's own actions: takes the whole response.
        self.own: Callable[[bytes], None] | None = None


def _fresh_relay_ids() -> Iterator[bytes]:
    """Relay ids without end; the system is asked for the random bits of many at once."""
    while True:
        digits = secrets.token_hex(RELAY_DIGITS // 2 * _IDS_AT_ONCE).encode()
        for place in range(0, len(digits), RELAY_DIGITS):
            yield RELAY_MARK + digits[place : place + RELAY_DIGITS]


class Correlator:
    """Open entries by relay id, and the echoes of those that are answered."""

    __slots__ = ("_echoes", "_late", "_open", "_relay_ids")

    def __init__(self) -> None:
        self._relay_ids = _fresh_relay_ids()
        self._open: dict[bytes, Entry] = {}
        # relay id -> (forget at, client's ActionID); mostly in the order of expiry
        self._echoes: dict[bytes, tuple[float, bytes]] = {}
        # relay id -> (forget at, asker, client's ActionID), of answers that may go on behind their end
        self._late: dict[bytes, tuple[float, Asker, bytes]] = {}

    @property
    def awaits_answers(self) -> bool:
        """Whether any entry is open."""
        return bool(self._open)

    @property
    def remembered(self) -> int:
        """Echoes that may still come."""
        return len(self._echoes)

    def assign(self, asker: Asker | None, action: Action) -> Entry:
        """Open an entry under a fresh relay id."""
        entry = Entry(next(self._relay_ids), asker, action)
        self._open[entry.relay_id] = entry
        return entry

    def find(self, relay_id: bytes) -> Entry | None:
        """The open entry of this relay id."""
        return self._open.get(relay_id)

    def close(self, entry: Entry) -> None:
        """The last answer was read (or never will be): the relay id is no longer valid."""
        self._open.pop(entry.relay_id, None)

    def echo(self, entry: Entry, now: float, seconds: float = _ECHO_SECONDS) -> None:
        """Remember whose id a broadcast event may still carry, for this many seconds."""
        if entry.echoed:
            return
        self._echoes[entry.relay_id] = (now + seconds, entry.action.action_id)

    def echoed(self, relay_id: bytes) -> bytes | None:
        """The client's ActionID behind a relay id seen in a broadcast event; None if not ours.

        The entry may be open or answered.  b"" means that the client sent none.  There is
        one such event: an id is not looked up again, so that a flood of UserEvents is not kept.
        """
        entry = self._open.get(relay_id)
        if entry is not None:
            entry.echoed = True
            return entry.action.action_id
        late = self._late.get(relay_id)
        if late is not None:
            return late[2]
        echo = self._echoes.pop(relay_id, None)
        return echo[1] if echo is not None else None

    def keep_late(self, entry: Entry, until: float) -> None:
        """The answer is finished; what bears its id until then goes to its asker all the same."""
        if entry.asker is not None:
            self._late[entry.relay_id] = (until, entry.asker, entry.action.action_id)

    def late(self, relay_id: bytes, until: float) -> tuple[Asker, bytes] | None:
        """Whose finished answer goes on, with the client's ActionID; remembered for longer by that."""
        found = self._late.get(relay_id)
        if found is None:
            return None
        _, asker, action_id = found
        self._late[relay_id] = (until, asker, action_id)
        return asker, action_id

    def abandon(self, asker: Asker) -> None:
        """The asker has gone: its entries become tombstones."""
        for entry in self.entries_of(asker):
            entry.asker = None
        for relay_id in [relay_id for relay_id, late in self._late.items() if late[1] is asker]:
            del self._late[relay_id]

    def entries_of(self, asker: Asker) -> list[Entry]:
        """What this asker waits for."""
        return [entry for entry in self._open.values() if entry.asker is asker]

    def overdue(self, now: float) -> Iterator[Entry]:
        """Entries past their deadline; echoes past theirs are forgotten."""
        for relay_id in [relay_id for relay_id, (until, _) in self._echoes.items() if until < now]:
            del self._echoes[relay_id]
        for relay_id in [relay_id for relay_id, late in self._late.items() if late[0] < now]:
            del self._late[relay_id]
        yield from [entry for entry in self._open.values() if entry.deadline < now]

    def clear(self) -> list[Entry]:
        """The link is gone: all that was open, which nothing will answer any more."""
        entries = list(self._open.values())
        self._open.clear()
        self._echoes.clear()
        self._late.clear()
        return entries
