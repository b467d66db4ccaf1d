"""Targets of the WebSocket door: its frames, and the JSON in them."""

import json
from collections.abc import Callable
from typing import Any, Final

from websockets.frames import Frame, Opcode

from amiproxy.ami.encodings.json import event_object
from amiproxy.ami.encodings.jsonactions import UnfitAction, action_of, object_in
from amiproxy.ami.encodings.jsonevents import event_message
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import parse_action
from amiproxy.ami.privilege import ALL
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http.websocket.connection import WebSocketConnection
from amiproxy.net.doors.http.websocket.jsonspeech import JsonSpeech, Wish
from amiproxy.net.doors.http.websocket.requests import Request
from tests.support.core_doubles import Bench, ListTransport, event

_DOORS: Final = frozenset({"ami", "ws"})


def json_codec(data: bytes) -> None:
    """Any bytes as an event are one line of JSON; any text as an action is one action, or is refused."""
    for text in (event_object(data), event_message(data)):
        assert b"\n" not in text
        assert b"\r" not in text
        assert isinstance(json.loads(text.decode()), dict)
    try:
        members = object_in(data)
        raw = action_of(members)
    except UnfitAction:
        return
    if raw == b"\r\n\r\n":
        return  # no header at all
    assert ActionFramer(1 << 24).feed(raw) == [raw]
    try:
        action = parse_action(raw)
    except ProtocolError:
        return
    assert {name.lower() for name, _ in action.headers} <= {name.lower().encode() for name in members}


class _Exchange:
    """An Exchange whose connection is a list."""

    def __init__(self) -> None:
        self.stream = ListTransport()
        self.request = self
        self.peer: Peer = self.stream.peer

    def take_over(self, _head: bytes, _taker: object) -> ListTransport:
        return self.stream

    def authenticated(self) -> None: ...

    def judged(self) -> None: ...


class _Clock:
    """A loop in which no time passes."""

    def time(self) -> float:
        return 0.0

    def call_later(self, _delay: float, _call: Callable[[], None]) -> "_Clock":
        return self

    def cancel(self) -> None: ...


def socket_frames(data: bytes) -> None:
    """Whatever a client sends in a WebSocket: it is sent whole frames, and others go on."""
    bench = Bench(*(User(name, ALL, ALL, secret="plain:x", doors=_DOORS) for name in ("boss", "clerk")))
    bench.link_up()
    _, neighbour = bench.login("clerk")
    exchange: Any = _Exchange()
    clock = _Clock()
    wish = Wish(Request("subscribe", b"", {}))
    socket = WebSocketConnection(
        exchange, JsonSpeech(wish, lambda *_: clock, takes_actions=True), clock, 4096
    )
    socket.start(b"", lambda transport: bench.hub.attach(transport, Entrance(door="ws")))
    login = b'{"type":"login","username":"boss","secret":"x"}'
    socket.receive(Frame(Opcode.TEXT, login).serialize(mask=True))
    half = len(data) // 2
    socket.receive(data[:half])
    socket.receive(data[half:])
    for message in bench.upstream.take():
        bench.answer(message, b"")
    bench.feed(event("Hangup", Channel="x"))
    bench.clock.advance(1.0)
    bench.hub.tick(bench.clock.now())
    _whole_frames(exchange.stream.take())
    assert not neighbour.closed
    assert neighbour.take().endswith(event("Hangup", Channel="x"))


def _whole_frames(data: bytes) -> None:
    """These are frames of a server: JSON texts, and nothing behind a close frame."""
    place, is_closed = 0, False
    while place < len(data):
        assert not is_closed, "a frame behind the close frame"
        first, length = data[place], data[place + 1]
        place += 2
        assert first & 0x70 == 0, "compressed"
        if length > 125:
            size = {126: 2, 127: 8}[length]
            length = int.from_bytes(data[place : place + size], "big")
            place += size
        payload = data[place : place + length]
        assert len(payload) == length, "half of a frame"
        place += length
        opcode = first & 0xF
        is_closed = opcode == Opcode.CLOSE
        if opcode == Opcode.TEXT:
            assert isinstance(json.loads(payload.decode()), dict)
        else:
            assert opcode in (Opcode.PONG, Opcode.CLOSE)
            assert length <= 125
