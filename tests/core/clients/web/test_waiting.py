"""WaitEvents of web sessions: what ends them, and what they are answered."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.web.unread import LOST
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import HandClock, PlainSealer, event
from tests.support.web_bench import AJAM, AMI_ONLY, API, BOSS, DOORS, HERE, WebBench

QUIET = User(
    "quiet", read=privilege.ALL & ~privilege.SECURITY, write=privilege.ALL, secret="plain:x", doors=DOORS
)
BEGIN = b"Response: Success\r\nMessage: Waiting for Event completed.\r\n\r\n"
END = b"Event: WaitEventComplete\r\n\r\n"
EMPTY = BEGIN + END


@pytest.fixture
def bench():
    return WebBench(QUIET, BOSS, AMI_ONLY)


def test_a_wait_event_ends_at_the_first_event(bench):
    session = bench.log_in("quiet")
    got = bench.wait(session)
    assert got == []
    bench.feed(event("Hold"), event("Unhold"))
    bench.turns()
    assert got == [BEGIN + event("Hold") + event("Unhold") + END]


def test_events_since_the_login_end_the_first_wait_event_at_once(bench):
    bench.feed(event("Before"))
    session = bench.log_in("quiet")
    bench.feed(event("Hold"))
    assert bench.wait(session) == [BEGIN + event("Hold") + END]
    bench.feed(event("Unhold"))
    assert bench.wait(session) == [BEGIN + event("Unhold") + END]


def test_the_event_of_its_own_login_is_the_first_one_it_gets(bench):
    session = bench.log_in()
    (answer,) = bench.wait(session)
    assert answer.startswith(BEGIN + b"Event: SuccessfulAuth\r\n")


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [("", 50), ("-1", 50), ("abc", 50), ("99", 50), ("0x2", 2), ("1.9", 1), ("7", 7)],
)
def test_a_wait_event_without_events_ends_at_its_timeout(bench, timeout, seconds):
    session = bench.log_in("quiet")
    got = bench.wait(session, timeout)
    bench.clock.advance(seconds - 0.1)
    bench.turns()
    assert got == []
    bench.clock.advance(0.2)
    bench.turns()
    assert got == [EMPTY]


def test_a_timeout_of_0_returns_at_once_with_what_is_there(bench):
    session = bench.log_in("quiet")
    assert bench.wait(session, "0") == [EMPTY]
    bench.feed(event("Hold"))
    assert bench.wait(session, "0") == [BEGIN + event("Hold") + END]


def test_an_action_id_is_echoed_at_both_ends(bench):
    session = bench.log_in("quiet")
    got = bench.run(session, "Action: WaitEvent\nActionID: 7\nTimeout: 0")
    bench.turns()
    (answer,) = got
    assert answer.startswith(b"Response: Success\r\nActionID: 7\r\n")
    assert answer.endswith(b"Event: WaitEventComplete\r\nActionID: 7\r\n\r\n")


def test_an_event_that_the_user_may_not_read_ends_no_wait_event():
    bench = WebBench(User("quiet", read=privilege.CALL, write=0, secret="plain:x", doors=DOORS))
    session = bench.log_in("quiet")
    got = bench.wait(session)
    bench.feed(event("Secret", "system"))
    bench.turns()
    assert got == []
    bench.feed(event("Hold"))
    bench.turns()
    assert got == [BEGIN + event("Hold") + END]


def test_a_mask_of_off_means_all_and_another_mask_is_respected(bench):
    session = bench.log_in("quiet")
    bench.run(session, "Action: Events\nEventMask: off")
    bench.feed(event("Hold"))
    assert bench.wait(session) == [BEGIN + event("Hold") + END]
    bench.run(session, "Action: Events\nEventMask: system")
    bench.feed(event("Hold"), event("Load", "system"))
    assert bench.wait(session) == [BEGIN + event("Load", "system") + END]


def test_a_filter_applies_to_wait_events(bench):
    session = bench.log_in("quiet")
    assert b"Success" in bench.run(session, "Action: Filter\nOperation: Add\nFilter: Event: Hold")[0]
    bench.feed(event("Unhold"), event("Hold"))
    assert bench.wait(session) == [BEGIN + event("Hold") + END]


def test_other_actions_run_while_a_wait_event_waits(bench):
    session = bench.log_in("quiet")
    got = bench.wait(session)
    assert bench.run(session, "Action: Ping")
    assert got == []


def test_a_second_wait_event_ends_the_first_with_nothing(bench):
    session = bench.log_in("quiet")
    first = bench.wait(session)
    second = bench.wait(session)
    assert (first, second) == ([b""], [])
    bench.feed(event("Hold"))
    bench.turns()
    assert second == [BEGIN + event("Hold") + END]


def test_logoff_ends_a_wait_event_with_the_ordinary_answer(bench):
    session = bench.log_in("quiet")
    got = bench.wait(session)
    bench.run(session, "Action: Logoff")
    bench.turns()
    assert got == [EMPTY]
    assert bench.wait(session) == [b""]


def test_a_client_that_leaves_its_wait_event_misses_nothing(bench):
    session = bench.log_in("quiet")
    got = []
    leave = session.wait(b"Action: WaitEvent\r\n\r\n", 50, got.append)
    bench.turns()
    bench.feed(event("Hold"))
    leave()
    leave()
    bench.turns()
    assert got == []
    assert bench.wait(session) == [BEGIN + event("Hold") + END]


def test_a_wait_event_does_not_count_as_in_flight():
    bench = WebBench(QUIET, in_flight_per_session=1)
    session = bench.log_in("quiet")
    got = bench.wait(session)
    assert bench.run(session, "Action: Ping")
    assert got == []


def test_an_action_that_is_no_wait_event_runs_as_usual(bench):
    session = bench.log_in("quiet")
    got = []
    session.wait(b"Action: Ping\r\n\r\n", 50, got.append)
    bench.turn()
    assert b"Pong" in got[0]


def test_a_lost_link_is_reported_before_later_events(bench):
    session = bench.log_in("quiet")
    bench.feed(event("Hold"))
    bench.server().link_down("gone")
    bench.link_up()
    bench.feed(event("Unhold"))
    (answer,) = bench.wait(session)
    assert answer.startswith(BEGIN + LOST)
    assert answer.count(LOST) == 1
    assert event("Hold") not in answer
    told = [answer.index(text) for text in (b"Status: Down", b"Status: Up", event("Unhold") + END)]
    assert told == sorted(told)
    assert not session.is_over


def test_events_that_the_journal_has_forgotten_are_reported_as_lost(bench):
    session = bench.log_in("quiet")
    bench.feed(event("Hold"))
    for _ in range(40):
        bench.clock.advance(10)
        bench.web.find(session.key, HERE, AJAM)
        bench.hub.tick(bench.clock.now())
    bench.feed(event("Unhold"))
    assert bench.wait(session) == [BEGIN + LOST + event("Unhold") + END]


def test_events_of_the_proxy_itself_come_at_their_place(bench):
    session = bench.log_in("quiet")
    bench.feed(event("Hold"))
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    bench.hub.flush()
    bench.feed(event("Unhold"))
    (answer,) = bench.wait(session)
    assert answer.index(b"Hold") < answer.index(b"ProxyTold") < answer.index(b"Unhold")


def test_what_is_kept_aside_is_bounded(bench):
    session = bench.log_in("quiet")
    for number in range(100):
        bench.hub.announcements.tell(b"ProxyTold", b"system,all", (b"N", b"%d" % number))
        bench.hub.flush()
    (answer,) = bench.wait(session)
    assert answer.startswith(BEGIN + LOST)
    assert answer.count(b"ProxyTold") == 64
    assert b"N: 99\r\n" in answer


def test_nothing_is_kept_aside_for_a_session_that_does_not_ask(bench):
    session = bench.log_in("quiet", API)
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    bench.hub.flush()
    bench.feed(event("Hold"))
    assert bench.wait(session) == [BEGIN + event("Hold") + END]
    got = bench.wait(session)
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    bench.hub.flush()
    bench.turns()
    assert b"ProxyTold" in got[0]


def test_a_long_backlog_comes_in_parts(bench):
    session = bench.log_in("quiet")
    big = event("Hold", Data="x" * 900)
    for _ in range(20):
        bench.feed(*([big] * 100))
    first = bench.wait(session)
    bench.turns(100)
    assert len(first[0]) > 1 << 20
    second = bench.wait(session)
    bench.turns(100)
    assert first[0].count(big) + second[0].count(big) == 2000


def test_http_answer_bytes_divides_a_backlog_and_loses_nothing():
    bench = WebBench(QUIET, http_answer_bytes=4096)
    session = bench.log_in("quiet")
    big = event("Hold", Data="x" * 900)
    bench.feed(*([big] * 20))
    got = b""
    for _ in range(20):
        (answer,) = bench.wait(session, "0")
        assert len(answer) < 4096
        got += answer
    assert got.count(big) == 20
    assert bench.hub.stats.limits == {}


def test_a_session_of_several_servers_gets_their_events_with_names():
    servers = Configured(("pbx1", "pbx2"), named=True)
    user = User("quiet", read=QUIET.read, write=0, secret="plain:x", doors=DOORS, servers=("pbx1", "pbx2"))
    bench = WebBench(user, servers=servers)
    session = bench.log_in("quiet")
    bench.feed(event("Hold"), at="pbx2")
    bench.feed(event("Unhold"), at="pbx1")
    (answer,) = bench.wait(session)
    assert b"Event: Hold\r\nPrivilege: call,all\r\nServer: pbx2\r\n" in answer
    assert b"Event: Unhold\r\nPrivilege: call,all\r\nServer: pbx1\r\n" in answer


def test_an_event_that_waits_for_the_flush_is_kept_when_the_mask_changes():
    bench = WebBench(QUIET, interval=0.1)
    session = bench.log_in("quiet")
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    bench.run(session, "Action: Events\nEventMask: call")
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    bench.hub.flush()
    (answer,) = bench.wait(session, "0")
    assert answer.count(b"ProxyTold") == 1


def test_what_is_kept_aside_is_recorded_for_its_user(bench):
    bench.hub.learner.begin(0)
    bench.log_in("quiet")
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    recorder = bench.hub.learner.recorder
    assert {user for user, *_ in recorder.events} == {"quiet"}


def test_a_message_of_any_length_is_taken_by_what_is_unread(bench):
    session = bench.log_in("quiet")
    data = memoryview(b"Event: ProxyTold\r\nA: b\r\n\r\n")
    assert session.unread.send(data) == len(data)
    session.unread.fall_behind(bytes(data), len(data))
    assert bench.wait(session) == [BEGIN + data + END]


def test_a_late_message_is_not_kept_for_a_session_that_does_not_ask(bench):
    session = bench.log_in("quiet", API)
    session.aside(b"Event: Late\r\n\r\n")
    assert bench.wait(session, "0") == [EMPTY]


def test_without_a_journal_nothing_ends_a_wait_event_but_what_is_kept_aside(bench):
    session = bench.log_in("quiet")
    bench.wait(session, "0")
    bench.server().keep(None, present=False)
    got = bench.wait(session)
    bench.feed(event("Hold"))
    bench.turns()
    assert got == []
    bench.hub.announcements.tell(b"ProxyTold", b"system,all")
    bench.hub.flush()
    bench.turns()
    assert b"ProxyTold" in got[0]


def test_a_session_that_began_without_a_journal_has_no_events(bench):
    bench.server().keep(None, present=False)
    session = bench.log_in("quiet")
    got = bench.wait(session, "1")
    bench.clock.advance(1.1)
    bench.turns()
    assert got == [EMPTY]


class BrokenSealer(PlainSealer):
    """A Sealer with a fault."""

    def seal(self, epoch: int, sequence: int) -> bytes:
        raise RuntimeError


def test_a_fault_while_events_are_read_ends_the_wait_event_only():
    bench = WebBench(QUIET, sealer=BrokenSealer())
    session = bench.log_in("quiet")
    bench.run(session, "Action: Events\nEventMask: on\nProxySequence: on")
    got = []
    session.wait(b"Action: WaitEvent\r\n\r\n", 50, got.append)
    assert session._wait.has_event is False
    bench.feed(event("Hold"))
    bench.turns()
    assert got == [b""]
    assert bench.hub.stats.faults == 1
    assert bench.run(session, "Action: Ping")


class SlowClock(HandClock):
    """A clock that is later each time that it is read, so that a slice is over after one part."""

    def clock(self) -> float:
        self.time += 0.001
        return self.time


def test_wait_events_take_turns():
    bench = WebBench(QUIET, clock=SlowClock())
    sessions = [bench.log_in("quiet") for _ in range(3)]
    got = [bench.wait(session) for session in sessions]
    bench.feed(event("Hold"))
    bench.turn()
    assert [len(one) for one in got] != [1, 1, 1]
    bench.turns(20)
    assert got == [[BEGIN + event("Hold") + END]] * 3
