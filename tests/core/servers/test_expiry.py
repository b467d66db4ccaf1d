"""An action that has expired is not sent to Asterisk, however long it waits and wherever."""

import pytest

from amiproxy.ami.message import Action, Message
from amiproxy.core.servers.answers.failures import EXPIRED
from amiproxy.core.servers.outgoing import WINDOW
from tests.support.core_doubles import Bench


class Asker:
    on_behalf = None

    def __init__(self, payer: str) -> None:
        self.payer = payer
        self.heard = b""
        self.ends: list[bytes] = []

    def reply(self, data: bytes) -> None:
        self.heard += data

    def finished(self) -> None:
        self.ends.append(b"finished")

    def failed(self, data: bytes, reason: bytes) -> None:
        self.heard += data
        self.ends.append(reason)

    def hold_events(self) -> None:
        raise AssertionError


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.link_up()
    return bench


def submit(bench: Bench, name: bytes, seconds: float | None = None, payer: str = "boss") -> Asker:
    """Send an action that may wait this long; for ever if None."""
    asker = Asker(payer)
    action = Action([(b"Action", name), (b"ActionID", b"7")])
    if seconds is not None:
        action = action.until(bench.clock.now() + seconds)
    bench.server().exchange.submit(asker, action)
    return asker


def sent(bench: Bench) -> list[bytes]:
    return [action.get(b"action") for action in bench.upstream.take()]


def assert_expired(asker: Asker) -> None:
    assert asker.ends == [EXPIRED]
    answer = Message(asker.heard)
    assert (answer.get(b"response"), answer.get(b"actionid")) == (b"Error", b"7")


def test_at_its_time_an_action_is_still_sent_and_after_it_not(bench):
    assert submit(bench, b"QueueRule", 0.0).ends == []
    assert sent(bench) == [b"QueueRule"]
    assert_expired(submit(bench, b"QueueRule", -0.001))
    assert sent(bench) == []


def test_an_action_that_waits_for_a_place_expires_there(bench):
    for _ in range(WINDOW):
        submit(bench, b"QueueRule")
    waiting = submit(bench, b"Originate", 2.0, payer="other")
    patient = submit(bench, b"QueueRule", 60.0, payer="third")
    first, *_ = bench.upstream.take()
    bench.clock.advance(2.5)
    bench.answer(first, b"")
    assert_expired(waiting)
    assert patient.ends == []
    assert sent(bench) == [b"QueueRule"], "the place is given to the next one"


def test_an_action_that_has_to_be_alone_on_the_link_expires(bench):
    submit(bench, b"QueueRule")
    alone = submit(bench, b"ModuleLoad", 2.0)
    (first,) = bench.upstream.take()
    bench.clock.advance(2.5)
    bench.answer(first, b"")
    assert_expired(alone)
    assert sent(bench) == []


def test_a_list_query_that_waits_for_its_turn_expires(bench):
    submit(bench, b"QueueSummary")
    waiting = submit(bench, b"QueueSummary", 2.0)
    (first,) = bench.upstream.take()
    bench.clock.advance(2.5)
    bench.answer(first, b"", b"Error")
    bench.clock.advance(1.0)
    assert_expired(waiting)
    assert sent(bench) == []
