"""Each limit of a session, named after its key: its effect for the client, its counter and its log line."""

import logging
from typing import ClassVar

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.state import State
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.outgoing import WINDOW
from tests.support.core_doubles import Bench, ListTransport, event

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
PATIENT = User(
    "patient", read=privilege.ALL, write=privilege.ALL, secret="plain:x", slow_consumer="drop_events"
)
HASTY = User("hasty", read=privilege.ALL, write=privilege.ALL, secret="plain:x", slow_consumer="close")
CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")


@pytest.fixture(autouse=True)
def all_levels(caplog):
    caplog.set_level(logging.INFO, "amiproxy")


def make(**limits) -> Bench:
    bench = Bench(BOSS, PATIENT, HASTY, CALLS, limits=Limits(**limits))
    bench.link_up()
    return bench


def action(name: str, number: int = 1, **headers: str) -> bytes:
    lines = [f"Action: {name}", f"ActionID: {number}", *(f"{key}: {value}" for key, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def logged(caplog, what: str = "limit-hit") -> list[dict[str, object]]:
    return [record.fields for record in caplog.records if record.message == what]


def answered(transport: ListTransport) -> list[bytes]:
    """The ActionIDs of the answers, in order."""
    return [line[10:] for line in transport.take().split(b"\r\n") if line.startswith(b"ActionID: ")]


# -- before login ----------------------------------------------------------


def test_login_bytes_closes_a_client_that_sends_more_before_login(caplog):
    bench = make()
    session, transport = bench.connect()
    session.receive(b"X: " + b"y" * 5000)
    assert (transport.closed, transport.take()) == ("close", b"")
    assert bench.hub.stats.limits == {"login_bytes": 1}
    assert logged(caplog) == [
        {"peer": "192.0.2.1", "limit": "login_bytes", "session": session.id, "user": None}
    ]


def test_login_bytes_counts_the_cost_of_empty_messages():
    bench = make()
    session, transport = bench.connect()
    session.receive(b"\n" * 100)
    bench.clock.advance(0)
    assert transport.take().count(b"Missing action") == 100
    session.receive(b"\n" * 100)
    assert (transport.closed, transport.take()) == ("close", b"")
    assert bench.hub.stats.limits == {"login_bytes": 1}


def test_login_timeout_closes_a_client_that_does_not_log_in():
    bench = make()
    _, transport = bench.connect()
    bench.clock.advance(11)
    bench.hub.tick(bench.clock.now())
    assert transport.closed == "abort"
    assert bench.hub.stats.limits == {"login_timeout": 1}


def test_unauthenticated_displaces_the_oldest_of_too_many():
    """``core.admission.newcomers`` chooses the client to displace; the listener closes it."""
    bench = make(unauthenticated=2, unauthenticated_per_address=2)
    newcomers = bench.hub.limit_state.newcomers
    for number in range(3):
        newcomers.enter(number, "192.0.2.1", 0.0)
    assert newcomers.victim(bench.hub.limits.unauthenticated) == 0


@pytest.mark.parametrize(
    ("limits", "hit"),
    [
        (
            {
                "sessions_authenticated": 1,
                "connections": 10,
                "unauthenticated": 10,
                "unauthenticated_per_address": 5,
            },
            "sessions_authenticated",
        ),
        ({"sessions_per_user": 1}, "sessions_per_user"),
    ],
    ids=["sessions_authenticated", "sessions_per_user"],
)
def test_a_login_beyond_the_number_of_sessions_is_refused(limits, hit):
    bench = make(**limits)
    bench.login("boss")
    session, transport = bench.connect()
    session.receive(action("Login", Username="boss", Secret="x"))
    bench.clock.advance(1)
    assert b"Message: Too many sessions\r\n" in transport.take()
    assert transport.closed == "close"
    assert bench.hub.stats.limits == {hit: 1}


def test_hash_queue_overflow_does_not_count_as_a_guess(caplog):
    bench = make(login_failure_burst=1)
    bench.verifier.busy = True
    for _ in range(3):
        session, transport = bench.connect()
        session.receive(action("Login", Username="boss", Secret="x"))
        assert (transport.take(), transport.closed) == (b"", "close"), "its secret may be right"
    assert bench.hub.stats.limits == {"hash_queue": 3}
    assert logged(caplog, "login-failed") == []
    bench.verifier.busy = False
    bench.login("boss")


class Holder:
    """Something that is no session and holds bytes that wait."""

    payer = ""

    def __init__(self, backlog, size):
        self.bytes_waiting = size
        self.closed = []
        self._backlog = backlog
        backlog.others[self] = None
        backlog.size += size

    def limit_reached(self, limit, **_fields):
        self.closed.append(limit)

    def close(self, reason, *, abort=False):
        self.closed.append(reason)
        self._backlog.size -= self.bytes_waiting
        del self._backlog.others[self]


class TestGuessing:
    def guess(self, bench: Bench, name: str = "boss", address: str = "192.0.2.1") -> None:
        session, _ = bench.connect(address)
        session.receive(action("Login", Username=name, Secret="guess"))

    def test_login_failure_burst_starts_a_penalty(self, caplog):
        bench = make(login_failure_burst=2)
        waiting, transport = bench.connect()
        for name in ("boss", "nobody", "boss"):
            self.guess(bench, name)
        waiting.receive(action("Login", Username="boss", Secret="x"))
        bench.clock.advance(1)
        assert b"Message: Authentication failed\r\n" in transport.take()
        assert bench.hub.stats.limits == {"login_failure_burst": 1, "penalty": 1}
        assert logged(caplog, "penalty-start") == [{"peer": "192.0.2.1", "seconds": 30.0}]
        assert logged(caplog, "login-failed")[-1]["reason"] == "address is under a penalty"
        bench.clock.advance(30)
        bench.hub.tick(bench.clock.now())
        assert logged(caplog, "penalty-end") == [{"peer": "192.0.2.1"}]
        bench.login("boss")

    def test_guesses_never_lock_the_name(self):
        bench = make(login_failure_burst=1)
        for _ in range(5):
            self.guess(bench, address="198.51.100.1")
        bench.login("boss")

    def test_a_refusal_with_the_right_secret_does_not_count_as_a_guess(self):
        bench = Bench(
            User("single", secret="plain:x", allowmultiplelogin=False), limits=Limits(login_failure_burst=1)
        )
        bench.login("single")
        for _ in range(5):
            session, _ = bench.connect()
            session.receive(action("Login", Username="single", Secret="x"))
        assert bench.hub.stats.limits == {}


class TestNamesInUse:
    """``Login Already In Use`` reveals that a user is logged in: asking that of many names is guessing."""

    @pytest.fixture
    def bench(self) -> Bench:
        single = User("single", secret="plain:x", md5_secret=b"x", allowmultiplelogin=False)
        bench = Bench(single, limits=Limits(login_failure_burst=2))
        bench.login("single")
        return bench

    def ask(self, bench: Bench, request: bytes, address: str = "198.51.100.1") -> bytes:
        session, transport = bench.connect(address)
        session.receive(request)
        bench.clock.advance(1)
        return transport.take()

    LOGIN = action("Login", Username="single", Secret="guess")
    CHALLENGE = action("Challenge", Username="single", AuthType="MD5")
    IN_USE = b"Response: Error\r\nActionID: 1\r\nMessage: Login Already In Use\r\n\r\n"

    @pytest.mark.parametrize("request_", [LOGIN, CHALLENGE], ids=["Login", "Challenge"])
    def test_asking_without_the_secret_counts_as_a_guess(self, bench, request_, caplog):
        assert [self.ask(bench, request_) for _ in range(3)] == [self.IN_USE] * 3
        assert bench.hub.stats.limits == {"login_failure_burst": 1}
        assert logged(caplog, "login-failed")[0]["security_event"] == b"SessionLimit"

    def test_during_a_penalty_neither_action_reveals_it(self, bench):
        for _ in range(3):
            self.ask(bench, self.LOGIN)
        assert b"Authentication failed" in self.ask(bench, self.LOGIN)
        assert b"Challenge: " in self.ask(bench, self.CHALLENGE)

    def test_asking_with_the_right_secret_does_not_count(self, bench):
        right = action("Login", Username="single", Secret="x")
        assert [self.ask(bench, right) for _ in range(9)] == [self.IN_USE] * 9
        assert bench.hub.stats.limits == {}

    @pytest.mark.parametrize("request_", [LOGIN, CHALLENGE], ids=["Login", "Challenge"])
    def test_asking_from_an_address_with_a_session_of_the_user_does_not_count(self, bench, request_):
        assert [self.ask(bench, request_, "192.0.2.1") for _ in range(9)] == [self.IN_USE] * 9
        assert bench.hub.stats.limits == {}

    def test_a_session_that_left_during_the_comparison_makes_room(self, bench):
        (first,) = bench.hub.sessions
        bench.verifier.at_once = False
        session, transport = bench.connect("198.51.100.1")
        session.receive(self.LOGIN)
        first.lost("gone")
        bench.verifier.asked[-1][2](True)
        assert b"Authentication accepted" in transport.take()


# -- the input that a session may send -------------------------------------


def test_action_bytes_closes_the_session():
    bench = make(action_bytes=4096)
    session, transport = bench.login("boss")
    session.receive(b"X: " + b"y" * 5000)
    session.receive(b"y")
    assert b"Message: Failed to parse message: message too long\r\n" in transport.take()
    assert transport.closed == "close"
    assert bench.hub.stats.limits == {"action_bytes": 1}


def test_by_default_an_action_id_may_fill_its_line():
    bench = make()
    session, transport = bench.login("boss")
    for action_id in (b"i" * 257, b"i" * 1012):
        session.receive(b"Action: Events\r\nEventMask: off\r\nActionID: " + action_id + b"\r\n\r\n")
        assert transport.take().startswith(b"Response: Success\r\nActionID: " + action_id + b"\r\n")


class TestRates:
    def test_action_burst_is_not_granted_again_at_the_next_login(self):
        bench = make(action_rate=10.0, action_burst=5)
        for served in (5, 0):
            session, transport = bench.login("boss")
            session.receive(b"".join(action("Events", n, EventMask="off") for n in range(10)))
            assert len(answered(transport)) == served
            session.lost("gone")
        bench.clock.advance(10)
        session, transport = bench.login("boss")
        session.receive(action("Events", 1, EventMask="off") * 10)
        assert len(answered(transport)) == 5

    def test_action_rate_counts_empty_messages_too(self):
        bench = make(action_rate=10.0, action_burst=2)
        session, transport = bench.login("boss")
        session.receive(b"\r\n" * 1000)
        assert transport.take().count(b"Missing action") == 2, "each costs an answer, and events for others"
        bench.clock.advance(0.1)
        assert transport.take().count(b"Missing action") == 1

    def test_input_read_beyond_a_sessions_own_limit_delays_no_other_session(self):
        bench = make(in_flight=5, in_flight_per_session=2)
        (one, flood), (two, other) = bench.login("boss"), bench.login("boss")
        one.receive(action("QueueRule", 1) + b"\r\n" * 10)
        two.receive(action("QueueRule"))
        assert (flood.paused, other.paused, bench.hub.queued) == (True, False, 2)
        one.lost("gone")
        assert bench.hub.queued == 0

    @pytest.mark.parametrize("end", ["runs", "ends"])
    def test_a_session_over_its_rate_delays_no_other_session(self, end):
        bench = make(action_rate=10.0, action_burst=2, in_flight=2, in_flight_per_session=2)
        (one, flood), (two, other) = bench.login("boss"), bench.login("boss")
        one.receive(b"\r\n" * 10)
        two.receive(action("QueueRule"))
        assert (flood.paused, other.paused, bench.hub.queued) == (True, False, 0)
        if end == "ends":
            one.lost("gone")
        bench.clock.advance(10)
        assert bench.hub.queued == 0

    def test_action_rate_pauses_reading_and_keeps_the_order(self):
        bench = make(action_rate=10.0, action_burst=2)
        session, transport = bench.login("boss")
        session.receive(b"".join(action("Events", n, EventMask="off") for n in range(5)))
        assert answered(transport) == [b"0", b"1"]
        assert (session.state, transport.paused) == (State.HELD, True)
        bench.clock.advance(0.1)
        assert answered(transport) == [b"2"]
        assert transport.paused
        bench.clock.advance(0.2)
        assert answered(transport) == [b"3", b"4"]
        assert (session.state, transport.paused) == (State.READY, False)
        assert bench.hub.stats.limits == {"action_rate": 1}, "logged once, not for each action"

    def test_rate_wait_is_followed_by_errors_until_the_client_slows_down(self, caplog):
        bench = make(action_rate=10.0, action_burst=1, rate_wait=1.05)
        session, transport = bench.login("boss")
        session.receive(b"".join(action("Events", n, EventMask="off") for n in range(20)))
        bench.clock.advance(1.05)
        assert b"Error" not in transport.take()
        bench.clock.advance(0.1)
        assert transport.take() == b"Response: Error\r\nActionID: 11\r\nMessage: Rate limit\r\n\r\n"
        bench.clock.advance(10)
        assert transport.take().count(b"Rate limit") == 8
        session.receive(action("Events", EventMask="off"))
        assert b"Success" in transport.take()
        assert [fields["refused"] for fields in logged(caplog)] == [False, *[True] * 9]

    @pytest.mark.parametrize("name", ["Originate", "Command"], ids=["originate_rate", "command_rate"])
    def test_originate_and_command_rates_are_per_user(self, name):
        limit = f"{name.lower()}_rate"
        bench = make(**{limit: 1.0, f"{name.lower()}_burst": 1})
        headers = {
            "Originate": {"Channel": "Local/1@x", "Async": "true"},
            "Command": {"Command": "core show uptime"},
        }
        (first, _), (second, waiting) = bench.login("boss"), bench.login("boss")
        first.receive(action(name, **headers[name]))
        second.receive(action(name, **headers[name]))
        assert len(bench.upstream.take()) == 1
        assert not waiting.paused, "only this kind of action waits"
        bench.clock.advance(1)
        assert len(bench.upstream.take()) == 1
        assert bench.hub.stats.limits == {limit: 1}

    def test_an_originate_that_would_wait_too_long_is_refused_at_once(self):
        bench = make(originate_rate=0.01, originate_burst=1)
        session, transport = bench.login("boss")
        session.receive(action("Originate", 1, Channel="Local/1@x", Async="true"))
        (sent,) = bench.upstream.take()
        bench.answer(sent, b"")
        transport.take()
        session.receive(action("Originate", 2, Channel="Local/1@x", Async="true"))
        assert transport.take() == b"Response: Error\r\nActionID: 2\r\nMessage: Rate limit\r\n\r\n"

    def test_an_action_held_back_is_not_sent_once_its_session_is_lost(self):
        bench = make(action_rate=1.0, action_burst=1)
        session, transport = bench.login("boss")
        session.receive(action("QueueRule", 1))
        (sent,) = bench.upstream.take()
        bench.answer(sent, b"")
        session.receive(action("QueueRule", 2))
        session.lost("gone")
        bench.clock.advance(5)
        assert bench.upstream.take() == []
        assert transport.closed == "abort"

    def test_a_half_closed_client_is_answered_once_its_rate_allows(self):
        bench = make(action_rate=1.0, action_burst=1)
        session, transport = bench.login("boss")
        session.receive(action("Events", 1, EventMask="off") + action("Events", 2, EventMask="off"))
        session.ended()
        assert not transport.closed
        bench.clock.advance(1)
        assert answered(transport) == [b"1", b"2"]
        assert transport.closed == "close"

    def test_exempt_addresses_have_no_limits(self):
        bench = make(action_rate=0.001, action_burst=1, sessions_per_user=1, login_failure_burst=1)
        for _ in range(3):
            transport = ListTransport("127.0.0.1")
            session = bench.hub.attach(transport)
            session.receive(action("Login", Username="boss", Secret="x"))
            session.receive(b"".join(action("Events", n, EventMask="off") for n in range(50)))
            assert transport.take().count(b"Response: Success") == 51
        assert bench.hub.stats.limits == {}


class TestInFlight:
    def test_in_flight_per_session_is_logged_when_it_lasts(self, caplog):
        bench = make(in_flight_per_session=2)
        session, transport = bench.login("boss")
        session.receive(b"".join(action("QueueRule", n) for n in range(3)))
        assert transport.paused
        for _ in range(20):
            bench.clock.advance(0.5)
            bench.hub.tick(bench.clock.now())
        assert [fields["limit"] for fields in logged(caplog)] == ["in_flight_per_session"]
        sent, *_ = bench.upstream.take()
        bench.answer(sent, b"")
        assert not transport.paused
        bench.hub.tick(bench.clock.now())
        assert bench.hub.stats.limits == {"in_flight_per_session": 1}

    def test_in_flight_pauses_the_sessions_that_have_actions_and_no_others(self):
        bench = make(in_flight=2, in_flight_per_session=1)
        clients = [bench.login("boss") for _ in range(4)]
        for session, _ in clients[:3]:
            session.receive(action("QueueRule"))
        assert [transport.paused for _, transport in clients] == [False, True, True, False]
        stranger = bench.connect()[1]
        assert not stranger.paused
        for _ in range(5):
            bench.clock.advance(1)
            bench.hub.tick(bench.clock.now())
        for sent in bench.upstream.take():
            bench.answer(sent, b"")
        assert not any(transport.paused for _, transport in clients)

    def test_a_session_without_actions_in_flight_is_always_read(self):
        bench = make(in_flight=8, in_flight_per_session=4)
        flood = [bench.login("boss") for _ in range(3)]
        victim, transport = bench.login("boss")
        for session, _ in flood:
            session.receive(b"".join(action("QueueRule", n) for n in range(400)))
        for number in range(20):
            assert not transport.paused
            victim.receive(action("Ping", number) + action("QueueRule", number))
            assert answered(transport) == [b"%d" % number], "a Ping does not wait"
            assert transport.paused, "one at a time, while so many are in flight"
            # One of each flood, the victim's only one: round robin.
            sent = bench.upstream.take()
            assert len(sent) <= 4
            for asked in sent:
                bench.answer(asked, b"")
            assert answered(transport) == [b"%d" % number]
        assert all(transport.paused for _, transport in flood)

    def test_a_waitevent_can_be_ended_however_much_is_in_flight(self):
        bench = make(in_flight=2, in_flight_per_session=2)
        (flood, _), (waiter, transport) = bench.login("boss"), bench.login("boss")
        flood.receive(b"".join(action("QueueRule", n) for n in range(9)))
        waiter.receive(action("WaitEvent"))
        assert not transport.paused
        waiter.receive(action("Ping", 2))
        assert b"WaitEventComplete" in (got := transport.take())
        assert b"Ping: Pong" in got

    def test_a_session_is_read_again_once_all_its_own_actions_are_answered(self):
        bench = make(in_flight=4, in_flight_per_session=2)
        (flood, _), (second, transport) = bench.login("boss"), bench.login("boss")
        flood.receive(b"".join(action("QueueRule", n) for n in range(9)))
        second.receive(action("QueueRule"))
        assert transport.paused
        own = bench.upstream.take()[1]
        bench.answer(own, b"")
        assert not transport.paused, "though the flood is unchanged"
        assert second.full == ""

    def test_actions_of_a_lost_session_do_not_count_as_in_flight(self):
        bench = make(in_flight=3, in_flight_per_session=1)
        (first, _), (second, transport) = bench.login("boss"), bench.login("boss")
        first.receive(b"".join(action("QueueRule", n) for n in range(3)))
        second.receive(action("QueueRule"))
        assert transport.paused
        first.lost("gone")
        bench.hub.settle()
        assert bench.hub.queued == 0
        assert not transport.paused
        second.lost("gone")
        assert bench.hub.servers.first.exchange.load < WINDOW


def test_idle_timeout_closes_a_session_that_is_idle():
    bench = make(idle_timeout=10.0)
    (busy, working), (_, silent), (stranger, _) = bench.login("boss"), bench.login("boss"), bench.connect()
    busy.receive(action("WaitEvent"))
    for second in range(12):
        bench.clock.advance(1)
        bench.hub.tick(bench.clock.now())
        assert bool(silent.closed) == (second > 10)
    assert silent.closed == "close"
    assert not working.closed
    assert bench.hub.stats.limits == {"idle_timeout": 1, "login_timeout": 1}
    assert stranger.state is State.CLOSED


# -- how long and how much Asterisk may answer -----------------------------


def test_list_items_cancels_the_list_and_nothing_else():
    bench = make(list_items=3)
    session, transport = bench.login("boss")
    session.receive(action("CoreShowChannels", 7))
    (asked,) = bench.upstream.take()
    relay_id = asked.get(b"actionid")
    bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
    item = b"Event: CoreShowChannel\r\nActionID: " + relay_id + b"\r\nChannel: x\r\n\r\n"
    bench.feed(*[item] * 10)
    got = transport.take()
    assert got.count(b"Event: CoreShowChannel\r\n") == 4
    assert got.endswith(
        b"Event: CoreShowChannelsComplete\r\nActionID: 7\r\nEventList: Cancelled\r\nListItems: 4\r\n\r\n"
    )
    session.receive(action("CoreStatus", 8))
    bench.feed(
        item, b"Event: CoreShowChannelsComplete\r\nActionID: " + relay_id + b"\r\nEventList: Complete\r\n\r\n"
    )
    assert transport.take() == b""
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"")
    assert answered(transport) == [b"8"]
    assert bench.hub.stats.limits == {"list_items": 1}


def test_originate_timeout_max_replaces_a_longer_timeout():
    bench = make(originate_timeout_max=40.0)
    session, _ = bench.login("boss")
    session.receive(action("Originate", Channel="Local/1@x", Timeout="600000", Async="true"))
    (asked,) = bench.upstream.take()
    assert asked.get(b"timeout") == b"40000"


@pytest.mark.parametrize(
    ("limit", "name", "seconds"),
    [
        ("action_timeout", "CoreStatus", 16),
        ("command_timeout", "Command", 61),
        ("originate_grace", "Originate", 36),
    ],
)
def test_an_answer_that_takes_too_long_becomes_an_error(caplog, limit, name, seconds):
    bench = make()
    session, transport = bench.login("boss")
    session.receive(action(name, Command="core show uptime", Channel="Local/1@x"))
    bench.clock.advance(seconds)
    bench.hub.tick(bench.clock.now())
    assert b"Response: Error" in transport.take()
    assert bench.hub.stats.limits == {limit: 1}
    assert logged(caplog)[0]["action"] == name.encode()


@pytest.mark.parametrize("limit", ["list_item_timeout", "list_timeout"])
def test_a_list_that_takes_too_long_is_ended(limit):
    bench = make(list_item_timeout=10.0, list_timeout=25.0)
    session, transport = bench.login("boss")
    session.receive(action("CoreShowChannels", 7))
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
    item = b"Event: CoreShowChannel\r\nActionID: " + asked.get(b"actionid") + b"\r\nChannel: x\r\n\r\n"
    for _ in range(3):
        bench.clock.advance(9 if limit == "list_timeout" else 11)
        bench.hub.tick(bench.clock.now())
        bench.feed(item)
    assert b"EventList: Cancelled" in transport.take()
    assert bench.hub.stats.limits == {limit: 1}


# -- bytes that wait for a client that does not read -----------------------


class TestSlowConsumers:
    def stuck(self, bench: Bench, name: str) -> tuple[object, ListTransport]:
        session, transport = bench.login(name)
        bench.hub.flush()  # its own SuccessfulAuth
        transport.room = 0
        return session, transport

    def test_outbox_soft_drops_events_and_reports_how_many(self, caplog):
        bench = make(outbox_soft=1024, outbox_hard=4096)
        session, transport = self.stuck(bench, "patient")
        for _ in range(100):
            bench.feed(event("Hold", Pad="x" * 100))
            bench.clock.advance(0.1)
        session.receive(action("QueueRule", 5))
        (sent,) = bench.upstream.take()
        bench.answer(sent, b"")
        transport.room = None
        session.writable()
        bench.feed(event("Resume"))
        got = transport.take()
        kept = got.count(b"Event: Hold\r\n")
        assert 7 <= kept <= 9
        tail = b"Event: ProxyEventsDropped\r\nPrivilege: system,all\r\nCount: %d\r\n\r\n" % (100 - kept)
        assert got.endswith(b"ActionID: 5\r\n\r\n" + tail + event("Resume"))
        assert bench.hub.stats.limits == {"outbox_soft": 1}
        assert bench.hub.stats.missed.total == 100 - kept
        assert logged(caplog)[0]["user"] == "patient"

    def test_an_answer_brings_no_events_with_it_while_some_are_missing(self):
        bench = make(outbox_soft=1024, outbox_hard=1 << 20)
        bench.pacing.shortest = 5.0
        session, transport = self.stuck(bench, "patient")
        bench.clock.advance(10)
        bench.feed(event("Hold", Pad="x" * 1100))
        bench.feed(event("Hold"))
        session.receive(action("Events", EventMask="call"))
        assert bench.hub.stats.missed.total == 1
        transport.room = None
        session.writable()
        assert transport.take().count(b"Event: Hold") == 1

    @pytest.mark.parametrize("name", ["boss", "hasty"])
    def test_outbox_hard_closes_any_session_that_may_not_drop_events(self, name, caplog):
        default = "close" if name == "boss" else "drop_events"
        bench = make(outbox_soft=1024, outbox_hard=4096, slow_consumer=default)
        _, transport = self.stuck(bench, name)
        neighbour = bench.login("boss")[1]
        for _ in range(100):
            bench.feed(event("Hold", Pad="x" * 100))
        assert transport.closed == "abort"
        assert neighbour.take().count(b"Event: Hold") == 100
        assert bench.hub.stats.limits == {"outbox_hard": 1}
        assert bench.hub.stats.closes["slow consumer"] == 1
        (fields,) = logged(caplog)
        assert 4096 < fields["bytes"] < 4500
        assert bench.hub.limit_state.backlog.size == 0

    def test_slow_consumer_drop_events_applies_to_all_users(self):
        bench = make(outbox_soft=1024, outbox_hard=4096, slow_consumer="drop_events")
        _, transport = self.stuck(bench, "boss")
        for _ in range(100):
            bench.feed(event("Hold", Pad="x" * 100))
        assert not transport.closed

    def test_answers_alone_can_exceed_outbox_hard(self):
        bench = make(outbox_soft=1024, outbox_hard=4096)
        session, transport = self.stuck(bench, "patient")
        for number in range(200):
            session.receive(action("Events", number, EventMask="call"))
            bench.clock.advance(0.1)
        bench.hub.settle()
        assert transport.closed == "abort"
        assert bench.hub.stats.limits == {"outbox_hard": 1}

    def test_outbox_stall_closes_a_session_that_takes_nothing(self):
        bench = make()
        _, transport = self.stuck(bench, "patient")
        bench.feed(event("Hold"))
        for _ in range(13):
            bench.clock.advance(1)
            bench.hub.tick(bench.clock.now())
        assert transport.closed == "abort"
        assert bench.hub.stats.limits == {"outbox_stall": 1}

    def test_outbox_total_closes_the_session_with_the_largest_outbox(self):
        bench = make(outbox_soft=1024, outbox_hard=8192, outbox_total=8192)
        (_, first), (large, largest) = self.stuck(bench, "hasty"), self.stuck(bench, "boss")
        large.receive(b"".join(action("Events", n, EventMask="call") for n in range(50)))
        while not largest.closed:
            bench.feed(event("Hold", Pad="x" * 400))
        assert not first.closed
        assert bench.hub.limit_state.backlog.size < 8192
        assert bench.hub.stats.limits == {"outbox_total": 1}

    def test_outbox_total_counts_sessions_that_are_closing(self):
        bench = make(outbox_soft=1024, outbox_hard=8192, outbox_total=8192)
        leaving, transport = self.stuck(bench, "hasty")
        leaving.receive(b"".join(action("Events", n, EventMask="off") for n in range(150)))
        bench.clock.advance(0)
        leaving.close("logoff")
        assert transport.closed == ""
        _, other = self.stuck(bench, "boss")
        while not transport.closed:
            bench.feed(event("Hold", Pad="x" * 400))
        assert not other.closed

    def test_outbox_total_closes_what_is_no_session_if_that_holds_most(self):
        bench = make(outbox_soft=1024, outbox_hard=8192, outbox_total=8192)
        _, transport = self.stuck(bench, "hasty")
        holder = Holder(bench.hub.limit_state.backlog, 8000)
        while not holder.closed:
            bench.feed(event("Hold", Pad="x" * 400))
        assert not transport.closed
        assert holder.closed == ["outbox_total", "slow consumer"]

    def test_a_backlog_that_nobody_holds_closes_nobody(self):
        bench = make(outbox_soft=1024, outbox_hard=8192, outbox_total=8192)
        session, transport = bench.login("boss")
        session.close("logoff", abort=True)
        bench.hub.limit_state.backlog.size += 9000
        bench.hub.settle()
        assert transport.closed == "abort"

    def test_a_reload_applies_outbox_limits_to_existing_sessions(self):
        bench = make(outbox_soft=1024, outbox_hard=4096)
        session, _ = bench.login("boss")
        bench.hub.adopt_limits(Limits(outbox_soft=2048, outbox_hard=8192, slow_consumer="drop_events"))
        bench.hub.adopt(UserTable([BOSS]))
        assert (session.outbox.closed_above, session.outbox.limit) == (2048, 8192)
        bench.hub.adopt(UserTable([User("boss", secret="plain:x", slow_consumer="close")]))
        assert session.outbox.closed_above > 1 << 60


def test_other_limits_apply_from_the_reload_on():
    bench = make()
    session, transport = bench.login("boss")
    bench.hub.adopt_limits(Limits(exempt=(), action_rate=1.0, action_burst=1, action_timeout=2.0))
    assert bench.hub.servers.first.exchange.deadlines.action == 2.0
    session.receive(action("Events", 1, EventMask="off") + action("Events", 2, EventMask="off"))
    assert answered(transport) == [b"1"]


def test_log_lines_that_unauthenticated_clients_cause_are_rationed(caplog):
    bench = make(login_failure_burst=1_000)
    for _ in range(30):
        session, _ = bench.connect()
        session.receive(action("Login", Username="nobody", Secret="x"))
        session.lost("gone")
    assert len(logged(caplog, "login-failed")) == len(logged(caplog, "session-close")) == 10
    bench.clock.advance(10)
    bench.hub.tick(bench.clock.now())
    assert {(f["line"], f["lines"]) for f in logged(caplog, "log-suppressed")} == {
        ("login-failed", 20),
        ("session-close", 20),
        ("session-open", 20),
    }


def test_denials_of_a_user_are_rationed_but_all_are_counted(caplog):
    bench = make(action_burst=1000)
    sessions = [bench.login("calls")[0] for _ in range(4)]
    other, _ = bench.login("boss")
    for session in sessions:
        for _ in range(50):
            session.receive(action("CoreSettings"))
    other.receive(action("NoSuchAction"))
    denied = logged(caplog, "action-denied")
    assert [fields["user"] for fields in denied] == ["calls"] * 10 + ["boss"]
    bench.clock.advance(11)
    bench.hub.tick(bench.clock.now())
    (suppressed,) = logged(caplog, "log-suppressed")
    assert (suppressed["line"], suppressed["user"], suppressed["lines"]) == ("action-denied", "calls", 190)
    assert bench.hub.stats.actions_denied == 201
    assert bench.hub.stats.actions.results[b"CoreSettings", "calls", "denied"] == 200


def test_session_open_is_logged_within_the_ration(caplog):
    bench = make()
    session, _ = bench.connect("192.0.2.7")
    (fields,) = logged(caplog, "session-open")
    assert fields == {"peer": "192.0.2.7", "session": session.id, "door": None}
    for _ in range(20):
        bench.connect("192.0.2.7")
    assert len(logged(caplog, "session-open")) == 10


# -- which share of Asterisk itself a user may use -------------------------


def refusal(transport: ListTransport) -> bytes:
    return transport.take().split(b"Message: ", 1)[1].split(b"\r\n", 1)[0]


class TestLinkHold:
    TONE: ClassVar = {"Channel": "PJSIP/1-00000001", "Digit": "1"}

    def test_link_hold_shortens_a_tone_and_delays_the_next(self, caplog):
        bench = make()
        (session, got), (other, other_got) = bench.login("boss"), bench.login("patient")
        session.receive(action("PlayDTMF", 1, Duration="3600000", **self.TONE))
        (asked,) = bench.upstream.take()
        assert asked.get(b"duration") == b"200"
        bench.answer(asked, b"")
        assert answered(got) == [b"1"]
        session.receive(action("PlayDTMF", 2, **self.TONE) + action("CoreStatus", 3))
        assert session.state is State.HELD
        other.receive(action("PlayDTMF", 1, **self.TONE))
        bench.answer(bench.upstream.take()[0], b"")
        assert answered(other_got) == [b"1"], "each user has its own"
        bench.clock.advance(0.49)
        assert bench.upstream.take() == []
        bench.clock.advance(0.02)
        bench.answer(bench.upstream.take()[0], b"")
        bench.answer(bench.upstream.take()[0], b"")
        assert answered(got) == [b"2", b"3"], "in the order of the session"
        assert logged(caplog)[0]["limit"] == "link_hold"

    def test_a_session_that_left_under_another_spelling_of_its_name_holds_up_no_other(self):
        bench = make()
        (left, _), (stays, got) = bench.login("boss"), bench.login("boss")
        left.receive(action("PlayDTMF", 1, Duration="200", **self.TONE))
        bench.answer(bench.upstream.take()[0], b"")
        left.receive(action("PlayDTMF", 2, **self.TONE))
        stays.receive(action("PlayDTMF", 3, **self.TONE))
        assert (left.state, stays.state) == (State.HELD, State.HELD)
        again = User("Boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
        bench.hub.adopt(UserTable([again, PATIENT, HASTY, CALLS]))
        left.lost("gone")
        bench.clock.advance(10)
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        assert answered(got) == [b"3"]
        assert bench.hub.stats.faults == 0

    def test_the_next_part_is_not_sent_for_a_session_that_left_under_another_spelling(self):
        bench = make(link_hold=0.3)
        session, _ = bench.login("boss")
        session.receive(action("PlayMF", 1, Channel="PJSIP/1-00000001", Digit="123"))
        bench.answer(bench.upstream.take()[0], b"")
        again = User("Boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
        bench.hub.adopt(UserTable([again, PATIENT, HASTY, CALLS]))
        session.lost("gone")
        bench.clock.advance(10)
        assert bench.upstream.take() == []
        assert bench.hub.stats.faults == 0

    def test_an_action_that_was_delayed_is_recorded_once(self):
        bench = make()
        session, _ = bench.login("boss")
        bench.hub.learner.begin(0)
        for number in range(2):
            session.receive(action("PlayDTMF", number, Duration="200", **self.TONE))
            bench.clock.advance(5)
            bench.answer(bench.upstream.take()[0], b"")
        session.receive(action("PlayDTMF", 2, Duration="200", **self.TONE))
        session.receive(action("PlayDTMF", 3, Duration="200", **self.TONE))
        bench.answer(bench.upstream.take()[0], b"")
        assert session.state is State.HELD
        bench.clock.advance(5)
        bench.answer(bench.upstream.take()[0], b"")
        assert bench.hub.learner.recorder is not None
        assert list(bench.hub.learner.recorder.shapes.values()) == [4]

    def test_a_delayed_action_is_not_sent_once_its_session_is_lost(self):
        bench = make()
        session, _ = bench.login("boss")
        session.receive(
            action("PlayDTMF", 1, **self.TONE) + action("PlayDTMF", 2, Duration="200", **self.TONE)
        )
        bench.answer(bench.upstream.take()[0], b"")
        session.lost("reset")
        bench.clock.advance(5)
        assert bench.upstream.take() == []

    def test_delayed_actions_of_lost_sessions_use_no_time(self):
        bench = make()
        gone = [bench.login("boss")[0] for _ in range(8)]
        for session in gone:
            session.receive(action("PlayDTMF", 1, Duration="200", **self.TONE))
            session.receive(action("PlayDTMF", 2, Duration="200", **self.TONE))
        bench.answer(bench.upstream.take()[0], b"")
        for session in gone:
            session.lost("reset")
        session, _ = bench.login("boss")
        session.receive(action("PlayDTMF", 1, **self.TONE))
        assert bench.upstream.take() == []
        bench.clock.advance(1.1)
        assert [asked.get(b"action") for asked in bench.upstream.take()] == [b"PlayDTMF"]

    def test_sessions_of_one_user_are_served_in_the_order_in_which_they_wait(self):
        bench = make()
        (one, _), (two, _), (three, _) = (bench.login("boss") for _ in range(3))
        for number, session in enumerate((one, two, three)):
            session.receive(action("PlayDTMF", number, Duration=str(200 - number), **self.TONE))
        sent = [asked.get(b"duration") for asked in bench.upstream.take()]
        for _ in range(30):
            bench.clock.advance(0.1)
            sent += [asked.get(b"duration") for asked in bench.upstream.take()]
        assert sent == [b"200", b"199", b"198"]

    @pytest.mark.parametrize("limit", ["link_hold", "action_rate"])
    def test_a_session_closed_while_its_action_waits_gets_an_error_for_it(self, limit):
        bench = make(action_rate=1, action_burst=1) if limit == "action_rate" else make()
        session, got = bench.login("boss")
        session.receive(action("PlayDTMF", 1, Duration="200", **self.TONE))
        bench.answer(bench.upstream.take()[0], b"")
        session.receive(action("PlayDTMF", 2, Duration="200", **self.TONE))
        assert session.state is State.HELD
        got.take()
        session.close("kicked")
        assert b"Response: Error\r\nActionID: 2\r\nMessage: Session closed: kicked\r\n" in got.take()
        bench.clock.advance(5)
        assert bench.upstream.take() == []

    def test_a_digit_that_stays_too_long_is_refused_naming_the_limit(self):
        bench = make()
        session, got = bench.login("boss")
        session.receive(action("PlayMF", 1, **self.TONE))
        assert refusal(got).endswith(b"more than 0.2 s at once (limits.link_hold)")

    def test_digits_are_sent_one_by_one_and_answered_once(self):
        bench = make(link_hold=0.3)
        session, got = bench.login("boss")
        session.receive(action("PlayMF", 1, Channel="PJSIP/1-00000001", Digit="1234567890" * 2))
        began = bench.clock.now()
        sent = []
        while not (answer := answered(got)):
            bench.clock.advance(0.05)
            for asked in bench.upstream.take():
                sent.append(asked.get(b"digit"))
                bench.answer(asked, b"Message: MF successfully queued\r\n")
        assert (answer, b"".join(sent)) == ([b"1"], b"1234567890" * 2)
        assert bench.clock.now() - began == pytest.approx(20 * 0.255 / 0.3, abs=1.5)

    @pytest.mark.parametrize("ends", ["refused", "closed", "lost"])
    def test_remaining_digits_are_not_sent_after_a_refusal_or_the_sessions_end(self, ends):
        bench = make(link_hold=0.3)
        session, got = bench.login("boss")
        session.receive(action("PlayMF", 1, Channel="PJSIP/1-00000001", Digit="123"))
        (asked,) = bench.upstream.take()
        if ends == "refused":
            bench.answer(asked, b"Message: Channel not found\r\n", b"Error")
            assert refusal(got) == b"Channel not found"
        else:
            bench.answer(asked, b"")
            session.close("kicked", abort=ends == "lost")
            if ends == "closed":
                assert refusal(got) == b"Session closed: kicked"
        bench.clock.advance(5)
        assert bench.upstream.take() == []

    def test_a_link_lost_after_some_digits_leaves_the_outcome_unknown(self):
        bench = make(link_hold=0.3)
        session, got = bench.login("boss")
        session.receive(action("PlayMF", 1, Channel="PJSIP/1-00000001", Digit="123"))
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        bench.hub.servers.first.link_down("gone")
        bench.clock.advance(5)
        assert refusal(got) == b"Upstream connection lost (outcome unknown)"

    def test_tones_that_would_wait_longer_than_rate_wait_are_refused(self):
        bench = make(link_hold=0.3)
        session, got = bench.login("boss")
        session.receive(action("PlayMF", 1, Channel="PJSIP/1-00000001", Digit="1" * 50))
        assert refusal(got).endswith(b"0.3 s at a time (limits.link_hold)")
        bench = make(rate_wait=0.1)
        session, got = bench.login("boss")
        session.receive(
            action("PlayDTMF", 1, Duration="200", **self.TONE) + action("PlayDTMF", 2, **self.TONE)
        )
        bench.answer(bench.upstream.take()[0], b"")
        text = refusal(got)
        assert text.startswith(b"Rate limit: ")
        assert text.endswith(b"(limits.link_hold)")


class TestDeliveryShare:
    """The order and the counting are tested in test_caused.py."""

    NOISE = b"".join(action("UserEvent", number, UserEvent="Noise") for number in range(20))

    def test_delivery_share_delays_an_action_that_would_cause_more_events(self, caplog):
        bench = make(delivery_share=0.5)
        session, transport = bench.login("boss")
        bench.hub.ctx.caused.flushed(1.0, 1000)  # a millisecond a byte
        session.receive(self.NOISE)
        bench.answer(bench.upstream.take()[0], b"")
        assert bench.upstream.take() == []
        assert transport.paused
        assert [(line["limit"], line["action"]) for line in logged(caplog)] == [
            ("delivery_share", b"UserEvent")
        ]
        bench.clock.advance(1)
        assert len(bench.upstream.take()) == 1

    def test_a_reload_that_lifts_the_limit_lets_the_action_go_on(self):
        bench = make(delivery_share=0.001)
        session, _ = bench.login("boss")
        bench.hub.ctx.caused.flushed(1.0, 1000)
        session.receive(self.NOISE)
        bench.answer(bench.upstream.take()[0], b"")
        bench.hub.adopt_limits(Limits(delivery_share=1.0))
        bench.clock.advance(0)
        sent = 0
        while asked := bench.upstream.take():
            sent += len(asked)
            bench.answer(asked[0], b"")
        assert sent == 19


class TestLinkShare:
    def serve(self, bench: Bench, seconds: float) -> bytes:
        (asked,) = bench.upstream.take()
        bench.clock.advance(seconds)
        bench.answer(asked, b"")
        return asked.get(b"action")

    def test_link_share_delays_a_user_over_it_while_others_are_served(self, caplog):
        bench = make(link_share=0.2)
        bench.feed()
        (greedy, _), (other, _) = bench.login("boss"), bench.login("patient")
        other.receive(action("QueueRule"))
        self.serve(bench, 0.001)
        greedy.receive(action("ModuleCheck"))
        self.serve(bench, 0.5)
        other.receive(action("QueueRule"))
        self.serve(bench, 0.001)
        greedy.receive(action("ModuleCheck"))
        assert bench.upstream.take() == []
        other.receive(action("QueueRule"))
        assert self.serve(bench, 0.001) == b"QueueRule"
        assert [line["limit"] for line in logged(caplog)] == ["link_share"]
        bench.clock.advance(1.5)
        assert self.serve(bench, 0.001) == b"ModuleCheck"
        seconds = bench.hub.servers.first.exchange.accounts.seconds()
        assert seconds == {
            "boss": pytest.approx(0.5, abs=0.01),
            "patient": pytest.approx(0.003),
        }

    def test_link_share_delays_no_user_that_is_alone(self):
        bench = make(link_share=0.2)
        session, _ = bench.login("boss")
        for _ in range(3):
            session.receive(action("ModuleCheck"))
            self.serve(bench, 2.0)

    def test_the_user_that_had_less_goes_first_and_none_queues_ahead_at_asterisk(self):
        bench = make()
        greedy = [bench.login("boss")[0] for _ in range(4)]
        other, _ = bench.login("patient")
        greedy[0].receive(action("ModuleCheck"))
        self.serve(bench, 0.05)
        for session in greedy:
            session.receive(action("ModuleCheck"))
        (first,) = bench.upstream.take()
        other.receive(action("QueueRule"))
        assert bench.upstream.take()[0].get(b"action") == b"QueueRule"
        bench.answer(first, b"")

    def test_quick_actions_make_no_room_for_many_slow_ones(self):
        bench = make(action_rate=100_000, action_burst=100_000)
        greedy = [bench.login("boss")[0] for _ in range(8)]
        greedy[0].receive(action("ModuleCheck"))
        self.serve(bench, 0.05)
        for _ in range(100):
            greedy[0].receive(action("QueueRule"))
            self.serve(bench, 0.0001)
        for session in greedy:
            session.receive(action("ModuleCheck"))
        assert len(bench.upstream.take()) == 1

    def test_one_slow_answer_does_not_count_for_ever(self):
        bench = make(action_rate=100_000, action_burst=100_000)
        sessions = [bench.login("boss")[0] for _ in range(8)]
        sessions[0].receive(action("ModuleCheck"))
        self.serve(bench, 0.05)
        bench.clock.advance(60)
        sessions[0].receive(action("QueueRule"))
        self.serve(bench, 0.0001)
        for session in sessions:
            session.receive(action("QueueRule"))
        assert len(bench.upstream.take()) == 8


@pytest.mark.parametrize(
    ("limit", "most", "values", "what"),
    [
        ("channel_variables", 2, ["a", "b", "c"], b"names"),
        ("channel_variable_bytes", 1024, ["x" * 500, "x" * 500, "x" * 500], b"bytes"),
    ],
    ids=["channel_variables", "channel_variable_bytes"],
)
def test_variables_that_a_user_stores_in_a_channel_are_bounded(limit, most, values, what):
    bench = make(**{limit: most})
    session, got = bench.login("boss")
    for number, value in enumerate(values):
        variable = {"Channel": "PJSIP/1-00000001", "Variable": f"V{number}", "Value": value}
        session.receive(action("Setvar", number + 1, **variable))
        for asked in bench.upstream.take():
            bench.answer(asked, b"")
    text = refusal(got)
    assert text.startswith(b"Too many variables: ")
    assert text.endswith(f"(limits.{limit})".encode())
    assert what in text
    assert str(most).encode() in text


@pytest.mark.parametrize("fenced", [False, True])
def test_upstream_message_bytes_answers_with_an_error_and_keeps_the_link(fenced):
    bench = make()
    session, got = bench.login("boss")
    session.receive(action("IAXnetstats" if fenced else "CoreSettings", 7))
    asked, *fence = bench.upstream.take()
    head = b"rows" if fenced else b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\n"
    bench.hub.servers.first.oversized(head)
    assert refusal(got) == b"Answer is longer than limits.upstream_message_bytes"
    for ping in fence:
        bench.answer(ping, b"")
    session.receive(action("CoreStatus", 8))
    bench.answer(bench.upstream.take()[0], b"")
    assert answered(got) == [b"8"]
    assert bench.hub.servers.first.exchange.in_flight == 0
    assert bench.hub.stats.limits == {"upstream_message_bytes": 1}


def test_upstream_message_bytes_ends_a_list_as_cancelled():
    bench = make()
    session, got = bench.login("boss")
    session.receive(action("Status", 7))
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"EventList: start\r\nMessage: Channel status will follow\r\n")
    got.take()
    bench.hub.servers.first.oversized(b"Event: Status\r\nPrivilege: Call\r\nChannel: PJSIP/1\r\n")
    assert b"Event: StatusComplete\r\nActionID: 7\r\nEventList: Cancelled\r\n" in got.take()
    bench.hub.servers.first.oversized(b"Event: Status\r\nPrivilege: Call\r\nChannel: PJSIP/2\r\n")
    assert got.take() == b"", "the client is told once"


def test_upstream_message_bytes_applies_to_our_own_and_unclaimed_messages(caplog):
    bench = Bench(BOSS)
    bench.hub.servers.first.link_up(bench.upstream, b"Asterisk Call Manager/11.0.0\r\n")
    (asked,) = bench.upstream.take()
    bench.hub.servers.first.oversized(b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\n")
    assert bench.hub.servers.first.exchange.in_flight == 0
    bench.hub.servers.first.oversized(b"Response: Success\r\nActionID: forged\r\n")
    assert bench.hub.servers.first.counts.events_dropped == 1
    assert logged(caplog, "upstream-message-dropped")[0]["head"] == "Response: Success"


def test_a_channels_name_and_uniqueid_share_one_account():
    bench = make(channel_variables=2)
    session, got = bench.login("boss")

    def store(number: int, channel: str) -> list[bytes]:
        session.receive(action("Setvar", number, Channel=channel, Variable=f"V{number}", Value="1"))
        asked = bench.upstream.take()
        for setvar in asked:
            bench.answer(setvar, b"")
        return [sent.get(b"action") for sent in asked]

    assert store(1, "PJSIP/1-00000001") == [b"Setvar"]
    assert store(2, "1700000000.1") == [b"Setvar"]
    (question,) = bench.upstream.take()
    assert (question.get(b"channel"), question.get(b"variable")) == (b"1700000000.1", b"CHANNEL")
    bench.answer(question, b"Variable: CHANNEL\r\nValue: PJSIP/1-00000001\r\n")
    assert store(3, "1700000000.1") == []
    assert store(4, "PJSIP/1-00000001") == []
    assert refusal(got).endswith(b"(limits.channel_variables)")
    assert store(5, "1700000000.2") == [b"Setvar"]
    (question,) = bench.upstream.take()
    bench.hub.servers.first.from_upstream(
        [
            b"Response: Error\r\nActionID: "
            + question.get(b"actionid")
            + b"\r\nMessage: No such channel\r\n\r\n"
        ]
    )


def test_sessions_that_set_variables_at_once_do_not_exceed_the_limit_together():
    bench = make(channel_variables=2)
    sessions = [bench.login("boss")[0] for _ in range(5)]
    for number, session in enumerate(sessions):
        session.receive(action("Setvar", 1, Channel="PJSIP/1-00000001", Variable=f"V{number}", Value="1"))
    sent = bench.upstream.take()
    assert len(sent) == 2
    bench.answer(sent[0], b"")
    bench.hub.servers.first.from_upstream(
        [
            b"Response: Error\r\nActionID: "
            + sent[1].get(b"actionid")
            + b"\r\nMessage: No such channel\r\n\r\n"
        ]
    )
    sessions[4].receive(action("Setvar", 2, Channel="PJSIP/1-00000001", Variable="V5", Value="1"))
    assert len(bench.upstream.take()) == 1


def test_queue_members_bounds_how_many_members_a_user_adds_to_a_queue():
    bench = make(queue_members=2)
    session, got = bench.login("boss")

    def ask(what: str, interface: str, *, refused: bool = False) -> bool:
        session.receive(action(what, 1, Queue="sales", Interface=interface))
        sent = bench.upstream.take()
        for asked in sent:
            answer = b"Response: Error\r\nActionID: " + asked.get(b"actionid") + b"\r\nMessage: x\r\n\r\n"
            bench.hub.servers.first.from_upstream([answer]) if refused else bench.answer(asked, b"")
        return bool(sent)

    assert ask("QueueAdd", "PJSIP/1")
    assert ask("QueueAdd", "PJSIP/2", refused=True)
    assert ask("QueueAdd", "PJSIP/2")
    assert ask("QueueAdd", "PJSIP/2", refused=True), "already there, says Asterisk"
    got.take()
    assert not ask("QueueAdd", "PJSIP/3")
    assert refusal(got).endswith(b"(limits.queue_members)")
    assert bench.hub.stats.limits == {"queue_members": 1}
    assert ask("QueueRemove", "PJSIP/1", refused=True)
    assert not ask("QueueAdd", "PJSIP/3")
    assert ask("QueueRemove", "PJSIP/1")
    assert ask("QueueAdd", "PJSIP/3")
    got.take()
    session.receive(action("Command", 1, Command="queue add member PJSIP/4 to sales"))
    assert not bench.upstream.take()
    assert refusal(got).endswith(b"(limits.queue_members)")
