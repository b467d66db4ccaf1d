"""Sinks: what becomes of the answer to one action.  Each is given the answer message by message.

A long answer is sent in parts, all but the last one with ``"more": true``, so that no message exceeds 1 MiB
unless a single header of Asterisk's does.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from amiproxy.ami.encodings.json import action_id_of, event_object, quoted, server_of
from amiproxy.ami.encodings.jsonsnapshots import GROUPS
from amiproxy.ami.message import Message
from amiproxy.net.doors.http.websocket.frames import text
from amiproxy.net.doors.http.websocket.texts import array, id_, names

#: Bytes of a part; with the next item it is below 1 MiB.
_PART: Final = 256 << 10
_EVENT: Final = b"Event: "


class Sink(ABC):
    """Turns one answer into frames."""

    __slots__ = ()

    @abstractmethod
    def take(self, raw: bytes) -> bytes:
        """Take a message of the answer; returns frames that are to be sent now, if any."""

    @abstractmethod
    def end(self) -> bytes:
        """The answer is complete; returns its last frames."""


class Response(Sink):
    """A ``response`` with the events that belong to it."""

    __slots__ = ("_data", "_head", "_items", "_size")

    def __init__(self) -> None:
        self._head = b'{"type":"response",'
        #: The response itself, until it is sent.
        self._data = b""
        self._items: list[bytes] = []
        self._size = 0

    def take(self, raw: bytes) -> bytes:
        """See Sink."""
        if not raw.startswith(_EVENT):
            server = server_of(raw)
            self._head += id_(action_id_of(raw)) + (b'"server":%b,' % quoted(server) if server else b"")
            self._data = b'"data":%b,' % event_object(raw)
            return b""
        item = event_object(raw)
        part = self._part(b'"more":true,') if self._size + len(item) > _PART and self._items else b""
        self._items.append(item)
        self._size += len(item)
        return part

    def _part(self, more: bytes) -> bytes:
        events = b'"events":%b,' % array(self._items) if self._items else b""
        body = self._head + self._data + events + more
        self._data = b""
        self._items.clear()
        self._size = 0
        return text(body.removesuffix(b",") + b"}")

    def end(self) -> bytes:
        """See Sink."""
        return self._part(b"")


class Snapshot(Sink):
    """A ``snapshot``: the items of a ProxySnapshot, by kind; or what ``failed`` returns, given the reason."""

    __slots__ = ("_complete", "_error", "_failed", "_groups", "_head", "_server", "_size")

    def __init__(self, action_id: bytes, failed: Callable[[bytes], bytes]) -> None:
        self._head = b'{"type":"snapshot",' + id_(action_id)
        self._failed = failed
        self._error = b"Session closed"
        self._groups: dict[str, list[bytes]] = {}
        self._size = 0
        #: The server of the items that wait.
        self._server = b""
        self._complete: Message | None = None

    def take(self, raw: bytes) -> bytes:
        """See Sink."""
        if not raw.startswith(_EVENT):
            self._error = Message(raw).get(b"message")
            return b""
        name = raw[len(_EVENT) : raw.find(b"\r\n")]
        group = GROUPS.get(name)
        if group is None:
            complete = Message(raw)
            if complete.get(b"eventlist") == b"Complete":
                self._complete = complete
            else:
                self._error = b"The snapshot was interrupted"
            return b""
        item, server = event_object(raw), server_of(raw)
        is_full = self._size + len(item) > _PART or server != self._server
        part = self._part(b'"more":true,') if is_full and self._groups else b""
        self._server = server
        self._groups.setdefault(group, []).append(item)
        self._size += len(item)
        return part

    def _part(self, rest: bytes) -> bytes:
        server = b'"server":%b,' % quoted(self._server) if self._server else b""
        data = b",".join([b'"%b":%b' % (name.encode(), array(items)) for name, items in self._groups.items()])
        self._groups.clear()
        self._size = 0
        return text((b'%b%b"data":{%b},%b' % (self._head, server, data, rest)).removesuffix(b",") + b"}")

    def end(self) -> bytes:
        """See Sink."""
        complete = self._complete
        if complete is None:
            return self._failed(self._error)
        token = complete.get(b"sequence")
        rest = b'"kinds":%b,' % names(complete.get(b"kinds"))
        missing = complete.get(b"kindsmissing")
        if missing:
            rest += b'"kindsMissing":%b,' % names(missing)
        rest += b'"seq":%b,' % quoted(token) if token else b""
        servers, positions = complete.get(b"servers"), token.split(b".")
        if servers:
            here = [quoted(name.strip()) for name in servers.split(b",")]
            if len(here) == len(positions):
                pairs = [b"%b:%b" % (name, quoted(one)) for name, one in zip(here, positions, strict=True)]
                rest += b'"positions":{%b},' % b",".join(pairs)
            absent = complete.get(b"serversmissing")
            rest += b'"serversMissing":%b,' % names(absent) if absent else b""
        return self._part(rest)


class Quiet(Sink):
    """An action of the door's own, whose outcome becomes frames: ``done`` is given the response."""

    __slots__ = ("_done", "_response")

    def __init__(self, done: Callable[[Message], bytes]) -> None:
        self._done = done
        self._response = Message(b"Response: Error\r\nMessage: Session closed\r\n\r\n")

    def take(self, raw: bytes) -> bytes:
        """See Sink."""
        if not raw.startswith(_EVENT):
            self._response = Message(raw)
        return b""

    def end(self) -> bytes:
        """See Sink."""
        return self._done(self._response)
