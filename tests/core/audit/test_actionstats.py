"""The labels and numbers under which actions are counted, whatever clients send."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.audit.actionstats import ActionStats
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench

BOSS = User("Boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
LOW = User("low", secret="plain:x")


@pytest.mark.parametrize(
    ("response", "result"),
    [(b"Success", "success"), (b"Follows", "success"), (b"Error", "error"), (b"", "none"), (b"Odd", "none")],
)
def test_responses_are_counted_under_a_few_results(response: bytes, result: str) -> None:
    stats = ActionStats()
    stats.answered(b"Ping", "u", response)
    assert stats.results == {(b"Ping", "u", result): 1}


def test_each_action_of_a_session_is_counted_once() -> None:
    bench = Bench(BOSS)
    bench.link_up()
    session, _ = bench.login("BOSS")
    session.receive(b"Action: ping\r\n\r\nAction: coreSTATUS\r\n\r\n")
    (asked,) = bench.upstream.take()
    bench.clock.advance(0.2)
    bench.answer(asked, b"")
    session.receive(b"Action: CoreStatus\r\n\r\n")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"Message: no\r\n", kind=b"Error")
    actions = bench.hub.stats.actions
    assert actions.results == {
        (b"Ping", "Boss", "local"): 1,
        (b"CoreStatus", "Boss", "success"): 1,
        (b"CoreStatus", "Boss", "error"): 1,
    }
    assert bench.hub.servers.first.counts.latencies[b"CoreStatus"].total == pytest.approx(0.2)


def test_unknown_actions_share_a_label_and_unauthenticated_clients_have_none() -> None:
    bench = Bench(LOW)
    bench.link_up()
    session, _ = bench.login("low")
    stranger, _ = bench.connect()
    for number in range(5):
        session.receive(b"Action: Made%d\r\n\r\n" % number)
        stranger.receive(b"Action: Made%d\r\n\r\n" % number)
    assert bench.hub.stats.actions.results == {(b"other", "low", "denied"): 5, (b"other", "", "denied"): 5}
