"""Who gets events with positions, and since when."""

import logging

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.core.clients.session import Session
from amiproxy.core.model.users import User, UserTable
from tests.support.core_doubles import Bench, ListTransport, event

BOARD = User("board", read=privilege.ALL, secret="plain:x", history=True)
OTHER = User("other", read=privilege.ALL, secret="plain:x")


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOARD, OTHER)
    bench.link_up()
    return bench


def ask(session: Session, transport: ListTransport, *lines: str) -> Message:
    session.receive("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
    return Message(transport.take())


def log_in(bench: Bench, name: str, *more: str) -> tuple[Session, ListTransport, bytes]:
    session, transport = bench.connect()
    lines = ("Action: Login", f"Username: {name}", "Secret: x", *more)
    session.receive("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
    return session, transport, transport.take()


def position_of_next(bench: Bench, transport: ListTransport) -> bytes:
    transport.take()
    bench.feed(event("Newstate"))
    found = Message(transport.take())
    assert found.get(b"event") == b"Newstate"
    return found.get(b"proxysequence")


def token(bench: Bench) -> bytes:
    journal = bench.server().journal
    assert journal is not None
    return journal.token(journal.last)


def test_events_bear_their_positions_from_the_request_on(bench: Bench) -> None:
    session, transport = bench.login("board")
    assert not position_of_next(bench, transport)
    answer = ask(session, transport, "Action: Events", "EventMask: on", "ProxySequence: on")
    assert (answer.get(b"events"), answer.get(b"proxysequence")) == (b"On", b"on")
    assert position_of_next(bench, transport) == token(bench)
    answer = ask(session, transport, "Action: Events", "EventMask: call")
    assert not answer.get(b"proxysequence")
    assert position_of_next(bench, transport) == token(bench)
    answer = ask(session, transport, "Action: Events", "EventMask: call", "ProxySequence: no")
    assert answer.get(b"proxysequence") == b"off"
    assert not position_of_next(bench, transport)


def test_a_value_that_is_neither_changes_nothing(bench: Bench) -> None:
    session, transport = bench.login("board")
    answer = ask(session, transport, "Action: Events", "EventMask: off", "ProxySequence: perhaps")
    assert answer.get(b"response") == b"Error"
    assert not position_of_next(bench, transport)


def test_a_user_without_history_is_denied_and_keeps_its_events(bench: Bench) -> None:
    session, transport = bench.login("other")
    answer = ask(session, transport, "Action: Events", "EventMask: off", "ProxySequence: on")
    assert answer.get(b"message") == b"Permission denied"
    assert b"history: true" in answer.get(b"proxyreason")
    assert bench.hub.stats.actions_denied == 1
    assert not position_of_next(bench, transport)
    answer = ask(session, transport, "Action: Events", "EventMask: on", "ProxySequence: off")
    assert answer.get(b"response") == b"Success"


def test_a_login_may_ask_for_positions(bench: Bench) -> None:
    _, transport, answer = log_in(bench, "board", "ProxySequence: on")
    assert b"Message: Authentication accepted\r\nProxySequence: on\r\n\r\n" in answer
    assert position_of_next(bench, transport) == token(bench)


@pytest.mark.parametrize("asked", ["on", "off"])
def test_a_login_without_the_right_is_accepted_and_told(
    bench: Bench, caplog: pytest.LogCaptureFixture, asked: str
) -> None:
    with caplog.at_level(logging.WARNING):
        _, transport, answer = log_in(bench, "other", f"ProxySequence: {asked}")
    assert b"Message: Authentication accepted\r\nProxySequence: off\r\n\r\n" in answer
    assert bench.hub.stats.actions_denied == (asked == "on")
    assert ("action-denied" in caplog.text) is (asked == "on")
    assert not position_of_next(bench, transport)


def test_a_reload_that_takes_the_right_away_takes_the_positions_away(bench: Bench) -> None:
    session, transport = bench.login("board")
    ask(session, transport, "Action: Events", "EventMask: on", "ProxySequence: on")
    bench.hub.adopt(UserTable([User("board", read=privilege.ALL, secret="plain:x")]))
    assert not position_of_next(bench, transport)
    bench.hub.adopt(UserTable([BOARD]))
    assert position_of_next(bench, transport) == token(bench)
