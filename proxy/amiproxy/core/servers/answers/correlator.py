"""Correlator: finds the answer that a message of Asterisk's belongs to.

Every action that goes upstream carries a relay id of the proxy's own: 128 random bits, used once, never
shown to a client.  An answer is open from when its action is written until its last message was read.  If
the requester has left, or was answered after a timeout, it stays open without a requester, to drop late
messages.  After that the client's ActionID is remembered for a while, because Asterisk copies the relay
id of some actions into a broadcast event: OriginateResponse, UserEvent and (Asterisk 16)
SIPQualifyPeerDone.
"""

# mypyc: compiled

import secrets
from collections.abc import Iterator
from typing import Final

from amiproxy.ami.relay import RELAY_DIGITS, RELAY_MARK
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.requester import Requester

#: Number of relay ids whose random bits are drawn in one call.
_IDS_AT_ONCE: Final = 64


def _fresh_relay_ids() -> Iterator[bytes]:
    """An endless supply of relay ids; the random bits of many are drawn in one system call."""
    while True:
        digits = secrets.token_hex(RELAY_DIGITS // 2 * _IDS_AT_ONCE).encode()
        for place in range(0, len(digits), RELAY_DIGITS):
            yield RELAY_MARK + digits[place : place + RELAY_DIGITS]


class Correlator:
    """Open answers by relay id, and echoes that closed ones may still have.

    Times are in monotonic seconds.
    """

    __slots__ = ("_echoes", "_late", "_open", "_relay_ids")

    def __init__(self) -> None:
        self._relay_ids = _fresh_relay_ids()
        self._open: dict[bytes, PendingAnswer] = {}
        # relay id -> (forget at, client's ActionID); mostly in the order of expiry
        self._echoes: dict[bytes, tuple[float, bytes]] = {}
        # relay id -> (forget at, requester, client's ActionID), for answers that may continue after their end
        self._late: dict[bytes, tuple[float, Requester, bytes]] = {}

    @property
    def awaits_answers(self) -> bool:
        """Whether any answer is open."""
        return bool(self._open)

    @property
    def answers(self) -> list[PendingAnswer]:
        """All open answers."""
        return list(self._open.values())

    @property
    def remembered(self) -> int:
        """The number of echoes that may still come."""
        return len(self._echoes)

    def assign(self, answer: PendingAnswer) -> None:
        """Open an answer under a new relay id."""
        relay_id = answer.relay_id = next(self._relay_ids)
        self._open[relay_id] = answer

    def replace(self, answer: PendingAnswer) -> None:
        """Open an answer under the relay id that it has already, or has taken over from another one."""
        self._open[answer.relay_id] = answer

    def find(self, relay_id: bytes) -> PendingAnswer | None:
        """The open answer of this relay id; None if it is not open."""
        return self._open.get(relay_id)

    def close(self, answer: PendingAnswer) -> None:
        """Close an answer that is complete or will never come: its relay id is no longer valid."""
        self._open.pop(answer.relay_id, None)

    def echo(self, answer: PendingAnswer, until: float) -> None:
        """Remember until this time the ActionID of an answer whose relay id an event may still carry."""
        if answer.echoed:
            return
        self._echoes[answer.relay_id] = (until, answer.action.action_id)

    def echoed(self, relay_id: bytes) -> bytes | None:
        """The client's ActionID for a relay id seen in a broadcast event; None if not ours.

        The answer may be open or closed.  b"" means that the client sent no ActionID.  An echo is
        forgotten when it was looked up, since there is only one such event per action: so a flood of
        UserEvents is not kept.
        """
        answer = self._open.get(relay_id)
        if answer is not None:
            answer.echoed = True
            return answer.action.action_id
        late = self._late.get(relay_id)
        if late is not None:
            return late[2]
        echo = self._echoes.pop(relay_id, None)
        return echo[1] if echo is not None else None

    def keep_late(self, answer: PendingAnswer, until: float) -> None:
        """The answer is finished; messages with its relay id still go to its requester until this time."""
        if answer.requester is not None:
            self._late[answer.relay_id] = (until, answer.requester, answer.action.action_id)

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
        """The requester has left: detach it from its open answers."""
        for answer in self.answers_for(requester):
            answer.requester = None
        for relay_id in [relay_id for relay_id, late in self._late.items() if late[1] is requester]:
            del self._late[relay_id]

    def answers_for(self, requester: Requester) -> list[PendingAnswer]:
        """The open answers of this requester."""
        return [answer for answer in self._open.values() if answer.requester is requester]

    def overdue(self, now: float) -> Iterator[PendingAnswer]:
        """Open answers past their deadline.  Echoes and late answers past theirs are forgotten."""
        for relay_id in [relay_id for relay_id, (until, _) in self._echoes.items() if until < now]:
            del self._echoes[relay_id]
        for relay_id in [relay_id for relay_id, late in self._late.items() if late[0] < now]:
            del self._late[relay_id]
        yield from [answer for answer in self._open.values() if answer.deadline < now]

    def clear(self) -> list[PendingAnswer]:
        """The link is lost: forget everything, and return the answers that were open."""
        answers = list(self._open.values())
        self._open.clear()
        self._echoes.clear()
        self._late.clear()
        return answers
