"""The writer of a transport is called once at the end of each answer, after its last byte."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from tests.support.answer_writers import END, EndWriter, WholeWriter
from tests.support.core_doubles import Bench, ListTransport, ListUpstream, event

BOSS = User("boss", read=privilege.ALL & ~privilege.SECURITY, write=privilege.ALL, secret="plain:x")
MD5 = User("digest", read=0, write=0, md5_secret=b"sekret")


class Separating(ListTransport):
    """A transport that writes END after each answer."""

    def __init__(self, room: int | None = None) -> None:
        super().__init__()
        self.room = room
        self.writer = EndWriter()


def bench_of(*users: User, **limits: float) -> Bench:
    bench = Bench(*users, limits=Limits(**limits))  # type: ignore[arg-type]
    bench.link_up(b"Ping: Keepalive command.  (Priv: <none>)\r\n")
    return bench


@pytest.fixture
def bench() -> Bench:
    return bench_of(BOSS, MD5, link_hold=0.3)


def logged_in(bench: Bench, name: str = "boss"):
    return bench.login(name, by=Separating())


def ask(session, *actions: str) -> None:
    session.receive(b"".join(text.replace("\n", "\r\n").encode() + b"\r\n\r\n" for text in actions))


def answers(transport: ListTransport) -> list[bytes]:
    """The first line of each answer, or of the bytes between answers; every answer must have its END."""
    *ended, rest = transport.take().split(END)
    assert rest == b"", "an answer without its end"
    return [answer.split(b"\r\n")[0] for answer in ended]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("Action: Ping", b"Response: Success"),
        ("Action: Events\nEventMask: off", b"Response: Success"),
        ("Action: Events", b"Response: Error"),
        ("Action: Filter\nOperation: Add\nFilter: X", b"Response: Success"),
        ("Action: Filter\nOperation: Del\nFilter: X", b"Response: Error"),
        ("Action: Filter\nOperation: Add\nFilter: *", b"Response: Error"),
        ("Action: ListCommands", b"Response: Success"),
        ("Action: Challenge\nAuthType: md5", b"Response: Success"),
        ("Action: Challenge", b"Response: Error"),
        ("Action: Login\nUsername: boss\nSecret: x", b"Response: Success"),
        ("Action: Logoff", b"Response: Goodbye"),
        ("ProxyAction: ListServers", b"ProxyResponse: Success"),
        ("ProxyAction: AddServer", b"ProxyResponse: Error"),
        ("Action: NoSuch", b"Response: Error"),
        ("Action: Command\nCommand: core stop now", b"Response: Error"),
        ("ActionID: 1", b"Response: Error"),
        ("Action: Ping\nX: " + "y" * 1100, b"Response: Error"),
        ("X: " + "y" * 70000, b"Response: Error"),
        ("Action: Ping\0", b"Response: Error"),
    ],
)
def test_an_answer_of_the_proxys_own_ends_at_once(bench, action, kind):
    session, transport = logged_in(bench)
    ask(session, action)
    assert answers(transport) == [kind]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("Action: Challenge\nAuthType: md5", b"Response: Success"),
        ("Action: Logoff", b"Response: Goodbye"),
        ("Action: CoreStatus", b"Response: Error"),
        ("ProxyAction: ListServers", b"ProxyResponse: Error"),
        ("ProxyAction: Logoff", b"Response: Goodbye"),
        ("ActionID: 1", b"Response: Error"),
    ],
)
def test_an_answer_before_the_login_ends_at_once(bench, action, kind):
    session, transport = bench.connect(by=Separating())
    ask(session, action)
    assert answers(transport) == [kind]


def test_a_login_ends_before_the_first_event(bench):
    bench.feed(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")
    session, transport = bench.connect(by=Separating())
    ask(session, "Action: Login\nUsername: boss\nSecret: x")
    response, events = transport.take().split(END)
    assert response == b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
    assert events.startswith(b"Event: FullyBooted\r\n")


def test_a_refused_login_ends_with_its_refusal(bench):
    session, transport = bench.connect(by=Separating())
    ask(session, "Action: Login\nUsername: boss\nSecret: wrong")
    assert transport.take() == b""
    bench.clock.advance(1.1)
    assert answers(transport) == [b"Response: Error"]
    assert transport.closed == "close"


def test_a_client_that_leaves_before_its_refusal_gets_no_answer_and_no_end(bench):
    session, transport = bench.connect(by=Separating())
    ask(session, "Action: Login\nUsername: boss\nSecret: wrong")
    session.lost("gone")
    bench.clock.advance(1.1)
    assert transport.take() == b""


def test_answers_that_are_sent_together_have_separate_ends(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: Ping\nActionID: 1", "Action: NoSuch\nActionID: 2", "Action: Ping\nActionID: 3")
    ends = transport.take().split(END)
    assert [b"ActionID: %d\r\n" % number in end for number, end in enumerate(ends, 1)] == [True] * 3 + [False]


def test_a_response_from_asterisk_ends_its_answer(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: CoreStatus", "Action: Ping")
    (asked,) = bench.upstream.take()
    assert transport.take() == b""
    bench.answer(asked, b"CoreReloads: 0\r\n")
    assert transport.take().split(END)[0] == b"Response: Success\r\nCoreReloads: 0\r\n\r\n"


def test_a_response_from_asterisk_and_the_answer_after_it_have_separate_ends(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: CoreStatus", "Action: Ping")
    bench.answer(*bench.upstream.take(), b"CoreReloads: 0\r\n")
    assert answers(transport) == [b"Response: Success"] * 2


def test_a_list_ends_with_its_last_event(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: CoreShowChannels")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
    name = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    bench.feed(b"Event: CoreShowChannel\r\n" + name + b"Channel: a\r\n\r\n")
    assert END not in b"".join(transport.sent)
    bench.feed(b"Event: CoreShowChannelsComplete\r\n" + name + b"EventList: Complete\r\nListItems: 1\r\n\r\n")
    assert answers(transport) == [b"Response: Success"]


@pytest.mark.parametrize(("outcome", "kind"), [(b"Success", b"Success"), (b"Failure", b"Error")])
def test_a_synchronous_originate_ends_when_the_call_is_decided(bench, outcome, kind):
    session, transport = logged_in(bench)
    ask(session, "Action: Originate\nChannel: Local/a@b\nApplication: Wait\nData: 1")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"Message: Originate successfully queued\r\n")
    assert transport.take() == b""
    bench.feed(event("Hold"))  # held back until the answer
    bench.feed(
        b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: "
        + asked.get(b"actionid")
        + b"\r\nResponse: "
        + outcome
        + b"\r\n\r\n"
    )
    response, events = transport.take().split(END)
    assert response.startswith(b"Response: " + kind)
    assert events == event("Hold")


def test_an_asynchronous_originate_ends_with_its_response(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: Originate\nChannel: Local/a@b\nApplication: Wait\nData: 1\nAsync: true")
    bench.answer(*bench.upstream.take(), b"Message: Originate successfully queued\r\n")
    assert answers(transport) == [b"Response: Success"]


def test_waitevent_ends_with_its_complete_event(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: WaitEvent\nTimeout: 10")
    assert transport.take() == b""
    bench.feed(event("Hold"))
    (answer, _) = transport.take().split(END)
    assert answer.endswith(b"Event: WaitEventComplete\r\n\r\n")


def test_input_that_ends_a_waitevent_is_answered_after_it(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: WaitEvent\nTimeout: 10")
    ask(session, "Action: Ping")
    answer, pong, rest = transport.take().split(END)
    assert b"WaitEventComplete" in answer
    assert b"Pong" in pong
    assert rest == b""


class _Opener:
    def open(self) -> None: ...

    def close(self, reason: str) -> None: ...


def test_an_answer_over_the_side_link_ends_before_the_events_that_it_held_back(bench):
    bench.hub.servers.first.side.opener = _Opener()
    side = ListUpstream()
    session, transport = logged_in(bench)
    ask(session, "Action: Command\nCommand: core show uptime")
    bench.hub.servers.first.side.link_up(side, b"")
    bench.feed(event("Hold"))
    assert transport.take() == b""
    (asked,) = side.take()
    bench.hub.servers.first.side.from_upstream(
        [b"Response: Success\r\nActionID: " + asked.get(b"actionid") + b"\r\nOutput: 1\r\n\r\n"]
    )
    response, events = transport.take().split(END)
    assert response == b"Response: Success\r\nOutput: 1\r\n\r\n"
    assert events == event("Hold")


def test_an_action_in_parts_has_one_end():
    bench = bench_of(BOSS, link_hold=0.3)
    session, transport = logged_in(bench)
    ask(session, "Action: PlayMF\nChannel: PJSIP/1-00000001\nDigit: 123")
    parts = 0
    while asked := bench.upstream.take():
        parts += 1
        bench.answer(*asked, b"Message: MF successfully queued\r\n")
        bench.clock.advance(2.0)
    assert parts > 1
    assert answers(transport) == [b"Response: Success"]


def test_an_action_over_its_rate_ends_with_its_refusal():
    bench = bench_of(BOSS, originate_rate=0.01, originate_burst=1, rate_wait=1.0)
    session, transport = logged_in(bench)
    call = "Action: Originate\nChannel: Local/a@b\nApplication: Wait\nData: 1\nAsync: true"
    ask(session, call, call)
    bench.answer(*bench.upstream.take(), b"Message: Originate successfully queued\r\n")
    assert answers(transport) == [b"Response: Success", b"Response: Error"]


def test_an_action_without_an_answer_ends_with_its_timeout(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: CoreStatus")
    (asked,) = bench.upstream.take()
    bench.clock.advance(40.0)
    bench.hub.tick(bench.clock.now())
    assert answers(transport) == [b"Response: Error"]
    bench.answer(asked, b"CoreReloads: 0\r\n")  # too late
    assert transport.take() == b""


def test_everything_open_ends_when_the_link_is_lost(bench):
    (one, first), (two, second) = logged_in(bench), logged_in(bench)
    ask(one, "Action: IAXnetstats", "Action: CoreStatus")  # the first must be alone on the link
    ask(two, "Action: CoreStatus", "Action: Ping")
    bench.hub.servers.first.link_down("gone")
    for transport in (first, second):
        said = transport.take()
        assert said.count(END) == 2
        assert said.count(b"Response: Error\r\n") == 2


@pytest.mark.parametrize(
    "actions",
    [
        ["Action: CoreStatus", "Action: CoreStatus"],
        ["Action: IAXnetstats"],
        ["Action: WaitEvent"],
        ["Action: Originate\nChannel: Local/a@b\nApplication: Wait\nData: 1"],
        ["Action: PlayMF\nChannel: PJSIP/1-00000001\nDigit: 123"],
        ["Action: CoreShowChannels"],
    ],
)
def test_the_open_action_ends_when_its_session_is_closed(bench, actions):
    session, transport = logged_in(bench)
    ask(session, *actions)
    session.close("idle")
    assert len(answers(transport)) == 1
    assert transport.closed == "close"


def test_actions_that_wait_for_a_rate_end_when_their_session_is_closed():
    bench = bench_of(BOSS, originate_rate=0.1, originate_burst=1, rate_wait=1000.0)
    session, transport = logged_in(bench)
    call = "Action: Originate\nChannel: Local/a@b\nApplication: Wait\nData: 1\nAsync: true"
    ask(session, call, call, call)
    bench.answer(*bench.upstream.take(), b"Message: Originate successfully queued\r\n")
    session.close("idle")
    assert answers(transport) == [b"Response: Success", b"Response: Error", b"Response: Error"]


def test_a_session_that_lost_its_connection_reports_no_end(bench):
    session, transport = logged_in(bench)
    ask(session, "Action: CoreStatus")
    session.lost("gone")
    assert transport.take() == b""


def test_an_answer_ends_even_if_its_bytes_wait_in_the_outbox(bench):
    session, transport = logged_in(bench)
    transport.room = 10
    ask(session, "Action: Ping")
    transport.take()
    transport.room = None
    session.writable()
    assert transport.take().endswith(END)


class Whole(ListTransport):
    """A transport whose answers are written when they are complete."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = WholeWriter()


def whole(bench: Bench):
    session, transport = bench.login("boss", by=Whole())
    transport.take()
    bench.upstream.take()
    return session, transport


def test_no_event_overtakes_an_answer_that_is_written_as_a_whole(bench):
    session, transport = whole(bench)
    ask(session, "Action: CoreShowChannels")
    (asked,) = bench.upstream.take()
    first = event("Hangup", Channel="a")
    bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
    bench.feed(first)
    bench.clock.advance(1)
    assert transport.take() == b""
    complete = b"Event: CoreShowChannelsComplete\r\nActionID: %s\r\nEventList: Complete\r\n\r\n"
    bench.feed(complete % asked.get(b"actionid"))
    bench.clock.advance(1)
    sent = transport.take()
    assert sent.startswith(b"[Response: Success")
    assert sent.endswith(b"Complete\r\n\r\n]" + first)


def test_an_event_before_an_answer_stays_before_it(bench):
    session, transport = whole(bench)
    first = event("Hangup", Channel="a")
    bench.feed(first)
    ask(session, "Action: CoreStatus")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"X: y\r\n")
    sent = transport.take()
    assert sent.startswith(first + b"[Response: Success")
    assert sent.endswith(b"]")


def test_the_events_of_a_wait_come_before_an_answer_that_is_written_as_a_whole(bench):
    session, transport = whole(bench)
    ask(session, "Action: WaitEvent\nTimeout: 5")
    first = event("Hangup", Channel="a")
    bench.feed(first)
    bench.clock.advance(1)
    sent = transport.take()
    assert sent.startswith(first + b"[Response: Success")
    assert sent.endswith(b"WaitEventComplete\r\n\r\n]")


def test_the_banner_is_left_out_if_its_writer_has_none(bench):
    transport = Whole()
    bench.hub.attach(transport)
    assert transport.take() == b""


def test_dropped_events_are_counted_and_reported_in_the_clients_form(bench):
    encoding = Encoding("loud", bytes.upper, lambda data: data.count(b"HANGUP"))
    session, transport = bench.login("boss", by=ListTransport(encoding=encoding))
    transport.take()
    transport.room = 0
    session.outbox.drop_events_past(10)
    for _ in range(3):
        bench.feed(event("Hangup", Channel="a"))
        bench.clock.advance(1)
    transport.room = None
    session.writable()
    assert b"EVENT: PROXYEVENTSDROPPED\r\nPRIVILEGE: SYSTEM,ALL\r\nCOUNT: 2\r\n" in transport.take()


def test_a_transport_without_a_writer_gets_several_answers_in_one_write(bench):
    session, transport = bench.login("boss")
    ask(session, "Action: Ping", "Action: Ping")
    assert len(transport.sent) == 1


def test_the_writer_has_the_last_word_of_a_session(bench):
    session, transport = whole(bench)
    ask(session, "Action: CoreStatus")
    session.close("idle")
    assert transport.take().endswith(b"]<idle>")
    assert transport.closed == "close"


def test_a_session_that_lost_its_connection_has_no_last_word(bench):
    session, transport = whole(bench)
    session.lost("gone")
    assert transport.take() == b""


def test_what_the_door_sends_itself_comes_behind_the_answers(bench):
    session, transport = logged_in(bench)
    session.late(b"Response: Success\r\n\r\n")
    session.send(b"<pong>")
    assert transport.take() == b"Response: Success\r\n\r\n<pong>"
    transport.room = 0
    session.send(b"<late>")
    transport.room = None
    session.writable()
    assert transport.take() == b"<late>"
