"""A client's view of its own session, action by action."""

import hashlib
import logging
from collections.abc import Callable

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.message import Message
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.state import State
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, ListTransport, event

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")
SINGLE = User("single", read=0, write=0, secret="plain:x", allowmultiplelogin=False)
MD5 = User("digest", read=0, write=0, md5_secret=b"sekret")
AWAY = User("away", secret="plain:x", acl=AccessList.from_lines(["deny 0.0.0.0/0"]))
OFF = User("off", secret="plain:x", disabled=True)
BOOTED = (
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 100\r\nLastReload: 40\r\n"
    b"Status: Fully Booted\r\n\r\n"
)


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, CALLS, SINGLE, MD5, AWAY, OFF)
    bench.link_up()
    return bench


def login(name: str, secret: str = "x", extra: str = "") -> bytes:
    return f"Action: Login\r\nUsername: {name}\r\nSecret: {secret}\r\n{extra}ActionID: 1\r\n\r\n".encode()


def ask(session, transport, text: str) -> bytes:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    return transport.take()


class TestBeforeLogin:
    @pytest.mark.parametrize(
        ("request_", "answer"),
        [
            (
                "Action: Ping\nActionID: u1",
                b"Response: Error\r\nActionID: u1\r\nMessage: Permission denied\r\n\r\n",
            ),
            ("Action: NoSuch", b"Response: Error\r\nMessage: Permission denied\r\n\r\n"),
            (
                "ActionID: u2",
                b"Response: Error\r\nActionID: u2\r\nMessage: Missing action in request\r\n\r\n",
            ),
            ("Action: Challenge", b"Response: Error\r\nMessage: Must specify AuthType\r\n\r\n"),
            (
                "Action: Challenge\nAuthType: none",
                b"Response: Error\r\nMessage: Must specify AuthType\r\n\r\n",
            ),
        ],
    )
    def test_an_action_before_login_is_answered_as_by_asterisk_and_does_not_close(
        self, bench, request_, answer
    ):
        session, transport = bench.connect()
        assert ask(session, transport, request_) == answer
        assert session.state is State.GREETED

    def test_logoff_before_login_is_answered_and_closes(self, bench):
        session, transport = bench.connect()
        assert ask(session, transport, "Action: Logoff\nActionID: u5") == (
            b"Response: Goodbye\r\nActionID: u5\r\nMessage: Thanks for all the fish.\r\n\r\n"
        )
        assert transport.closed == "close"

    def test_challenge_is_not_offered_where_no_user_could_use_it(self):
        bench = Bench(BOSS)
        session, transport = bench.connect()
        assert b"Must specify AuthType" in ask(session, transport, "Action: Challenge\nAuthType: MD5")

    @pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello\r\n\r\n"])
    def test_input_that_is_not_ami_closes_without_an_answer(self, bench, raw):
        session, transport = bench.connect()
        session.receive(raw)
        assert transport.take() == b""
        assert transport.closed

    def test_input_longer_than_a_login_closes(self, bench):
        session, transport = bench.connect()
        session.receive(b"X: " + b"y" * 5000)
        assert transport.closed

    def test_login_timeout_counts_from_the_accept(self, bench):
        session, transport = bench.connect()
        bench.clock.advance(9)
        ask(session, transport, "Action: Ping")
        bench.hub.tick(bench.clock.now())
        assert not transport.closed
        bench.clock.advance(2)
        bench.hub.tick(bench.clock.now())
        assert transport.closed == "abort"
        assert bench.hub.unauthenticated == 0


class TestLogin:
    def test_the_answer_and_fullybooted_are_written_separately(self, bench):
        bench.feed(BOOTED)
        bench.clock.advance(5)
        session, transport = bench.connect()
        session.receive(login("boss"))
        assert transport.sent[:2] == [
            b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n",
            b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 105\r\nLastReload: 45\r\n"
            b"Status: Fully Booted\r\n\r\n",
        ]

    def test_fullybooted_of_an_old_asterisk_has_no_uptime(self, bench):
        raw = b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
        bench.feed(raw)
        session, transport = bench.connect()
        session.receive(login("boss"))
        assert transport.sent[1] == raw

    def test_a_reload_resets_lastreload(self, bench):
        bench.feed(BOOTED)
        bench.clock.advance(5)
        bench.feed(event("Reload", "system", Module="All"))
        _, transport = bench.connect()
        session, transport = bench.connect()
        session.receive(login("boss"))
        assert b"Uptime: 105\r\nLastReload: 0\r\n" in transport.take()

    @pytest.mark.parametrize("extra", ["Events: off\r\n", "Events: call\r\n"])
    def test_fullybooted_is_not_sent_outside_the_event_mask(self, bench, extra):
        bench.feed(BOOTED)
        session, transport = bench.connect()
        session.receive(login("boss", extra=extra))
        assert b"FullyBooted" not in transport.take()

    def test_fullybooted_is_not_sent_without_class_system(self, bench):
        bench.feed(BOOTED)
        session, transport = bench.connect()
        session.receive(login("calls"))
        assert b"FullyBooted" not in transport.take()

    def test_an_invalid_event_mask_leaves_the_full_one(self, bench):
        session, _ = bench.connect()
        session.receive(login("boss", extra="Events: 4294967295\r\n"))
        assert session.principal.mask == privilege.ALL

    @pytest.mark.parametrize("name", ["BOSS", "Boss"])
    def test_user_names_match_in_any_case(self, bench, name):
        session, _ = bench.connect()
        session.receive(login(name))
        assert session.principal.user is BOSS
        assert session.principal.login_name == name.encode()

    @pytest.mark.parametrize(
        ("name", "secret"),
        [("boss", "wrong"), ("nobody", "x"), ("off", "x"), ("away", "x"), ("digest", "wrong"), ("", "")],
    )
    def test_a_refusal_has_one_text_and_takes_one_second(self, bench, name, secret):
        session, transport = bench.connect()
        session.receive(login(name, secret))
        bench.clock.advance(0.9)
        assert transport.take() == b""
        bench.clock.advance(0.2)
        assert transport.take() == b"Response: Error\r\nActionID: 1\r\nMessage: Authentication failed\r\n\r\n"
        assert transport.closed == "close"

    def test_an_unknown_name_costs_a_hash_too(self, bench):
        for name in ("nobody", "off", "away", "digest"):
            session, _ = bench.connect()
            session.receive(login(name, "wrong"))
            assert bench.verifier.asked[-1][0] == bench.hub.ctx.users.trial(None)

    def test_input_is_not_read_while_the_secret_is_compared(self, bench):
        bench.verifier.at_once = False
        session, transport = bench.connect()
        session.receive(login("boss") + b"Action: Ping\r\n\r\n")
        assert transport.paused
        bench.verifier.answer()
        assert not transport.paused
        assert transport.take().endswith(b"Ping: Pong\r\nTimestamp: 1700001000.000000\r\n\r\n")

    def test_a_client_that_leaves_during_the_comparison_is_not_logged_in(self, bench):
        bench.verifier.at_once = False
        session, transport = bench.connect()
        session.receive(login("boss"))
        session.lost("reset")
        bench.verifier.answer()
        assert transport.take() == b""
        assert bench.hub.authenticated == 0

    def test_a_client_that_leaves_before_its_refusal_gets_none(self, bench):
        session, transport = bench.connect()
        session.receive(login("boss", "wrong"))
        session.lost("reset")
        bench.clock.advance(2)
        assert transport.take() == b""

    def test_a_user_removed_during_the_comparison_is_not_logged_in(self, bench):
        bench.verifier.at_once = False
        session, _ = bench.connect()
        session.receive(login("boss"))
        bench.hub.adopt(type(bench.hub.ctx.users)([CALLS]))
        bench.verifier.answer()
        assert session.principal.user is None

    def test_a_second_login_is_accepted_without_a_check(self, bench):
        session, transport = bench.login("boss")
        assert ask(session, transport, "Action: Login\nUsername: calls\nSecret: wrong\nActionID: 2") == (
            b"Response: Success\r\nActionID: 2\r\nMessage: Already authenticated\r\n\r\n"
        )
        assert session.principal.user is BOSS

    @pytest.mark.parametrize("request_", ["Login", "Challenge"])
    def test_a_user_with_one_session_is_refused_a_second_one(self, bench, request_):
        bench.login("single")
        session, transport = bench.connect()
        session.receive(
            f"Action: {request_}\r\nUsername: SINGLE\r\nSecret: wrong\r\nActionID: l2\r\n\r\n".encode()
        )
        bench.clock.advance(1.1)
        assert transport.take() == b"Response: Error\r\nActionID: l2\r\nMessage: Login Already In Use\r\n\r\n"
        assert transport.closed

    def test_only_one_of_several_concurrent_logins_of_such_a_user_succeeds(self, bench):
        bench.verifier.at_once = False
        sessions = [bench.connect() for _ in range(3)]
        for session, _ in sessions:
            session.receive(login("single"))
        for trial, _, done in list(bench.verifier.asked):
            assert trial == ("plain:x",)
            done(True)
        bench.clock.advance(1.1)
        answers = [transport.take() for _, transport in sessions]
        assert [b"Authentication accepted" in answer for answer in answers] == [True, False, False]
        assert all(b"Login Already In Use" in answer for answer in answers[1:])

    def test_such_a_user_may_log_in_again_after_its_session_left(self, bench):
        first, _ = bench.login("single")
        first.lost("gone")
        bench.login("single")

    @pytest.mark.parametrize(
        "limits", [Limits(sessions_authenticated=1, connections=10), Limits(sessions_per_user=1)]
    )
    def test_too_many_sessions_refuses_the_login(self, limits):
        bench = Bench(BOSS, limits=limits)
        bench.login("boss")
        session, transport = bench.connect()
        session.receive(login("boss"))
        bench.clock.advance(1.1)
        assert b"Message: Too many sessions" in transport.take()


class TestChallenge:
    def challenge(self, session, transport) -> bytes:
        answer = ask(session, transport, "Action: Challenge\nAuthType: md5\nActionID: c")
        assert answer.startswith(b"Response: Success\r\nActionID: c\r\nChallenge: ")
        return answer.split(b"Challenge: ")[1].strip()

    def respond(self, challenge: bytes, secret: bytes = b"sekret") -> str:
        key = hashlib.md5(challenge + secret, usedforsecurity=False).hexdigest()
        return f"Action: Login\nAuthType: MD5\nUsername: digest\nKey: {key}"

    def test_the_right_response_to_a_challenge_logs_in(self, bench):
        session, transport = bench.connect()
        challenge = self.challenge(session, transport)
        assert challenge.isdigit()
        assert self.challenge(session, transport) == challenge, "the same within a session"
        assert b"Authentication accepted" in ask(session, transport, self.respond(challenge))
        assert self.challenge(session, transport) == challenge, "and after login as well"

    @pytest.mark.parametrize("wrong", [b"other", b""])
    def test_a_wrong_response_to_a_challenge_is_refused(self, bench, wrong):
        session, transport = bench.connect()
        challenge = self.challenge(session, transport)
        session.receive(self.respond(challenge, wrong).replace("\n", "\r\n").encode() + b"\r\n\r\n")
        bench.clock.advance(1.1)
        assert b"Authentication failed" in transport.take()

    def test_a_response_in_upper_case_hex_is_refused(self, bench):
        session, transport = bench.connect()
        text = self.respond(self.challenge(session, transport))
        head, key = text.rsplit(" ", 1)
        session.receive(f"{head} {key.upper()}".replace("\n", "\r\n").encode() + b"\r\n\r\n")
        bench.clock.advance(1.1)
        assert b"Authentication failed" in transport.take()

    def test_a_response_without_a_challenge_is_refused(self, bench):
        session, transport = bench.connect()
        session.receive(self.respond(b"").replace("\n", "\r\n").encode() + b"\r\n\r\n")
        bench.clock.advance(1.1)
        assert b"Authentication failed" in transport.take()

    def test_an_unknown_user_is_refused_here_too(self, bench):
        session, transport = bench.connect()
        self.challenge(session, transport)
        session.receive(b"Action: Login\r\nAuthType: MD5\r\nUsername: nobody\r\nKey: 0\r\n\r\n")
        bench.clock.advance(1.1)
        assert b"Authentication failed" in transport.take()

    def test_the_secret_itself_logs_in_too(self, bench):
        session, transport = bench.connect()
        session.receive(login("digest", "sekret"))
        assert b"Authentication accepted" in transport.take()


class TestLocalActions:
    @pytest.mark.parametrize(
        ("request_", "answer"),
        [
            (
                "Action: Ping\nActionID: p",
                b"Response: Success\r\nActionID: p\r\nPing: Pong\r\nTimestamp: 1700001000.000000\r\n\r\n",
            ),
            ("Action: ping", b"Response: Success\r\nPing: Pong\r\nTimestamp: 1700001000.000000\r\n\r\n"),
            (
                "Action: Events\nEventMask: off\nActionID: e",
                b"Response: Success\r\nActionID: e\r\nEvents: Off\r\n\r\n",
            ),
            ("Action: Events\nEventMask: call", b"Response: Success\r\nEvents: On\r\n\r\n"),
            ("Action: Events", b"Response: Error\r\nMessage: Invalid event mask\r\n\r\n"),
            (
                "Action: Filter\nOperation: Add\nFilter: Event: X",
                b"Response: Success\r\nMessage: Success\r\n\r\n",
            ),
            (
                "Action: Filter\nOperation: Del\nFilter: X",
                b"Response: Error\r\nMessage: Unknown operation\r\n\r\n",
            ),
            (
                "Action: Filter\nOperation: add\nFilter: *",
                b"Response: Error\r\nMessage: Filter did not compile."
                b"  Check the syntax of the filter given.\r\n\r\n",
            ),
            (
                "Action: Filter\nOperation: Add\nMatchCriteria: name(\nFilter: x",
                b"Response: Error\r\nMessage: Filter was formatted incorrectly."
                b"  Check the syntax of the filter given.\r\n\r\n",
            ),
            (
                "Action: NoSuch\nActionID: n",
                b"Response: Error\r\nActionID: n\r\nMessage: Invalid/unknown command: NoSuch."
                b" Use Action: ListCommands to show available commands.\r\n\r\n",
            ),
            ("Action: ListCommands", b"Response: Error\r\nMessage: Upstream not connected\r\n\r\n"),
        ],
    )
    def test_a_local_action_is_answered_without_asterisk(self, bench, request_, answer):
        session, transport = bench.login("boss")
        assert ask(session, transport, request_).startswith(answer)
        assert bench.upstream.take() == []

    def test_filter_needs_class_system(self, bench):
        session, transport = bench.login("calls")
        assert b"Permission denied" in ask(session, transport, "Action: Filter\nOperation: Add\nFilter: X")

    def test_the_number_of_filters_is_bounded(self, bench):
        session, transport = bench.login("boss")
        for _ in range(32):
            ask(session, transport, "Action: Filter\nOperation: Add\nFilter: X")
        assert b"Too many filters" in ask(session, transport, "Action: Filter\nOperation: Add\nFilter: X")

    def test_ping_fails_while_the_link_is_down(self, bench):
        session, transport = bench.login("boss")
        bench.hub.servers.first.link_down("gone")
        transport.take()
        assert b"Upstream not connected" in ask(session, transport, "Action: Ping")

    def test_list_commands_lists_the_actions_that_the_user_may_run(self):
        bench = Bench(CALLS)
        bench.link_up(
            b"Hangup: Hangup channel.  (Priv: system,call,all)\r\n"
            b"Ping: Keepalive command.  (Priv: <none>)\r\n"
            b"Command: Execute Asterisk CLI Command.  (Priv: command,all)\r\nodd line\r\n"
        )
        session, transport = bench.login("calls")
        assert ask(session, transport, "Action: ListCommands\nActionID: l") == (
            b"Response: Success\r\nActionID: l\r\nHangup: Hangup channel.  (Priv: system,call,all)\r\n"
            b"Ping: Keepalive command.  (Priv: <none>)\r\n\r\n"
        )

    def test_list_commands_lists_the_actions_of_history_to_users_that_have_it(self):
        bench = Bench(User("calls", write=privilege.CALL, secret="plain:x", history=True))
        bench.link_up(b"Ping: Keepalive command.  (Priv: <none>)\r\nProxyResume: Other  (Priv: <none>)\r\n")
        session, transport = bench.login("calls")
        assert ask(session, transport, "Action: ListCommands") == (
            b"Response: Success\r\nPing: Keepalive command.  (Priv: <none>)\r\n"
            b"ProxyResume: Send the events since a position  (Priv: <none>)\r\n"
            b"ProxySnapshot: List what there is now  (Priv: <none>)\r\n\r\n"
        )

    @pytest.mark.parametrize("name", ["ProxySnapshot", "ProxyResume"])
    def test_the_actions_of_history_are_denied_to_users_without_it(self, bench, caplog, name):
        session, transport = bench.login("boss")
        with caplog.at_level(logging.WARNING):
            answer = Message(ask(session, transport, f"Action: {name}\nActionID: 1"))
        assert answer.get(b"message") == b"Permission denied"
        assert b"history: true" in answer.get(b"proxyreason")
        assert "action-denied" in caplog.text
        assert bench.hub.stats.actions_denied == 1

    def test_a_malformed_action_is_refused_and_the_session_stays(self, bench):
        session, transport = bench.login("boss")
        assert b"line too long" in ask(session, transport, "Action: Ping\nX: " + "y" * 1100)
        assert b"Too many lines" in ask(session, transport, "Action: Ping" + "\nX: 1" * 128)
        assert b"Pong" in ask(session, transport, "Action: Ping")

    @pytest.mark.parametrize(
        "raw", [b"Action: Ping\0\r\n\r\n", b"Action: Pi\rng\r\n\r\n", b"X: " + b"y" * 70000]
    )
    def test_input_that_parsers_could_read_differently_ends_the_session(self, bench, raw):
        session, transport = bench.login("boss")
        session.receive(raw)
        assert b"Failed to parse message" in transport.take()
        assert transport.closed
        session.receive(b"Action: Ping\r\n\r\n")
        assert transport.sent == []


class TestWaitEvent:
    def test_waitevent_ends_with_the_first_event(self, bench):
        session, transport = bench.login("calls")
        assert ask(session, transport, "Action: WaitEvent\nTimeout: 10\nActionID: w") == b""
        bench.feed(event("DTMFBegin", "dtmf"))
        assert transport.take() == b""
        bench.feed(event("Hold"))
        assert transport.take() == (
            b"Response: Success\r\nActionID: w\r\nMessage: Waiting for Event completed.\r\n\r\n"
            b"Event: Hold\r\nPrivilege: call,all\r\n\r\n"
            b"Event: WaitEventComplete\r\nActionID: w\r\n\r\n"
        )
        bench.clock.advance(20)
        assert transport.take() == b""

    def test_waitevent_ends_after_its_timeout(self, bench):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: WaitEvent\nTimeout: 0x2")
        bench.clock.advance(2.1)
        assert transport.take() == (
            b"Response: Success\r\nMessage: Waiting for Event completed.\r\n\r\n"
            b"Event: WaitEventComplete\r\n\r\n"
        )

    def test_waitevent_ends_with_any_input(self, bench):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: WaitEvent")
        session.receive(b"Act")
        assert b"WaitEventComplete" in transport.take()

    @pytest.mark.parametrize("timeout", ["0", "00", "08"])
    def test_waitevent_with_timeout_zero_ends_at_once(self, bench, timeout):
        session, transport = bench.login("calls")
        assert b"WaitEventComplete" in ask(session, transport, f"Action: WaitEvent\nTimeout: {timeout}")

    @pytest.mark.parametrize("timeout", ["-1", "-5", "soon", ""])
    def test_waitevent_with_timeout_minus_one_does_not_end(self, bench, timeout):
        session, transport = bench.login("calls")
        assert ask(session, transport, f"Action: WaitEvent\nTimeout: {timeout}") == b""
        bench.clock.advance(1e6)
        assert session.state is State.WAITING
        session.lost("gone")
        assert not bench.hub.ctx.waiting

    def test_a_timeout_of_68_years_is_accepted(self, bench):
        session, transport = bench.login("calls")
        assert ask(session, transport, "Action: WaitEvent\nTimeout: 2147483647") == b""
        assert max(timer.due for timer in bench.clock.timers) == bench.clock.now() + 2**31 - 1

    def test_a_timeout_beyond_an_int_means_no_limit(self, bench):
        session, transport = bench.login("calls")
        before = len(bench.clock.timers)
        assert ask(session, transport, f"Action: WaitEvent\nTimeout: {'9' * 400}") == b""
        assert len(bench.clock.timers) == before, "-1: no limit"

    def test_a_timeout_may_be_octal(self, bench):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: WaitEvent\nTimeout: 012")
        bench.clock.advance(9.9)
        assert transport.take() == b""
        bench.clock.advance(0.2)
        assert transport.take()

    def test_a_user_without_event_classes_may_wait(self, bench):
        session, transport = bench.login("single")
        ask(session, transport, "Action: WaitEvent\nTimeout: 1")
        bench.clock.advance(1.1)
        assert b"WaitEventComplete" in transport.take()

    def test_an_event_for_another_session_does_not_end_a_wait(self, bench):
        one, one_got = bench.login("calls")
        two, two_got = bench.login("boss")
        ask(one, one_got, "Action: WaitEvent")
        ask(two, two_got, "Action: WaitEvent")
        bench.feed(event("Registry", "system"))
        assert (one_got.take(), b"Registry" in two_got.take()) == (b"", True)

    def test_input_behind_waitevent_ends_it_and_is_answered(self, bench):
        session, transport = bench.login("calls")
        session.receive(b"Action: WaitEvent\r\n\r\nAction: Ping\r\n\r\n")
        assert transport.take().endswith(b"Timestamp: 1700001000.000000\r\n\r\n")


class TestViews:
    def test_the_event_mask_narrows_and_widens_up_to_the_rights(self, bench):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: Events\nEventMask: off")
        bench.feed(event("Hold"))
        assert transport.take() == b""
        ask(session, transport, "Action: Events\nEventMask: on")
        bench.feed(event("Hold"), event("Registry", "system"))
        assert transport.take() == event("Hold")

    def test_filters_of_user_and_session_both_apply(self):
        filtered = User(
            "f",
            read=privilege.ALL,
            write=privilege.ALL,
            secret="plain:x",
            filters=FilterSet((compile_legacy(b"!Secret"),)),
        )
        bench = Bench(filtered)
        bench.link_up()
        session, transport = bench.login("f")
        ask(session, transport, "Action: Filter\nOperation: Add\nFilter: Event: Hold")
        bench.feed(event("Hold"), event("Hold", X="Secret"), event("Other"))
        assert transport.take() == event("Hold")

    def test_a_client_gets_the_event_of_its_own_login(self, bench):
        session, transport = bench.connect()
        session.receive(login("boss"))
        assert transport.take().count(f"SessionID: {session.id}".encode()) == 1

    def test_security_events_name_the_real_client(self, bench):
        _, transport = bench.login("boss")
        session, _ = bench.connect("2001:db8::1")
        session.receive(login("boss", "wrong"))
        sent = transport.take()
        assert sent.startswith(b"Event: InvalidPassword\r\nPrivilege: security,all\r\n")
        assert b"AccountID: boss\r\n" in sent
        assert b"RemoteAddress: IPV6/TLS/2001:db8::1/40000\r\n" in sent
        assert b"wrong" not in sent
        other, _ = bench.login("calls")
        assert b"Event: SuccessfulAuth\r\n" in transport.take()
        ask(other, _, "Action: Command\nCommand: x")
        assert b"Event: RequestNotAllowed\r\n" in transport.take()
        ask(other, _, "Action: Wrong\tname")
        assert b"RequestType: Action: Wrong?name\r\n" in transport.take()


class TestTurns:
    """The actions of one read are run in portions, so that other sessions get their turn in between."""

    PINGS = b"".join(b"Action: Ping\r\nActionID: %d\r\n\r\n" % number for number in range(150))
    NUMBERS = tuple(range(150))

    def numbers(self, transport) -> tuple[int, ...]:
        lines = transport.take().split(b"\r\n")
        return tuple(int(line[10:]) for line in lines if line.startswith(b"ActionID: "))

    def connect(self, bench, name="boss"):
        transport = ListTransport("127.0.0.1")
        session = bench.hub.attach(transport)
        session.receive(login(name))
        transport.take()
        return session, transport

    def test_a_turn_runs_a_bounded_number_of_actions_and_reads_nothing_meanwhile(self, bench):
        session, transport = self.connect(bench)
        session.receive(self.PINGS)
        assert self.numbers(transport) == self.NUMBERS[:64], "sent with the turn that gave it"
        assert transport.paused
        bench.hub.ctx.shares.turn_seconds = 0.0
        bench.clock.timers.pop().callback()
        assert self.numbers(transport) == (64,), "the time of a turn counts, too"
        assert transport.paused
        bench.clock.advance(0)
        assert self.numbers(transport) == self.NUMBERS[65:]
        assert not transport.paused

    def test_input_that_arrives_between_turns_waits_behind(self, bench):
        session, transport = self.connect(bench)
        session.receive(self.PINGS)
        session.receive(b"Action: Ping\r\nActionID: 150\r\n\r\n")
        bench.clock.advance(0)
        assert self.numbers(transport) == (*self.NUMBERS, 150)

    def test_an_answer_from_asterisk_starts_a_turn(self, bench):
        session, transport = self.connect(bench)
        session.receive(b"Action: CoreStatus\r\nActionID: 999\r\n\r\n" + self.PINGS)
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        assert self.numbers(transport) == (999, *self.NUMBERS[:64])
        bench.clock.advance(0)
        assert self.numbers(transport) == self.NUMBERS[64:]

    def test_a_half_close_loses_no_action(self, bench):
        session, transport = self.connect(bench)
        session.receive(self.PINGS)
        session.ended()
        assert not transport.closed
        bench.clock.advance(0)
        assert self.numbers(transport) == self.NUMBERS
        assert transport.closed == "close"

    def test_a_lost_session_runs_no_further_actions(self, bench):
        session, transport = self.connect(bench)
        session.receive(self.PINGS)
        session.lost("gone")
        bench.clock.advance(0)
        assert self.numbers(transport) == self.NUMBERS[:64]
        assert bench.hub.queued == 0

    def test_a_session_that_was_paused_meanwhile_is_read_again(self):
        bench = Bench(BOSS, limits=Limits(in_flight=33, in_flight_per_session=32))
        bench.link_up()
        flood, _ = self.connect(bench)
        other, transport = self.connect(bench)
        flood.receive(self.PINGS)
        other.receive(b"Action: CoreStatus\r\n\r\n")
        assert transport.paused
        bench.clock.advance(0)
        assert not transport.paused

    def test_all_sessions_that_were_paused_meanwhile_are_read_again(self):
        bench = Bench(BOSS, limits=Limits(in_flight=33, in_flight_per_session=32))
        bench.link_up()
        flood, _ = self.connect(bench)
        others = [self.connect(bench) for _ in range(3)]
        flood.receive(self.PINGS)
        for session, _ in others:
            session.receive(b"Action: CoreStatus\r\n\r\n")
        assert all(transport.paused for _, transport in others)
        bench.clock.advance(0)
        assert not any(transport.paused for _, transport in others)


class TestEnds:
    def test_a_half_closed_client_still_gets_its_answers(self, bench):
        session, transport = bench.login("boss")
        session.receive(b"Action: CoreStatus\r\nActionID: a\r\n\r\n")
        session.ended()
        assert not transport.closed
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"CoreReloads: 0\r\n")
        assert transport.take() == b"Response: Success\r\nActionID: a\r\nCoreReloads: 0\r\n\r\n"
        assert transport.closed == "close"

    def test_a_half_close_without_open_actions_closes(self, bench):
        session, transport = bench.login("boss")
        session.ended()
        assert transport.closed == "close"

    def test_a_half_close_ends_a_waitevent(self, bench):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: WaitEvent")
        session.ended()
        assert b"WaitEventComplete" in transport.take()
        assert transport.closed == "close"

    @pytest.mark.parametrize(
        ("request_", "answer"),
        [
            (
                "Action: CoreStatus\nActionID: 1\n\nAction: Ping",
                b"Response: Error\r\nActionID: 1\r\nMessage: Session closed: user removed\r\n\r\n",
            ),
            (
                "Action: Originate\nChannel: Local/a@b\nApplication: Wait\nActionID: 1",
                b"Response: Error\r\nActionID: 1\r\nMessage: Originate failed\r\n\r\n",
            ),
            (
                "Action: WaitEvent\nActionID: 1",
                b"Response: Success\r\nActionID: 1\r\nMessage: Waiting for Event completed.\r\n\r\n"
                b"Event: WaitEventComplete\r\nActionID: 1\r\n\r\n",
            ),
        ],
    )
    def test_open_actions_are_answered_before_a_session_closes(self, bench, request_, answer):
        session, transport = bench.login("boss")
        ask(session, transport, request_)
        session.close("user removed")
        assert transport.take() == answer
        assert transport.closed == "close"

    def test_actions_that_wait_for_the_link_are_answered_before_a_session_closes(self, bench):
        (one, one_got), (two, two_got) = bench.login("boss"), bench.login("boss")
        ask(one, one_got, "Action: IAXnetstats")
        ask(two, two_got, "Action: CoreStatus\nActionID: 2")
        two.close("shutdown")
        assert (
            two_got.take() == b"Response: Error\r\nActionID: 2\r\nMessage: Session closed: shutdown\r\n\r\n"
        )
        assert bench.hub.servers.first.exchange.waiting == 0

    def test_no_new_action_is_sent_while_draining(self, bench):
        session, transport = bench.login("boss")
        bench.hub.servers.first.exchange.draining = True
        assert b"Message: Shutting down" in ask(session, transport, "Action: CoreStatus")
        assert b"Pong" in ask(session, transport, "Action: Ping")
        assert bench.upstream.take() == []

    def test_a_dismissed_client_is_sent_the_reason_last_after_earlier_events(self):
        bench = Bench(CALLS, interval=1.0)
        bench.link_up()
        session, transport = bench.login("calls")
        bench.feed(event("Hangup", Number="0"), earlier := event("Hangup", Number="1"))
        session.dismiss("client certificate revoked")
        said = transport.take()
        assert earlier in said
        assert said.endswith(b"Event: ProxySessionEnd\r\nReason: client certificate revoked\r\n\r\n")
        assert transport.closed == "close"

    def test_a_dismissed_client_that_has_not_logged_in_is_sent_no_reason(self, bench):
        session, transport = bench.connect()
        session.dismiss("client certificate revoked")
        assert transport.take() == b""
        assert transport.closed == "close"

    def test_closing_waits_for_the_last_bytes(self, bench):
        session, transport = bench.login("boss")
        transport.room = 10
        ask(session, transport, "Action: Logoff")
        assert not transport.closed
        transport.room = None
        session.writable()
        assert transport.closed == "close"

    def test_closing_does_not_wait_for_ever(self, bench):
        session, transport = bench.login("boss")
        transport.room = 10
        ask(session, transport, "Action: Logoff")
        bench.hub.tick(bench.clock.now())
        assert not transport.closed
        bench.clock.advance(6)
        bench.hub.tick(bench.clock.now())
        assert transport.closed == "abort"

    def test_a_client_that_floods_is_not_read(self, bench):
        session, transport = bench.login("boss")
        session.receive(b"Action: CoreStatus\r\n\r\n" * 40)
        assert transport.paused
        while asked := bench.upstream.take():
            bench.answer(asked[0], b"")
        assert not transport.paused
        assert transport.take().count(b"Response: Success") == 40

    def test_writable_with_nothing_to_write_changes_nothing(self, bench):
        session, _ = bench.login("boss")
        session.writable()
        assert session.state is State.READY

    def test_closing_twice_counts_once(self, bench):
        session, _ = bench.login("boss")
        session.close("one")
        session.close("two")
        assert bench.hub.stats.closes == {"one": 1}


class TestAudit:
    @pytest.fixture
    def lines(self, caplog) -> Callable[[], list[tuple[str, dict]]]:
        caplog.set_level(logging.INFO, logger="amiproxy")
        return lambda: [
            (record.getMessage(), record.fields)
            for record in caplog.records
            if record.getMessage().startswith("action-")
        ]

    def test_a_denied_action_is_logged(self, bench, lines):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: Command\nCommand: core show uptime")
        ((what, fields),) = lines()
        assert what == "action-denied"
        assert fields["user"] == "calls"
        assert fields["peer"] == "192.0.2.1"
        assert fields["action"] == b"Command"
        assert fields["target"] == "command=core show uptime"
        assert fields["rule"]
        assert fields["generation"] == 1
        kept = bench.hub.denials.find(fields["id"])
        assert (kept.user, kept.rule, kept.action.key) == ("calls", fields["rule"], b"command")

    def test_an_audit_line_names_the_configuration_that_applied(self, bench, lines, caplog):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: Hangup\nChannel: PJSIP/100-1")
        (asked,) = bench.upstream.take()
        bench.hub.adopt(bench.hub.ctx.users)
        bench.answer(asked, b"")
        ask(session, transport, "Action: Command\nCommand: core show uptime")
        assert [fields["generation"] for _, fields in lines()] == [1, 2]
        bench.login("calls")
        logins = [record.fields for record in caplog.records if record.getMessage() == "login"]
        assert [fields["generation"] for fields in logins] == [1, 2]

    def test_a_privileged_action_is_logged_with_its_result(self, bench, lines):
        session, transport = bench.login("calls")
        ask(session, transport, "Action: Hangup\nChannel: PJSIP/100-1")
        assert lines() == []
        bench.clock.advance(0.25)
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"Message: No such channel\r\n", b"Error")
        ((what, fields),) = lines()
        assert what == "action-allowed"
        assert (fields["target"], fields["result"], fields["seconds"]) == (
            "channel=PJSIP/100-1",
            b"Error",
            0.25,
        )

    def test_a_list_is_logged_with_the_result_of_its_start(self, bench, lines):
        session, transport = bench.login("boss")
        ask(session, transport, "Action: DBGet\nFamily: a\nKey: b")
        (asked,) = bench.upstream.take()
        relay_id = asked.get(b"actionid")
        bench.answer(asked, b"EventList: start\r\n")
        bench.feed(b"Event: DBGetComplete\r\nActionID: " + relay_id + b"\r\nEventList: Complete\r\n\r\n")
        ((_, fields),) = lines()
        assert fields["result"] == b"Success"

    def test_an_action_that_only_reads_is_not_logged(self, bench, lines):
        session, transport = bench.login("boss")
        ask(session, transport, "Action: CoreShowChannels")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"", b"Error")
        assert lines() == []


class TestRefusals:
    def test_a_refusal_names_the_argument_and_the_setting(self, caplog):
        bench = Bench(User("calls", write=privilege.CALL, secret="plain:x"))
        bench.link_up()
        session, got = bench.login("calls")
        session.receive(b"Action: Park\r\nChannel: c\r\nChannel2: Message/x\r\nActionID: 7\r\n\r\n")
        lines = got.take().split(b"\r\n")
        assert lines[:3] == [b"Response: Error", b"ActionID: 7", b"Message: Permission denied"]
        assert lines[3].startswith(b"ProxyReason: technology: TimeoutChannel: ")
        (record,) = (record for record in caplog.records if record.message == "action-denied")
        assert "technologies" in record.fields["why"]

    def test_a_header_that_is_not_passed_on_is_logged_once(self, caplog):
        caplog.set_level("INFO", "amiproxy")
        bench = Bench(User("calls", write=privilege.CALL, secret="plain:x"))
        bench.link_up()
        session, _ = bench.login("calls")
        for _ in range(2):
            session.receive(b"Action: Park\r\nChannel: c\r\nAnnounceChannel: d\r\n\r\n")
            (asked,) = bench.upstream.take()
            assert not asked.get(b"announcechannel")
            bench.answer(asked, b"")
        assert caplog.text.count("header-not-sent") == 1

    def test_an_undescribed_action_is_logged_once(self, caplog):
        bench = Bench(User("boss", write=privilege.ALL, secret="plain:x"))
        bench.link_up()
        bench.hub.servers.first.actions.table = bench.hub.servers.first.actions.table.learnt_from(
            [(b"RptStatus", b"tells  (Priv: reporting,all)")]
        )
        session, got = bench.login("boss")
        for _ in range(2):
            session.receive(b"Action: RptStatus\r\n\r\n")
            assert b"ProxyReason: undescribed: " in got.take()
        assert bench.upstream.take() == []
        assert caplog.text.count("action-not-described") == 1

    def test_an_undescribed_action_allowed_for_system_is_passed_on_unchanged(self):
        bench = Bench(User("boss", write=privilege.ALL, secret="plain:x"))
        bench.link_up()
        bench.hub.servers.first.actions.table = bench.hub.servers.first.actions.table.learnt_from(
            [(b"RptStatus", b"tells  (Priv: reporting,all)")]
        )
        bench.hub.servers.first.adopt_actions(OtherActions(undescribed_for_system=True))
        session, _ = bench.login("boss")
        session.receive(b"Action: RptStatus\r\nNode: 1\r\n\r\n")
        (asked,) = bench.upstream.take()
        assert asked.get(b"node") == b"1"
