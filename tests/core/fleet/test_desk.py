"""The desk executes what edges may ask for, once and in time; whatever else comes is refused."""

import logging

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.core.fleet.desk import REFUSALS
from amiproxy.core.fleet.wire import ANSWER_BYTES, END, Ask, encode_ask, parsed
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from tests.support.agent_bench import ADMIN, BOARD, CEILING, EDGE, QUIET, AgentBench
from tests.support.core_doubles import event
from tests.support.web_bench import DOORS

ALL = Ceiling(None, privilege.ALL, privilege.ALL)


@pytest.fixture
def bench() -> AgentBench:
    return AgentBench()


def assert_refused(bench: AgentBench, answer, reason: str) -> None:
    assert (answer.refused, bench.refused) == (True, {reason: 1})
    assert answer.text.endswith(REFUSALS[reason])
    assert b"not executed" in answer.text
    assert bench.upstream.take() == []


# -- what is executed --------------------------------------------------------


def test_an_action_is_executed_and_its_answer_comes_back(bench):
    answer = bench.ask()
    (asked,) = bench.upstream.take()
    assert asked.get(b"channel") == b"Local/1"
    assert not answer.there
    bench.answer(asked, b"Message: Originate successfully queued\r\n")
    bench.turn()
    assert not answer.refused
    assert answer.body.startswith(b"Response: Success\r\nActionID: relay\r\n")


def test_the_users_own_rights_are_judged_too():
    bench = AgentBench(User("board", write=privilege.CALL, secret="plain:x", doors=DOORS))
    answer = bench.ask()
    assert not answer.refused
    assert Message(answer.body).get(b"response") == b"Error"
    assert bench.names() == []
    assert bench.hub.stats.actions_denied == 1


def test_what_the_agent_cannot_send_is_answered_so(bench):
    bench.server().link_down("x")
    request = bench.made()
    answer = bench.send(request)
    assert answer.text == b"Upstream not connected"


def test_an_edge_that_waits_for_an_answer_is_told_that_the_link_was_lost(bench):
    answer = bench.ask()
    bench.server().link_down("x")
    bench.turn()
    assert b"outcome unknown" in answer.text


def test_a_session_that_ends_without_an_answer_has_an_unknown_outcome(bench):
    answer = bench.ask()
    (session,) = bench.hub.sessions
    for lane in list(session.lanes):
        lane.close("fault", abort=True)
    bench.turn()
    assert b"outcome unknown" in answer.text


def test_long_answers_come_in_parts_of_whole_messages(bench):
    bench = AgentBench(edges={EDGE: ALL})
    answer = bench.ask("Action: Command\nActionID: relay\nCommand: core show help")
    (asked,) = bench.upstream.take()
    relay_id = asked.get(b"actionid")
    bench.answer(asked, b"".join(b"Output: %05d\r\n" % number for number in range(30_000)))
    bench.turn()
    (long,) = answer.parts
    assert len(long) > ANSWER_BYTES, "one message is never divided"
    answer = bench.ask("Action: DBGetTree\nActionID: relay")
    (asked,) = bench.upstream.take()
    relay_id = asked.get(b"actionid")
    mark = b"\r\nActionID: " + relay_id + b"\r\n"
    items = [
        b"Event: DBGetTreeResponse" + mark + b"Val: " + b"x" * 9_000 + b"%d\r\n\r\n" % number
        for number in range(100)
    ]
    end = b"Event: DBGetTreeComplete" + mark + b"EventList: Complete\r\n\r\n"
    bench.feed(b"Response: Success" + mark + b"EventList: start\r\n\r\n", *items, end)
    bench.turn()
    assert len(answer.parts) > 2
    assert all(len(part) <= ANSWER_BYTES and part.endswith(b"\r\n\r\n") for part in answer.parts)
    expected = b"".join([b"Response: Success" + mark + b"EventList: start\r\n\r\n", *items, end])
    assert answer.body == expected.replace(relay_id, b"relay")


def test_a_long_message_between_short_ones_is_a_part_of_its_own(bench):
    bench = AgentBench(edges={EDGE: ALL}, upstream_message_bytes=1 << 20)
    answer = bench.ask("Action: DBGetTree\nActionID: relay")
    (asked,) = bench.upstream.take()
    mark = b"\r\nActionID: " + asked.get(b"actionid") + b"\r\n"
    items = [
        b"Event: DBGetTreeResponse" + mark + b"Val: " + b"x" * size + b"\r\n\r\n"
        for size in (10, ANSWER_BYTES + 10, 10)
    ]
    end = b"Event: DBGetTreeComplete" + mark + b"EventList: Complete\r\n\r\n"
    bench.feed(b"Response: Success" + mark + b"EventList: start\r\n\r\n", *items, end)
    bench.turn()
    assert [len(part) > ANSWER_BYTES for part in answer.parts] == [False, True, False]


def test_servers_are_told_apart():
    both = "one", "two"
    board = User(
        "board", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=DOORS, servers=both
    )
    bench = AgentBench(board, servers=Configured(both, named=True))
    bench.send(bench.made(at="two"), at="pbx-two")
    assert [len(upstream.take()) for upstream in bench.upstreams.values()] == [0, 1]
    foreign = QUIET + "\nServer: one"
    answer = bench.send(bench.made(foreign, at="two"), at="pbx-two")
    assert answer.text == b"No such server"
    assert bench.upstreams["one"].take() == []


def test_one_session_serves_all_clients_of_a_user(bench):
    for address in ("198.51.100.1", "198.51.100.2"):
        bench.ask(address=address)
    assert len(bench.hub.sessions) == 1
    (edge,) = bench.desk.edges
    assert (edge.name, edge.users, edge.counts.actions) == (EDGE, 1, 2)
    assert edge.counts.last == bench.clock.wall()


# -- what is refused, in the order of the checks -------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 100, b"\xc1", b"\x99" * 20],
)
def test_what_is_no_request_is_malformed(bench, data):
    assert_refused(bench, bench.send(data), "malformed")


def test_an_edge_that_is_not_configured_is_refused(bench):
    answer = bench.send(bench.made(), edge="edge2")
    assert answer.refused
    assert bench.desk.strangers == 1
    assert [edge.name for edge in bench.desk.edges] == [EDGE]


def test_a_server_that_the_fleet_does_not_know_is_refused(bench):
    assert_refused(bench, bench.send(bench.made(), at="pbx-none"), "edge")


def test_a_request_of_another_epoch_is_refused(bench):
    request = bench.made()
    bench.server().link_down("x")
    bench.link_up()
    bench.upstream.take()
    assert_refused(bench, bench.send(request), "epoch")


def test_without_a_journal_there_is_no_epoch(bench):
    request = bench.made()
    bench.server().keep(None, present=False)
    assert_refused(bench, bench.send(request), "epoch")


def test_a_request_is_good_until_it_expires(bench):
    request, late = bench.made(seconds=2.0), bench.made(seconds=2.0)
    bench.clock.advance(2.0)
    bench.send(request)
    assert bench.names() == ["Originate"]
    bench.clock.advance(0.001)
    assert_refused(bench, bench.send(late), "expired")


def test_a_request_that_expires_after_its_id_is_forgotten_is_refused(bench):
    bench.send(bench.made(seconds=60.0))
    assert bench.names() == ["Originate"]
    assert_refused(bench, bench.send(bench.made(seconds=60.001)), "expires too late")


def test_a_request_that_comes_again_is_not_executed_again(bench):
    request = bench.made()
    bench.send(request)
    assert bench.names() == ["Originate"]
    assert_refused(bench, bench.send(request), "repeated")


@pytest.mark.parametrize("user", ["Admin", "nobody", "board/pbx", "\x00", "ADMIN", "board "])
def test_another_user_than_those_of_the_ceiling_is_refused(bench, user):
    assert_refused(bench, bench.send(bench.made(user=user)), "user")


def test_the_name_of_a_user_may_be_in_any_case(bench):
    bench.ask(user="BOARD")
    assert bench.names() == ["Originate"]


@pytest.mark.parametrize(
    "user",
    [
        User("board", write=privilege.ALL, disabled=True, doors=DOORS),
        User("other", write=privilege.ALL, doors=DOORS),
        User("board", write=privilege.ALL, doors=DOORS, acl=AccessList.from_lines(["deny 0.0.0.0/0"])),
    ],
)
def test_a_user_that_may_not_log_in_from_there_is_refused(user):
    bench = AgentBench(user, ADMIN)
    assert_refused(bench, bench.send(bench.made()), "user")


def test_the_address_of_the_client_is_judged_by_the_users_acl():
    lines = ["deny 0.0.0.0/0", "permit 10.0.0.0/8"]
    bench = AgentBench(
        User("board", write=privilege.ALL, doors=DOORS, acl=AccessList.from_lines(lines)),
    )
    bench.ask(address="::ffff:10.1.2.3")
    assert bench.names() == ["Originate"]
    assert_refused(bench, bench.ask(address="11.1.2.3"), "user")


def test_other_rights_than_here_are_refused(bench):
    assert_refused(bench, bench.ask(generation=b"x" * 16), "generation")


def test_rights_of_before_a_reload_are_accepted_for_some_minutes(bench):
    request, late = bench.made(), bench.made()
    bench.hub.adopt(UserTable([User("board", write=privilege.ORIGINATE, secret="plain:x", doors=DOORS)]))
    bench.send(request)
    assert bench.names() == ["Originate"]
    bench.clock.advance(301)
    bench.desk.tick()
    late = bench.made(generation=late.generation)
    assert_refused(bench, bench.send(late), "generation")


def test_a_class_above_the_ceiling_is_refused(bench):
    assert_refused(bench, bench.ask("Action: CoreStatus\nActionID: relay"), "class")


def test_a_user_who_may_not_log_in_to_the_server_is_refused():
    bench = AgentBench(
        BOARD, User("far", write=privilege.ALL, doors=DOORS, servers=("other",)), edges={EDGE: ALL}
    )
    answer = bench.ask(user="far", generation=bench.made(user="far").generation)
    assert_refused(bench, answer, "session")


def test_a_ping_is_answered_by_the_agent(bench):
    answer = bench.ask("Action: Ping\nActionID: relay")
    assert not answer.refused
    assert b"Ping: Pong" in answer.body
    assert bench.names() == []


def test_refusals_are_logged_with_the_edge_and_the_request(bench, caplog):
    caplog.set_level(logging.INFO, logger="amiproxy")
    request = bench.made(generation=b"")
    bench.send(request)
    bench.send(b"")
    first, second = (one.fields for one in caplog.records if one.getMessage() == "edge-action-refused")
    assert (first["edge"], first["reason"], first["user"]) == (EDGE, "generation", "board")
    assert (first["request"], first["action"]) == (request.id.hex(), b"Originate")
    assert (second["reason"], second["request"], second["user"]) == ("malformed", None, None)
    assert second["action"] is None


# -- the edge itself -----------------------------------------------------------


def test_an_edge_asks_for_the_actions_of_the_server(bench):
    answer = bench.ask("Action: ListCommands\nActionID: relay", user="")
    (asked,) = bench.upstream.take()
    bench.answer(asked, b"Ping: Keepalive command.  (Priv: <none>)\r\n")
    bench.turn()
    assert answer.body.startswith(b"Response: Success\r\nActionID: relay\r\nPing: ")
    (edge,) = bench.desk.edges
    assert (edge.counts.own, edge.counts.actions, edge.users) == (1, 0, 0)


@pytest.mark.parametrize(
    ("action", "ceiling"),
    [
        ("ConfbridgeListRooms", Ceiling(frozenset(), read=privilege.CALL)),
        ("QueueStatus", Ceiling(frozenset())),
        ("ConfbridgeListRooms", Ceiling(frozenset(), write=privilege.REPORTING)),
        ("IAXpeerlist", Ceiling(frozenset(), read=privilege.SYSTEM)),
        ("CoreSettings", Ceiling(frozenset())),
    ],
)
def test_an_edge_asks_for_lists_that_its_ceiling_admits(action, ceiling):
    bench = AgentBench(edges={EDGE: ceiling})
    bench.ask(f"Action: {action}\nActionID: relay", user="")
    assert bench.names() == [action]


@pytest.mark.parametrize(
    ("action", "ceiling"),
    [
        ("Action: ConfbridgeListRooms", Ceiling(frozenset(), read=privilege.AGENT)),
        ("Action: CoreStatus", Ceiling(frozenset(), read=privilege.CALL, write=privilege.CALL)),
        ("Action: Status\nChannel: SIP/1", ALL),
        ("Action: Status\nVariables: SHELL(id)", ALL),
        ("Action: Originate\nChannel: Local/1\nApplication: Wait", ALL),
        ("Action: Command\nCommand: core stop now", ALL),
        ("Action: Getvar\nVariable: X", ALL),
        ("Action: ListCommands\nX: y", ALL),
        ("Action: Ping", ALL),
        ("Action: Events\nEventMask: off", ALL),
        ("Action: Logoff", ALL),
        ("Action: UserEvent\nUserEvent: x", ALL),
        ("Action: NoSuchAction", ALL),
    ],
)
def test_an_edge_asks_for_nothing_else(action, ceiling):
    bench = AgentBench(edges={EDGE: ceiling})
    assert_refused(bench, bench.ask(action, user=""), "class")


# -- missed events ---------------------------------------------------------------


def ask(bench: AgentBench, edge: str = EDGE, at: str = "", data: bytes | None = None) -> list[int]:
    asked = encode_ask(Ask(bench.publisher.epoch, 1)) if data is None else data
    messages = list(bench.desk.ask(at or bench.known_as, edge, asked))
    return [parsed(message)[0].kind for message in messages]


def test_an_edge_is_given_what_it_has_missed(bench):
    bench.feed(event("One"))
    assert ask(bench)[-1] == END


def test_no_other_process_is_given_it_and_nothing_that_is_malformed(bench):
    bench.feed(event("One"))
    assert ask(bench, edge="edge2") == []
    assert ask(bench, at="pbx-none") == []
    assert bench.desk.strangers == 2
    assert ask(bench, data=b"x") == []
    bench.desk.adopt({})
    assert ask(bench) == []


# -- reloads ---------------------------------------------------------------------


def test_a_ceiling_that_is_raised_ends_nothing(bench):
    waiting, own = bench.ask(), bench.ask("Action: QueueSummary", user="")
    bench.desk.adopt({EDGE: ALL, "edge2": CEILING})
    bench.turn()
    assert (waiting.there, own.there) == (False, False)
    bench.ask("Action: CoreStatus\nActionID: relay")
    assert bench.names() == ["Originate", "QueueSummary", "CoreStatus"]


def test_an_edge_that_is_configured_again_has_not_forgotten_its_requests(bench):
    request = bench.made()
    bench.send(request)
    bench.desk.adopt({})
    bench.turn()
    bench.desk.tick()
    bench.desk.adopt({EDGE: CEILING})
    bench.names()
    assert_refused(bench, bench.send(request), "repeated")


def test_an_edge_that_is_gone_is_forgotten_in_time(bench):
    bench.ask()
    bench.desk.adopt({})
    bench.turn()
    bench.clock.advance(61)
    bench.desk.tick()
    assert bench.send(b"").refused
    assert bench.desk.strangers == 1


def test_other_users_are_left_alone_when_one_is_taken_away():
    bench = AgentBench(edges={EDGE: ALL})
    mine, other = bench.ask(user="board"), bench.ask(user="Admin")
    bench.desk.adopt({EDGE: ALL._replace(users=frozenset({"admin"}))})
    bench.turn()
    assert mine.there
    assert not other.there
    assert ADMIN in [session.principal.user for session in bench.hub.sessions]
