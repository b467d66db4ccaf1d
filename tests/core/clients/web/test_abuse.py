"""Web sessions: what a client cannot do by leaving early, and by asking for more than is served."""

import pytest

from tests.support.core_doubles import event
from tests.support.web_bench import AJAM, ELSEWHERE, HERE, LOGIN, WebBench

CHALLENGE = b"Action: Challenge\r\nAuthType: MD5\r\n\r\n"
WAIT = b"Action: WaitEvent\r\n\r\n"


@pytest.fixture
def bench():
    return WebBench()


def test_an_action_whose_client_has_left_does_not_wait_any_longer():
    bench = WebBench(in_flight_per_session=1)
    session = bench.log_in()
    bench.run(session, "Action: CoreStatus")
    got = []
    for number in range(100):
        leave = session.run(b"Action: CoreSettings\r\nActionID: %d\r\n\r\n" % number, got.append)
        leave()
    assert session.waiting == 0
    last = bench.run(session, "Action: Ping")
    bench.answer(*bench.upstream.take(), b"A: 1\r\n")
    bench.turns()
    assert last
    assert got == []


def test_wait_events_beyond_the_rate_of_their_session_take_no_lanes():
    bench = WebBench(action_rate=1, action_burst=1)
    session = bench.log_in()
    got = [bench.wait(session) for _ in range(50)]
    assert len(session.lanes) <= 3
    bench.clock.advance(100)
    bench.turns()
    assert all(got)


def test_wait_events_whose_clients_have_left_take_no_lanes():
    bench = WebBench(action_rate=1, action_burst=1)
    session = bench.log_in()
    for _ in range(50):
        leave = session.wait(WAIT, 50, lambda _: None)
        bench.turn()
        leave()
    assert len(session.lanes) <= 3


def test_the_last_of_many_wait_events_is_the_one_that_is_answered():
    bench = WebBench(action_rate=1, action_burst=1)
    session = bench.log_in()
    assert bench.wait(session, "0")[0].startswith(b"Response: Success")
    held, replaced, last = (bench.wait(session, "0") for _ in range(3))
    assert (held, replaced, last) == ([], [b""], [])
    bench.clock.advance(5)
    bench.turns()
    assert held == [b""] or held[0].startswith(b"Response: Success")
    assert last[0].endswith(b"Event: WaitEventComplete\r\n\r\n")


def test_a_wait_event_that_waits_for_another_can_be_left():
    bench = WebBench(action_rate=1, action_burst=1)
    session, got = bench.log_in(), []
    bench.wait(session, "0")
    held = bench.wait(session, "0")
    session.wait(WAIT, 50, got.append)()
    bench.clock.advance(5)
    bench.turns()
    assert held[0].startswith(b"Response: Success")
    assert got == []


def test_a_wait_event_that_was_left_before_it_began_takes_no_events():
    bench = WebBench(action_rate=1, action_burst=1)
    session, got = bench.log_in(), []
    bench.wait(session, "0")
    session.wait(WAIT, 50, got.append)()
    bench.clock.advance(5)
    bench.feed(event("Hold"))
    bench.turns()
    assert b"Event: Hold" in bench.wait(session)[0]
    assert got == []


def test_the_end_of_a_session_answers_every_wait_event():
    bench = WebBench(action_rate=1, action_burst=1)
    session = bench.log_in()
    bench.wait(session, "0")
    got = [bench.wait(session) for _ in range(3)]
    session.end("logoff")
    bench.turns()
    assert [len(one) for one in got] == [1, 1, 1]


def test_a_challenge_that_is_used_from_elsewhere_is_over(bench):
    keys = []
    bench.web.challenge(HERE, AJAM, CHALLENGE, lambda key, _: keys.append(key))
    bench.turn()
    before = bench.hub.unauthenticated
    bench.web.login(ELSEWHERE, AJAM, LOGIN, lambda *_: None, keys[0])
    bench.turns()
    assert (before, bench.hub.unauthenticated) == (1, 0)
