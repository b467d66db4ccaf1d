"""Somebody has stolen an edge's key: what he can send, and that he gets no more than the edge's ceiling."""

import msgspec
import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.routes.entrance import FLEET
from amiproxy.core.fleet.requests.ownqueries import MOST
from amiproxy.core.fleet.wire import Ask, encode_ask, encode_request
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.users import User, UserTable
from tests.support.agent_bench import ADMIN, BOARD, CEILING, EDGE, QUIET, AgentBench
from tests.support.core_doubles import ListTransport, event
from tests.support.web_bench import AJAM, DOORS, HERE

ALL = Ceiling(None, privilege.ALL, privilege.ALL)


@pytest.fixture
def bench() -> AgentBench:
    return AgentBench()


def assert_nothing_is_executed(bench: AgentBench, answer) -> None:
    assert answer.refused
    assert bench.upstream.take() == []


class TestRights:
    def test_he_speaks_for_no_user_above_the_ceiling(self, bench):
        assert_nothing_is_executed(bench, bench.ask(user="Admin"))

    def test_no_spelling_makes_a_permitted_name_another_user(self, bench):
        for name in ("board/asterisk", "board\x00", "board\r\nUsername: Admin", "BOARD\u0130"):
            assert_nothing_is_executed(bench, bench.ask(user=name))
        assert bench.hub.sessions == []

    def test_users_with_all_classes_lend_him_none_above_the_ceiling(self, bench):
        for action in ("Command\nCommand: core show help", "UpdateConfig\nSrcFilename: x", "CoreStatus"):
            assert_nothing_is_executed(bench, bench.ask(f"Action: {action}"))

    @pytest.mark.parametrize(
        "rest",
        [
            "Application: System\nData: id",
            "Application: AGI\nData: x",
            "Application: Set\nData: X=${SHELL(id)}",
            "Application: Wait\nData: 1\nVariable: SHELL(id)=1",
        ],
    )
    def test_arguments_that_need_other_classes_are_above_the_ceiling_too(self, bench, rest):
        answer = bench.ask(f"Action: Originate\nChannel: Local/1\nAsync: true\n{rest}")
        assert_nothing_is_executed(bench, answer)
        assert bench.refused == {"class": 1}

    def test_he_learns_no_secret_of_a_user_and_not_which_users_there_are(self, bench):
        bench = AgentBench(BOARD, ADMIN, User("off", disabled=True, doors=DOORS), edges={EDGE: ALL})
        texts = {bench.ask(user=name).body for name in ("off", "nobody")}
        assert len(texts) == 1
        for action in ("Challenge\nAuthType: MD5", "Login\nUsername: Admin\nSecret: x"):
            answer = bench.ask(f"Action: {action}")
            assert answer.refused
            assert b"Challenge:" not in answer.body

    def test_he_reads_the_events_of_no_other_session(self, bench):
        bench = AgentBench(edges={EDGE: ALL})
        bench.ask("Action: CoreStatus")
        bench.feed(event("Hold"))
        assert bench.ask("Action: WaitEvent\nTimeout: 1").refused

    def test_his_sessions_open_no_other_door(self, bench):
        bench.ask()
        (main,) = bench.hub.sessions
        assert main.entrance.door == FLEET
        for key in (main.client.key, b""):
            assert bench.web.find(key, HERE, AJAM) is None


class TestActionsOfTheProxy:
    @pytest.mark.parametrize(
        "action",
        [
            "Login\nUsername: Admin\nSecret: x",
            "Challenge\nAuthType: MD5",
            "Logoff",
            "Events\nEventMask: on",
            "Filter\nOperation: Add\nFilter: x",
            "WaitEvent\nTimeout: -1",
            "ListCommands",
            "ProxyServers",
            "ProxySnapshot\nKinds: channels",
            "ProxyResume\nFrom: x",
            "WAITEVENT",
        ],
    )
    def test_none_is_executed_whatever_the_ceiling(self, action):
        bench = AgentBench(edges={EDGE: ALL})
        for user in ("board", ""):
            answer = bench.ask(f"Action: {action}\nActionID: relay", user=user)
            if (action, user) != ("ListCommands", ""):
                assert_nothing_is_executed(bench, answer)

    def test_actions_of_astmanproxy_are_malformed(self):
        bench = AgentBench(edges={EDGE: ALL})
        for action in (
            "ProxyAction: ListSessions",
            "ProxyAction: Logoff",
            "X: y",
            "Action: \nProxyAction: x",
        ):
            assert_nothing_is_executed(bench, bench.ask(action))
        assert bench.refused == {"malformed": 4}

    def test_the_events_of_others_are_not_suppressed(self, bench):
        bench.ask(QUIET + "\nSuppressEvents: yes")
        (asked,) = bench.upstream.take()
        assert asked.get(b"suppressevents") == b""


class TestInjection:
    @pytest.mark.parametrize(
        "action",
        [
            QUIET.encode() + b"\r\n\r\nAction: Command\r\nCommand: core stop now\r\n\r\n",
            b"Action: Originate\n\nAction: Command\r\nCommand: x\r\n\r\n",
            b"\r\nAction: Command\r\n\r\n",
            b"Action: Originate\r\nChannel: Local/1",
            b"Action: Originate\r\nChannel: a\rAction: Command\r\n\r\n",
            b"Action: Originate\r\nChannel: a\x00b\r\n\r\n",
            b"Action: Originate\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"Action: Originate\r\nChannel: " + b"x" * 1100 + b"\r\n\r\n",
        ],
    )
    def test_an_action_is_exactly_one_well_formed_message(self, bench, action):
        assert_nothing_is_executed(bench, bench.ask(action))
        assert bench.refused == {"malformed": 1}

    def test_a_second_action_header_is_not_sent(self, bench):
        bench.ask(QUIET + "\nAction: Command\nCommand: core stop now")
        (asked,) = bench.upstream.take()
        assert asked.get(b"action") == b"Originate"
        assert b"Command" not in asked.raw

    @pytest.mark.parametrize("field", ["session", "address"])
    @pytest.mark.parametrize("value", ["1\r\nX: y", "a b", "x" * 65, "\x1b[2J", "ä", '"'])
    def test_what_he_says_of_his_client_writes_nothing_else_to_the_log(self, bench, field, value):
        assert_nothing_is_executed(bench, bench.ask(**{field: value}))
        assert bench.refused == {"malformed": 1}

    def test_an_id_is_sixteen_bytes(self, bench):
        for wrong in (b"", b"x" * 15, b"x" * 17, b"x" * 100_000):
            assert_nothing_is_executed(bench, bench.send(bench.made(id=wrong)))

    def test_an_action_id_like_those_of_the_proxy_takes_no_answer_of_another(self, bench):
        session, transport = bench.login("board", entrance=AJAM)
        session.receive(b"Action: CoreStatus\r\nActionID: mine\r\n\r\n")
        (other,) = bench.upstream.take()
        stolen = bench.ask(QUIET.replace("relay", other.get(b"actionid").decode()))
        transport.take()
        bench.answer(other, b"CoreReloads: 1\r\n")
        bench.turn()
        assert b"ActionID: mine\r\nCoreReloads: 1" in transport.take()
        assert not stolen.there


class TestMessages:
    def test_a_huge_request_is_not_even_decoded(self, bench):
        data = b"\xdd\xff\xff\xff\xff" + b"\x00" * (1 << 20)
        assert_nothing_is_executed(bench, bench.send(data))

    def test_an_action_is_no_longer_than_one_of_a_client(self):
        bench = AgentBench(action_bytes=2048)
        lines = "".join(f"\nVariable: V{number}={'x' * 500}" for number in range(8))
        assert_nothing_is_executed(bench, bench.ask(QUIET + lines))
        assert bench.refused == {"malformed": 1}

    def test_deep_nesting_is_malformed(self, bench):
        assert_nothing_is_executed(bench, bench.send(b"\x91" * 60_000))

    def test_a_request_with_more_or_other_fields_is_malformed(self, bench):
        whole = msgspec.msgpack.decode(encode_request(bench.made()))
        for fields in ([*whole, 1], whole[:-1], dict(enumerate(whole)), [None] * len(whole)):
            assert_nothing_is_executed(bench, bench.send(msgspec.msgpack.encode(fields)))
        for number in (-1, 1 << 63, 1.5):
            wrong = [*whole[:6], number, *whole[7:]]
            assert_nothing_is_executed(bench, bench.send(msgspec.msgpack.encode(wrong)))


class TestIds:
    def test_an_id_of_another_edge_does_not_collide(self):
        bench = AgentBench(edges={EDGE: CEILING, "edge2": CEILING})
        request = bench.made()
        bench.send(request, edge="edge2")
        bench.send(request)
        assert bench.names().count("Originate") == 2, "he cannot guess it, and could not use it"

    def test_he_fills_only_his_own_window(self):
        bench = AgentBench(edges={EDGE: CEILING, "edge2": CEILING}, ids=3)
        answers = [bench.send(bench.made("Action: CoreStatus"), edge="edge2") for _ in range(5)]
        assert [b"too many" in answer.text for answer in answers] == [False] * 3 + [True] * 2
        bench.ask()
        assert bench.names() == ["Originate"]
        bench.clock.advance(61)
        bench.desk.tick()
        bench.send(bench.made(), edge="edge2")
        assert bench.names() == ["Originate"], "it does not stay full"

    def test_a_refused_request_does_not_become_good_later(self, bench):
        request = bench.made("Action: CoreStatus\nActionID: relay")
        bench.send(request)
        bench.desk.adopt({EDGE: ALL})
        assert_nothing_is_executed(bench, bench.send(request))
        assert bench.refused == {"class": 1, "repeated": 1}


class TestExpiry:
    def test_no_request_is_kept_for_later(self, bench):
        for seconds in (60.1, 3600.0, 1e12):
            assert_nothing_is_executed(bench, bench.ask(seconds=seconds))
        assert bench.refused == {"expires too late": 3}

    def test_the_largest_numbers_are_too_late(self, bench):
        assert_nothing_is_executed(bench, bench.ask(expires=(1 << 63) - 1))

    def test_time_does_not_begin_again(self, bench):
        assert_nothing_is_executed(bench, bench.ask(expires=0))

    def test_an_old_request_is_not_replayed_after_a_restart(self, bench):
        request = bench.made()
        bench.send(request)
        bench.upstream.take()
        again = AgentBench()
        assert_nothing_is_executed(again, again.send(request))
        assert again.refused == {"epoch": 1}

    def test_an_action_that_waits_in_the_lane_is_not_executed_late(self):
        bench = AgentBench(action_rate=0.1, action_burst=1)
        bench.ask()
        late = bench.ask(seconds=3.0)
        assert bench.names() == ["Originate"]
        bench.clock.advance(11)
        assert b"not executed" in late.text
        assert bench.names() == []


class TestRates:
    def test_no_address_that_he_names_lifts_the_rate(self):
        bench = AgentBench(action_rate=0.1, action_burst=2)
        for address in ("127.0.0.1", "::1", "198.51.100.1", "198.51.100.2", EDGE, ""):
            bench.ask(address=address)
        assert bench.names() == ["Originate"] * 2

    def test_the_rate_of_a_kind_is_the_users_everywhere(self):
        bench = AgentBench(originate_rate=0.1, originate_burst=1)
        session, _ = bench.login("board", entrance=AJAM, by=ListTransport("198.51.100.77"))
        session.receive(QUIET.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        bench.ask()
        assert bench.names() == ["Originate"]

    def test_few_of_his_actions_are_at_asterisk_at_once(self):
        bench = AgentBench(in_flight_per_session=4)
        for _ in range(20):
            bench.ask()
        assert len(bench.upstream.take()) == 4

    def test_few_of_his_actions_wait(self, bench):
        bench = AgentBench(in_flight_per_session=1, action_rate=1000.0, action_burst=10_000)
        answers = [bench.ask() for _ in range(520)]
        assert [answer.refused for answer in answers if answer.there] == [True] * 8
        assert bench.refused == {"too many": 8}

    def test_no_address_is_locked_out_by_him_nor_let_in(self, bench):
        for _ in range(50):
            bench.ask(user="Admin", address="192.0.2.1")
            bench.ask(address="192.0.2.1", generation=b"x")
        assert not bench.web.is_penalised(HERE)
        now = bench.clock.now()
        for _ in range(50):
            bench.hub.limit_state.login_failed("192.0.2.1", now)
        assert bench.web.is_penalised(HERE)
        bench.ask(address="192.0.2.1")
        assert bench.web.is_penalised(HERE)

    def test_he_keeps_no_browser_out(self):
        bench = AgentBench(web_sessions_per_user=1, sessions_per_user=1)
        mine = bench.log_in("board")
        bench.ask()
        assert not mine.is_over
        assert bench.login("board", entrance=AJAM)


class TestFlooding:
    def test_one_of_his_own_queries_is_at_asterisk_at_once(self, bench):
        for number in range(10):
            bench.ask(f"Action: QueueSummary\nQueue: {number}", user="")
        assert bench.names() == ["QueueSummary"]

    def test_a_few_of_them_wait(self, bench):
        answers = [bench.ask(f"Action: QueueSummary\nQueue: {n}", user="") for n in range(MOST + 3)]
        assert [answer.refused for answer in answers if answer.there] == [True, True]
        assert bench.refused == {"too many": 2}

    def test_between_them_asterisk_has_time_for_others(self, bench):
        for number in range(3):
            bench.ask(f"Action: QueueSummary\nQueue: {number}", user="")
        (first,) = bench.upstream.take()
        bench.clock.advance(0.1)
        bench.answer(first, b"", b"Error")
        bench.clock.advance(0.39)
        assert bench.names() == []
        bench.clock.advance(0.02)
        assert bench.names() == ["QueueSummary"]

    def test_queries_that_wait_expire(self, bench):
        bench.ask("Action: QueueSummary\nQueue: 1", user="")
        late = bench.ask("Action: QueueSummary\nQueue: 2", user="", seconds=2.0)
        (first,) = bench.upstream.take()
        bench.clock.advance(3)
        bench.answer(first, b"", b"Error")
        bench.clock.advance(1)
        assert b"not executed" in late.text
        assert bench.names() == []

    def test_he_does_not_ask_for_all_missed_events_again_and_again(self, bench):
        bench.feed(event("One"))
        bench.publisher.take()
        data = encode_ask(Ask(bench.publisher.epoch, 1))
        given = [bool(list(bench.desk.ask(bench.known_as, EDGE, data))) for _ in range(20)]
        assert given == [True] * 8 + [False] * 12
        bench.clock.advance(1.0)
        assert list(bench.desk.ask(bench.known_as, EDGE, data))
        assert bench.refused == {"too many": 12}

    def test_unknown_edges_take_no_memory(self, bench):
        for number in range(1000):
            bench.send(b"", edge=f"made-up-{number}")
        assert (len(bench.desk.edges), bench.desk.strangers) == (1, 1000)


class TestTakenAway:
    """A reload of the agent counts at once."""

    def test_an_edge_that_is_removed_gets_nothing_more(self, bench):
        bench.desk.adopt({})
        assert bench.send(bench.made()).refused
        assert bench.upstream.take() == []
        assert bench.desk.edges == []

    @pytest.mark.parametrize("edges", [{}, {EDGE: CEILING._replace(users=frozenset())}])
    def test_actions_that_wait_are_not_executed_any_more(self, edges):
        bench = AgentBench(in_flight_per_session=1)
        first, second = bench.ask(), bench.ask()
        bench.desk.adopt(edges)
        bench.turn()
        assert (first.there, second.there) == (True, True)
        bench.answer(*bench.upstream.take(), b"")
        bench.clock.advance(5)
        assert bench.names() == []
        assert bench.hub.sessions == []

    def test_actions_that_wait_are_not_executed_under_a_lower_ceiling(self):
        bench = AgentBench(action_rate=0.1, action_burst=1)
        bench.ask()
        held = bench.ask()
        bench.upstream.take()
        bench.desk.adopt({EDGE: CEILING._replace(write=privilege.CALL)})
        bench.clock.advance(20)
        assert b"Session closed" in held.text
        assert bench.names() == []
        assert_nothing_is_executed(bench, bench.ask())

    def test_his_own_queries_end(self, bench):
        answers = [bench.ask(f"Action: QueueSummary\nQueue: {number}", user="") for number in range(3)]
        (first,) = bench.upstream.take()
        bench.desk.adopt({})
        assert all(answer.there and b"Queue: " not in answer.body for answer in answers)
        bench.answer(first, b"EventList: start\r\n")
        bench.clock.advance(5)
        assert bench.names() == []

    def test_a_user_with_fewer_rights_has_them_in_the_next_action(self, bench):
        request = bench.made()
        narrow = User("board", write=privilege.CALL, secret="plain:x", doors=DOORS)
        bench.ask()
        bench.upstream.take()
        bench.hub.adopt(UserTable([narrow]))
        answer = bench.send(request)
        assert b"Permission denied" in answer.text, "although the edge may not know it yet"
        assert bench.names() == []

    @pytest.mark.parametrize("users", [[ADMIN], [ADMIN, User("board", disabled=True, doors=DOORS)]])
    def test_a_user_that_is_gone_is_so_at_once(self, bench, users):
        waiting = bench.ask()
        bench.upstream.take()
        request = bench.made()
        bench.hub.adopt(UserTable(users))
        bench.turn()
        assert waiting.there
        assert_nothing_is_executed(bench, bench.send(request))
