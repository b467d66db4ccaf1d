"""One log line per fact: an event name and its fields, as key=value or JSON.

Everything that is logged goes through ``say``.  Fields never hold secrets:
callers name what they log one by one, and no message body is ever a field.
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
    """Log one fact: ``what`` in lower case with hyphens, fields in the order given; None is left out.

    A field that costs something to find out may be a function, called only if there is to be a line.
    """
    if _LOGGER.isEnabledFor(level):
        found = {name: value() if callable(value) else value for name, value in fields.items()}
        _LOGGER.log(level, what, extra={"fields": found})


class Once:
    """``say`` for what is worth one line: the same record is written once, and at most ``MOST`` in all."""

    #: Names of headers are the clients' to make up.
    MOST: Final = 1000

    def __init__(self) -> None:
        self._said: set[tuple[object, ...]] = set()

    def say(self, level: int, what: str, **fields: object) -> None:
        """As ``say``, unless these very fields have been said."""
        record = (what, *fields.values())
        if record not in self._said and len(self._said) < self.MOST:
            self._said.add(record)
            say(level, what, **fields)


class Rationed:
    """``say`` for what others can cause at will: so many lines of a kind per peer and in all, and no more.

    Users have a ration each, which neither strangers nor other users can use up.
    The rest is counted and summed up, one line a kind, when the next ration begins.
    """

    #: Seconds that a ration is for.
    PERIOD: Final = 10.0
    #: Lines of one kind for one peer or one user, and of one kind in all for those who are nobody yet.
    PER_PEER: Final = 10
    IN_ALL: Final = 100

    def __init__(self) -> None:
        self._began = 0.0
        # All are emptied with each ration; there are no more peers than lines said of a kind, and
        # no more users than are known.
        self._said: dict[tuple[str, str], int] = {}
        self._said_of: dict[tuple[str, str], int] = {}
        self._kinds: dict[str, int] = {}
        self._suppressed: dict[tuple[str, str | None], int] = {}

    def say(self, level: int, what: str, peer: str, **fields: object) -> None:
        """As ``say``, with the peer's address as a field."""
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
        """As ``say``, about somebody who is logged in."""
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
        """Once a second, with monotonic time: the next ration begins when the old one's time is over."""
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
    """A value as printable text: bytes, control characters and backslashes escaped, long ones cut."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return _printable(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _printable(text: str) -> str:
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    # latin-1 above 0x7f came from bytes of unknown meaning: shown as what they are.
    return "".join(c if c.isprintable() and c < "\x7f" and c != "\\" else _escape(c) for c in text)


def _harmless(value: object) -> str:
    """As ``text_of``, for a quoted value in Asterisk's form.

    A quote would end it, and so could name another's address; behind a colon the
    filter takes the line for another.
    """
    return "".join(_escape(c) if c in '":' else c for c in text_of(value))


def _escape(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"  # or what a client sent could look like an escape of ours
    if code < 0x100:
        return f"\\x{code:02x}"
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Formatter(logging.Formatter):
    """Common parts of both formats."""

    def __init__(self, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def prefix(self, record: logging.LogRecord) -> str:
        """The journal's priority, or nothing."""
        return f"<{_PRIORITY.get(record.levelno, 6)}>" if self._journal else ""


class TextFormatter(_Formatter):
    """``time level what key=value …``; the journal adds its own time.

    A record with the field ``security_event`` has a second line, in the form of
    Asterisk's own log: what watches that (fail2ban's filter ``asterisk``) finds it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
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
        family = "IPV6" if ":" in address else "IPV4"
        shown = {
            "SecurityEvent": _harmless(event),
            "Severity": "Error",
            "Service": "AMI",
            "AccountID": _harmless(fields.get("user", "")),
            "SessionID": _harmless(fields.get("session", "")),
            # The port says nothing here, and the filter asks for a number.
            "RemoteAddress": f"{family}/TLS/{address}/0",
        }
        said = ",".join(f'{key}="{value}"' for key, value in shown.items())
        stamp = "" if self._journal else f"{_stamp(record)} "
        return f"\n{self.prefix(record)}{stamp}NOTICE[{record.process}] ami-proxy: {said}"


class JsonFormatter(_Formatter):
    """One JSON object a line: time, monotonic seconds if there is a clock, level, event, then the fields."""

    def __init__(self, journal: bool, clock: Callable[[], float] | None = None) -> None:
        super().__init__(journal)
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry: dict[str, object] = {"time": _stamp(record)}
        if self._clock is not None:
            # A line is formatted where it is said, so this is when.
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
    # datetime, not time: the core logs too, and may not know a clock.
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """As one text; on one line of the log, for an exception's words may be anybody's."""
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def exception(what: str, error: BaseException, **fields: object) -> None:
    """Log a fault of ours with its traceback."""
    _LOGGER.error(what, exc_info=error, extra={"fields": fields})


class Outlet(Protocol):
    """Where lines go, one call a line."""

    def write(self, text: str, /) -> int:
        """Take a line, its end included."""

    def flush(self) -> None:
        """Called behind each line."""

    def settle(self) -> None:
        """Wait until every line so far is out."""


_outlet: Outlet | None = None


def leave_by(outlet: Outlet | None) -> None:
    """Write to this from now on, whatever ``configure`` is called with later; None: to standard error."""
    global _outlet  # noqa: PLW0603 - as the logger itself, there is one for the process
    _outlet = outlet
    for handler in _LOGGER.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(outlet or sys.stderr)


def settle() -> None:
    """Wait until every line so far is out; with an outlet that is stuck that may be never."""
    if _outlet is not None:
        _outlet.settle()


def configure(
    style: str,
    level: str,
    stream: TextIO | None = None,
    journal: bool = False,
    clock: Callable[[], float] | None = None,
) -> None:
    """Set up the log: ``style`` text or json, to standard error unless a stream is given.

    ``journal``: standard error is the journal (systemd sets JOURNAL_STREAM), which keeps time
    and priority itself.  ``clock`` gives monotonic seconds, for json.
    """
    handler = logging.StreamHandler(stream or _outlet or sys.stderr)
    handler.setFormatter(JsonFormatter(journal, clock) if style == "json" else TextFormatter(journal))
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(level.upper())
    _LOGGER.propagate = False
