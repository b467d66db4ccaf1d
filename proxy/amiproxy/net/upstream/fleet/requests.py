"""Requests: the actions that an edge has sent to the agents of one server, and their answers.

An action is sent once or not at all, never again.  So if no answer comes, nobody knows whether it was
executed, unless it certainly never reached an agent.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from amiproxy import log
from amiproxy.ami.relay import request_id_of
from amiproxy.core.fleet.following import Following
from amiproxy.core.fleet.parts import Parts
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.fleet.wire import ANSWER, Request, WireError, encode_request, parsed
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.answers.failures import NOT_CONNECTED, OUTCOME_UNKNOWN
from amiproxy.core.servers.tagged.exchange import EXPIRES
from amiproxy.net.fleet.channel import Channel, EngineDown

#: Seconds after its deadline after which an answer is given up here.  The core does so at the deadline.
_LATER: Final = 2.0
#: Most messages of an answer that are handed over in one turn of the loop.
_AT_ONCE: Final = 64
#: Bytes of the messages of all answers that may wait to be handed over, and what each takes besides its own.
_ROOM: Final = 64 << 20
_OBJECT_BYTES: Final = 48


class Answered(Protocol):
    """The part of a ``core.servers.server.Server`` that takes answers."""

    def answered(self, relay_id: bytes, messages: Sequence[bytes], *, last: bool) -> None:
        """Take a part of an answer; with ``last``, it ends."""

    def not_answered(self, relay_id: bytes, reason: bytes) -> None:
        """Nothing more comes of an answer."""


class RequestCounts:
    """Counters, all since the start of the process."""

    __slots__ = ("answered", "not_connected", "refused", "sent", "unknown")

    def __init__(self) -> None:
        #: Sent to an agent.
        self.sent = 0
        #: Of these: answered completely; refused by the agent; and those of which nobody knows the outcome.
        self.answered = self.refused = self.unknown = 0
        #: Not sent, or to nobody.
        self.not_connected = 0


class _Pending:
    """One action without a complete answer."""

    __slots__ = ("deadline", "parts", "queue", "relay_id", "seconds", "sent", "user")

    def __init__(self, relay_id: bytes, user: str, seconds: float, now: float) -> None:
        self.relay_id = relay_id
        self.user = user
        self.seconds = seconds
        self.sent = now
        self.deadline = now + seconds + _LATER
        self.parts = Parts()
        #: Messages that have arrived and are to be handed over.
        self.queue: deque[bytes] = deque()


class Requests:
    """See TaggedUpstream; only what concerns events is left out."""

    def __init__(
        self,
        server: str,
        edge: str,
        subjects: Subjects,
        channel: Channel,
        following: Following,
        taker: Answered,
        counts: RequestCounts | None = None,
    ) -> None:
        """``taker`` is given the answers, always in a later turn of the loop than the action was sent in."""
        self.counts = counts or RequestCounts()
        self._server = server
        self._edge = edge
        self._subjects = subjects
        self._channel = channel
        self._following = following
        self._taker = taker
        self._loop = asyncio.get_running_loop()
        self._inbox = f"{subjects.inbox(edge)}.{server}.act"
        self._pending: dict[str, _Pending] = {}
        #: Whose messages are to be handed over, in turn.
        self._waiting: deque[str] = deque()
        #: The bytes of all these messages.
        self._held = 0
        self._end: Callable[[], None] | None = None

    @property
    def pending(self) -> int:
        """The number of actions whose answers are not complete."""
        return len(self._pending)

    def begin(self) -> None:
        """Receive answers."""
        if self._end is None:
            self._end = self._channel.subscribe(f"{self._inbox}.*", self._received)

    def end(self) -> None:
        """Receive no more answers."""
        if self._end is not None:
            self._end()
            self._end = None

    def send_for(self, data: bytes, relay_id: bytes, on_behalf: OnBehalf | None, seconds: float) -> None:
        """See TaggedUpstream."""
        now = self._loop.time()
        following = self._following
        digits = request_id_of(relay_id)
        user, generation, session, address = on_behalf or ("", b"", "", "")
        milliseconds = int(min(seconds, EXPIRES) * 1000)
        request = Request(
            bytes.fromhex(digits),
            user,
            generation,
            session,
            address,
            following.epoch,
            following.agent_now(now) + milliseconds,
            data,
        )
        pending = _Pending(relay_id, user, seconds, now)
        self._pending[digits] = pending
        try:
            if following.agent is None or not following.is_up:
                raise EngineDown
            subject = self._subjects.actions(self._server, following.agent, self._edge)
            self._channel.publish(subject, encode_request(request), f"{self._inbox}.{digits}")
        except EngineDown:
            self._loop.call_soon(self._not_sent, digits)
        else:
            self.counts.sent += 1

    def lost(self) -> None:
        """The agent is not followed any more: await answers only to actions that it may still execute.

        The core has answered all others; see ``TaggedExchange``.
        """
        for digits, pending in [*self._pending.items()]:
            if pending.user and not pending.parts.begun:
                pending.deadline = min(pending.deadline, pending.sent + EXPIRES + _LATER)
            else:
                self._forget(digits, "the agent is not followed any more")

    def tick(self, now: float) -> None:
        """Give up what is overdue; ``now`` is loop time."""
        for digits, pending in [*self._pending.items()]:
            if now > pending.deadline:
                self._give_up(digits, "no answer in time")

    # -- answers -----------------------------------------------------------

    def _received(self, subject: str, _reply: str, data: bytes, nobody: bool) -> None:
        digits = subject.rpartition(".")[2]
        pending = self._pending.get(digits)
        if pending is None:
            return
        if nobody:
            self._not_sent(digits)
            return
        try:
            head, body = parsed(data)
            if head.kind != ANSWER:
                raise WireError("not an answer")
        except WireError:
            self._following.counts.malformed += 1
            return
        pending.deadline = self._loop.time() + pending.seconds + _LATER
        messages = pending.parts.take(head, body)
        pending.queue.extend(messages)
        self._held += _size_of(messages)
        if self._held > _ROOM:
            self._give_up(digits, "more answers wait than there is room for")
        elif digits not in self._waiting:
            self._hand_over(digits, pending)

    def _hand_over(self, digits: str, pending: _Pending) -> None:
        """Hand over what has arrived of an answer, or if that is much, the beginning of it."""
        queue, parts = pending.queue, pending.parts
        messages = [queue.popleft() for _ in range(min(len(queue), _AT_ONCE))]
        self._held -= _size_of(messages)
        if queue:
            self._taker.answered(pending.relay_id, messages, last=False)
            if not self._waiting:
                self._loop.call_soon(self._go_on)
            self._waiting.append(digits)
            return
        if parts.complete:
            del self._pending[digits]
            self.counts.answered += not parts.refused
            self.counts.refused += parts.refused
        if messages or parts.complete:
            self._taker.answered(pending.relay_id, messages, last=parts.complete)
        if parts.is_missing:
            self._give_up(digits, "a part of the answer is missing")

    def _go_on(self) -> None:
        digits = self._waiting.popleft()
        if self._waiting:
            self._loop.call_soon(self._go_on)
        pending = self._pending.get(digits)
        if pending is not None:
            self._hand_over(digits, pending)

    def _give_up(self, digits: str, reason: str) -> None:
        """The rest of the answer cannot be had, and what was executed is not known."""
        pending = self._pending[digits]
        self._forget(digits, reason)
        self._taker.not_answered(pending.relay_id, OUTCOME_UNKNOWN)

    def _forget(self, digits: str, reason: str) -> None:
        pending = self._pending.pop(digits)
        self._held -= _size_of(pending.queue)
        self.counts.unknown += 1
        log.say(
            log.WARNING,
            "action-unknown",
            server=self._server,
            user=pending.user or None,
            request=digits,
            reason=reason,
        )

    def _not_sent(self, digits: str) -> None:
        """Nobody has received the action."""
        pending = self._pending.pop(digits, None)
        if pending is not None:
            self._held -= _size_of(pending.queue)
            self.counts.not_connected += 1
            self._taker.not_answered(pending.relay_id, NOT_CONNECTED)


def _size_of(messages: Iterable[bytes]) -> int:
    return sum(len(message) + _OBJECT_BYTES for message in messages)
