"""Structured logging: one line per fact, an event name and its fields, as key=value or JSON.

Everything that is logged goes through ``say``.  Fields never hold secrets:
callers name each value that they log, and never pass a whole message.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol, TextIO

_LOGGER: Final = logging.getLogger("amiproxy")

DEBUG: Final = logging.DEBUG
INFO: Final = logging.INFO
WARNING: Final = logging.WARNING
ERROR: Final = logging.ERROR

# sd-daemon(3): a line that starts with <n> has that priority in the journal.
_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_LONGEST = 256


def say(level: int, what: str, **fields: object) -> None:
    """Log one fact: ``what`` is the event name in lower case with hyphens.

    ``level`` is one of this module's levels.  Fields are written in the order given, without those that are
    None.  A value that is costly to compute may be given as a function, which is called only if the line is
    written.
    """
    if _LOGGER.isEnabledFor(level):
        found = {name: value() if callable(value) else value for name, value in fields.items()}
        _LOGGER.log(level, what, extra={"fields": found})


class Once:
    """``say`` without repetition: writes each distinct record once, and at most ``MOST`` records."""

    #: Bounds memory and log: clients can make up as many header names as they like.
    MOST: Final = 1000

    def __init__(self) -> None:
        self._said: set[tuple[object, ...]] = set()

    def say(self, level: int, what: str, **fields: object) -> None:
        """As ``say``, unless the same event has been logged with the same values."""
        record = (what, *fields.values())
        if record not in self._said and len(self._said) < self.MOST:
            self._said.add(record)
            say(level, what, **fields)


class Rationed:
    """``say`` for events that clients can cause at will: limits the lines per event name and period.

    Lines about unauthenticated clients are limited per peer and in total.  Each user has a ration of its
    own, which neither unauthenticated clients nor other users can use up.  Lines over a ration are only
    counted, and summed up in one line per event name (and user) when the next period begins.
    """

    #: Length of a period in seconds.
    PERIOD: Final = 10.0
    #: Lines with one event name per period: for one peer or one user.
    PER_PEER: Final = 10
    #: The same for all unauthenticated clients together.
    IN_ALL: Final = 100

    def __init__(self) -> None:
        self._began = 0.0
        # All are emptied at each period.  Until then an event name has no more peers than it had lines,
        # and no more users than there are in the user table, which bounds their size.
        self._said: dict[tuple[str, str], int] = {}
        self._said_of: dict[tuple[str, str], int] = {}
        self._kinds: dict[str, int] = {}
        self._suppressed: dict[tuple[str, str | None], int] = {}

    def say(self, level: int, what: str, peer: str, **fields: object) -> None:
        """As ``say``, about an unauthenticated client; ``peer`` is its address, which is logged first."""
        if not _LOGGER.isEnabledFor(level):
            return
        in_all, of_peer = self._kinds.get(what, 0), self._said.get((what, peer), 0)
        if in_all >= self.IN_ALL or of_peer >= self.PER_PEER:
            self._suppress(what, None)
            return
        self._kinds[what] = in_all + 1
        self._said[what, peer] = of_peer + 1
        say(level, what, peer=peer, **fields)

    def say_of(self, level: int, what: str, user: str, **fields: object) -> None:
        """As ``say``, about a user that is logged in; its name is logged first."""
        if not _LOGGER.isEnabledFor(level):
            return
        said = self._said_of.get((what, user), 0)
        if said >= self.PER_PEER:
            self._suppress(what, user)
            return
        self._said_of[what, user] = said + 1
        say(level, what, user=user, **fields)

    def _suppress(self, what: str, user: str | None) -> None:
        self._suppressed[what, user] = self._suppressed.get((what, user), 0) + 1

    def tick(self, now: float) -> None:
        """To be called once a second with monotonic seconds; begins the next period when one is over."""
        if now - self._began < self.PERIOD:
            return
        self._began = now
        self._said.clear()
        self._said_of.clear()
        self._kinds.clear()
        suppressed, self._suppressed = self._suppressed, {}
        for (what, user), lines in suppressed.items():
            say(WARNING, "log-suppressed", line=what, user=user, lines=lines, seconds=self.PERIOD)


def text_of(value: object) -> str:
    """A value as printable text: bytes, control characters and backslashes escaped, cut at 256 characters."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return _printable(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    # A character from 0x80 to 0xff came from a byte in an unknown encoding, so show the byte.
    return "".join(c if c.isprintable() and c < "\x7f" and c != "\\" else _escape(c) for c in text)


def _harmless(value: object) -> str:
    """As ``text_of``, for a quoted value in the form of Asterisk's log.

    Quotes and colons are escaped too.  A quote would end the value, so that a client could put
    another RemoteAddress after it; a colon would make fail2ban's filter read the line as another one.
    """
    return "".join(_escape(c) if c in '":' else c for c in text_of(value))


def asterisk_address(address: str, port: int) -> str:
    """A client's address as Asterisk's security log and events write it: ``IPV4/TLS/192.0.2.7/40000``."""
    return f"{'IPV6' if ':' in address else 'IPV4'}/TLS/{address}/{port}"


def _escape(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"  # otherwise text from a client could look like one of our escapes
    if code < 0x100:
        return f"\\x{code:02x}"
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Formatter(logging.Formatter):
    """The common part of both formats."""

    def __init__(self, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def prefix(self, record: logging.LogRecord) -> str:
        """The priority as the journal reads it, such as ``<6>``; "" without a journal."""
        return f"<{_PRIORITY.get(record.levelno, 6)}>" if self._journal else ""


class TextFormatter(_Formatter):
    """``time level what key=value …``; for the journal without time and level, which it keeps itself.

    A record with the field ``security_event`` has a second line in the form of Asterisk's
    own log, so that tools which watch that log (fail2ban's filter ``asterisk``) find it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, or two for a security event."""
        parts = [] if self._journal else [_stamp(record), record.levelname.lower()]
        parts.append(record.getMessage())
        for key, value in getattr(record, "fields", {}).items():
            if value is None:
                continue
            text = text_of(value)
            if not text or " " in text or '"' in text or "=" in text:
                text = '"' + text.replace('"', '\\"') + '"'
            parts.append(f"{key}={text}")
        traceback = _traceback(self, record)
        if traceback:
            parts.append('traceback="' + _printable(traceback).replace('"', '\\"') + '"')
        line = self.prefix(record) + " ".join(parts)
        return line + self._as_asterisk(record)

    def _as_asterisk(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        event, address = fields.get("security_event"), str(fields.get("peer", ""))
        if event is None:
            return ""
        shown = {
            "SecurityEvent": _harmless(event),
            "Severity": "Error",
            "Service": "AMI",
            "AccountID": _harmless(fields.get("user", "")),
            "SessionID": _harmless(fields.get("session", "")),
            # The client's port is of no use here, but the filter requires a number.
            "RemoteAddress": asterisk_address(address, 0),
        }
        said = ",".join(f'{key}="{value}"' for key, value in shown.items())
        stamp = "" if self._journal else f"{_stamp(record)} "
        return f"\n{self.prefix(record)}{stamp}NOTICE[{record.process}] ami-proxy: {said}"


class JsonFormatter(_Formatter):
    """One JSON object per line: time, monotonic seconds if given a clock, level, event, then the fields."""

    def __init__(self, journal: bool, clock: Callable[[], float] | None = None) -> None:
        super().__init__(journal)
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry: dict[str, object] = {"time": _stamp(record)}
        if self._clock is not None:
            # Records are formatted inside ``say``, so this is the time of the event.
            entry["monotonic"] = round(self._clock(), 6)
        entry["level"] = record.levelname.lower()
        entry["event"] = record.getMessage()
        for key, value in getattr(record, "fields", {}).items():
            if value is not None:
                entry[key] = value if isinstance(value, bool | int | float) else text_of(value)
        traceback = _traceback(self, record)
        if traceback:
            entry["traceback"] = traceback
        return self.prefix(record) + json.dumps(entry)


def _stamp(record: logging.LogRecord) -> str:
    # datetime, not time: core imports this module, and core modules may not import time.
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback as one text; callers escape it, since an exception's message may quote a client."""
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def exception(what: str, error: BaseException, **fields: object) -> None:
    """Log a bug of ours, an unexpected exception, with its traceback."""
    _LOGGER.error(what, exc_info=error, extra={"fields": fields})


class Outlet(Protocol):
    """Where log lines go; ``write`` is called once per line."""

    def write(self, text: str, /) -> int:
        """Take one line, its newline included."""

    def flush(self) -> None:
        """Called after each line."""

    def settle(self) -> None:
        """Block until every line so far is written."""


_outlet: Outlet | None = None


#: Handlers besides that of the output, with the level that each of them wants; None: what the output gets.
_listeners: dict[logging.Handler, int | None] = {}
#: The level of the output.
_level: int = logging.NOTSET


def listen(handler: logging.Handler, level: int | None = None) -> None:
    """Pass each record to this handler too, from now on and also after later calls of ``configure``.

    With ``level`` it gets the records of that level and above even if the output leaves them out.  A
    record's ``msg`` is the event name, and its ``fields`` are those of ``say``.  Call it again to change the
    level.
    """
    global _level  # noqa: PLW0603 - one per process, like the logger itself
    if not _listeners:
        _level = _LOGGER.level
    if handler not in _listeners:
        _LOGGER.addHandler(handler)
    _listeners[handler] = level
    _set_level()


def unlisten(handler: logging.Handler) -> None:
    """Undo ``listen``."""
    if _listeners.pop(handler, _LOGGER) is not _LOGGER:
        _LOGGER.removeHandler(handler)
        _set_level()


def _set_level() -> None:
    _LOGGER.setLevel(_level)
    lowest = min((level for level in _listeners.values() if level is not None), default=_level)
    if not _LOGGER.isEnabledFor(lowest):
        _LOGGER.setLevel(lowest)


def set_output(outlet: Outlet | None) -> None:
    """Write to this outlet from now on, also after later calls of ``configure``; None: to standard error."""
    global _outlet  # noqa: PLW0603 - one per process, like the logger itself
    _outlet = outlet
    for handler in _LOGGER.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(outlet or sys.stderr)


def settle() -> None:
    """Block until every line so far is written; never returns if the outlet is stuck."""
    if _outlet is not None:
        _outlet.settle()


def configure(
    style: str,
    level: str,
    stream: TextIO | None = None,
    journal: bool = False,
    clock: Callable[[], float] | None = None,
) -> None:
    """Set up the log: ``style`` is text or json; writes to standard error unless a stream is given.

    ``level`` is debug, info, warning or error, in any case.  ``journal`` says that standard error is the
    journal (systemd sets JOURNAL_STREAM), which records time and priority itself.  ``clock`` returns
    monotonic seconds, for json.  Raises ValueError for an unknown level.
    """
    handler = logging.StreamHandler(stream or _outlet or sys.stderr)
    handler.setFormatter(JsonFormatter(journal, clock) if style == "json" else TextFormatter(journal))
    handler.setLevel(level.upper())
    global _level  # noqa: PLW0603 - one per process, like the logger itself
    _level = handler.level
    _LOGGER.handlers[:] = [handler, *_listeners]
    _LOGGER.propagate = False
    _set_level()
