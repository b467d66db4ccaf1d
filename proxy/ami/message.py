"""Messages: what a client asks (Action) and what Asterisk says (Message).

The one idea: a client's bytes are parsed once, with Asterisk's own rules, into
headers; every decision is made on those, and what goes upstream is serialised
from those and nothing else.  So there is no second reading to disagree with.
"""

import re
from collections.abc import Iterable

from proxy.ami.errors import ActionIDTooLong, ControlCharacter, LineTooLong, TooManyHeaders

#: Asterisk's line buffer, CRLF-terminated (ami.md §1.1: 1022 bytes pass, 1023 do not).
MAX_LINE = 1022
#: Headers Asterisk takes in one message (ami.md §1.1).
MAX_HEADERS = 128

# TAB is the only control byte a value may hold; CR only as part of a line end.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)")
_NAME = re.compile(rb"[A-Za-z0-9_.()/-]{1,64}\Z")
# A UserEvent is free text that Asterisk copies: blanks inside a name are common there.
_PAYLOAD_NAME = re.compile(rb"[!-9;-~\x80-\xff](?:[ -9;-~\x80-\xff]{0,62}[!-9;-~\x80-\xff])?\Z")


class Action:
    """One action of a client, immutable.

    ``headers`` are (name, value) in the client's order and spelling, ``Action``
    and ``ActionID`` included, each at most once; ``name`` is the action's name
    as spelled and ``key`` the same in lower case; ``action_id`` is b"" if the
    client sent none (an empty one counts as none, as in Asterisk).
    """

    __slots__ = ("_first", "action_id", "headers", "key", "name")

    def __init__(
        self, headers: Iterable[tuple[bytes, bytes]], first: dict[bytes, bytes] | None = None
    ) -> None:
        """``first``: the first value of each header by its name in lower case, where that is known."""
        self.headers = tuple(headers)
        if first is None:
            first = {}
            for name, value in self.headers:
                first.setdefault(name.lower(), value)
        self._first = first
        self.name = first.get(b"action", b"")
        self.key = self.name.lower()
        self.action_id = first.get(b"actionid", b"")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Action) and self.headers == other.headers

    def __hash__(self) -> int:
        return hash(self.headers)

    def __repr__(self) -> str:
        # Values may be secrets: names only.
        return f"Action({self.name!r}, {[name for name, _ in self.headers]!r})"

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The first value of a header, by its name in lower case; ``default`` if there is none."""
        return self._first.get(name, default)

    def has(self, name: bytes) -> bool:
        """Whether the header (name in lower case) is there, be it empty."""
        return name in self._first

    def get_all(self, name: bytes) -> list[bytes]:
        """All values of a header, by its name in lower case, in order."""
        return [value for header, value in self.headers if header.lower() == name]

    def without(self, *names: bytes) -> "Action":
        """The same action less these headers (names in lower case)."""
        return Action(header for header in self.headers if header[0].lower() not in names)

    def with_header(self, name: bytes, value: bytes) -> "Action":
        """The same action with this header set: in place of the first one, or at the end."""
        key = name.lower()
        if key not in self._first:
            return Action((*self.headers, (name, value)))
        headers: list[tuple[bytes, bytes]] = []
        placed = False
        for header in self.headers:
            if header[0].lower() != key:
                headers.append(header)
            elif not placed:
                headers.append((header[0], value))
                placed = True
        return Action(headers)

    def with_added(self, headers: Iterable[tuple[bytes, bytes]]) -> "Action":
        """The same action with these headers behind all others (``Variable`` may repeat)."""
        return Action((*self.headers, *headers))

    def serialise(self, relay_id: bytes) -> bytes:
        """The bytes for Asterisk, with our ActionID in place of the client's (or at the end).

        Raises TooManyHeaders or LineTooLong if what we added makes it more
        than Asterisk's reader takes.
        """
        parts: list[bytes] = []
        placed = False
        for name, value in self.headers:
            if name.lower() == b"actionid":
                placed = True
                parts.append(name + b": " + relay_id)
            else:
                parts.append(name + b": " + value)
        if not placed:
            parts.append(b"ActionID: " + relay_id)
        if len(parts) > MAX_HEADERS:
            raise TooManyHeaders(self.action_id)
        if max(map(len, parts)) > MAX_LINE:
            raise LineTooLong(self.action_id)
        parts.append(b"\r\n")
        return b"\r\n".join(parts)


def parse_action(raw: bytes, longest_id: int = MAX_LINE) -> Action:
    """Parse one message of a client (as ActionFramer returned it), by Asterisk's reading.

    - A line without a colon, with a blank before the colon or in column 0 is no
      header to Asterisk; it is left out here, so it never travels.
    - Blanks after the colon are skipped, trailing ones are kept.
    - The first occurrence of a header counts, even if empty; for ``Action`` the
      first non-empty one.  Later ones are left out, but for ``Variable`` and the
      payload of a UserEvent, where Asterisk takes them all.

    An action without a name has ``name == b""``.  An ActionID has at most ``longest_id`` bytes;
    by default as many as its line holds, for it stays here: Asterisk is sent one of our own.

    Raises ControlCharacter (fatal), LineTooLong, TooManyHeaders or
    ActionIDTooLong (this message only).
    """
    if _CONTROL.search(raw):
        raise ControlCharacter
    pairs: list[tuple[bytes, bytes, bytes]] = []
    action_name = b""
    action_id: bytes | None = None
    too_long = False
    count = 0
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            continue
        count += 1
        if count > MAX_HEADERS:
            raise TooManyHeaders(action_id or b"")
        if len(line) > MAX_LINE:
            too_long = True
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            continue
        value = value.lstrip(b" \t")
        key = name.lower()
        if key == b"action":
            action_name = action_name or value
        elif key == b"actionid" and action_id is None:
            action_id = value
        pairs.append((name, key, value))
    if too_long:
        raise LineTooLong(action_id or b"")
    if action_id is not None and len(action_id) > longest_id:
        raise ActionIDTooLong(action_id)
    return _canonical(pairs, action_name)


def _canonical(pairs: list[tuple[bytes, bytes, bytes]], action_name: bytes) -> Action:
    payload = action_name.lower() == b"userevent"
    is_name = (_PAYLOAD_NAME if payload else _NAME).match
    headers: list[tuple[bytes, bytes]] = []
    first: dict[bytes, bytes] = {}
    for name, key, value in pairs:
        repeats = key in first
        if repeats and key != b"variable" and not (payload and key not in {b"action", b"actionid"}):
            continue
        if not is_name(name):
            continue
        counted = action_name if key == b"action" else value
        headers.append((name, counted))
        if not repeats:
            first[key] = counted
    return Action(headers, first)


def response(kind: bytes, action_id: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """Bytes of a response in Asterisk's order: Response, ActionID if there is one, the rest."""
    parts = [b"Response: " + kind]
    if action_id:
        parts.append(b"ActionID: " + action_id)
    parts.extend(name + b": " + value for name, value in headers)
    parts.append(b"\r\n")
    return b"\r\n".join(parts)


def error(action_id: bytes, text: bytes) -> bytes:
    """Bytes of ``Response: Error`` with this message."""
    return response(b"Error", action_id, (b"Message", text))


def success(action_id: bytes, text: bytes) -> bytes:
    """Bytes of ``Response: Success`` with this message."""
    return response(b"Success", action_id, (b"Message", text))


def event(name: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """Bytes of an event."""
    parts = [b"Event: " + name]
    parts.extend(header + b": " + value for header, value in headers)
    parts.append(b"\r\n")
    return b"\r\n".join(parts)


class Message:
    """One message of Asterisk; headers are looked up only when somebody asks.

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
        """The first value of a header, by its name in lower case."""
        for header, value in self.headers:
            if header.lower() == name:
                return value
        return default
