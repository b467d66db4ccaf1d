"""Web sessions: how they log in, are found by requests, run actions, and end."""

import hashlib

import pytest

from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.users import UserTable
from tests.support.core_doubles import ListTransport, event
from tests.support.web_bench import AJAM, AMI_ONLY, API, BOSS, ELSEWHERE, HERE, LOGIN, MD5, WebBench


@pytest.fixture
def bench():
    return WebBench()


def test_a_login_makes_a_session_with_a_key_of_its_own(bench):
    one, other = bench.log_in(), bench.log_in()
    assert len(one.key) == 32
    assert one.key != other.key
    assert bench.web.find(one.key, HERE, AJAM) is one
    assert one.user is BOSS
    assert bench.hub.sessions_of(BOSS) == [one.main, other.main]


def test_an_action_is_answered_whole_and_later(bench):
    session = bench.log_in()
    got = []
    session.run(b"Action: Ping\r\n\r\n", got.append)
    assert got == []
    bench.turn()
    assert got[0].startswith(b"Response: Success\r\nPing: Pong\r\n")


def test_an_action_goes_to_asterisk_and_its_answer_comes_back(bench):
    session = bench.log_in()
    got = bench.run(session, "Action: CoreStatus\nActionID: 7")
    bench.answer(*bench.upstream.take(), b"CoreReloads: 0\r\n")
    bench.turn()
    assert got == [b"Response: Success\r\nActionID: 7\r\nCoreReloads: 0\r\n\r\n"]


def test_actions_of_one_session_run_in_parallel(bench):
    session = bench.log_in()
    first = bench.run(session, "Action: CoreStatus")
    second = bench.run(session, "Action: CoreSettings")
    asked, also = bench.upstream.take()
    assert bench.run(session, "Action: Ping")
    assert (first, second) == ([], [])
    bench.answer(asked, b"A: 1\r\n")
    bench.answer(also, b"A: 2\r\n")
    bench.turn()
    assert first == [b"Response: Success\r\nA: 1\r\n\r\n"]
    assert second == [b"Response: Success\r\nA: 2\r\n\r\n"]


def test_more_actions_than_in_flight_per_session_wait_in_order():
    bench = WebBench(in_flight_per_session=1)
    session = bench.log_in()
    first = bench.run(session, "Action: CoreStatus")
    second = bench.run(session, "Action: CoreSettings")
    third = bench.run(session, "Action: Ping")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"A: 1\r\n")
    bench.turn()
    assert first
    assert (second, third) == ([], [])
    bench.answer(*bench.upstream.take(), b"A: 2\r\n")
    for _ in range(3):
        bench.turn()
    assert second
    assert third


def test_a_user_without_the_door_is_refused_as_with_a_wrong_secret(bench):
    got = []
    action = LOGIN.replace(b"boss", b"ami")
    bench.web.login(HERE, AJAM, action, lambda session, answer: got.append((session, answer)))
    bench.clock.advance(0.9)
    assert got == []
    bench.clock.advance(0.2)
    assert got == [(None, b"Response: Error\r\nMessage: Authentication failed\r\n\r\n")]
    assert bench.hub.stats.refusals == {"door not permitted": 1}
    assert not bench.hub.sessions


def test_a_user_without_the_door_ami_cannot_log_in_there(bench):
    session, transport = bench.connect()
    session.receive(LOGIN)
    bench.clock.advance(1.1)
    assert b"Authentication failed" in transport.take()
    assert bench.hub.stats.refusals == {"door not permitted": 1}


def test_a_session_is_found_only_where_its_user_might_log_in(bench):
    session = bench.log_in()
    assert bench.web.find(b"0" * 32, HERE, AJAM) is None
    assert bench.web.find(session.key, HERE, Entrance(door="ami")) is None
    assert bench.web.find(session.key, HERE, Entrance("asterisk", door="ajam")) is None
    assert bench.web.find(session.key, ELSEWHERE, API) is session
    assert session.peer is ELSEWHERE


def test_logoff_ends_the_session_after_its_answer(bench):
    session = bench.log_in()
    ended = []
    session.on_end.append(lambda: ended.append(True))
    got = bench.run(session, "Action: Logoff")
    assert got[0].startswith(b"Response: Goodbye\r\n")
    assert (session.is_over, ended) == (True, [True])
    assert bench.web.find(session.key, HERE, AJAM) is None
    assert not bench.hub.sessions
    assert bench.run(session, "Action: Ping") == [b""]


def test_an_opened_session_is_logged_in_and_ends_with_the_web_session(bench):
    session = bench.log_in()
    transport = ListTransport()
    opened = session.open(transport, Entrance(door="ws"))
    assert opened in bench.hub.sessions_of(BOSS)
    transport.take()
    bench.feed(event("Hold"))
    assert transport.take() == event("Hold")
    session.end("kicked")
    assert b"ProxySessionEnd" in transport.take()
    assert transport.closed


def test_a_ticket_is_good_once_and_for_a_time(bench):
    session = bench.log_in()
    ticket = bench.web.ticket(session)
    assert bench.web.redeem(ticket, ELSEWHERE, Entrance(door="ws")) is session
    assert bench.web.redeem(ticket, ELSEWHERE, Entrance(door="ws")) is None
    late = bench.web.ticket(session)
    bench.clock.advance(31)
    assert bench.web.redeem(late, HERE, AJAM) is None


def test_a_client_that_has_proved_itself_enters(bench):
    session = bench.web.enter(HERE, AJAM, b"boss", "digest")
    assert bench.web.find(session.key, HERE, AJAM) is session
    assert bench.web.enter(HERE, AJAM, b"ami", "digest") == "door not permitted"
    assert bench.web.enter(HERE, AJAM, b"nobody", "digest") == "no such user"
    assert bench.web.enter(HERE, AJAM, b"boss", "certificate") == "wrong secret"


def test_equal_basic_credentials_find_the_same_session(bench):
    got = []
    for secret in (b"x", b"x", b"wrong"):
        bench.web.basic(HERE, API, b"boss", secret, lambda session, _: got.append(session))
    bench.turn()
    one, other = got
    assert one is other is not None
    bench.clock.advance(1.1)
    assert got[2] is None
    bench.web.basic(HERE, API, b"boss", b"x", lambda session, _: got.append(session))
    bench.turn()
    assert got[3] is one


def test_a_challenge_is_answered_by_a_login_with_its_key(bench):
    got = []
    ask = b"Action: Challenge\r\nAuthType: MD5\r\n\r\n"
    bench.web.challenge(HERE, AJAM, ask, lambda key, answer: got.append((key, answer)))
    bench.turn()
    ((key, answer),) = got
    challenge = answer.split(b"Challenge: ")[1].split(b"\r\n")[0]
    response = hashlib.md5(challenge + b"sekret").hexdigest().encode()
    login = b"Action: Login\r\nAuthType: MD5\r\nUsername: digest\r\nKey: " + response + b"\r\n\r\n"
    bench.web.login(HERE, AJAM, login, lambda session, _: got.append(session), key)
    bench.turn()
    assert got[1].user is MD5
    assert got[1].key != key


def test_a_disabled_user_loses_its_web_sessions(bench):
    session = bench.log_in()
    waiting = bench.run(session, "Action: CoreStatus")
    bench.hub.adopt(UserTable([AMI_ONLY]))
    bench.turn()
    assert session.is_over
    assert waiting[0].startswith(b"Response: Error\r\nMessage: Session closed: user removed")


def test_web_sessions_per_user_ends_the_longest_idle_one():
    bench = WebBench(web_sessions_per_user=2)
    first, second = bench.log_in(), bench.log_in()
    bench.clock.advance(1)
    bench.web.find(first.key, HERE, AJAM)
    third = bench.log_in()
    assert [one.is_over for one in (first, second, third)] == [False, True, False]
    assert bench.hub.stats.limits == {"web_sessions_per_user": 1}


def test_web_session_seconds_ends_a_session_however_it_is_used():
    bench = WebBench(web_session_seconds=100)
    session = bench.log_in()
    for _ in range(5):
        bench.clock.advance(25)
        bench.hub.tick(bench.clock.now())
        if bench.web.find(session.key, HERE, AJAM) is None:
            break
    assert session.is_over
    assert bench.hub.stats.limits == {"web_session_seconds": 1}


def test_http_answer_bytes_bounds_an_answer_that_is_kept():
    bench = WebBench(http_answer_bytes=2000)
    session = bench.log_in()
    got = bench.run(session, "Action: CoreShowChannels")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
    name = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    for _ in range(3):
        assert got == []
        bench.feed(b"Event: CoreShowChannel\r\n" + name + b"Channel: " + b"a" * 900 + b"\r\n\r\n")
    bench.turn()
    assert bench.hub.limit_state.backlog.size == 0
    assert bench.hub.stats.limits == {"http_answer_bytes": 1}
    assert len(got) == 1
    assert not session.is_over
