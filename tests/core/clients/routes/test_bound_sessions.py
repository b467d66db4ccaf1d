"""Sessions that are bound to one of several servers: what they are sent, what they may do, when they end."""

import hashlib
import logging
import re
from collections.abc import Callable

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import ActionNames, Rules
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from amiproxy.steps import result_of
from amiproxy.x509.identity import Binding, CertificateLogin, Identity
from tests.support.core_doubles import Bench, ListTransport, ListUpstream, event

TWO = Configured(("pbx1", "pbx2"), named=True, default="pbx1")
EVERYWHERE = ("pbx1", "pbx2")
CORE_STATUS = b"Action: CoreStatus\r\n\r\n"


def user(name: str, *servers: str, **more: object) -> User:
    fields: dict[str, object] = {
        "read": privilege.ALL,
        "write": privilege.ALL,
        "secret": "plain:x",
        "servers": servers or EVERYWHERE,
        **more,
    }
    return User(name, **fields)


BOSS = user("boss", md5_secret=b"x")
ONE = user("one", "pbx2")
LONE = user("lone", "pbx1", allowmultiplelogin=False)
WALL = User(
    "wall",
    read=privilege.ALL,
    login=CertificateLogin((Binding("cn", "wall"),), "certificate"),
    servers=("pbx1",),
)
USERS = BOSS, ONE, LONE, WALL


def make(*users: User, servers: Configured = TWO, **limits: object) -> Bench:
    bench = Bench(*(users or USERS), servers=servers, limits=Limits(**limits))
    bench.all_up()
    return bench


@pytest.fixture
def bench() -> Bench:
    return make()


def names(bench: Bench, at: str) -> list[bytes]:
    """The actions that a server was sent since the last call."""
    return [sent.get(b"action") for sent in bench.upstreams[at].take()]


def fields_of(caplog: pytest.LogCaptureFixture, event_name: str) -> list[dict[str, object]]:
    return [r.fields for r in caplog.records if r.getMessage() == event_name]


class TestActions:
    """What a bound session sends goes to its server and to no other."""

    @pytest.mark.parametrize("server", EVERYWHERE)
    def test_they_go_to_the_server_of_the_login(self, bench: Bench, server: str) -> None:
        session, transport = bench.login(f"boss/{server}")
        session.receive(b"Action: CoreStatus\r\nActionID: 1\r\n\r\n")
        (asked,) = bench.upstreams[server].take()
        assert [sent for name in EVERYWHERE for sent in bench.upstreams[name].take()] == []
        bench.answer(asked, b"CoreReloadCount: 0\r\n", at=server)
        assert transport.take() == b"Response: Success\r\nActionID: 1\r\nCoreReloadCount: 0\r\n\r\n"

    def test_the_header_of_its_own_server_never_reaches_asterisk(self, bench: Bench) -> None:
        session, _ = bench.login("boss/pbx2")
        session.receive(b"Action: CoreStatus\r\nSERVER: PBX2\r\n\r\n")
        (asked,) = bench.upstreams["pbx2"].take()
        assert asked.get(b"server", b"none") == b"none"

    def test_the_header_is_taken_off_before_the_action_is_judged(self, bench: Bench) -> None:
        """A UserEvent may not have a Server header: with its own server's it is as if it had none."""
        session, transport = bench.login("boss/pbx2")
        session.receive(b"Action: UserEvent\r\nUserEvent: X\r\nServer: pbx2\r\nA: b\r\n\r\n")
        (asked,) = bench.upstreams["pbx2"].take()
        assert b"erver" not in asked.raw.replace(b"UserEvent", b"")
        bench.answer(asked, b"Message: Event Sent\r\n", at="pbx2")
        assert b"Success" in transport.take()

    @pytest.mark.parametrize("server", ["pbx1", "pbx9", "*"])
    def test_another_server_is_an_error_and_is_logged(
        self, bench: Bench, caplog: pytest.LogCaptureFixture, server: str
    ) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        session, transport = bench.login("boss/pbx2")
        session.receive(f"Action: CoreStatus\r\nActionID: 7\r\nServer: {server}\r\n\r\n".encode())
        assert transport.take().startswith(
            b"Response: Error\r\nActionID: 7\r\nMessage: No such server\r\n\r\n"
        )
        assert names(bench, "pbx1") == names(bench, "pbx2") == []
        (denied,) = fields_of(caplog, "action-denied")
        assert (denied["rule"], denied["server"]) == ("server", "pbx2")

    def test_an_action_that_waited_is_sent_without_the_header_too(self) -> None:
        bench = make(originate_rate=1.0, originate_burst=1)
        session, _ = bench.login("boss/pbx2")
        originate = (
            b"Action: Originate\r\nChannel: Local/1@default\r\nContext: default\r\nExten: 1\r\n"
            b"Priority: 1\r\nAsync: true\r\nServer: pbx2\r\n\r\n"
        )
        session.receive(originate + originate)
        bench.clock.advance(5)
        sent = bench.upstreams["pbx2"].take()
        while sent and len(sent) < 2:
            bench.answer(sent[-1], b"Message: Originate successfully queued\r\n", at="pbx2")
            bench.clock.advance(5)
            sent += bench.upstreams["pbx2"].take()
        assert [one.get(b"action") for one in sent] == [b"Originate", b"Originate"]
        assert [one.get(b"server") for one in sent] == [b"", b""]

    def test_rights_are_those_at_the_server(self) -> None:
        here = user("boss", write=privilege.parse_classes("reporting"))
        bench = make(user("boss", narrowed={"pbx2": here}))
        results = {}
        for server in EVERYWHERE:
            session, transport = bench.login(f"boss/{server}")
            session.receive(b"Action: Hangup\r\nChannel: PJSIP/1-1\r\n\r\n")
            results[server] = (names(bench, server), b"Permission denied" in transport.take())
        assert results == {"pbx1": ([b"Hangup"], False), "pbx2": ([], True)}

    def test_a_verdict_at_one_server_is_not_used_at_another(self) -> None:
        """Both actions have no arguments, so their verdicts are cached."""
        nothing = user("boss", rules=Rules(actions=ActionNames(deny=("QueueRule",))))
        bench = make(user("boss", narrowed={"pbx2": nothing}))
        for server in (*EVERYWHERE, *EVERYWHERE):
            session, transport = bench.login(f"boss/{server}")
            session.receive(b"Action: QueueRule\r\n\r\n")
            assert names(bench, server) == ([b"QueueRule"] if server == "pbx1" else [])
            assert (b"Permission denied" in transport.take()) is (server == "pbx2")

    def test_its_commands_are_those_of_its_server(self) -> None:
        bench = Bench(*USERS, servers=TWO)
        bench.link_up(b"CoreStatus: Show PBX status  (Priv: <none>)\r\n", at="pbx1")
        bench.link_up(b"Ping: Keepalive command  (Priv: <none>)\r\n", at="pbx2")
        session, transport = bench.login("boss/pbx2")
        session.receive(b"Action: ListCommands\r\n\r\n")
        assert re.findall(rb"(\w+): .*Priv", transport.take()) == [b"Ping"]

    @pytest.mark.parametrize("action", [b"Ping", b"ListCommands", b"CoreStatus"])
    def test_they_fail_at_once_only_while_that_server_is_down(self, bench: Bench, action: bytes) -> None:
        up, up_got = bench.login("boss/pbx1")
        down, down_got = bench.login("boss/pbx2")
        bench.server("pbx2").link_down("gone")
        down_got.take()
        down.receive(b"Action: " + action + b"\r\n\r\n")
        assert down_got.take().startswith(b"Response: Error")
        up_got.take()
        up.receive(b"Action: Ping\r\n\r\n")
        assert up_got.take().startswith(b"Response: Success")

    def test_an_action_in_flight_ends_with_its_own_server_only(self, bench: Bench) -> None:
        (stays, stays_got), (ends, ends_got) = bench.login("boss/pbx1"), bench.login("boss/pbx2")
        for session in (stays, ends):
            session.receive(CORE_STATUS)
        bench.server("pbx2").link_down("gone")
        assert b"Response: Error" in ends_got.take()
        assert b"Response:" not in stays_got.take()
        bench.answer(bench.upstreams["pbx1"].take()[0], b"", at="pbx1")
        assert b"Response: Success" in stays_got.take()

    def test_a_session_that_is_closed_gets_the_answer_that_it_waits_for(self, bench: Bench) -> None:
        session, transport = bench.login("boss/pbx2")
        session.receive(CORE_STATUS)
        session.dismiss("kicked")
        assert b"Message: Session closed: kicked" in transport.take()


class TestStored:
    """What users put into one Asterisk does not count at another."""

    def setvar(self, bench: Bench, server: str, name: str) -> bytes:
        session, transport = bench.login(f"boss/{server}")
        session.receive(
            f"Action: Setvar\r\nChannel: PJSIP/1-1\r\nVariable: {name}\r\nValue: 1\r\n\r\n".encode()
        )
        for asked in bench.upstreams[server].take():
            bench.answer(asked, b"Message: Variable Set\r\n", at=server)
        return transport.take()

    def test_channels_of_equal_names_are_counted_apart(self) -> None:
        bench = make(channel_variables=1)
        assert b"Success" in self.setvar(bench, "pbx1", "A")
        assert b"Too many variables" in self.setvar(bench, "pbx1", "B")
        assert b"Success" in self.setvar(bench, "pbx2", "B")

    def test_queues_of_equal_names_are_counted_apart(self) -> None:
        bench = make(queue_members=1)
        results = []
        for server, member in (("pbx1", 1), ("pbx1", 2), ("pbx2", 2)):
            session, transport = bench.login(f"boss/{server}")
            session.receive(f"Action: QueueAdd\r\nQueue: q\r\nInterface: PJSIP/{member}\r\n\r\n".encode())
            for asked in bench.upstreams[server].take():
                bench.answer(asked, b"Message: Added interface to queue\r\n", at=server)
            results.append(b"Success" in transport.take())
        assert results == [True, False, True]

    def test_a_removal_at_one_server_frees_nothing_at_another(self) -> None:
        bench = make(queue_members=1)

        def act(server: str, action: str) -> bool:
            session, transport = bench.login(f"boss/{server}")
            session.receive(f"Action: {action}\r\nQueue: q\r\nInterface: PJSIP/1\r\n\r\n".encode())
            for asked in bench.upstreams[server].take():
                bench.answer(asked, b"Message: done\r\n", at=server)
            return b"Success" in transport.take()

        assert act("pbx1", "QueueAdd")
        assert act("pbx2", "QueueRemove")
        queue = b"Action: QueueAdd\r\nQueue: q\r\nInterface: PJSIP/2\r\n\r\n"
        session, transport = bench.login("boss/pbx1")
        session.receive(queue)
        assert b"Too many members" in transport.take()


class TestLogin:
    """By name, by listener, by the user's only server; refusals cannot be told from a wrong secret."""

    def login(self, bench: Bench, name: str, secret: str, entrance: str = "") -> tuple[bytes, float]:
        """The answer to a login, and after how long it came."""
        session, transport = bench.connect(entrance=Entrance(entrance))
        began = bench.clock.now()
        session.receive(
            f"Action: Login\r\nActionID: 1\r\nUsername: {name}\r\nSecret: {secret}\r\n\r\n".encode()
        )
        while not (answer := transport.take()):
            bench.clock.advance(0.1)
        return answer, round(bench.clock.now() - began, 1)

    @pytest.mark.parametrize(
        ("name", "secret", "entrance", "reason"),
        [
            ("boss", "wrong", "", "wrong secret"),
            ("ghost", "x", "", "no such user"),
            ("ghost/pbx1", "x", "", "no such user"),
            ("boss/pbx9", "x", "", "no such server"),
            ("boss/", "x", "", "no such server"),
            ("boss/pbx9", "wrong", "", "no such server"),
            ("one/pbx1", "x", "", "server not permitted"),
            ("one", "x", "pbx1", "server not permitted"),
            ("boss/pbx1", "x", "pbx2", "server not permitted"),
            ("boss/pbx1", "wrong", "", "wrong secret"),
        ],
    )
    def test_a_refusal_tells_the_client_nothing_of_its_reason(
        self,
        bench: Bench,
        caplog: pytest.LogCaptureFixture,
        name: str,
        secret: str,
        entrance: str,
        reason: str,
    ) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        answer = self.login(bench, name, secret, entrance)
        assert answer == (b"Response: Error\r\nActionID: 1\r\nMessage: Authentication failed\r\n\r\n", 1.0)
        ((trial, _, _),) = bench.verifier.asked
        assert len(trial) == 1
        (fields,) = fields_of(caplog, "login-failed")
        assert fields["reason"] == reason
        assert fields["security_event"] is not None, "it counts against the address"
        assert bench.hub.stats.refusals == {reason: 1}

    def test_the_right_secret_helps_nobody_to_a_server_that_is_not_permitted(self, bench: Bench) -> None:
        """Not even as a difference in what is compared: a wrong secret is compared with as many hashes."""
        self.login(bench, "one/pbx1", "x")
        self.login(bench, "one/pbx2", "wrong")
        assert [len(trial) for trial, _, _ in bench.verifier.asked] == [1, 1]
        assert "plain:x" not in bench.verifier.asked[0][0], "its own hash is not even compared"

    def test_the_log_names_user_and_server_apart(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        self.login(bench, "boss/pbx9", "x")
        (fields,) = fields_of(caplog, "login-failed")
        assert (fields["user"], fields["server"]) == (b"boss", b"pbx9")
        self.login(bench, "one", "x", "pbx1")
        fields = fields_of(caplog, "login-failed")[-1]
        assert (fields["user"], fields["server"]) == (b"one", "pbx1")
        self.login(bench, "one", "wrong")
        assert fields_of(caplog, "login-failed")[-1]["server"] is None
        assert {fields["server"] for fields in fields_of(caplog, "session-close")} == {None}

    def test_a_session_is_logged_with_its_server(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        session, _ = bench.login("boss/pbx2")
        session.receive(b"Action: Hangup\r\nChannel: PJSIP/1-1\r\n\r\n")
        bench.answer(bench.upstreams["pbx2"].take()[0], b"Message: Channel Hungup\r\n", at="pbx2")
        session.close("kicked")
        logged = [fields_of(caplog, name)[0] for name in ("login", "action-allowed", "session-close")]
        assert [(fields["user"], fields["server"]) for fields in logged] == [("boss", "pbx2")] * 3

    def test_nothing_is_logged_of_a_server_without_a_name(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        bench = Bench(User("boss", secret="plain:x"))
        bench.link_up()
        session, _ = bench.login("boss")
        session.close("kicked")
        for name in ("login", "session-close"):
            (fields,) = fields_of(caplog, name)
            assert fields["server"] is None

    @pytest.mark.parametrize("server", EVERYWHERE)
    def test_a_challenge_is_answered_with_the_name_of_a_server_too(self, bench: Bench, server: str) -> None:
        session, transport = bench.connect()
        session.receive(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
        challenge = transport.take().partition(b"Challenge: ")[2].strip()
        key = hashlib.md5(challenge + b"x", usedforsecurity=False).hexdigest()
        session.receive(
            f"Action: Login\r\nAuthType: MD5\r\nUsername: boss/{server}\r\nKey: {key}\r\n\r\n".encode()
        )
        assert b"Authentication accepted" in transport.take()
        assert session.route.bound is bench.server(server)

    @pytest.mark.parametrize("name", ["boss/pbx9", "boss/pbx1"])
    def test_a_right_challenge_for_a_wrong_server_is_answered_as_a_wrong_one(self, name: str) -> None:
        bench = make(user("boss", "pbx2", md5_secret=b"x"))
        answers = []
        for asked, secret in ((name, b"x"), ("boss/pbx2", b"wrong")):
            session, transport = bench.connect()
            session.receive(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
            challenge = transport.take().partition(b"Challenge: ")[2].strip()
            key = hashlib.md5(challenge + secret, usedforsecurity=False).hexdigest()
            session.receive(
                f"Action: Login\r\nAuthType: MD5\r\nUsername: {asked}\r\nKey: {key}\r\n\r\n".encode()
            )
            bench.clock.advance(0.9)
            assert transport.take() == b""
            bench.clock.advance(0.2)
            answers.append(transport.take())
        assert answers[0] == answers[1]
        assert bench.verifier.asked == []

    @pytest.mark.parametrize(
        ("name", "server"), [("wall", "pbx1"), ("wall/pbx1", "pbx1"), ("wall/pbx2", ""), ("wall/pbx9", "")]
    )
    def test_a_certificate_opens_only_the_servers_of_its_user(
        self, bench: Bench, name: str, server: str
    ) -> None:
        session, transport = bench.connect()
        identity = Identity("CN=wall", "fp", frozenset({Binding("cn", "wall")}))
        transport.peer = transport.peer._replace(certificate=identity)
        session.receive(f"Action: Login\r\nUsername: {name}\r\n\r\n".encode())
        if server:
            assert b"Authentication accepted" in transport.take()
            assert session.server.name == server
        else:
            assert len(bench.verifier.asked) == 1, "it costs a hash like any other refusal"
            bench.clock.advance(1.1)
            assert b"Authentication failed" in transport.take()

    def test_a_users_limits_count_all_its_servers(self) -> None:
        bench = make(user("boss"), sessions_per_user=1)
        bench.login("boss/pbx1")
        assert self.login(bench, "boss/pbx2", "x")[0] != b""
        assert bench.hub.stats.refusals == {"too many sessions of this user": 1}

    def test_a_user_without_multiple_logins_may_not_log_in_at_two_servers(self) -> None:
        bench = make(user("lone", allowmultiplelogin=False))
        bench.login("lone/pbx1")
        for name in ("lone/pbx2", "lone/pbx9", "lone"):
            assert b"Login Already In Use" in self.login(bench, name, "x")[0]

    def test_a_listener_binds_its_sessions_and_shows_its_servers_banner(self, bench: Bench) -> None:
        bench.server("pbx2").banner = b"Asterisk Call Manager/9.0.0\r\n"
        entrance = Entrance("pbx2")
        transport = ListTransport()
        session = bench.hub.attach(transport, entrance)
        assert transport.take() == b"Asterisk Call Manager/9.0.0\r\n"
        session.receive(b"Action: Login\r\nUsername: boss\r\nSecret: x\r\n\r\n")
        assert session.route.bound is bench.server("pbx2")

    def test_a_listener_that_is_bound_to_another_server_applies_to_later_logins(self, bench: Bench) -> None:
        entrance = Entrance("pbx2")
        before, _ = bench.login("boss", entrance=entrance)
        waiting, _ = bench.connect(entrance=entrance)
        entrance.server = "pbx1"
        waiting.receive(b"Action: Login\r\nUsername: boss\r\nSecret: x\r\n\r\n")
        assert before.route.bound is bench.server("pbx2")
        assert waiting.route.bound is bench.server("pbx1")

    def test_fullybooted_is_that_of_its_server(self, bench: Bench) -> None:
        booted = event("FullyBooted", "system", Uptime="5", LastReload="5", Status="Fully Booted")
        bench.feed(booted, at="pbx2")
        for server in EVERYWHERE:
            session, transport = bench.connect()
            session.receive(f"Action: Login\r\nUsername: boss/{server}\r\nSecret: x\r\n\r\n".encode())
            assert (b"FullyBooted" in transport.take()) is (server == "pbx2")

    def test_the_mask_of_the_server_decides_on_fullybooted(self) -> None:
        here = user("boss", read=privilege.CALL)
        bench = make(user("boss", narrowed={"pbx2": here}))
        for server in EVERYWHERE:
            bench.feed(event("FullyBooted", "system", Uptime="5", LastReload="5"), at=server)
            session, transport = bench.connect()
            session.receive(f"Action: Login\r\nUsername: boss/{server}\r\nSecret: x\r\n\r\n".encode())
            assert (b"FullyBooted" in transport.take()) is (server == "pbx1")


class TestSecurityEvents:
    """They go to readers who see a server that the session sees, and never name it."""

    def told(self, bench: Bench, cause: Callable[[Bench], object]) -> dict[str, list[tuple[bytes, bytes]]]:
        """Names and accounts of the security events that readers at each server, and at both, are sent."""
        readers = {name: bench.login(name)[1] for name in ("boss/pbx1", "boss/pbx2", "boss")}
        bench.hub.flush()
        for transport in readers.values():
            transport.take()
        cause(bench)
        bench.hub.flush()
        return {
            name: re.findall(rb"Event: (\w+)|AccountID: (.*)\r", transport.take())
            for name, transport in readers.items()
        }

    def test_the_account_is_the_users_name_alone(self, bench: Bench) -> None:
        def log_in(bench: Bench) -> None:
            _, transport = bench.connect()
            bench.login("one/pbx2")
            transport.take()

        told = self.told(bench, log_in)
        assert told == {
            "boss/pbx1": [],
            "boss/pbx2": [(b"SuccessfulAuth", b""), (b"", b"one")],
            "boss": [(b"SuccessfulAuth", b""), (b"", b"one")],
        }

    @pytest.mark.parametrize(
        ("name", "entrance", "readers"),
        [
            ("one/pbx2", "", {"boss/pbx2", "boss"}),
            ("one/pbx1", "", {"boss/pbx2", "boss"}),
            ("one", "pbx1", {"boss/pbx1", "boss"}),
            ("boss/pbx1", "", {"boss/pbx1", "boss/pbx2", "boss"}),
            ("ghost", "", {"boss/pbx1", "boss/pbx2", "boss"}),
            ("ghost/pbx2", "", {"boss/pbx1", "boss/pbx2", "boss"}),
        ],
    )
    def test_readers_at_the_servers_that_a_failed_login_is_about_get_it(
        self, bench: Bench, name: str, entrance: str, readers: set[str]
    ) -> None:
        def fail(bench: Bench) -> None:
            session, _ = bench.connect(entrance=Entrance(entrance))
            session.receive(f"Action: Login\r\nUsername: {name}\r\nSecret: wrong\r\n\r\n".encode())

        told = self.told(bench, fail)
        assert {reader for reader, events in told.items() if events} == readers

    def test_readers_at_the_servers_of_a_session_get_its_denied_actions(self, bench: Bench) -> None:
        session, _ = bench.login("one")
        told = self.told(bench, lambda _: session.receive(b"Action: Nonsense\r\n\r\n"))
        assert {reader for reader, events in told.items() if events} == {"boss/pbx2", "boss"}

    def test_a_denied_action_for_one_of_several_servers_is_told_there_alone(self, bench: Bench) -> None:
        session, _ = bench.login("boss")
        for server in ("pbx1", "pbx2"):
            action = f"Action: Nonsense\r\nServer: {server}\r\n\r\n".encode()
            told = self.told(bench, lambda _, action=action: session.receive(action))
            assert {reader for reader, events in told.items() if events} == {f"boss/{server}", "boss"}

    def test_before_the_login_the_listener_says_which_server_it_is_about(self, bench: Bench) -> None:
        session, _ = bench.connect(entrance=Entrance("pbx1"))
        told = self.told(bench, lambda _: session.receive(b"Action: Ping\r\n\r\n"))
        assert {reader for reader, events in told.items() if events} == {"boss/pbx1", "boss"}

    def test_the_number_of_suppressed_events_is_told_where_they_would_have_been(self, bench: Bench) -> None:
        session, _ = bench.login("one")

        def storm(bench: Bench) -> None:
            session.receive(b"Action: Nonsense\r\n\r\n" * 20)
            bench.hub.tick(bench.clock.now())

        told = self.told(bench, storm)
        assert (b"ProxySecurityEvents", b"") not in told["boss/pbx1"]
        assert (b"ProxySecurityEvents", b"") in told["boss/pbx2"]
        assert (b"ProxySecurityEvents", b"") in told["boss"]

    def test_a_reader_of_several_servers_needs_the_class_there(self) -> None:
        here = user("boss", read=privilege.CALL)
        bench = make(user("boss", narrowed={"pbx2": here}), ONE)
        session, _ = bench.login("one")
        told = self.told(bench, lambda _: session.receive(b"Action: Nonsense\r\n\r\n"))
        assert told == {"boss/pbx1": [], "boss/pbx2": [], "boss": []}


class TestOtherSessions:
    """AstManProxy's list of sessions shows none that are only about another server."""

    def test_a_bound_session_is_not_shown_those_of_another_server(self, bench: Bench) -> None:
        session, transport = bench.login("boss/pbx1")
        for address, name in (("192.0.2.21", "boss/pbx1"), ("192.0.2.22", "one"), ("192.0.2.23", "boss")):
            bench.login(name, by=ListTransport(address))
        bench.connect("192.0.2.24")
        bench.connect("192.0.2.25", entrance=Entrance("pbx2"))
        transport.take()
        session.receive(b"ProxyAction: ListSessions\r\n\r\n")
        shown = re.findall(rb"ProxyClientSession: (.*)\r", transport.take())
        assert set(shown) == {b"192.0.2.1", b"192.0.2.21", b"192.0.2.23", b"192.0.2.24"}


class TestLinkLoss:
    """When one server's link is lost, only the sessions that are bound to it end."""

    def test_only_its_own_sessions_are_closed(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        reader = user("boss", read=privilege.CALL)
        bench = make(reader)
        (_, stays), (_, ends) = bench.login("boss/pbx1"), bench.login("boss/pbx2")
        bench.server("pbx2").link_down("gone")
        bench.clock.advance(2)
        assert ends.closed
        assert not stays.closed
        (fields,) = fields_of(caplog, "sessions-lost-upstream")
        assert (fields["server"], fields["closed"]) == ("pbx2", 1)
        assert bench.hub.link_loss.last.keys() == {"pbx2"}

    def test_a_second_loss_does_not_delay_the_sessions_of_the_first(self) -> None:
        bench = make(user("boss", read=privilege.CALL), upstream_lost_spread=2.0)
        (_, first), (_, second) = bench.login("boss/pbx1"), bench.login("boss/pbx2")
        bench.server("pbx1").link_down("gone")
        bench.clock.advance(0.04)
        bench.server("pbx2").link_down("gone")
        assert not first.closed
        bench.clock.advance(2)
        assert first.closed
        assert second.closed


class TestReload:
    """Servers may come and go; sessions keep what they may still use."""

    def test_a_removed_server_ends_its_sessions_and_no_others(self, bench: Bench) -> None:
        (_, stays), (ends, ended) = bench.login("boss/pbx1"), bench.login("boss/pbx2")
        ends.receive(CORE_STATUS)
        left = Configured(("pbx1",), named=True)
        users = UserTable([user("boss", "pbx1", md5_secret=b"x")])
        closing = result_of(bench.hub.closing_for(users, left))
        assert closing == {"boss": {"server removed": 1}}
        bench.hub.adopt(users, left)
        assert ended.closed
        assert b"Message: Session closed: server removed" in ended.take()
        assert not stays.closed
        assert bench.hub.stats.closes == {"server removed": 1}
        assert [server.name for server in bench.hub.servers] == ["pbx1"]
        assert bench.hub.servers.default is None

    def test_what_was_known_of_a_removed_server_is_not_known_of_its_successor(self, bench: Bench) -> None:
        bench.server("pbx2").link_down("gone")
        old = bench.server("pbx2")
        users = UserTable([user("boss")])
        bench.hub.adopt(users, Configured(("pbx1",), named=True))
        old.link_down("the link is closed")
        old.link_up(ListUpstream(), b"Asterisk Call Manager/11.0.0\r\n")  # a login that was under way
        old.serve()
        assert not old.exchange.connected
        bench.add_server("pbx2")
        bench.hub.adopt(users, TWO)
        assert bench.server("pbx2") is not old
        assert bench.hub.link_loss.last == {}
        bench.link_up(at="pbx2")
        session, _ = bench.login("boss/pbx2")
        session.receive(CORE_STATUS)
        assert names(bench, "pbx2") == [b"CoreStatus"]

    def test_an_added_server_can_be_used_after_the_reload(self) -> None:
        bench = make(servers=Configured(("pbx1",), named=True))
        bench.add_server("pbx2")
        bench.add_server("pbx1")
        kept = bench.server("pbx1")
        users = UserTable([user("boss", "pbx2", "pbx1")])
        bench.hub.adopt(users, Configured(("pbx2", "pbx1"), named=True, default="pbx1"))
        assert [server.name for server in bench.hub.servers] == ["pbx2", "pbx1"]
        assert bench.hub.servers.default is kept
        bench.link_up(at="pbx2")
        session, _ = bench.login("boss/pbx2")
        session.receive(CORE_STATUS)
        assert names(bench, "pbx2") == [b"CoreStatus"]

    def test_a_user_who_loses_a_server_loses_its_sessions_there(self, bench: Bench) -> None:
        (_, stays), (_, ends) = bench.login("boss/pbx1"), bench.login("boss/pbx2")
        bench.hub.adopt(UserTable([user("boss", "pbx1", md5_secret=b"x")]))
        assert ends.closed
        assert not stays.closed
        assert bench.hub.stats.closes == {"server not permitted": 1}

    def test_rights_at_a_server_apply_at_once(self, bench: Bench) -> None:
        session, transport = bench.login("boss/pbx2")
        session.receive(CORE_STATUS)
        bench.answer(bench.upstreams["pbx2"].take()[0], b"", at="pbx2")
        here = user("boss", read=0, write=0)
        bench.hub.adopt(UserTable([user("boss", md5_secret=b"x", narrowed={"pbx2": here})]))
        assert session.route.rights is here
        assert session.subscription is None
        transport.take()
        session.receive(b"Action: Hangup\r\nChannel: PJSIP/1-1\r\n\r\n")
        assert b"Permission denied" in transport.take()

    def test_a_server_that_is_removed_while_a_secret_is_compared_refuses_the_login(self) -> None:
        bench = make(user("boss"))
        bench.verifier.at_once = False
        session, transport = bench.connect()
        session.receive(b"Action: Login\r\nUsername: boss/pbx2\r\nSecret: x\r\n\r\n")
        bench.hub.adopt(bench.hub.ctx.users, Configured(("pbx1",), named=True))
        bench.verifier.answer()
        bench.clock.advance(1.1)
        assert b"Authentication failed" in transport.take()
        assert bench.hub.stats.refusals == {"user changed during login": 1}

    def test_a_login_during_the_reload_is_closed_if_its_server_is_removed(self, bench: Bench) -> None:
        bench.login("boss/pbx1")
        steps = bench.hub.adopting(
            UserTable([user("boss", "pbx1", md5_secret=b"x")]), TWO._replace(names=("pbx1",))
        )
        next(steps)
        _, late = bench.login("boss/pbx2")
        for _ in steps:
            pass
        assert late.closed
        assert bench.hub.stats.closes == {"server removed": 1}
