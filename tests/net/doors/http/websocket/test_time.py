"""Pings, heartbeats, and clients that are dead."""

from collections.abc import Callable
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.session import Session
from amiproxy.net.doors.http.websocket.connection import WebSocketConnection
from amiproxy.net.doors.http.websocket.frames import payloads
from amiproxy.net.doors.http.websocket.jsonspeech import JsonSpeech, Wish
from amiproxy.net.doors.http.websocket.requests import Request
from tests.net.doors.http.websocket.conftest import USERS
from tests.support.core_doubles import Bench, ListTransport


class Clock:
    """A loop whose calls are made by hand."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def time(self) -> float:
        return 0.0

    def call_later(self, _delay: float, call: Callable[[], None]) -> "Clock":
        self.due.append(call)
        return self

    def cancel(self) -> None: ...

    def pass_by(self) -> None:
        """Fifteen seconds pass."""
        due, self.due = self.due, []
        for call in due:
            call()


class Exchange:
    def __init__(self) -> None:
        self.stream = ListTransport()
        self.request = self
        self.peer = self.stream.peer

    def take_over(self, _head: bytes, _taker: object) -> ListTransport:
        return self.stream

    def authenticated(self) -> None: ...

    def judged(self) -> None: ...


@pytest.fixture
def dead() -> tuple[Clock, ListTransport, WebSocketConnection, Session]:
    """A socket that is logged in and wants no events, whose client sends nothing more."""
    bench = Bench(*USERS)
    bench.link_up()
    exchange: Any = Exchange()
    clock = Clock()
    wish = Wish(Request("subscribe", b"", {"classes": []}))
    socket = WebSocketConnection(
        exchange, JsonSpeech(wish, clock.call_later, takes_actions=True), clock, 4096
    )
    socket.start(b"", lambda transport: bench.hub.attach(transport, Entrance(door="ws")))
    login = b'{"type":"login","username":"wall","secret":"x"}'
    socket.receive(Frame(Opcode.TEXT, login).serialize(mask=True))
    exchange.stream.take()
    (session,) = bench.hub.sessions
    return clock, exchange.stream, socket, session


def test_a_client_without_events_is_sent_heartbeats_and_pings(dead) -> None:
    clock, sent, _socket, _ = dead
    clock.pass_by()
    assert list(payloads(sent.take())) == [b'{"type":"heartbeat"}']
    clock.pass_by()
    data = sent.take()
    assert data.startswith(b"\x89\x00")
    assert list(payloads(data)) == [b"", b'{"type":"heartbeat"}']


def test_a_client_that_answers_no_ping_is_given_up(dead) -> None:
    clock, sent, _socket, _session = dead
    for _ in range(5):
        clock.pass_by()
    assert not sent.closed
    clock.pass_by()
    assert sent.closed == "abort"


def test_a_client_that_answers_stays(dead) -> None:
    clock, sent, socket, _session = dead
    for _ in range(12):
        clock.pass_by()
        socket.receive(Frame(Opcode.PONG, b"").serialize(mask=True))
    assert not sent.closed


def test_a_client_that_does_not_read_is_sent_no_pings(dead) -> None:
    clock, sent, _socket, session = dead
    sent.room = 0
    for _ in range(12):
        clock.pass_by()
    sent.room = None
    while session.writable():
        pass
    assert b"\x89" not in sent.take()
    assert not sent.closed


def test_nothing_happens_after_the_end(dead) -> None:
    clock, sent, socket, session = dead
    session.close("shutdown")
    assert sent.take()[:4] == b"\x88\x0a\x03\xe9"
    socket.gone()
    clock.pass_by()
    socket.receive(b"\x81\x80\0\0\0\0")
    assert not socket.writable()
    socket.ended()
    socket.dismiss("kicked")
    assert sent.take() == b""
