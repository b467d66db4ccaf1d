"""The proxy's own questions: one response."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")


def lines(*given: bytes) -> bytes:
    return b"\r\n".join(given) + b"\r\n\r\n"


def action(name: bytes) -> Action:
    return Action([(b"Action", name)])


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS)
    bench.link_up()
    return bench


class TestAsking:
    def test_the_response_is_given_unchanged(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        (asked,) = bench.upstream.take()
        raw = lines(b"Response: Success", b"ActionID: " + asked.get(b"actionid"), b"Value: 1")
        bench.feed(raw, raw)
        assert answers == [raw]
        assert bench.hub.server.exchange.in_flight == 0

    def test_it_is_not_called_without_a_link_or_when_the_link_is_lost(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        bench.hub.server.link_down("gone")
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        assert answers == []

    def test_it_is_not_called_if_the_response_is_too_long(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"ListCommands"), answers.append)
        (asked,) = bench.upstream.take()
        bench.hub.server.oversized(b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\nX: ")
        assert answers == []
        assert bench.hub.server.exchange.in_flight == 0

    def test_an_event_with_its_relay_id_is_no_answer(self, bench):
        answers: list[bytes] = []
        bench.hub.server.exchange.ask(action(b"Getvar"), answers.append)
        (asked,) = bench.upstream.take()
        bench.feed(lines(b"Event: Odd", b"ActionID: " + asked.get(b"actionid")))
        assert (answers, bench.hub.stats.events_dropped) == ([], 1)
        bench.answer(asked, b"")
        assert len(answers) == 1
