"""Sessions that see several servers: what they are sent, where their actions go, and what comes back."""

import logging
import re

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.message import Message
from amiproxy.core.clients.session import Session
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import ActionNames, Rules
from amiproxy.core.model.state import State
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from tests.core.servers.test_side import Opener
from tests.support.core_doubles import Bench, ListTransport, ListUpstream, event

SERVERS = ("pbx1", "pbx2", "pbx3")
THREE = Configured(SERVERS, named=True)


def user(name: str, *servers: str, **more: object) -> User:
    fields: dict[str, object] = {
        "read": privilege.ALL & ~privilege.SECURITY,
        "write": privilege.ALL,
        "secret": "plain:x",
        "servers": servers or SERVERS,
        **more,
    }
    return User(name, **fields)


#: May use two of the three servers.
BOSS = user("boss", "pbx1", "pbx2", default_server="pbx1")
#: Has no default server.
ALL = user("all")
QUIET = user("quiet", read=0)
BOUND = user("bound", "pbx1")


def make(*users: User, up: bool = True, servers: Configured = THREE, **limits: object) -> Bench:
    bench = Bench(*(users or (BOSS, ALL, QUIET, BOUND)), servers=servers, limits=Limits(**limits))
    if up:
        bench.all_up()
    return bench


@pytest.fixture
def bench() -> Bench:
    return make()


def send(session: Session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


def sent_to(bench: Bench, server: str) -> list[Message]:
    """The actions that a server was sent since the last call, without the proxy's own Pings."""
    return [one for one in bench.upstreams[server].take() if one.get(b"action") != b"Ping"]


def where(bench: Bench) -> list[str]:
    """The servers that were sent an action since the last call."""
    return [server for server in SERVERS if sent_to(bench, server)]


def messages(transport: ListTransport) -> list[Message]:
    return [Message(part + b"\r\n\r\n") for part in transport.take().split(b"\r\n\r\n")[:-1]]


def list_of(asked: Message, *channels: str, items: int | None = None) -> list[bytes]:
    """Asterisk's answer to CoreShowChannels."""
    line = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    parts = [b"Response: Success\r\n" + line + b"EventList: start\r\nMessage: Channels will follow\r\n\r\n"]
    parts += [b"Event: CoreShowChannel\r\n" + line + f"Channel: {name}\r\n\r\n".encode() for name in channels]
    count = str(len(channels) if items is None else items).encode()
    end = b"EventList: Complete\r\nListItems: " + count + b"\r\n\r\n"
    return [*parts, b"Event: CoreShowChannelsComplete\r\n" + line + end]


def answer_list(bench: Bench, server: str, *channels: str) -> None:
    (asked,) = sent_to(bench, server)
    bench.feed(*list_of(asked, *channels), at=server)


class TestLogin:
    """After the login, each of the user's servers is named."""

    def login(self, bench: Bench, name: str) -> list[Message]:
        session, transport = bench.connect()
        send(session, f"Action: Login\nUsername: {name}\nSecret: x")
        return messages(transport)

    def test_servers_that_are_up_and_down_are_each_named_in_order(self) -> None:
        bench = make(up=False)
        bench.link_up(at="pbx2")
        bench.feed(event("FullyBooted", "system", Uptime="9", LastReload="9"), at="pbx2")
        accepted, *rest = self.login(bench, "all")
        assert accepted.get(b"message") == b"Authentication accepted"
        assert not accepted.get(b"server")
        assert [(m.get(b"event"), m.get(b"status"), m.get(b"server")) for m in rest] == [
            (b"ProxyUpstream", b"Down", b"pbx1"),
            (b"FullyBooted", b"Fully Booted", b"pbx2"),
            (b"ProxyUpstream", b"Down", b"pbx3"),
        ]
        assert all(m.raw.endswith(b"Server: " + m.get(b"server") + b"\r\n\r\n") for m in rest)

    def test_a_server_that_the_user_may_not_use_is_not_named(self) -> None:
        bench = make(up=False)
        assert {m.get(b"server") for m in self.login(bench, "boss")[1:]} == {b"pbx1", b"pbx2"}

    def test_only_readers_of_class_system_get_them(self) -> None:
        narrowed = {"pbx1": user("some", read=privilege.parse_classes("call"))}
        bench = make(user("some", narrowed=narrowed), QUIET, up=False)
        assert [m.get(b"server") for m in self.login(bench, "some")[1:]] == [b"pbx2", b"pbx3"]
        assert self.login(bench, "quiet")[1:] == []

    def test_a_user_of_one_server_gets_no_header(self) -> None:
        bench = make()
        bench.feed(event("FullyBooted", "system", Status="Fully Booted"), at="pbx1")
        assert [m.get(b"server") for m in self.login(bench, "bound")] == [b"", b""]


class TestWhereActionsGo:
    def test_an_action_goes_to_the_server_that_it_names_without_the_header(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: Getvar\nActionID: 5\nVariable: X\nServer: PBX2")
        assert (where_else := sent_to(bench, "pbx1") + sent_to(bench, "pbx3")) == [], where_else
        (asked,) = sent_to(bench, "pbx2")
        assert b"erver" not in asked.raw
        bench.answer(asked, b"Variable: X\r\nValue: 1\r\n", at="pbx2")
        assert transport.take() == (
            b"Response: Success\r\nActionID: 5\r\nVariable: X\r\nValue: 1\r\nServer: pbx2\r\n\r\n"
        )
        assert session.state is State.READY

    def test_without_a_header_it_goes_to_the_users_default_server(self, bench: Bench) -> None:
        session, _ = bench.login("boss")
        send(session, "Action: Getvar\nVariable: X")
        assert where(bench) == ["pbx1"]

    @pytest.mark.parametrize(
        ("action", "text"),
        [
            ("Getvar\nVariable: X", "Server header required"),
            ("Getvar\nVariable: X\nServer: *", "Not for several servers"),
            ("Ping\nServer: *", "Not for several servers"),
            ("Getvar\nVariable: X\nServer: pbx9", "No such server"),
            ("Ping\nServer: pbx9", "No such server"),
            ("CoreShowChannels\nServer: pbx9", "No such server"),
            ("ListCommands\nServer: pbx9", "No such server"),
        ],
    )
    def test_an_action_without_a_server_is_an_error(self, bench: Bench, action: str, text: str) -> None:
        session, transport = bench.login("all")
        send(session, f"Action: {action}\nActionID: 7")
        assert transport.take() == f"Response: Error\r\nActionID: 7\r\nMessage: {text}\r\n\r\n".encode()
        assert where(bench) == []

    def test_a_server_of_others_is_answered_as_one_that_does_not_exist(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        session, transport = bench.login("boss")
        answers = []
        for name in ("pbx3", "pbx9"):
            send(session, f"Action: Getvar\nVariable: X\nServer: {name}")
            answers.append(transport.take())
        assert answers[0] == answers[1]
        assert where(bench) == []
        denied = [r.fields for r in caplog.records if r.getMessage() == "action-denied"]
        assert [one["rule"] for one in denied] == ["server", "server"]

    def test_a_server_that_is_down_is_an_error_at_once(self, bench: Bench) -> None:
        bench.server("pbx2").link_down("gone")
        session, transport = bench.login("boss")
        transport.take()
        send(session, "Action: Getvar\nActionID: 7\nVariable: X\nServer: pbx2")
        assert transport.take() == (
            b"Response: Error\r\nActionID: 7\r\nMessage: Server pbx2 is not connected\r\nServer: pbx2\r\n\r\n"
        )
        assert session.state is State.READY

    def test_it_is_judged_with_the_rights_at_that_server(self, bench: Bench) -> None:
        less = user("some", write=privilege.parse_classes("reporting"))
        bench = make(user("some", narrowed={"pbx2": less}))
        session, transport = bench.login("some")
        for server in SERVERS:
            send(session, f"Action: Hangup\nChannel: PJSIP/1-1\nServer: {server}")
        assert [server for server in SERVERS if sent_to(bench, server)] == ["pbx1"]
        session, transport = bench.login("some")
        send(session, "Action: Hangup\nChannel: PJSIP/1-1\nServer: pbx2")
        assert where(bench) == []
        assert transport.take() == (b"Response: Error\r\nMessage: Permission denied\r\nServer: pbx2\r\n\r\n")

    def test_local_actions_are_of_the_session(self, bench: Bench) -> None:
        session, transport = bench.login("all")
        for action in (
            "Events\nEventMask: off\nServer: pbx9",
            "Ping",
            "Challenge\nAuthType: MD5\nServer: pbx1",
        ):
            send(session, f"Action: {action}")
        events, ping, _ = messages(transport)
        assert (events.get(b"events"), events.get(b"server")) == (b"Off", b"")
        assert (ping.get(b"ping"), ping.get(b"server")) == (b"Pong", b"")
        assert where(bench) == []

    def test_a_ping_without_a_server_asks_the_proxy_whatever_is_up(self) -> None:
        bench = make(up=False)
        session, transport = bench.login("all")
        transport.take()
        send(session, "Action: Ping")
        assert transport.take().startswith(b"Response: Success\r\nPing: Pong\r\n")

    def test_a_ping_for_a_server_is_sent_there(self, bench: Bench) -> None:
        session, transport = bench.login("all")
        send(session, "Action: Ping\nActionID: 3\nServer: pbx2")
        (asked,) = bench.upstreams["pbx2"].take()
        assert transport.take() == b""
        bench.answer(asked, b"Ping: Pong\r\nTimestamp: 1.0\r\n", at="pbx2")
        assert transport.take() == (
            b"Response: Success\r\nActionID: 3\r\nPing: Pong\r\nTimestamp: 1.0\r\nServer: pbx2\r\n\r\n"
        )

    def test_a_user_event_goes_to_one_server_without_its_header(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: UserEvent\nServer: pbx2\nUserEvent: Note\nText: hi")
        (asked,) = sent_to(bench, "pbx2")
        assert re.search(rb"(?i)^server:", asked.raw, re.MULTILINE) is None
        bench.answer(asked, b"Message: Event Sent\r\n", at="pbx2")
        assert transport.take() == b"Response: Success\r\nMessage: Event Sent\r\nServer: pbx2\r\n\r\n"

    def test_the_output_of_a_command_stays_intact(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: Command\nCommand: http show status\nServer: pbx2")
        (asked,) = sent_to(bench, "pbx2")
        output = b"Message: Command output follows\r\nOutput: Server: Asterisk\r\nOutput: x\r\nOutput: \r\n"
        bench.answer(asked, output, at="pbx2")
        assert transport.take() == b"Response: Success\r\n" + output + b"Server: pbx2\r\n\r\n"

    def test_actions_run_one_after_the_other_whatever_their_server(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: Getvar\nActionID: 1\nVariable: X\nServer: pbx2")
        send(session, "Action: Getvar\nActionID: 2\nVariable: X\nServer: pbx1")
        assert sent_to(bench, "pbx1") == []
        bench.answer(sent_to(bench, "pbx2")[0], b"Value: 1\r\n", at="pbx2")
        bench.answer(sent_to(bench, "pbx1")[0], b"Value: 2\r\n", at="pbx1")
        assert [(m.get(b"actionid"), m.get(b"server")) for m in messages(transport)] == [
            (b"1", b"pbx2"),
            (b"2", b"pbx1"),
        ]

    def test_a_closing_session_gets_the_answer_that_it_waits_for(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: Getvar\nActionID: 7\nVariable: X\nServer: pbx2")
        session.dismiss("kicked")
        assert b"Response: Error\r\nActionID: 7\r\nMessage: Session closed: kicked\r\nServer: pbx2\r\n" in (
            transport.take()
        )

    def test_one_servers_loss_ends_only_what_is_open_there(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        other, other_got = bench.login("boss")
        send(session, "Action: Getvar\nVariable: X\nServer: pbx2")
        send(other, "Action: Getvar\nVariable: X\nServer: pbx1")
        bench.server("pbx2").link_down("gone")
        (lost,) = [m for m in messages(transport) if m.get(b"response")]
        assert lost.raw == (
            b"Response: Error\r\nMessage: Upstream connection lost (outcome unknown)\r\nServer: pbx2\r\n\r\n"
        )
        assert b"Response:" not in other_got.take()
        bench.answer(sent_to(bench, "pbx1")[0], b"Value: 2\r\n", at="pbx1")
        assert b"Value: 2\r\nServer: pbx1\r\n" in other_got.take()

    def test_the_session_stays_and_gets_the_loss_and_the_return(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        bench.server("pbx2").link_down("gone")
        (down,) = messages(transport)
        assert (down.get(b"event"), down.get(b"status"), down.get(b"server")) == (
            b"ProxyUpstream",
            b"Down",
            b"pbx2",
        )
        bench.clock.advance(60)
        assert session.state is State.READY
        bench.link_up(at="pbx2")
        bench.feed(event("FullyBooted", "system", Status="Fully Booted"), at="pbx2")
        assert [(m.get(b"event"), m.get(b"server")) for m in messages(transport)] == [
            (b"ProxyUpstream", b"pbx2"),
            (b"FullyBooted", b"pbx2"),
        ]


class TestCalls:
    """Originate in its two forms."""

    CALL = "Action: Originate\nActionID: o\nChannel: Local/1@x\nApplication: Wait\nData: 1\nServer: pbx2"

    def test_a_synchronous_call_is_answered_from_its_event(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, self.CALL)
        (asked,) = sent_to(bench, "pbx2")
        assert asked.get(b"async") == b"true"
        bench.answer(asked, b"Message: Originate successfully queued\r\n", at="pbx2")
        # Events of its server wait for the outcome, those of others do not.
        bench.feed(event("Newchannel", Channel="Local/1@x"), at="pbx2")
        bench.feed(event("Newchannel", Channel="SIP/other"), at="pbx1")
        assert [(m.get(b"event"), m.get(b"server")) for m in messages(transport)] == [
            (b"Newchannel", b"pbx1")
        ]
        outcome = {"ActionID": asked.get(b"actionid").decode(), "Response": "Success"}
        bench.feed(event("OriginateResponse", **outcome), at="pbx2")
        response, channel = messages(transport)
        assert response.raw == (
            b"Response: Success\r\nActionID: o\r\nMessage: Originate successfully queued\r\n"
            b"Server: pbx2\r\n\r\n"
        )
        assert (channel.get(b"event"), channel.get(b"server")) == (b"Newchannel", b"pbx2")

    def test_an_asynchronous_call_has_its_event_later(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, self.CALL + "\nAsync: true")
        (asked,) = sent_to(bench, "pbx2")
        bench.answer(asked, b"Message: Originate successfully queued\r\n", at="pbx2")
        assert session.state is State.READY
        transport.take()
        outcome = {"ActionID": asked.get(b"actionid").decode(), "Response": "Failure"}
        bench.feed(event("OriginateResponse", **outcome), at="pbx2")
        (result,) = messages(transport)
        assert (result.get(b"actionid"), result.get(b"server")) == (b"o", b"pbx2")


class TestTones:
    """An action that is sent in parts, between which nothing of it is at Asterisk."""

    def begun(self) -> tuple[Bench, Session, ListTransport]:
        bench = make(link_hold=0.3)
        session, transport = bench.login("boss")
        send(session, "Action: PlayMF\nActionID: 1\nChannel: PJSIP/1-00000001\nDigit: 123\nServer: pbx2")
        bench.answer(sent_to(bench, "pbx2")[0], b"", at="pbx2")
        return bench, session, transport

    def test_it_is_answered_once_all_parts_are_sent(self) -> None:
        bench, _, transport = self.begun()
        for _ in range(2):
            bench.clock.advance(5)
            assert transport.take() == b""
            bench.answer(sent_to(bench, "pbx2")[0], b"", at="pbx2")
        assert transport.take() == b"Response: Success\r\nActionID: 1\r\nServer: pbx2\r\n\r\n"

    def test_a_link_lost_after_some_digits_leaves_the_outcome_unknown(self) -> None:
        bench, session, transport = self.begun()
        bench.server("pbx2").link_down("gone")
        bench.clock.advance(5)
        (answer,) = [m for m in messages(transport) if m.get(b"response")]
        assert answer.get(b"message") == b"Upstream connection lost (outcome unknown)"
        assert session.state is State.READY

    def test_the_rest_is_not_sent_to_a_server_that_is_taken_away(self) -> None:
        bench, session, transport = self.begun()
        bench.hub.adopt(UserTable([user("boss", "pbx1", "pbx3")]))
        bench.clock.advance(5)
        assert sent_to(bench, "pbx2") == []
        assert b"Message: No such server\r\n" in transport.take()
        assert session.state is State.READY


class TestLists:
    def test_without_a_server_all_of_the_users_are_asked_and_one_list_comes(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 7")
        answer_list(bench, "pbx2", "SIP/b")
        assert session.state is State.BUSY
        answer_list(bench, "pbx1", "SIP/a1", "SIP/a2")
        assert sent_to(bench, "pbx3") == []
        response, *items, end = messages(transport)
        assert response.get(b"eventlist") == b"start"
        assert [(m.get(b"channel"), m.get(b"server")) for m in items] == [
            (b"SIP/b", b"pbx2"),
            (b"SIP/a1", b"pbx1"),
            (b"SIP/a2", b"pbx1"),
        ]
        assert end.raw == (
            b"Event: CoreShowChannelsComplete\r\nActionID: 7\r\nEventList: Complete\r\nListItems: 3\r\n"
            b"Servers: pbx1, pbx2\r\n\r\n"
        )
        assert session.state is State.READY

    @pytest.mark.parametrize("header", ["", "\nServer: *"])
    def test_a_star_is_the_same(self, bench: Bench, header: str) -> None:
        session, _ = bench.login("boss")
        send(session, f"Action: QueueStatus{header}")
        asked = {server: sent_to(bench, server) for server in SERVERS}
        assert [server for server in SERVERS if asked[server]] == ["pbx1", "pbx2"]
        assert all(not one.get(b"server") for ones in asked.values() for one in ones)

    def test_for_one_server_it_is_that_servers_list(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 7\nServer: pbx2")
        answer_list(bench, "pbx2", "SIP/b")
        assert where(bench) == []
        got = messages(transport)
        assert [m.get(b"server") for m in got] == [b"pbx2"] * 3
        assert not got[-1].get(b"servers")

    def test_a_server_that_is_down_is_missing_at_once(self, bench: Bench) -> None:
        bench.server("pbx1").link_down("gone")
        session, transport = bench.login("boss")
        transport.take()
        send(session, "Action: CoreShowChannels")
        answer_list(bench, "pbx2", "SIP/b")
        end = messages(transport)[-1]
        assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx2", b"pbx1")

    def test_a_server_that_is_lost_meanwhile_is_missing(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels")
        (asked,) = sent_to(bench, "pbx1")
        bench.feed(*list_of(asked, "SIP/a1", "SIP/a2")[:2], at="pbx1")
        bench.server("pbx1").link_down("gone")
        answer_list(bench, "pbx2", "SIP/b")
        got = [m for m in messages(transport) if m.get(b"event") != b"ProxyUpstream"]
        assert [m.get(b"channel") for m in got[1:-1]] == [b"SIP/a1", b"SIP/b"]
        assert (got[-1].get(b"serversmissing"), got[-1].get(b"listitems")) == (b"pbx1", b"2")

    def test_a_server_that_is_too_slow_is_missing(self) -> None:
        bench = make(action_timeout=5.0)
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 7")
        answer_list(bench, "pbx2", "SIP/b")
        (asked,) = sent_to(bench, "pbx1")
        assert session.state is State.BUSY
        bench.clock.advance(6)
        bench.hub.tick(bench.clock.now())
        end = messages(transport)[-1]
        assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx2", b"pbx1")
        assert session.state is State.READY
        bench.feed(*list_of(asked, "SIP/late"), at="pbx1")
        assert messages(transport) == []

    def test_if_all_are_down_the_first_ones_error_comes(self) -> None:
        bench = make(up=False)
        session, transport = bench.login("boss")
        transport.take()
        send(session, "Action: CoreShowChannels\nActionID: 7")
        assert transport.take() == (
            b"Response: Error\r\nActionID: 7\r\nMessage: Server pbx1 is not connected\r\n"
            b"ServersMissing: pbx1, pbx2\r\n\r\n"
        )
        assert session.state is State.READY

    def test_a_server_at_which_it_is_not_allowed_is_not_asked_and_missing(self) -> None:
        less = user("some", write=0)
        bench = make(user("some", narrowed={"pbx2": less}))
        session, transport = bench.login("some")
        send(session, "Action: CoreShowChannels")
        for server in ("pbx1", "pbx3"):
            answer_list(bench, server)
        assert sent_to(bench, "pbx2") == []
        end = messages(transport)[-1]
        assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx1, pbx3", b"pbx2")

    def test_if_it_is_allowed_nowhere_it_is_denied_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="amiproxy")
        bench = make(user("some", write=0))
        session, transport = bench.login("some")
        send(session, "Action: CoreShowChannels\nActionID: 7")
        assert transport.take() == b"Response: Error\r\nActionID: 7\r\nMessage: Permission denied\r\n\r\n"
        assert len([r for r in caplog.records if r.getMessage() == "action-denied"]) == 1
        assert where(bench) == []

    def test_a_rule_of_one_server_changes_the_question_there_only(self) -> None:
        only = Rules(actions=ActionNames(allow=("CoreShowChannels",)))
        bench = make(user("some", rules=only))
        session, _ = bench.login("some")
        send(session, "Action: QueueStatus")
        send(session, "Action: CoreShowChannels")
        assert where(bench) == ["pbx1", "pbx2", "pbx3"]

    def test_a_closing_session_gets_the_end_of_its_list(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 7")
        answer_list(bench, "pbx2", "SIP/b")
        (asked,) = sent_to(bench, "pbx1")
        transport.take()
        session.dismiss("kicked")
        ends = [m for m in messages(transport) if m.get(b"actionid") == b"7"]
        assert [(m.get(b"event"), m.get(b"eventlist")) for m in ends] == [
            (b"CoreShowChannelsComplete", b"Cancelled")
        ]
        bench.feed(*list_of(asked, "SIP/a"), at="pbx1")
        assert bench.server("pbx1").in_flight == 0
        assert bench.hub.stats.faults == 0

    def test_a_lost_session_leaves_all_of_them(self, bench: Bench) -> None:
        session, _ = bench.login("boss")
        send(session, "Action: CoreShowChannels")
        session.lost("reset")
        for server in ("pbx1", "pbx2"):
            (asked,) = sent_to(bench, server)
            bench.feed(*list_of(asked, "SIP/a"), at=server)
        assert bench.hub.stats.faults == 0
        assert bench.hub.servers.in_flight == 0

    def test_past_the_limit_of_items_the_list_is_cancelled_and_the_next_action_runs(self) -> None:
        bench = make(list_items=3)
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 7")
        send(session, "Action: Getvar\nVariable: X")
        (one,), (two,) = sent_to(bench, "pbx1"), sent_to(bench, "pbx2")
        bench.feed(*list_of(one, "SIP/1", "SIP/2")[:3], at="pbx1")
        bench.feed(*list_of(two, "SIP/3", "SIP/4", "SIP/5"), at="pbx2")
        got = messages(transport)
        assert (got[-1].get(b"eventlist"), got[-1].get(b"listitems")) == (b"Cancelled", b"4")
        bench.feed(*list_of(one, "SIP/1", "SIP/2")[3:], at="pbx1")
        (asked,) = sent_to(bench, "pbx1")
        assert asked.get(b"action") == b"Getvar"
        bench.answer(asked, b"Value: 1\r\n", at="pbx1")
        (value,) = messages(transport)
        assert value.get(b"value") == b"1"

    def test_a_slow_server_does_not_delay_the_events_of_the_others(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        answers = {}
        sides = [bench.hub.servers.find(name).side for name in (b"pbx1", b"pbx2")]
        for side in sides:
            side.opener = Opener()
        send(session, "Action: VoicemailUsersList")
        for side in sides:
            side.link_up(upstream := ListUpstream(), b"")
            answers[side] = (
                b"Response: Success\r\nActionID: %b\r\n"
                b"Message: There are no voicemail users currently defined.\r\n\r\n"
            ) % upstream.take()[0].get(b"actionid")
        bench.feed(event("Newchannel", Channel="SIP/a"), at="pbx1")
        bench.feed(event("Newchannel", Channel="SIP/b"), at="pbx2")
        assert transport.take() == b""
        sides[0].from_upstream([answers[sides[0]]])
        assert [(m.get(b"event"), m.get(b"server")) for m in messages(transport)] == [
            (b"Newchannel", b"pbx1")
        ]
        bench.feed(event("Hangup", Channel="SIP/a"), at="pbx1")
        assert [(m.get(b"event"), m.get(b"server")) for m in messages(transport)] == [(b"Hangup", b"pbx1")]
        sides[1].from_upstream([answers[sides[1]]])
        assert [(m.get(b"response"), m.get(b"event"), m.get(b"server")) for m in messages(transport)] == [
            (b"", b"Newchannel", b"pbx2"),
            (b"Success", b"", b""),
        ]


class TestOtherForms:
    """Doors that write events in another form than AMI's, answers that go on, and what is recorded."""

    def test_in_another_form_the_events_of_all_servers_wait_for_an_answer(self, bench: Bench) -> None:
        shouting = ListTransport(encoding=Encoding("shouting", lambda raw: raw.upper()))
        session, transport = bench.login("boss", by=shouting)
        server = bench.hub.servers.find(b"pbx2")
        assert server is not None
        server.side.opener = Opener()
        send(session, "Action: VoicemailUsersList\nServer: pbx2")
        server.side.link_up(upstream := ListUpstream(), b"")
        bench.feed(event("Newchannel", Channel="SIP/a"), at="pbx1")
        assert transport.take() == b""
        relay_id = upstream.take()[0].get(b"actionid")
        server.side.from_upstream([b"Response: Success\r\nActionID: " + relay_id + b"\r\n\r\n"])
        assert transport.take() == (
            b"Response: Success\r\nServer: pbx2\r\n\r\n"
            + event("Newchannel", Channel="SIP/a").upper()[:-2]
            + b"SERVER: PBX1\r\n\r\n"
        )

    def test_an_answer_that_goes_on_after_its_end_bears_the_name_too(self, bench: Bench) -> None:
        bench.server("pbx2").adopt_actions(OtherActions(undescribed_for_system=True))
        bench.server("pbx2").actions.table = bench.server("pbx2").actions.table.learnt_from(
            [(b"Strange", b"Does things  (Priv: <none>)")]
        )
        session, transport = bench.login("boss")
        send(session, "Action: Strange\nActionID: 6\nServer: pbx2")
        (asked,) = sent_to(bench, "pbx2")
        bench.answer(asked, b"", at="pbx2")
        (ping,) = bench.upstreams["pbx2"].take()
        bench.answer(ping, b"Ping: Pong\r\n", at="pbx2")
        assert session.state is State.READY
        transport.take()
        line = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
        bench.feed(b"Event: More\r\n" + line + b"\r\n", at="pbx2")
        assert transport.take() == b"Event: More\r\nActionID: 6\r\nServer: pbx2\r\n\r\n"

    def test_a_list_query_is_recorded_once(self, bench: Bench) -> None:
        session, _ = bench.login("boss")
        bench.hub.learner.begin(0)
        send(session, "Action: CoreShowChannels")
        assert bench.hub.learner.recorder is not None
        assert list(bench.hub.learner.recorder.shapes.values()) == [1]

    def test_at_no_server_its_rights_are_those_of_the_user(self) -> None:
        less = user("some", read=privilege.CALL, write=0)
        bench = make(user("some", read=privilege.CALL | privilege.AGENT, narrowed={"pbx1": less}))
        session, _ = bench.login("some")
        assert session.route.rights.write == privilege.ALL
        assert [place.rights.read for place in session.route.places] == [
            privilege.CALL,
            privilege.CALL | privilege.AGENT,
            privilege.CALL | privilege.AGENT,
        ]


class TestListCommands:
    def bench(self) -> Bench:
        bench = make(up=False)
        bench.link_up(
            b"CoreStatus: Show PBX status  (Priv: <none>)\r\nPing: Keepalive  (Priv: <none>)\r\n", at="pbx1"
        )
        bench.link_up(
            b"SIPpeers: Peers  (Priv: system,all)\r\nPing: Keepalive  (Priv: <none>)\r\n", at="pbx2"
        )
        return bench

    def rows(self, bench: Bench, header: str = "", name: str = "boss") -> bytes:
        session, transport = bench.login(name)
        transport.take()
        send(session, f"Action: ListCommands\nActionID: 1{header}")
        return transport.take()

    @pytest.mark.parametrize("header", ["", "\nServer: *"])
    def test_without_a_server_it_is_the_union_and_the_list_of_servers(self, header: str) -> None:
        assert self.rows(self.bench(), header) == (
            b"Response: Success\r\nActionID: 1\r\nCoreStatus: Show PBX status  (Priv: <none>)\r\n"
            b"Ping: Keepalive  (Priv: <none>)\r\nSIPpeers: Peers  (Priv: system,all)\r\n"
            b"ProxyServers: List the servers of this session  (Priv: <none>)\r\n\r\n"
        )

    def test_for_one_server_it_is_that_servers_table(self) -> None:
        assert self.rows(self.bench(), "\nServer: pbx2") == (
            b"Response: Success\r\nActionID: 1\r\nSIPpeers: Peers  (Priv: system,all)\r\n"
            b"Ping: Keepalive  (Priv: <none>)\r\nServer: pbx2\r\n\r\n"
        )

    def test_without_any_table_it_is_an_error(self) -> None:
        bench = make(up=False)
        assert b"Message: Upstream not connected\r\n\r\n" in self.rows(bench)
        assert b"Message: Server pbx2 is not connected\r\nServer: pbx2\r\n" in self.rows(
            bench, "\nServer: pbx2"
        )


class TestProxyServers:
    def test_the_users_servers_are_listed(self) -> None:
        bench = make(up=False)
        bench.link_up(at="pbx1")
        bench.link_up(at="pbx2", booted=False)
        session, transport = bench.login("boss")
        transport.take()
        send(session, "Action: ProxyServers\nActionID: 9")
        now = b"%d" % bench.clock.wall()
        assert transport.take() == (
            b"Response: Success\r\nActionID: 9\r\nEventList: start\r\nMessage: Servers will follow\r\n\r\n"
            b"Event: ProxyServer\r\nActionID: 9\r\nServer: pbx1\r\nStatus: Up\r\nSince: " + now + b"\r\n"
            b"Version: 22.10.1\r\nSystemName: at-pbx1\r\nDefault: yes\r\n\r\n"
            b"Event: ProxyServer\r\nActionID: 9\r\nServer: pbx2\r\nStatus: Booting\r\nSince: " + now + b"\r\n"
            b"Version: \r\nSystemName: \r\nDefault: no\r\n\r\n"
            b"Event: ProxyServersComplete\r\nActionID: 9\r\nEventList: Complete\r\nListItems: 2\r\n\r\n"
        )

    def test_the_last_known_version_stays_when_a_server_is_down(self, bench: Bench) -> None:
        bench.clock.advance(5)
        bench.server("pbx2").link_down("gone")
        session, transport = bench.login("all")
        transport.take()
        send(session, "Action: ProxyServers")
        items = [m for m in messages(transport) if m.get(b"event") == b"ProxyServer"]
        assert [(m.get(b"server"), m.get(b"status"), m.get(b"default")) for m in items] == [
            (b"pbx1", b"Up", b"no"),
            (b"pbx2", b"Down", b"no"),
            (b"pbx3", b"Up", b"no"),
        ]
        assert items[1].get(b"version") == b"22.10.1"
        assert int(items[1].get(b"since")) == int(items[0].get(b"since")) + 5

    def test_it_needs_no_class_and_no_rule(self) -> None:
        nothing = Rules(actions=ActionNames(allow=()))
        bench = make(user("some", write=0, rules=nothing))
        session, transport = bench.login("some")
        send(session, "Action: ProxyServers")
        assert transport.take().startswith(b"Response: Success")

    def test_a_bound_session_does_not_have_it(self, bench: Bench) -> None:
        session, transport = bench.login("bound")
        send(session, "Action: ProxyServers")
        assert b"Invalid/unknown command: ProxyServers" in transport.take()

    @pytest.mark.parametrize("wanted", ["ListServers", "AddServer", "DropServer", "ListSessions", "Nothing"])
    def test_proxy_actions_name_it_instead(self, bench: Bench, wanted: str) -> None:
        session, transport = bench.login("all")
        send(session, f"ProxyAction: {wanted}\nActionID: 1")
        answer = Message(transport.take())
        assert (answer.get(b"proxyresponse"), answer.get(b"actionid")) == (b"Error", b"1")
        assert b"ProxyServers" in answer.get(b"message")

    def test_the_logoff_of_proxy_actions_stays(self, bench: Bench) -> None:
        session, transport = bench.login("all")
        send(session, "ProxyAction: Logoff")
        assert b"Response: Goodbye" in transport.take()


class TestReload:
    """A reload may change a session's servers, but not its kind."""

    def test_a_server_that_is_added_is_asked_from_then_on(self, bench: Bench) -> None:
        session, _ = bench.login("boss")
        bench.hub.adopt(UserTable([user("boss")]))
        send(session, "Action: CoreShowChannels")
        assert where(bench) == ["pbx1", "pbx2", "pbx3"]

    def test_what_is_open_at_a_server_that_is_taken_away_ends(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 7")
        answer_list(bench, "pbx1", "SIP/a")
        (asked,) = sent_to(bench, "pbx2")
        bench.feed(*list_of(asked, "SIP/b", "SIP/hidden")[:2], at="pbx2")
        transport.take()
        bench.hub.adopt(UserTable([user("boss", "pbx1", "pbx3")]))
        (end,) = messages(transport)
        assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx1", b"pbx2")
        bench.feed(*list_of(asked, "SIP/b", "SIP/hidden")[2:], at="pbx2")
        bench.feed(event("Newchannel", Channel="SIP/hidden"), at="pbx2")
        assert transport.take() == b""
        send(session, "Action: Getvar\nVariable: X\nServer: pbx2")
        assert b"No such server" in transport.take()

    def test_with_one_server_left_the_session_keeps_its_form(self, bench: Bench) -> None:
        _, transport = bench.login("boss")
        bench.hub.adopt(UserTable([user("boss", "pbx1", default_server="pbx1")]))
        bench.feed(event("Newchannel", Channel="SIP/a"), at="pbx1")
        assert messages(transport)[0].get(b"server") == b"pbx1"

    def test_without_any_server_it_is_closed(self, bench: Bench) -> None:
        session, _ = bench.login("boss")
        bench.hub.adopt(UserTable([user("boss", "gone")]))
        assert session.state in {State.CLOSING, State.CLOSED}

    def test_a_server_that_is_removed_is_gone_for_all(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        send(session, "Action: Getvar\nActionID: 4\nVariable: X\nServer: pbx2")
        left = Configured(("pbx1", "pbx3"), named=True)
        bench.hub.adopt(UserTable([user("boss", "pbx1", "pbx3")]), left)
        (ended,) = [m for m in messages(transport) if m.get(b"response")]
        assert (ended.get(b"response"), ended.get(b"actionid")) == (b"Error", b"4")
        send(session, "Action: Getvar\nVariable: X\nServer: pbx2")
        assert b"No such server" in transport.take()
        assert bench.hub.stats.faults == 0


class TestEvents:
    def test_events_bear_the_name_of_their_server_and_filters_see_it(self, bench: Bench) -> None:
        session, transport = bench.login("boss")
        for server in SERVERS:
            bench.feed(event("Newchannel", Channel="SIP/a"), at=server)
        assert [m.get(b"server") for m in messages(transport)] == [b"pbx1", b"pbx2"]
        send(session, "Action: Filter\nOperation: Add\nFilter: Server: pbx2")
        transport.take()
        for server in SERVERS:
            bench.feed(event("Newchannel", Channel="SIP/a"), at=server)
        assert [m.get(b"server") for m in messages(transport)] == [b"pbx2"]

    def test_a_user_event_cannot_speak_for_another_server(self, bench: Bench) -> None:
        _, transport = bench.login("boss")
        bench.feed(event("UserEvent", "user", UserEvent="x", SERVER="pbx1"), at="pbx2")
        (got,) = messages(transport)
        assert got.raw.endswith(b"UserEvent: x\r\nServer: pbx2\r\n\r\n")
        assert got.raw.lower().count(b"server:") == 1

    def test_what_an_earlier_event_says_comes_before_a_list_of_a_side_link(self) -> None:
        bench = Bench(BOSS, servers=THREE, interval=5.0)
        bench.all_up()
        session, transport = bench.login("boss")
        side = bench.server("pbx2").side
        side.opener = Opener()
        for channel in ("SIP/a", "SIP/b"):  # the second one waits for the next flush
            bench.feed(event("Newchannel", Channel=channel), at="pbx2")
        send(session, "Action: VoicemailUsersList\nServer: pbx2")
        side.link_up(upstream := ListUpstream(), b"")
        bench.feed(event("Hangup", Channel="SIP/a"), at="pbx2")
        relay_id = upstream.take()[0].get(b"actionid")
        side.from_upstream([b"Response: Success\r\nActionID: " + relay_id + b"\r\n\r\n"])
        assert [m.get(b"event") or m.get(b"response") for m in messages(transport)] == [
            b"Newchannel",
            b"Newchannel",
            b"Success",
            b"Hangup",
        ]

    def test_what_an_earlier_event_says_comes_before_the_answer(self) -> None:
        bench = Bench(BOSS, servers=THREE, interval=5.0)
        bench.all_up()
        session, transport = bench.login("boss")
        send(session, "Action: Getvar\nVariable: X\nServer: pbx2")
        (asked,) = sent_to(bench, "pbx2")
        bench.feed(event("Newchannel", Channel="SIP/a"), at="pbx2")
        bench.feed(event("Newchannel", Channel="SIP/b"), at="pbx2")
        transport.take()
        bench.feed(event("Newchannel", Channel="SIP/c"), at="pbx2")
        assert transport.take() == b""  # it waits for the next flush
        bench.answer(asked, b"Value: 1\r\n", at="pbx2")
        assert [m.get(b"event") or m.get(b"response") for m in messages(transport)] == [
            b"Newchannel",
            b"Newchannel",
            b"Success",
        ]
