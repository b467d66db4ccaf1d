"""Opening: what a client of ``/events`` is sent first: what exists now, or what it has missed."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from amiproxy.ami.encodings import json
from amiproxy.ami.encodings.jsonsnapshots import Snapshot, in_parts, joined_groups
from amiproxy.ami.eventfilter import compile_advanced
from amiproxy.core.clients.session import Session
from amiproxy.core.model.state import OVER
from amiproxy.core.servers.answers.failures import TOO_LONG
from amiproxy.net.doors.http.api.events import rendering

#: Kinds that stand for no snapshot.
NO_SNAPSHOT: Final = b"none"
#: Bytes of JSON in one event of a snapshot; a larger one comes in parts.
_PART: Final = 1 << 20
_SNAPSHOT: Final = b'{"type":"snapshot",%b"seq":%b,"data":%b}'
_PART_OF_SNAPSHOT: Final = b'{"type":"snapshot","data":%b,"more":true}'
#: The reasons with which a session ends whose server is not connected, or that may not see what it asks for.
UPSTREAM_LOST: Final = "upstream lost"
REFUSED: Final = "stream refused"
#: How the texts end for one server, and for one of several.
_NOT_CONNECTED: Final = b"not connected"


class Wishes(NamedTuple):
    """What a client asks for, checked."""

    #: The value of ``EventMask``.
    mask: bytes = b"on"
    #: The only events that it wants, by name; all if there are none.
    events: Sequence[bytes] = ()
    #: The kinds of the snapshot, separated by commas; b"" for all, ``NO_SNAPSHOT`` for no snapshot.
    kinds: bytes = b""
    #: The position from which to resume; b"" for none.
    last: bytes = b""


class _Expected(NamedTuple):
    """An action whose answer has not come."""

    #: Takes each message of the answer.
    take: Callable[[bytes], None]
    #: Returns what the client is sent when the answer is complete.
    ended: Callable[[], bytes]


class Opening:
    """The AnswerWriter of a stream: it asks for what its client wishes, and writes the answers as events.

    ``framed`` makes what is sent of server-sent events; ``last`` is sent behind everything.
    """

    def __init__(self, wishes: Wishes, framed: Callable[[bytes], bytes], last: bytes) -> None:
        self._wishes = wishes
        self._framed = framed
        self._last = last
        self._session: Session | None = None
        self._expected: deque[_Expected] = deque()
        #: Whether a part of the next answer has come.
        self._answering = False
        #: The error with which the present answer says that its action failed; None if it does not.
        self._error: bytes | None = None
        self._snapshot = Snapshot()
        #: Whether the beginning is over, by which the client knows which links are up.
        self._is_live = False
        #: Whether the last thing that it was told about the link, apart from events, is that it is down.
        self._knows_down = False

    def begin(self, session: Session) -> None:
        """Ask for everything in this session, which has logged in without events."""
        self._session = session
        # Not by the action Filter, which Asterisk permits only with class system: to see less needs no right.
        session.principal.filters = tuple(
            [compile_advanced(b"name(%b)" % name, b"") for name in self._wishes.events]
        )
        if self._wishes.last:
            self._ask(b"ProxyResume", b"From: " + self._wishes.last, *self._events, ended=self._resumed)
        else:
            self._start()

    def end(self) -> None:
        """The session is over."""
        self._session = None

    @property
    def _events(self) -> tuple[bytes, bytes]:
        return b"EventMask: " + self._wishes.mask, b"ProxySequence: on"

    def _start(self) -> None:
        """Send what exists now, and the events from then on."""
        kinds = self._wishes.kinds
        if kinds == NO_SNAPSHOT:
            self._ask(b"Events", *self._events, ended=self._live)
        else:
            self._ask(b"Events", *self._events)
            wanted = (b"Kinds: " + kinds,) if kinds else ()
            self._ask(b"ProxySnapshot", *wanted, take=self._collect, ended=self._shown)

    def _ask(
        self,
        name: bytes,
        *headers: bytes,
        take: Callable[[bytes], None] | None = None,
        ended: Callable[[], bytes] | None = None,
    ) -> None:
        session = self._session
        if session is not None and session.state not in OVER:
            self._expected.append(_Expected(take or _nothing, ended or self._done))
            session.receive(b"\r\n".join((b"Action: " + name, *headers, b"", b"")))

    # -- answers; see AnswerWriter ------------------------------------------

    def banner(self, _banner: bytes) -> bytes:
        """See AnswerWriter."""
        return b""

    def answer(self, data: bytes) -> bytes:
        """See AnswerWriter."""
        messages = json.messages_in(data)
        if not self._answering and data.startswith(b"Event:"):
            return self._framed(b"".join(map(rendering.block, messages)))
        self._answering = True
        for raw in messages:
            if raw.startswith(b"Response: Error"):
                self._error = json.answer(raw).text
            elif self._expected:
                self._expected[0].take(raw)
        return b""

    def ended(self) -> bytes:
        """See AnswerWriter."""
        self._answering = False
        expected = self._expected.popleft() if self._expected else None
        sent = expected.ended() if expected is not None else b""
        self._error = None
        return self._framed(sent)

    def link(self, event: bytes) -> bytes:
        """See AnswerWriter."""
        if not self._is_live:
            return b""
        sent = rendering.block(event)
        self._knows_down = b'"state":"down"' in sent
        return self._framed(sent)

    def farewell(self, reason: str) -> bytes:
        """See AnswerWriter."""
        is_news = reason == UPSTREAM_LOST and not self._knows_down
        return (self._framed(rendering.link_down()) if is_news else b"") + self._last

    def _live(self) -> bytes:
        """The events are on, and no snapshot follows that would show which links are down."""
        session = self._session
        if session is None or self._error is not None:
            return self._done()
        self._is_live = True
        down = [server for server in session.servers if not server.exchange.connected]
        self._knows_down = bool(down)
        names = [server.name.encode() if session.bound is None else b"" for server in down]
        return b"".join(map(rendering.link_down, names))

    def _done(self) -> bytes:
        """An action has been answered without which the stream is not what its client asked for."""
        if self._error is not None:
            self._later(partial(self._give_up, self._error))
        return b""

    def _resumed(self) -> bytes:
        if self._error is None:
            self._is_live = True  # no link is down, or the position would not be known any more
            return rendering.named(b"resumed", b'{"type":"resumed"}')
        self._later(self._start)  # what was missed is not known any more
        return b""

    def _collect(self, raw: bytes) -> None:
        if self._error is not None:
            return
        self._snapshot.take(raw)
        session = self._session
        if session is not None and self._snapshot.size > session.ctx.limits.http_answer_bytes:
            self._snapshot, self._error = Snapshot(), TOO_LONG
            session.ctx.backpressure.too_slow(session, "http_answer_bytes")

    def _shown(self) -> bytes:
        snapshot, self._snapshot = self._snapshot, Snapshot()
        if self._error is not None or not snapshot.is_complete:
            self._later(partial(self._give_up, self._error))
            return b""
        *earlier, last = [joined_groups(part) for part in in_parts(snapshot.groups, _PART)]
        sent = [rendering.named(b"snapshot", _PART_OF_SNAPSHOT % data) for data in earlier]
        position = snapshot.sequence
        data = _SNAPSHOT % (snapshot.about, json.quoted(position), last)
        sent.append(rendering.named(b"snapshot", data, position))
        self._is_live = True
        return b"".join(sent)

    def _give_up(self, error: bytes | None) -> None:
        """End the stream; its client comes again after a moment, when there may be what is missing now."""
        if self._session is not None:
            refused = error is not None and not error.endswith(_NOT_CONNECTED)
            self._session.close(REFUSED if refused else UPSTREAM_LOST)

    def _later(self, call: Callable[[], None]) -> None:
        # Not at once: the session is in the middle of an answer.
        asyncio.get_running_loop().call_soon(call)


def _nothing(_raw: bytes) -> None:
    """The messages of an answer that is only waited for."""
