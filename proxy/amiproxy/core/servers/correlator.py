"""Correlator: matches Asterisk's answers to the actions they belong to.

Every action that goes upstream carries a relay id of the proxy's own: 128 random bits, used once, never
shown to a client.  An entry lives from when its action is written until the last message of its answer
was read.  If the requester has left, or was answered after a timeout, the entry stays as a tombstone that
swallows the late answer.  After that the client's ActionID is remembered for a while, because Asterisk
copies the relay id of some actions into a broadcast event: OriginateResponse, UserEvent and (Asterisk 16)
SIPQualifyPeerDone.
"""

# mypyc: compiled

import secrets
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from amiproxy.ami.answers import UNKNOWN
from amiproxy.ami.message import Action
from amiproxy.ami.relay import RELAY_DIGITS, RELAY_MARK
from amiproxy.core.servers.accounts import Account
from amiproxy.core.servers.requester import Requester

#: Seconds within which a UserEvent or SIPQualifyPeerDone may follow its action.
_ECHO_SECONDS = 60.0
#: Number of relay ids whose random bits are drawn in one call.
_IDS_AT_ONCE: Final = 64


class Shape(Enum):
    """The kind of answer that is expected."""

    RESPONSE = "one response, or an event list if the response says so"
    LIST = "items until the list's Complete"
    ONE_EVENT = "one event after the response"
    ORIGINATE = "the OriginateResponse of a rewritten Originate"
    OPEN = "every message with its id, until the Pong of a Ping sent after it"
    FENCED = "every message, until the Pong of a Ping sent after it"


class Entry:
    """One action sent upstream; ``requester`` is None for a tombstone and for the proxy's own actions."""

    __slots__ = (
        "account",
        "action",
        "answer",
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
        "requester",
        "responded",
        "seconds",
        "shape",
        "size",
    )

    def __init__(self, relay_id: bytes, requester: Requester | None, action: Action) -> None:
        self.relay_id = relay_id
        self.requester = requester
        self.action = action
        self.answer = UNKNOWN
        self.shape = Shape.RESPONSE
        self.began = 0.0
        self.deadline = 0.0
        self.last = 0.0
        self.items = 0
        #: How many of these items were already charged as work of the proxy itself.
        self.relayed = 0
        #: Bytes of the answer so far.
        self.size = 0
        #: Whether the requester was sent a response; an error response would then be a second answer.
        self.responded = False
        #: Whether the broadcast event with its relay id has arrived; there is only one.
        self.echoed = False
        #: The account that it is charged to (None for the proxy's own actions), and its seconds so far.
        self.account: Account | None = None
        self.seconds = 0.0
        #: Seconds that it is expected to take while it is on the link; see ``Accounts.sent``.
        self.expected = 0.0
        #: The first lines (event name, relay id) of the list's last item; b"" if it did not begin with both.
        self.item_head = b""
        #: The same lines as they were sent to the requester.
        self.item_head_sent = b""
        #: For the proxy's own actions: called with the whole response.
        self.own: Callable[[bytes], None] | None = None


def _fresh_relay_ids() -> Iterator[bytes]:
    """An endless supply of relay ids; the random bits of many are drawn in one system call."""
    while True:
        digits = secrets.token_hex(RELAY_DIGITS // 2 * _IDS_AT_ONCE).encode()
        for place in range(0, len(digits), RELAY_DIGITS):
            yield RELAY_MARK + digits[place : place + RELAY_DIGITS]


class Correlator:
    """Open entries by relay id, and echoes that answered ones may still have."""

    __slots__ = ("_echoes", "_late", "_open", "_relay_ids")

    def __init__(self) -> None:
        self._relay_ids = _fresh_relay_ids()
        self._open: dict[bytes, Entry] = {}
        # relay id -> (forget at, client's ActionID); mostly in the order of expiry
        self._echoes: dict[bytes, tuple[float, bytes]] = {}
        # relay id -> (forget at, requester, client's ActionID), for answers that may continue after their end
        self._late: dict[bytes, tuple[float, Requester, bytes]] = {}

    @property
    def awaits_answers(self) -> bool:
        """Whether any entry is open."""
        return bool(self._open)

    @property
    def remembered(self) -> int:
        """The number of echoes that may still come."""
        return len(self._echoes)

    def assign(self, requester: Requester | None, action: Action) -> Entry:
        """Open an entry under a new relay id."""
        entry = Entry(next(self._relay_ids), requester, action)
        self._open[entry.relay_id] = entry
        return entry

    def find(self, relay_id: bytes) -> Entry | None:
        """The open entry of this relay id; None if it is not open."""
        return self._open.get(relay_id)

    def close(self, entry: Entry) -> None:
        """Close an entry whose answer is complete or will never come: its relay id is no longer valid."""
        self._open.pop(entry.relay_id, None)

    def echo(self, entry: Entry, now: float, seconds: float = _ECHO_SECONDS) -> None:
        """Remember for this many seconds the ActionID of an entry whose relay id an event may still carry."""
        if entry.echoed:
            return
        self._echoes[entry.relay_id] = (now + seconds, entry.action.action_id)

    def echoed(self, relay_id: bytes) -> bytes | None:
        """The client's ActionID behind a relay id seen in a broadcast event; None if not ours.

        The entry may be open or answered.  b"" means that the client sent no ActionID.  An echo is
        forgotten when it was looked up, since there is only one such event per action: so a flood of
        UserEvents is not kept.
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
        """The answer is finished; messages with its relay id still go to its requester until this time."""
        if entry.requester is not None:
            self._late[entry.relay_id] = (until, entry.requester, entry.action.action_id)

    def late(self, relay_id: bytes, until: float) -> tuple[Requester, bytes] | None:
        """The requester and the client's ActionID of a finished answer that continues, or None.

        Each such message extends the time for which the answer is remembered, to ``until``.
        """
        found = self._late.get(relay_id)
        if found is None:
            return None
        _, requester, action_id = found
        self._late[relay_id] = (until, requester, action_id)
        return requester, action_id

    def abandon(self, requester: Requester) -> None:
        """The requester has left: turn its entries into tombstones."""
        for entry in self.entries_of(requester):
            entry.requester = None
        for relay_id in [relay_id for relay_id, late in self._late.items() if late[1] is requester]:
            del self._late[relay_id]

    def entries_of(self, requester: Requester) -> list[Entry]:
        """The open entries of this requester."""
        return [entry for entry in self._open.values() if entry.requester is requester]

    def overdue(self, now: float) -> Iterator[Entry]:
        """Entries past their deadline.  Echoes and late answers past theirs are forgotten."""
        for relay_id in [relay_id for relay_id, (until, _) in self._echoes.items() if until < now]:
            del self._echoes[relay_id]
        for relay_id in [relay_id for relay_id, late in self._late.items() if late[0] < now]:
            del self._late[relay_id]
        yield from [entry for entry in self._open.values() if entry.deadline < now]

    def clear(self) -> list[Entry]:
        """The link is lost: forget everything, and return the entries that were open."""
        entries = list(self._open.values())
        self._open.clear()
        self._echoes.clear()
        self._late.clear()
        return entries
