"""Messages: what a client sends (Action) and what Asterisk sends (Message).

The principle: a client's bytes are parsed once, by Asterisk's own rules, into
headers; every decision is made on those headers, and the bytes for Asterisk are
serialised from them and nothing else.  So no second parser can read the action
differently from the one that judged it.
"""

# mypyc: compiled

import re
from collections.abc import Iterable
from functools import lru_cache

from amiproxy.ami.errors import ControlCharacter, LineTooLong, TooManyHeaders

#: Bytes of a line, without its CRLF, that fit into Asterisk's buffer (measured: 1022 pass, 1023 do not).
MAX_LINE = 1022
#: Headers that Asterisk accepts in one message (AST_MAX_MANHEADERS in manager.h).
MAX_HEADERS = 128

#: Line ends of the longest message, including the empty line at its end.
_MOST_LINE_ENDS = MAX_HEADERS + 1
# TAB is the only control byte a value may hold; CR only as part of a line end.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)")
_NAME = re.compile(rb"[A-Za-z0-9_.()/-]{1,64}\Z")
#: Headers that an action has at most once.
_FRAME = frozenset({b"action", b"actionid"})
# The colon between a header's name and value, and the blanks that Asterisk skips before the value.
_SEPARATOR = re.compile(rb":[ \t]*")


class Action:
    """One action of a client, immutable.

    ``headers`` are (name, value) in the client's order and spelling, ``Action``
    and ``ActionID`` included, each at most once; ``name`` is the action's name
    as spelled and ``key`` the same in lower case; ``action_id`` is b"" if the
    client did not send one (Asterisk treats an empty one in the same way).

    A line of a UserEvent that has no colon is among the headers as well, with
    its text as name and an empty value; the lookup methods (``get`` etc.) skip it.

    ``expires`` is the time, in monotonic seconds, after which it must not be sent to Asterisk any more;
    0.0 for never.  It is set by ``until``; actions that the other methods derive do not have it.
    """

    __slots__ = ("_first", "_separators", "action_id", "expires", "headers", "key", "name")

    def __init__(
        self,
        headers: Iterable[tuple[bytes, bytes]],
        first: dict[bytes, bytes] | None = None,
        separators: tuple[bytes, ...] | None = None,
    ) -> None:
        """``first``: the first value of each header by its name in lower case; computed if None.

        ``separators``: the text between name and value of each header; None if all are ``: ``.
        """
        self.headers = tuple(headers)
        self._separators = separators
        if first is None:
            first = {}
            for name, value in self.headers:
                first.setdefault(name.lower(), value)
        self._first = first
        self.name = first.get(b"action", b"")
        self.key = self.name.lower()
        self.action_id = first.get(b"actionid", b"")
        self.expires = 0.0

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Action)
            and self.headers == other.headers
            and self._separators == other._separators
        )

    def __hash__(self) -> int:
        return hash(self.headers)

    def __repr__(self) -> str:
        # Values may be secrets: names only.
        return f"Action({self.name!r}, {[name for name, _ in self.headers]!r})"

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The first value of a header, by its name in lower case; ``default`` if it is missing."""
        return self._first.get(name, default)

    def has(self, name: bytes) -> bool:
        """Whether the header (name in lower case) is present, even if empty."""
        return name in self._first

    def has_only(self, names: frozenset[bytes]) -> bool:
        """Whether all headers are known to be among these names (in lower case); False for a UserEvent."""
        return self._separators is None and names.issuperset(self._first)

    def get_all(self, name: bytes) -> list[bytes]:
        """All values of a header, by its name in lower case, in order."""
        if self._separators is None:
            return [value for header, value in self.headers if header.lower() == name]
        return [
            header[1]
            for header, separator in zip(self.headers, self._separators, strict=True)
            if separator and header[0].lower() == name
        ]

    def without(self, *names: bytes) -> "Action":
        """The same action without these headers (names in lower case)."""
        kept = [number for number, header in enumerate(self.headers) if header[0].lower() not in names]
        separators = self._separators and tuple([self._separators[number] for number in kept])
        return Action([self.headers[number] for number in kept], None, separators)

    def with_header(self, name: bytes, value: bytes) -> "Action":
        """The same action with this header set: in place of its first occurrence, or at the end."""
        key = name.lower()
        if key not in self._first:
            return self.with_added([(name, value)])
        headers: list[tuple[bytes, bytes]] = []
        separators: list[bytes] = []
        placed = False
        for number, header in enumerate(self.headers):
            if header[0].lower() != key:
                headers.append(header)
            elif not placed:
                headers.append((header[0], value))
                placed = True
            else:
                continue
            separators.append(self._separators[number] if self._separators else b": ")
        return Action(headers, None, tuple(separators) if self._separators else None)

    def with_added(self, headers: Iterable[tuple[bytes, bytes]]) -> "Action":
        """The same action with these headers appended (``Variable`` may repeat)."""
        added = tuple(headers)
        separators = self._separators and self._separators + (b": ",) * len(added)
        return Action((*self.headers, *added), None, separators)

    def until(self, expires: float) -> "Action":
        """The same action, which expires at this time."""
        copy = Action(self.headers, self._first, self._separators)
        copy.expires = expires
        return copy

    def lines(self) -> list[bytes]:
        """Each header as the line sent to Asterisk, without line end; the ActionID as the client wrote it."""
        if self._separators is None:
            return [name + b": " + value for name, value in self.headers]
        return [
            header[0] + separator + header[1]
            for header, separator in zip(self.headers, self._separators, strict=True)
        ]

    def serialise(self, relay_id: bytes) -> bytes:
        """The bytes for Asterisk, with the relay id in place of the client's ActionID (or at the end).

        Lines end in CRLF, and the blank line is included.  Raises TooManyHeaders or LineTooLong if headers
        that the proxy added make the message longer than Asterisk accepts.
        """
        parts: list[bytes] = []
        placed = False
        separators = self._separators
        for number, (name, value) in enumerate(self.headers):
            separator = b": " if separators is None else separators[number]
            if len(name) == len(b"actionid") and separator and name.lower() == b"actionid":
                placed = True
                parts.append(name + b": " + relay_id)
            else:
                parts.append(name + separator + value)
        if not placed:
            parts.append(b"ActionID: " + relay_id)
        if len(parts) > MAX_HEADERS:
            raise TooManyHeaders(self.action_id)
        data = b"\r\n".join(parts)
        if len(data) > MAX_LINE and max(map(len, parts)) > MAX_LINE:
            raise LineTooLong(self.action_id)
        return data + b"\r\n\r\n"


def parse_action(raw: bytes) -> Action:
    """Parse one message of a client (as ActionFramer returned it), as Asterisk reads it.

    - Asterisk ignores a line without a colon, or with a blank before the colon or in
      column 0; such a line is left out here, so it is never sent on.
    - Blanks after the colon are skipped, trailing ones are kept.
    - The first occurrence of a header counts, even if empty; for ``Action`` the
      first non-empty one.  Later ones are left out, except ``Variable``, of which
      Asterisk uses them all.
    - Asterisk copies every line of a UserEvent, header or not, into an event.  So
      all of them are kept as written, except repeated ``Action`` and ``ActionID``.

    An action without a name has ``name == b""``.  An ActionID may fill its line: it never reaches
    Asterisk, which gets a relay id instead.

    Raises ControlCharacter (fatal), LineTooLong or TooManyHeaders (which refuse this message only).
    """
    # A message may have thousands of lines: do not split or search more of it than is looked at below.
    cut = raw.count(b"\n") > _MOST_LINE_ENDS
    if cut:
        raw = b"\n".join(raw.split(b"\n", _MOST_LINE_ENDS)[:_MOST_LINE_ENDS]) + b"\n"
    if _CONTROL.search(raw):
        raise ControlCharacter
    headers: list[tuple[bytes, bytes]] = []
    first: dict[bytes, bytes] = {}
    action_name = b""
    named_at = -1
    too_long = False
    count = 0
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            continue
        count += 1
        if count > MAX_HEADERS:
            raise TooManyHeaders(first.get(b"actionid", b""))
        if len(line) > MAX_LINE:
            too_long = True
            continue
        name, colon, value = line.partition(b":")
        key = _key_of(name) if colon else b""
        if not key:
            continue
        value = value.lstrip(b" \t")
        if key == b"action":
            if not action_name:
                action_name = value
            if named_at < 0:
                named_at = len(headers)
        if key not in first:
            first[key] = value
        elif key != b"variable":
            continue
        headers.append((name, value))
    if cut:
        raise TooManyHeaders(first.get(b"actionid", b""))
    if too_long:
        raise LineTooLong(first.get(b"actionid", b""))
    if action_name.lower() == b"userevent":
        return _verbatim(raw, action_name)
    if action_name != first.get(b"action", b""):
        # The position of the first Action header, with the value of the first non-empty one.
        headers[named_at] = headers[named_at][0], action_name
        first[b"action"] = action_name
    return Action(headers, first)


@lru_cache(maxsize=1024)
def _key_of(name: bytes) -> bytes:
    """A header's name in lower case; b"" if it is not valid.  Cached: clients use the same few names."""
    return name.lower() if _NAME.match(name) else b""


def _verbatim(raw: bytes, action_name: bytes) -> Action:
    headers: list[tuple[bytes, bytes]] = []
    separators: list[bytes] = []
    first: dict[bytes, bytes] = {}
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            continue
        found = _SEPARATOR.search(line)
        if found is None:
            headers.append((line, b""))
            separators.append(b"")
            continue
        name, value = line[: found.start()], line[found.end() :]
        key = name.lower()
        if key in first and key in _FRAME:
            continue
        counted = action_name if key == b"action" else value
        headers.append((name, counted))
        separators.append(found[0])
        first.setdefault(key, counted)
    return Action(headers, first, tuple(separators))


def response(kind: bytes, action_id: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """Bytes of a response in Asterisk's order: Response, ActionID unless empty, the other headers.

    A whole message, its blank line included.  ``kind`` is such as ``Success`` or ``Error``.
    """
    parts = [b"Response: " + kind]
    if action_id:
        parts.append(b"ActionID: " + action_id)
    for name, value in headers:
        parts.append(name + b": " + value)
    parts.append(b"\r\n")
    return b"\r\n".join(parts)


def error(action_id: bytes, text: bytes) -> bytes:
    """Bytes of ``Response: Error`` with this message; otherwise as ``response``."""
    return response(b"Error", action_id, (b"Message", text))


def success(action_id: bytes, text: bytes) -> bytes:
    """Bytes of ``Response: Success`` with this message; otherwise as ``response``."""
    return response(b"Success", action_id, (b"Message", text))


def event(name: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """Bytes of an event: the line ``Event``, the headers in order, the blank line."""
    parts = [b"Event: " + name]
    parts.extend(header + b": " + value for header, value in headers)
    parts.append(b"\r\n")
    return b"\r\n".join(parts)


class Message:
    """One message from Asterisk; its headers are parsed on first use.

    Lookup takes a name in lower case and finds the first occurrence.
    """

    __slots__ = ("_headers", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._headers: list[tuple[bytes, bytes]] | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """(name, value) of every line with a colon, in order and as spelled."""
        if self._headers is None:
            self._headers = []
            for line in self.raw.split(b"\n"):
                name, colon, value = line.partition(b":")
                if colon:
                    self._headers.append((name, value.removesuffix(b"\r").lstrip(b" \t")))
        return self._headers

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The first value of a header, by its name in lower case; ``default`` if it is missing."""
        for header, value in self.headers:
            if header.lower() == name:
                return value
        return default
