"""Reads client bytes as Asterisk does, quirks included.

This is deliberately not the proxy's own parser: the simulator stands for Asterisk, so
it must be deceived by what deceives Asterisk.  The reader follows ``get_input`` and
``do_message`` of manager.c: the buffer has 1024 bytes, a line ends at LF and loses one
CR before it, everything after a NUL is dropped, and only the last byte of a line that
does not fit is kept.  So if a client smuggles an action past the proxy inside another
one (request smuggling), the simulator reveals it.
"""

import enum

_BUFFER = 1024
_MAX_HEADERS = 128
#: ``ast_skip_blanks`` skips every byte below this one.
_FIRST_PRINTING = 33


class Problem(enum.Enum):
    """The reason why a message is refused; the value is Asterisk's text."""

    LINE_TOO_LONG = "Failed to parse message: line too long"
    TOO_MANY_LINES = "Too many lines in message or allocation failure"


class Request:
    """One message of a client: its lines as Asterisk keeps them, and its raw bytes."""

    __slots__ = ("lines", "problem", "raw")

    def __init__(self, lines: list[bytes], raw: bytes, problem: Problem | None = None) -> None:
        self.lines = lines
        self.raw = raw
        self.problem = problem

    def get(self, name: bytes, *, skip_empty: bool = False) -> bytes:
        """The first value of a header (its name in any case); b"" if the header is missing.

        A header is a line whose name begins in column 0 and is followed directly by the
        colon.  ``skip_empty`` skips empty values, as Asterisk does for ``Action``.
        """
        start = name.lower() + b":"
        for line in self.lines:
            if line[: len(start)].lower() == start:
                value = _skip_blanks(line[len(start) :])
                if value or not skip_empty:
                    return value
        return b""

    def text(self, name: str) -> str:
        """The same as text; bytes that are not UTF-8 are kept (``surrogateescape``)."""
        return self.get(name.encode()).decode("utf-8", "surrogateescape")

    @property
    def action(self) -> bytes:
        """The action's name as spelled: the first one that is not empty."""
        return self.get(b"action", skip_empty=True)

    @property
    def action_id(self) -> bytes:
        """The ActionID; b"" if the message has none."""
        return self.get(b"actionid")

    def variables(self) -> list[tuple[str, str]]:
        """The variables of the ``Variable`` headers, in the order Asterisk sets them: later ones first."""
        found: list[tuple[str, str]] = []
        for line in self.lines:
            if line[:9].lower() == b"variable:":
                value = _skip_blanks(line[9:]).decode("utf-8", "surrogateescape")
                for item in value.split(","):
                    name, equals, content = item.partition("=")
                    if equals:
                        found.append((name.strip(), content))
        found.reverse()
        return found


class RequestReader:
    """Turns bytes into requests, however the bytes were split on the way."""

    __slots__ = ("_buffer", "_lines", "_message", "_problem")

    def __init__(self) -> None:
        self._buffer = b""
        self._message = bytearray()
        self._lines: list[bytes] = []
        self._problem: Problem | None = None

    def feed(self, data: bytes) -> list[Request]:
        """The requests that ``data`` completed; an empty line alone is a request without lines."""
        self._buffer += data
        requests: list[Request] = []
        while True:
            end = self._buffer.find(b"\n", 0, _BUFFER)
            if end >= 0:
                line = self._buffer[:end].removesuffix(b"\r").partition(b"\0")[0]
                self._message += self._buffer[: end + 1]
                self._buffer = self._buffer[end + 1 :]
                if line:
                    self._keep(line)
                else:
                    requests.append(self._finish())
            elif len(self._buffer) >= _BUFFER:
                # The last byte is kept: it may be the CR of a CRLF.  That is why an LF after
                # exactly 1023 bytes and a CR is read as an empty line.
                self._message += self._buffer[: _BUFFER - 1]
                self._buffer = self._buffer[_BUFFER - 1 :]
                self._problem = Problem.LINE_TOO_LONG
            else:
                return requests

    def _keep(self, line: bytes) -> None:
        if len(self._lines) < _MAX_HEADERS:
            self._lines.append(line)
        else:
            self._problem = Problem.TOO_MANY_LINES

    def _finish(self) -> Request:
        request = Request(self._lines, bytes(self._message), self._problem)
        self._lines, self._problem = [], None
        self._message.clear()
        return request


def _skip_blanks(value: bytes) -> bytes:
    for position, byte in enumerate(value):
        if byte >= _FIRST_PRINTING:
            return value[position:]
    return b""
