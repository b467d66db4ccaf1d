"""The lanes of a web session are governed as one session: rights, rates, limits, links, operators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.framing import ActionFramer
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import TOO_LONG
from amiproxy.core.clients.web.websessions import NOT_RESUMABLE
from amiproxy.core.hub import ONE_SERVER
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from amiproxy.x509.identity import Binding, CertificateLogin, Identity
from tests.support.core_doubles import ListTransport, event
from tests.support.web_bench import AJAM, AMI_ONLY, API, BOSS, DOORS, ELSEWHERE, HERE, LOGIN, MD5, WebBench

WS = Entrance(door="ws")
NOT_HERE = AccessList.from_lines(["deny 192.0.2.0/24"])


def boss(**changed) -> User:
    """BOSS with other rights."""
    settings = {"read": privilege.ALL, "write": privilege.ALL, "secret": "plain:x", "doors": DOORS}
    return User("boss", **{**settings, **changed})


@pytest.fixture
def bench():
    return WebBench()


# -- rights ----------------------------------------------------------------


def test_a_reload_changes_the_rights_of_all_lanes(bench):
    session = bench.log_in()
    running = bench.run(session, "Action: CoreStatus")
    bench.hub.adopt(UserTable([boss(write=0)]))
    bench.answer(*bench.upstream.take(), b"A: 1\r\n")
    bench.turn()
    assert b"Success" in running[0]
    denied = bench.run(session, "Action: Originate\nChannel: Local/1@x")
    assert b"Permission denied" in denied[0]
    assert session.principal.denied == 1


def test_a_reload_judges_a_list_that_waits_on_a_lane_again(bench):
    session = bench.log_in()
    first = bench.run(session, "Action: CoreShowChannels")
    second = bench.run(session, "Action: CoreShowChannels")
    assert len(bench.upstream.take()) == 1
    bench.hub.adopt(UserTable([boss(write=0)]))
    bench.turn()
    assert first == []
    assert b"Permission denied" in second[0]


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ([], "user removed"),
        ([boss(disabled=True)], "user disabled"),
        ([boss(secret="plain:other")], "credentials changed"),
        ([boss(doors=frozenset({"ami"}))], "door not permitted"),
        ([boss(servers=())], "server not permitted"),
        ([boss(acl=NOT_HERE)], "address not permitted"),
    ],
)
def test_a_reload_ends_the_web_sessions_of_a_user_who_may_not_have_them(bench, users, reason):
    session = bench.log_in()
    opened = session.open(ListTransport(), WS)
    waiting = bench.wait(session)
    bench.hub.adopt(UserTable(users))
    bench.turns()
    assert session.is_over
    assert not bench.hub.sessions
    assert waiting
    assert opened.transport.closed
    assert reason in bench.hub.stats.closes


NO_CHANNELS = FilterSet((compile_legacy(b"!Channel: Local/"),))


@pytest.mark.parametrize(
    "changed",
    [
        {"read": privilege.CALL},
        {"write": 0},
        {"filters": NO_CHANNELS},
        {"rules": Rules(scope=Scope(channels=("PJSIP/bob",)))},
        {"servers": (*ONE_SERVER.names, "other")},
    ],
    ids=lambda changed: next(iter(changed)),
)
@pytest.mark.parametrize("door", ["page", "api"])
def test_a_reload_of_rights_ends_what_people_look_at(door, changed):
    user = boss(doors=DOORS | {"page"})
    bench = WebBench(user)
    session = bench.log_in(entrance=Entrance(door=door))
    opened = session.open(ListTransport(), Entrance(door=door))
    bench.hub.adopt(UserTable([boss(doors=DOORS | {"page"}, **changed)]))
    bench.turns()
    assert session.is_over == (door == "page")
    assert bool(opened.transport.closed) == (door == "page")
    assert bench.hub.stats.closes == ({"rights changed": 2} if door == "page" else {})


def test_a_reload_of_something_else_leaves_what_people_look_at():
    bench = WebBench(boss(doors=DOORS | {"page"}))
    session = bench.log_in(entrance=Entrance(door="page"))
    bench.hub.adopt(UserTable([boss(doors=DOORS | {"page"}, rules=Rules(commands=("core show",)))]))
    bench.turns()
    assert not session.is_over


@pytest.mark.parametrize("door", ["ws", "ami"])
def test_a_reload_of_the_addresses_ends_what_came_by_http_however_it_logged_in(door):
    user = boss(doors=DOORS | {"ami"})
    bench = WebBench(user)
    transport = ListTransport()
    logged_in = bench.hub.attach(transport, Entrance(door=door))
    logged_in.receive(LOGIN)
    elsewhere = bench.log_in(peer=ELSEWHERE)
    opened = elsewhere.open(ListTransport(), WS)
    bench.turns()
    bench.hub.adopt(UserTable([boss(doors=DOORS | {"ami"}, acl=NOT_HERE)]))
    bench.turns()
    # A session of AMI stays, as in Asterisk.
    assert bool(transport.closed) is (door == "ws")
    assert opened.transport.closed  # its connection, unlike the last request, comes from there
    assert not elsewhere.is_over


def test_a_reload_gives_a_wait_event_the_new_rights():
    bench = WebBench(boss(read=privilege.CALL))
    session = bench.log_in()
    bench.feed(event("Load", "system"))
    got = bench.wait(session)
    assert got == []
    bench.hub.adopt(UserTable([boss(read=privilege.CALL | privilege.SYSTEM)]))
    bench.feed(event("Reload", "system"))
    bench.turns()
    assert b"Reload" in got[0]
    assert b"Event: Load" not in got[0]


def test_sessions_of_several_servers_have_legs_for_each_lane():
    servers = Configured(("pbx1", "pbx2"), named=True)
    bench = WebBench(boss(servers=("pbx1", "pbx2")), servers=servers)
    session = bench.log_in()
    first = bench.run(session, "Action: CoreStatus\nServer: pbx1")
    second = bench.run(session, "Action: CoreStatus\nServer: pbx2")
    bench.answer(*bench.upstreams["pbx2"].take(), b"A: 2\r\n", at="pbx2")
    bench.turn()
    assert (first, second) == ([], [b"Response: Success\r\nA: 2\r\nServer: pbx2\r\n\r\n"])
    bench.hub.adopt(UserTable([boss(servers=("pbx2",))]))
    bench.turn()
    assert first == [b"Response: Error\r\nMessage: No such server\r\nServer: pbx1\r\n\r\n"]
    assert not session.is_over


def test_a_session_bound_by_its_name_opens_sessions_that_are_bound():
    servers = Configured(("pbx1", "pbx2"), named=True)
    bench = WebBench(boss(servers=("pbx1", "pbx2")), servers=servers)
    session = bench.log_in("boss/pbx2")
    opened = session.open(ListTransport(), WS)
    assert opened.route.bound is session.main.route.bound is bench.server("pbx2")


def test_wait_events_follow_the_servers_of_the_user():
    servers = Configured(("pbx1", "pbx2"), named=True)
    bench = WebBench(boss(servers=("pbx1",), read=privilege.CALL), servers=servers)
    session = bench.log_in()
    assert session.main.route.bound is bench.server("pbx1")
    other = WebBench(boss(servers=("pbx1", "pbx2"), read=privilege.CALL), servers=servers)
    session = other.log_in()
    other.feed(event("Hold"), at="pbx1")
    other.wait(session)
    other.hub.adopt(UserTable([boss(servers=("pbx2",), read=privilege.CALL)]))
    other.feed(event("Hold"), at="pbx1")
    other.feed(event("Unhold"), at="pbx2")
    (answer,) = other.wait(session)
    assert b"Event: Unhold" in answer
    assert b"Event: Hold" not in answer


# -- limits ----------------------------------------------------------------


def test_lanes_share_the_rate_of_their_session():
    bench = WebBench(action_rate=1.0, action_burst=2)
    session = bench.log_in()
    got = [bench.run(session, "Action: Ping") for _ in range(4)]
    assert [len(one) for one in got] == [1, 1, 0, 0]
    bench.clock.advance(1.1)
    bench.turn()
    assert [len(one) for one in got] == [1, 1, 1, 0]


def test_web_sessions_count_neither_as_sessions_of_their_user_nor_in_all():
    bench = WebBench(User("boss", write=0, secret="plain:x", doors=DOORS | {"ami"}), sessions_per_user=1)
    bench.log_in()
    bench.log_in()
    session, _ = bench.login("boss")
    assert (bench.hub.authenticated, len(bench.hub.web)) == (1, 2)
    session.close("logoff")
    assert (bench.hub.authenticated, len(bench.hub.web)) == (0, 2)


def test_opened_sessions_count_as_any_other():
    bench = WebBench(boss(), sessions_per_user=1)
    session = bench.log_in()
    assert session.open(ListTransport(), WS).transport.closed == ""
    refused = ListTransport()
    assert session.open(refused, WS) == "too many sessions of this user" or refused.closed


def test_a_user_without_allowmultiplelogin_has_one_client_at_a_time():
    bench = WebBench(boss(allowmultiplelogin=False, doors=DOORS | {"ami"}))
    session = bench.log_in()
    got = []
    bench.web.login(HERE, AJAM, LOGIN, lambda *outcome: got.append(outcome))
    other, transport = bench.connect()
    other.receive(LOGIN)
    bench.clock.advance(1.1)
    assert b"Login Already In Use" in got[0][1]
    assert b"Login Already In Use" in transport.take()
    assert bench.web.enter(HERE, AJAM, b"boss", "digest") == "already logged in"
    assert session.open(ListTransport(), WS) in bench.hub.sessions
    session.end("logoff")
    bench.login("boss")


def test_outbox_total_ends_the_lane_with_the_longest_answer():
    bench = WebBench(outbox_total=3000, http_answer_bytes=1 << 20)
    session = bench.log_in()
    got = bench.run(session, "Action: CoreShowChannels\nActionID: 7")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"EventList: start\r\n")
    name = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
    for _ in range(4):
        assert got == []
        bench.feed(b"Event: CoreShowChannel\r\n" + name + b"Channel: " + b"a" * 900 + b"\r\n\r\n")
    bench.turn()
    assert got == [b"Response: Error\r\nActionID: 7\r\nMessage: " + TOO_LONG + b"\r\n\r\n"]
    assert bench.hub.stats.limits == {"outbox_total": 1}
    assert bench.hub.limit_state.backlog.size == 0
    assert bench.run(session, "Action: Ping")


# -- the link --------------------------------------------------------------


def test_a_lost_link_ends_no_web_session_unless_its_user_says_so():
    bench = WebBench(boss(), User("closing", secret="plain:x", doors=DOORS, upstream_lost="close"))
    stays, goes = bench.log_in(), bench.log_in("closing")
    running = bench.run(stays, "Action: CoreStatus")
    bench.server().link_down("gone")
    bench.clock.advance(2)
    assert b"Response: Error" in running[0]
    assert (stays.is_over, goes.is_over) == (False, True)


# -- operators -------------------------------------------------------------


class Seen:
    """A Watcher."""

    def __init__(self):
        self.messages = []

    def saw(self, session, sent, message):
        self.messages.append((session.id, sent, message))


def test_a_trace_shows_the_actions_of_all_lanes(bench):
    session = bench.log_in()
    bench.run(session, "Action: Ping")
    seen = Seen()
    bench.hub.taps.watch("boss", [session.main, *session.lanes], seen)
    bench.run(session, "Action: Ping\nActionID: 1")
    running = bench.run(session, "Action: CoreStatus\nActionID: 2")
    bench.run(session, "Action: Ping\nActionID: 3")
    assert running == []
    assert {who for who, _, _ in seen.messages} == {session.principal.id}
    sent = [message.split(b"\r\n")[1] for _, sent, message in seen.messages if not sent]
    assert sent == [b"ActionID: 1", b"ActionID: 2", b"ActionID: 3"]
    assert sum(sent for _, sent, _ in seen.messages) == 2


def test_a_kick_ends_everything(bench):
    session = bench.log_in()
    running = bench.run(session, "Action: CoreStatus")
    for one in bench.hub.sessions_of(BOSS):
        one.close("kicked")
    bench.turn()
    assert session.is_over
    assert running == [b"Response: Error\r\nMessage: Session closed: kicked\r\n\r\n"]


def test_the_end_at_once_leaves_actions_without_an_answer(bench):
    session = bench.log_in()
    running = bench.run(session, "Action: CoreStatus")
    waiting = bench.wait(session)
    for one in bench.hub.sessions:
        one.close("shutdown", abort=True)
    bench.turn()
    assert session.is_over
    assert b"Session closed: shutdown" in running[0]
    assert waiting


def test_log_lines_name_the_door_once_for_each_session(bench, caplog):
    caplog.set_level("INFO")
    session = bench.log_in()
    bench.run(session, "Action: Originate")
    bench.run(session, "Action: Logoff")
    lines = [(record.message, record.fields) for record in caplog.records]
    assert [name for name, fields in lines if fields.get("door") == "ajam"] == [
        "session-open", "login", "action-allowed", "session-close"
    ]  # fmt: skip


# -- what doors do wrong, and right ----------------------------------------


@given(st.lists(st.sampled_from([b"A: b", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"C: d"]), max_size=6))
def test_a_door_may_give_what_the_framer_takes_for_one_action(parts):
    action = b"".join(parts)
    framer = ActionFramer()
    is_one = len(framer.feed(action)) == 1 and not framer.pending and action not in (b"\r\n", b"\n")
    session = WebBench().log_in()
    if is_one and action.endswith(b"\r\n\r\n"):
        session.run(action, lambda _: None)
    else:
        with pytest.raises(ValueError, match="one action"):
            session.run(action, lambda _: None)


@pytest.mark.parametrize(
    "action",
    [
        b"",
        b"Action: Ping\r\n",
        b"A: b\r\n\r\nC: d\r\n\r\n",
        b"A: b\r\n\r\nC",
        b"A: b\n\nC: d\r\n\r\n",
        b"\r\nA: b\r\n\r\n",
        b"\nA: b\r\n\r\n",
    ],
)
def test_a_door_must_give_exactly_one_action(bench, action):
    session = bench.log_in()
    for run in (session.run, lambda one, done: session.wait(one, 1, done)):
        with pytest.raises(ValueError, match="one action"):
            run(action, lambda _: None)
    with pytest.raises(ValueError, match="one action"):
        bench.web.login(HERE, AJAM, action, lambda *_: None)


def test_an_action_that_cannot_be_parsed_ends_its_lane_only(bench):
    session = bench.log_in()
    assert b"control character" in bench.run(session, "Action: Ping\0")[0]
    assert b"control character" in bench.run(session, "Action: WaitEvent\0")[0]
    assert b"line too long" in bench.run(session, "Action: Ping\nX: " + "y" * 2000)[0]
    assert b"too long" in bench.run(session, "Action: Ping\nX: " + "y" * 70000)[0]
    assert not session.is_over


def test_a_client_that_leaves_hears_nothing_of_its_action(bench):
    session = bench.log_in()
    got = []
    leave = session.run(b"Action: CoreStatus\r\n\r\n", got.append)
    leave()
    bench.answer(*bench.upstream.take(), b"A: 1\r\n")
    bench.turn()
    assert got == []


def test_a_client_that_leaves_before_its_action_began_never_runs_it():
    bench = WebBench(in_flight_per_session=1)
    session = bench.log_in()
    bench.run(session, "Action: CoreStatus")
    got = []
    leave = session.run(b"Action: CoreSettings\r\n\r\n", got.append)
    leave()
    bench.answer(*bench.upstream.take(), b"A: 1\r\n")
    bench.turn()
    assert (got, bench.upstream.take()) == ([], [])


def test_actions_that_wait_are_answered_at_the_end():
    bench = WebBench(in_flight_per_session=1)
    session = bench.log_in()
    bench.run(session, "Action: CoreStatus")
    got = bench.run(session, "Action: Ping")
    session.end("idle")
    bench.turn()
    assert got == [b"Response: Error\r\nMessage: Session closed: idle\r\n\r\n"]


def test_a_fault_in_a_door_is_reported_and_harms_no_other(bench):
    session = bench.log_in()
    got = []

    def fail(_answer):
        raise RuntimeError

    session.run(b"Action: Ping\r\n\r\n", fail)
    session.run(b"Action: Ping\r\n\r\n", got.append)
    bench.turn()
    assert len(got) == 1
    assert bench.hub.stats.faults == 1


def test_a_client_that_leaves_during_its_login_ends_it(bench):
    got = []
    bench.verifier.at_once = False
    leave = bench.web.login(HERE, AJAM, LOGIN, lambda *outcome: got.append(outcome))
    leave()
    bench.verifier.answer()
    bench.turn()
    assert got == []
    assert not bench.hub.sessions


def test_a_client_that_leaves_after_its_login_keeps_its_session(bench):
    got = []
    leave = bench.web.login(HERE, AJAM, LOGIN, lambda *outcome: got.append(outcome))
    bench.turn()
    leave()
    assert not got[0][0].is_over


def test_before_login_other_actions_are_refused(bench):
    got = []
    bench.web.login(HERE, AJAM, b"Action: Ping\r\n\r\n", lambda *outcome: got.append(outcome))
    bench.web.login(HERE, AJAM, b"Action: Ping\0\r\n\r\n", lambda *outcome: got.append(outcome))
    bench.turn()
    assert [session for session, _ in got] == [None, None]
    assert b"Permission denied" in got[0][1]
    assert not bench.hub.sessions


def test_a_login_for_which_there_is_no_room_has_no_answer(bench):
    bench.verifier.busy = True
    got = []
    bench.web.login(HERE, AJAM, LOGIN, lambda *outcome: got.append(outcome))
    bench.turn()
    assert got == [(None, b"")]


def test_a_login_that_takes_too_long_has_no_answer(bench):
    bench.verifier.at_once = False
    got = []
    bench.web.login(HERE, AJAM, LOGIN, lambda *outcome: got.append(outcome))
    bench.clock.advance(11)
    bench.hub.tick(bench.clock.now())
    bench.turn()
    assert got == [(None, b"")]


def test_a_snapshot_is_answered_on_a_lane(bench):
    session = bench.log_in()
    bench.answer_lists()
    bench.clock.advance(3)
    got = bench.run(session, "Action: ProxySnapshot\nKinds: channels")
    bench.turns(20)
    assert b"ProxySnapshotComplete" in got[0]


def test_resuming_needs_a_stream_of_events(bench):
    session = bench.log_in()
    assert NOT_RESUMABLE in bench.run(session, "Action: ProxyResume\nFrom: x")[0]


def test_a_late_message_for_its_client_alone_is_kept_aside(bench):
    session = bench.log_in()
    bench.wait(session)
    got = bench.wait(session)
    bench.run(session, "Action: Ping")
    (lane, *_) = [one for one in session.lanes if one.state.name == "READY"]
    lane.late(b"Event: Late\r\n\r\n")
    bench.turns()
    assert b"Event: Late\r\n" in got[0]


# -- the end ---------------------------------------------------------------


def test_an_idle_session_ends_but_not_one_in_use():
    bench = WebBench(boss(read=privilege.CALL))
    idle, waits, watched = (bench.log_in() for _ in range(3))
    bench.wait(waits, seconds=10_000)
    opened = watched.open(ListTransport(), WS)
    for _ in range(3):
        bench.clock.advance(25)
        bench.hub.tick(bench.clock.now())
    assert [one.is_over for one in (idle, waits, watched)] == [True, False, False]
    opened.close("logoff")
    for _ in range(3):
        bench.clock.advance(25)
        bench.hub.tick(bench.clock.now())
    assert watched.is_over


def test_the_idle_time_is_that_of_the_door(bench):
    assert (Entrance(door="ajam").idle, Entrance(door="api").idle) == (60.0, 1800.0)
    session = bench.log_in(entrance=Entrance(door="ajam", idle=5))
    bench.clock.advance(6)
    bench.hub.tick(bench.clock.now())
    assert session.is_over


def test_lanes_that_were_free_for_long_are_let_go(bench):
    session = bench.log_in()
    for _ in range(5):
        bench.run(session, "Action: CoreStatus")
    for asked in bench.upstream.take():
        bench.answer(asked, b"A: 1\r\n")
    bench.turns()
    assert len(session.lanes) == 5
    for _ in range(20):
        bench.clock.advance(20)
        bench.web.find(session.key, HERE, AJAM)
        bench.hub.tick(bench.clock.now())
    assert len(session.lanes) == 2


def test_nothing_can_be_opened_when_a_session_is_over(bench):
    session = bench.log_in()
    session.end("logoff")
    assert isinstance(session.open(ListTransport(), WS), str)


def test_an_opened_session_may_begin_without_events(bench):
    session = bench.log_in()
    transport = ListTransport()
    session.open(transport, WS, b"off")
    transport.take()
    bench.feed(event("Hold"))
    assert transport.take() == b""


# -- challenges, tickets and basic credentials ------------------------------


def challenge(bench, peer=HERE, action=b"Action: Challenge\r\nAuthType: MD5\r\n\r\n"):
    got = []
    bench.web.challenge(peer, AJAM, action, lambda *outcome: got.append(outcome))
    bench.turn()
    return got[0]


def test_a_challenge_is_void_after_five_seconds(bench):
    key, answer = challenge(bench)
    assert b"Challenge: " in answer
    bench.clock.advance(6)
    bench.hub.tick(bench.clock.now())
    assert not bench.hub.sessions
    got = []
    login = b"Action: Login\r\nAuthType: MD5\r\nUsername: digest\r\nKey: 0\r\n\r\n"
    bench.web.login(HERE, AJAM, login, lambda *outcome: got.append(outcome), key)
    bench.clock.advance(1.1)
    assert bench.hub.stats.refusals == {"no challenge was asked for": 1}


def test_a_challenge_is_for_the_address_that_asked(bench):
    key, _ = challenge(bench)
    login = b"Action: Login\r\nAuthType: MD5\r\nUsername: digest\r\nKey: 0\r\n\r\n"
    bench.web.login(ELSEWHERE, AJAM, login, lambda *_: None, key)
    bench.clock.advance(1.1)
    assert bench.hub.stats.refusals == {"no challenge was asked for": 1}


def test_a_challenge_that_is_refused_has_no_key(bench):
    key, answer = challenge(bench, action=b"Action: Challenge\r\n\r\n")
    assert key == b""
    assert b"Must specify AuthType" in answer
    assert not bench.hub.sessions


def test_unauthenticated_bounds_the_challenges():
    bench = WebBench(unauthenticated=3, unauthenticated_per_address=2)
    keys = [challenge(bench)[0] for _ in range(3)]
    assert len(bench.hub.sessions) == 2
    keys += [challenge(bench, ELSEWHERE)[0] for _ in range(2)]
    assert len(bench.hub.sessions) == 3
    assert bench.hub.stats.limits == {"unauthenticated_per_address": 1, "unauthenticated": 1}
    assert all(keys)


def test_a_session_has_a_number_of_tickets(bench):
    session = bench.log_in()
    first, *others = [bench.web.ticket(session) for _ in range(17)]
    assert bench.web.redeem(first, HERE, AJAM) is None
    assert bench.web.redeem(others[0], HERE, AJAM) is session
    assert bench.web.redeem(others[1], HERE, Entrance(door="ami")) is None
    bench.hub.tick(bench.clock.now())
    assert len(bench.web._tickets) == 14
    session.end("logoff")
    bench.hub.tick(bench.clock.now())
    assert len(bench.web._tickets) == 0


def basic(bench, name=b"boss", secret=b"x"):
    got = []
    leave = bench.web.basic(HERE, API, name, secret, lambda *outcome: got.append(outcome))
    return got, leave


def test_requests_with_equal_credentials_wait_for_one_login(bench):
    bench.verifier.at_once = False
    (one, _), (other, _), (gone, leave) = basic(bench), basic(bench), basic(bench)
    leave()
    assert len(bench.verifier.asked) == 1
    bench.verifier.answer()
    bench.turn()
    assert one[0][0] is other[0][0] is not None
    assert gone == []
    again, leave = basic(bench)
    leave()
    bench.turn()
    assert again == []


def test_a_session_by_basic_credentials_ends_when_it_is_not_used(bench):
    one, _ = basic(bench)
    bench.turn()
    session = one[0][0]
    bench.clock.advance(59)
    bench.hub.tick(bench.clock.now())
    again, _ = basic(bench)
    bench.turn()
    assert again[0][0] is session
    opened = session.open(ListTransport(), WS)
    for _ in range(3):
        bench.clock.advance(50)
        bench.hub.tick(bench.clock.now())
    opened.close("logoff")
    assert not session.is_over
    bench.clock.advance(61)
    bench.hub.tick(bench.clock.now())
    assert session.is_over
    other, _ = basic(bench)
    bench.turn()
    assert other[0][0] is not session


def test_a_client_with_a_certificate_finds_its_session_again():
    binding = Binding("cn", "phone")
    login = CertificateLogin((binding,), "certificate")
    bench = WebBench(User("phone", doors=DOORS, login=login, allowmultiplelogin=False))
    peer = HERE._replace(certificate=Identity("CN=phone", "fp", frozenset({binding})))
    session = bench.web.enter(peer, API, b"phone", "certificate")
    assert bench.web.enter(peer, API, b"phone", "certificate") is session
    elsewhere = peer._replace(address=ELSEWHERE.address)
    assert bench.web.enter(elsewhere, API, b"phone", "certificate") == "already logged in"
    assert bench.web.find(session.key, HERE, API) is None
    bench.clock.advance(61)
    bench.hub.tick(bench.clock.now())
    assert session.is_over
    assert not isinstance(bench.web.enter(elsewhere, API, b"phone", "certificate"), str)


@pytest.mark.parametrize(
    ("name", "secret"), [(b"bo\r\nss", b"x"), (b"boss", b"x\r\nActionID: 1"), (b"b\0oss", b"x")]
)
def test_credentials_that_no_login_could_say_are_wrong(bench, name, secret):
    got, _ = basic(bench, name, secret)
    bench.clock.advance(1.1)
    assert got[0][0] is None
    assert b"Authentication failed" in got[0][1]
    assert bench.hub.stats.refusals == {"wrong secret": 1}


def test_a_penalty_refuses_a_client_that_has_proved_itself(bench):
    for _ in range(9):
        bench.web.refuse(ELSEWHERE, AJAM, b"boss")
    assert bench.web.enter(ELSEWHERE, AJAM, b"boss", "digest") == "address is under a penalty"
    session = bench.log_in()
    bench.web.find(session.key, ELSEWHERE, AJAM)
    assert session.open(ListTransport(ELSEWHERE.address), WS) in bench.hub.sessions


def test_users_of_other_doors_are_in_the_bench():
    assert (AMI_ONLY.doors, MD5.history) == (frozenset({"ami"}), True)


def test_no_event_follows_a_login(bench):
    bench.feed(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")
    got = []
    bench.web.login(HERE, AJAM, LOGIN, lambda *outcome: got.append(outcome))
    bench.turn()
    assert got[0][1] == b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"


def test_a_lane_has_no_banner_and_no_events(bench):
    session = bench.log_in()
    lane = session.main
    lane.greet(b"Asterisk Call Manager\r\n")
    assert lane.view.is_empty
    assert lane.collected.write(b"12") == 2
    assert lane.collected.take() == b"12"
    lane.close("kicked")
    lane.close("kicked", abort=True)
    session.ends("kicked")
    assert bench.hub.stats.closes == {"kicked": 1}


def test_a_challenge_may_be_used_for_some_seconds(bench):
    challenge(bench)
    bench.clock.advance(4)
    bench.hub.tick(bench.clock.now())
    assert len(bench.hub.sessions) == 1


def test_bytes_are_counted_for_the_whole_session(bench):
    session = bench.log_in()
    before = session.main.received, session.main.outbox.sent
    (answer,) = bench.run(session, "Action: Ping")
    assert (session.main.received, session.main.outbox.sent) == (
        before[0] + len(b"Action: Ping\r\n\r\n"),
        before[1] + len(answer),
    )


def test_a_security_event_names_the_door():
    bench = WebBench(BOSS, User("reader", read=privilege.SECURITY, secret="plain:x"))
    _, reader = bench.login("reader")
    bench.log_in()
    bench.hub.flush()
    told = reader.take()
    assert b"Service: AMI\r\n" in told
    assert b"ProxyDoor: ajam\r\n" in told
