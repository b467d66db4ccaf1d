"""The journal: the log's lines as live streams for operators, chosen by kind, user, session and server.

It listens to the log (``amiproxy.log``), so a stream shows exactly what is logged.  While a line is logged,
only its fields are kept; they become text when they are sent.  A reader that is too slow loses lines, which
are counted; nothing waits for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple

from amiproxy import log
from amiproxy.core.model.users import folded
from amiproxy.net.admin.logkinds import kind_of

#: Lines that are kept for readers to come.
KEPT: Final = 200
#: Lines that wait for one reader; more are dropped and counted.
_ROOM: Final = 500
#: The kinds of lines about refusals; of logins only those that failed.
_REFUSING: Final = frozenset({"denial", "limit"})
_REFUSED_LOGIN: Final = "login-failed"
#: Longer values are cut when they are printed; no more is kept of them.
_LONGEST: Final = 300

Line = dict[str, object]


class Fact(NamedTuple):
    """One line of the log before it becomes text; ``at`` is in seconds since the epoch."""

    at: float
    level: int
    event: str
    fields: Mapping[str, object]

    @property
    def line(self) -> Line:
        """The names and values of ``log.format: json``, and ``kind``."""
        moment = datetime.fromtimestamp(self.at, UTC).replace(tzinfo=None)
        line: Line = {
            "time": f"{moment.isoformat(timespec='milliseconds')}Z",
            "level": logging.getLevelName(self.level).lower(),
            "event": self.event,
            "kind": kind_of(self.event),
        }
        for name, value in self.fields.items():
            if value is not None:
                line[name] = value if isinstance(value, bool | int | float) else log.text_of(value)
        return line


class Choice(NamedTuple):
    """Which lines a reader wants: of these kinds, and of this user, session and server unless they are ""."""

    kinds: frozenset[str]
    user: str = ""
    session: str = ""
    server: str = ""

    def admits(self, fact: Fact) -> bool:
        """Whether the reader wants this line."""
        return (
            kind_of(fact.event) in self.kinds
            and (not self.session or fact.fields.get("session") == self.session)
            and (not self.server or fact.fields.get("server") == self.server)
            and (not self.user or self._is_of(fact.fields.get("user")))
        )

    def _is_of(self, user: object) -> bool:
        # Names of users have no case, and a failed login has the name as the client spelled it.
        return user is not None and folded(log.text_of(user)) == folded(log.text_of(self.user))


class Journal(logging.Handler):
    """Takes the log's lines from ``open`` to ``close``: keeps the last ones, and passes all to the tails."""

    def __init__(self) -> None:
        super().__init__(log.INFO)
        self._kept: deque[Fact] = deque(maxlen=KEPT)
        #: The last about refusals: other lines come so often that they would soon take their place.
        self._refusals: deque[Fact] = deque(maxlen=KEPT)
        self._tails: list[Tail] = []
        self._is_open = False

    def open(self) -> None:
        """Begin to listen to the log."""
        self._is_open = True
        self._listen()

    def close(self) -> None:
        """Stop listening to the log."""
        self._is_open = False
        self._listen()
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler; called in the thread that logs, under the handler's lock."""
        try:
            fact = _fact(record)
            self._kept.append(fact)
            if kind_of(fact.event) in _REFUSING or fact.event == _REFUSED_LOGIN:
                self._refusals.append(fact)
            for tail in self._tails:
                tail.take(fact)
        except Exception:
            # As every handler does: a fault here must not reach the code that logs.
            self.handleError(record)

    def refusals(self, lines: int) -> list[Line]:
        """The last lines about denied actions, failed logins, limits and penalties, the oldest first."""
        self.acquire()
        try:
            kept = list(self._refusals)
        finally:
            self.release()
        return [fact.line for fact in kept[max(0, len(kept) - lines) :]]

    def add(self, tail: "Tail", lines: int) -> None:
        """Pass lines to this tail from now on, and at once the last ``lines`` that it wants."""
        self.acquire()
        try:
            wanted = (fact for fact in reversed(self._kept) if tail.choice.admits(fact))
            for fact in reversed(list(islice(wanted, lines))):
                tail.take(fact)
            self._tails.append(tail)
        finally:
            self.release()
        self._listen()

    def remove(self, tail: "Tail") -> None:
        """Pass no more lines to this tail."""
        self.acquire()
        try:
            self._tails.remove(tail)
        finally:
            self.release()
        self._listen()

    def _listen(self) -> None:
        if self._tails:
            # A reader gets lines of level info even if the log's own level is higher.
            log.listen(self, log.INFO)
        elif self._is_open:
            log.listen(self)
        else:
            log.unlisten(self)


class Tail:
    """One reader of the journal.  Use it in a ``with`` around ``lines``; ``last`` lines come first."""

    def __init__(self, journal: Journal, choice: Choice, last: int) -> None:
        self.choice = choice
        self._journal = journal
        self._last = last
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._facts: deque[Fact] = deque()
        # The first counter is changed where lines are logged, the second where they are read.
        self._dropped = 0
        self._told = 0

    def __enter__(self) -> "Tail":
        self._journal.add(self, self._last)
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.remove(self)

    def take(self, fact: Fact) -> None:
        """Keep a line for the reader if it wants it; called in any thread."""
        if not self.choice.admits(fact):
            return
        if len(self._facts) >= _ROOM:
            self._dropped += 1
            return
        self._facts.append(fact)
        if len(self._facts) == 1:
            self._loop.call_soon_threadsafe(self._awake.set)

    async def lines(self) -> AsyncIterator[Line]:
        """Yield the lines, without end; after lines that were dropped ``{"dropped": NUMBER}``."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._facts:
                yield self._facts.popleft().line
            dropped = self._dropped - self._told
            if dropped:
                self._told += dropped
                yield {"dropped": dropped}


def _fact(record: logging.LogRecord) -> Fact:
    fields: dict[str, object] = {
        name: value[:_LONGEST] if isinstance(value, str | bytes) else value
        for name, value in getattr(record, "fields", {}).items()
    }
    if record.exc_info is not None and record.exc_info[1] is not None:
        error = record.exc_info[1]
        fields["error"] = f"{type(error).__name__}: {error}"[:_LONGEST]
    return Fact(record.created, record.levelno, str(record.msg), fields)
