"""Answers of any shape: messages with our ActionID go to their asker only, until the answer ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow
from tests.support.core_doubles import Bench

BOSS = User("boss", read=privilege.ALL & ~privilege.SECURITY, write=privilege.ALL, secret="plain:x")
NONE = User("none", write=privilege.ALL, secret="plain:x")
EACH = [User(f"u{number}", write=privilege.ALL, secret="plain:x") for number in range(4)]

DESCRIBED = {
    b"listed": Answer(AnswerKind.LIST, b"ListedComplete"),
    b"endless": Answer(AnswerKind.LIST),
    b"single": Answer(AnswerKind.RESPONSE),
    b"evented": Answer(AnswerKind.EVENT),
    b"rowed": Answer(AnswerKind.ROWS),
}


@pytest.fixture
def bench() -> Bench:
    return make()


def make() -> Bench:
    # Each of them is sent its action at once, however long other users have used the link.
    bench = Bench(
        BOSS, NONE, *EACH, limits=Limits(link_share=1.0), decide=lambda _, action, __: allow(action)
    )
    bench.link_up()
    bench.hub.servers.first.adopt_actions(OtherActions(answers=DESCRIBED, undescribed_for_system=True))
    return bench


def allow(action):
    return Allow(action, "test", False)


def lines(*given: bytes) -> bytes:
    return b"\r\n".join(given) + b"\r\n\r\n"


CALL = lines(
    b"Action: Originate",
    b"ActionID: o",
    b"Channel: Local/1@x",
    b"Application: Wait",
    b"Data: 1",
    b"Timeout: 5000",
)


class Client:
    """A session that sends one action after the other."""

    def __init__(self, bench: Bench, user: str = "none") -> None:
        self.bench = bench
        self.session, self.transport = bench.login(user)

    def ask(self, name: str, number: int | str = 1) -> bytes:
        """Our ActionID for the action."""
        self.session.receive(f"Action: {name}\r\nActionID: {number}\r\n\r\n".encode())
        return self.bench.upstream.take()[0].get(b"actionid")

    @property
    def heard(self) -> list[bytes]:
        return [raw for raw in self.transport.take().split(b"\r\n\r\n") if raw]

    @property
    def is_free(self) -> bool:
        return self.session.is_idle


class TestActionIdPosition:
    def test_a_response_may_begin_with_the_action_id(self, bench):
        client = Client(bench)
        ours = client.ask("Single", "r1")
        bench.feed(lines(b"ActionID: " + ours, b"Response: Success", b"Node: 2000"))
        assert client.heard == [b"ActionID: r1\r\nResponse: Success\r\nNode: 2000"]
        assert client.is_free

    def test_an_undescribed_answer_ends_with_the_answer_to_the_next_action(self, bench):
        (one, two) = Client(bench), Client(bench)
        ours, next_ = one.ask("RptStatus", "r1"), two.ask("QueueRule", "s1")
        bench.feed(lines(b"ActionID: " + ours, b"Response: Success", b"Node: 2000"))
        assert not one.is_free, "more of it may come"
        bench.feed(lines(b"Response: Success", b"ActionID: " + next_))
        assert (one.is_free, two.is_free) == (True, True)
        bench.pong()
        assert len(one.heard) == len(two.heard) == 1

    def test_a_message_with_a_foreign_id_reaches_no_client(self, bench):
        client = Client(bench)
        client.ask("Single")
        bench.feed(lines(b"ActionID: x", b"Response: Success"), lines(b"ActionID: x", b"Row: 1"))
        assert client.heard == []
        assert (
            bench.hub.servers.first.counts.strays,
            bench.hub.servers.first.counts.unsolicited_responses,
        ) == (2, 0)

    def test_rows_with_the_id_are_an_answer(self, bench):
        client = Client(bench)
        ours = client.ask("Foo", "f")
        bench.feed(lines(b"Row: 1", b"ActionID: " + ours), lines(b"Row: 2", b"ActionID: " + ours))
        bench.pong()
        assert client.heard == [b"Row: 1\r\nActionID: f", b"Row: 2\r\nActionID: f"]
        assert client.is_free

    def test_a_row_in_the_answer_to_the_proxys_own_action_reaches_no_client(self, bench):
        bench.hub.servers.first.exchange.tick(1.0)
        client = Client(bench)
        client.ask("QueueRule")
        bench.hub.tick(1.0)
        (ping,) = bench.upstream.take()
        bench.feed(lines(b"Row: 1", b"ActionID: " + ping.get(b"actionid")))
        assert bench.hub.servers.first.counts.strays == 1


class TestLists:
    def test_list_items_need_no_announcement(self, bench):
        # As in app_conference, and in DBGet before Asterisk 13.
        client = Client(bench)
        ours = client.ask("ConferenceList", "c")
        bench.feed(
            lines(b"Response: Success", b"ActionID: " + ours, b"Message: Conference list will follow"),
            lines(b"Event: ConferenceEntry", b"ActionID: " + ours, b"Name: 1"),
            lines(b"Event: ConferenceEntry", b"ActionID: " + ours, b"Name: 2"),
        )
        assert not client.is_free
        assert bench.pong() == []
        assert client.is_free
        assert len(client.heard) == 3
        assert bench.hub.servers.first.counts.action_timeouts == 0

    def test_the_list_of_dbget_in_asterisk_12_has_no_end_event(self, bench):
        client = Client(bench)
        ours = client.ask("DBGet", "d")
        bench.feed(
            lines(b"Response: Success", b"ActionID: " + ours, b"Message: Result will follow"),
            lines(b"Event: DBGetResponse", b"ActionID: " + ours, b"Val: 1"),
        )
        bench.pong()
        assert client.is_free
        assert [raw.split(b"\r\n")[0] for raw in client.heard] == [
            b"Response: Success",
            b"Event: DBGetResponse",
        ]

    def test_a_described_end_event_ends_a_list_with_or_without_an_id(self, bench):
        client = Client(bench)
        for end in (b"ActionID: ", b""):
            ours = client.ask("Listed", "l")
            ending = (b"EventList: Complete", end + ours) if end else (b"EventList: Complete",)
            bench.feed(
                lines(b"Response: Success", b"ActionID: " + ours, b"EventList: start"),
                lines(b"Event: Item", b"ActionID: " + ours),
                lines(b"Event: ListedComplete", *ending),
            )
            assert client.is_free
            assert len(client.heard) == 3
            assert bench.hub.servers.first.exchange.in_flight == 0

    def test_no_end_event_is_made_up_when_the_next_answer_ends_the_list(self, bench):
        client = Client(bench)
        ours = client.ask("Listed", "l")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours, b"EventList: start"))
        bench.hub.tick(1.0)
        bench.pong()
        assert client.is_free
        assert client.heard == [b"Response: Success\r\nActionID: l\r\nEventList: start"]

    def test_an_announced_list_ends_with_eventlist_complete(self, bench):
        client = Client(bench)
        ours = client.ask("Foo", "f")
        bench.feed(
            lines(b"Response: Success", b"ActionID: " + ours, b"EventList: start"),
            lines(b"Event: FooEnd", b"ActionID: " + ours, b"EventList: Complete"),
        )
        assert client.is_free
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_one_action_may_have_two_responses(self, bench):
        client = Client(bench)
        ours = client.ask("Endless", "e")
        bench.feed(
            lines(b"Response: Success", b"ActionID: " + ours, b"EventList: start"),
            lines(b"Response: Error", b"ActionID: " + ours, b"Message: Execution Failed"),
        )
        bench.pong()
        assert len(client.heard) == 2
        assert client.is_free

    def test_an_item_may_come_before_its_response(self, bench):
        client = Client(bench)
        ours = client.ask("Foo", "f")
        bench.feed(lines(b"Event: Early", b"ActionID: " + ours))
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.pong()
        assert len(client.heard) == 2

    def test_a_list_that_stalls_ends_after_its_timeout(self, bench):
        client = Client(bench)
        ours = client.ask("Endless", "e")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.clock.advance(16)
        bench.hub.tick(bench.clock.now())
        assert client.is_free
        assert client.heard == [b"Response: Success\r\nActionID: e"]
        assert bench.hub.stats.limits == {"list_item_timeout": 1}
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_list_whose_asker_left_is_dropped(self, bench):
        client = Client(bench)
        ours = client.ask("Endless", "e")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        client.session.lost("gone")
        bench.clock.advance(16)
        bench.hub.tick(bench.clock.now())
        bench.hub.servers.first.link_down("gone")
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_lost_link_ends_a_list(self, bench):
        client = Client(bench)
        ours = client.ask("Endless", "e")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.hub.servers.first.link_down("gone")
        assert client.is_free


class TestEvents:
    def test_an_event_may_follow_its_response(self, bench):
        client = Client(bench)
        ours = client.ask("Evented", "e")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        assert not client.is_free
        bench.feed(lines(b"Event: Done", b"ActionID: " + ours))
        assert client.is_free
        assert len(client.heard) == 2

    def test_an_event_may_come_without_a_response(self, bench):
        client = Client(bench)
        ours = client.ask("Evented", "e")
        bench.feed(lines(b"Event: Done", b"ActionID: " + ours))
        assert client.is_free

    def test_an_event_that_does_not_come_delays_no_session_and_may_come_later(self, bench):
        client = Client(bench)
        ours = client.ask("Evented", "e")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.clock.advance(1)
        bench.hub.tick(bench.clock.now())
        bench.pong()
        assert client.is_free
        bench.feed(lines(b"Event: Done", b"ActionID: " + ours))
        assert client.heard[-1] == b"Event: Done\r\nActionID: e"

    def test_a_broadcast_that_names_the_action_is_delivered_to_its_readers(self, bench):
        asker, reader = Client(bench), Client(bench, "boss")
        ours = asker.ask("Foo", "mine")
        broadcast = lines(b"Event: Sms", b"Privilege: call,all", b"ActionID: " + ours)
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours), broadcast)
        bench.pong()
        bench.feed(broadcast)
        assert len(asker.heard) == 1
        assert reader.heard == [b"Event: Sms\r\nPrivilege: call,all\r\nActionID: mine"] * 2


class TestRows:
    def test_rows_without_an_id_belong_to_the_action_until_the_pong(self, bench):
        client, other = Client(bench), Client(bench)
        client.session.receive(b"Action: Rowed\r\nActionID: r\r\n\r\n")
        row, ping = bench.upstream.take()
        other.session.receive(b"Action: QueueRule\r\n\r\n")
        assert bench.upstream.take() == [], "it is alone"
        ours = row.get(b"actionid")
        bench.feed(
            lines(b"Debug: 1"),
            lines(b"Event: Item", b"ActionID: " + ours),
            lines(b"Event: End", b"EventList: Complete", b"ActionID: " + ours),
            lines(b"Row: 1", b"ActionID: " + ours),
            lines(b"ActionID: " + ours, b"Response: Success"),
        )
        bench.answer(ping, b"Ping: Pong\r\n")
        assert len(client.heard) == 5
        assert client.is_free
        assert len(bench.upstream.take()) == 1


class TestLateMessages:
    def test_messages_after_the_end_of_an_answer_still_reach_its_asker(self, bench):
        client = Client(bench)
        ours = client.ask("Foo", "f")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.pong()
        next_ = client.ask("QueueRule", "s")
        for late in (
            lines(b"Event: Late", b"ActionID: " + ours),
            lines(b"Row: late", b"ActionID: " + ours),
            lines(b"Response: Success", b"ActionID: " + ours, b"Late: yes"),
        ):
            bench.feed(late)
        assert [b"ActionID: f" in raw for raw in client.heard] == [True] * 4
        assert not client.is_free, "its next action is not answered by that"
        bench.feed(lines(b"Response: Success", b"ActionID: " + next_))
        assert client.is_free

    def test_late_messages_reach_the_asker_until_a_period_of_silence(self, bench):
        client = Client(bench)
        ours = client.ask("Foo", "f")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.pong()
        late = lines(b"Event: Late", b"ActionID: " + ours)
        for _ in range(3):
            bench.clock.advance(14)
            bench.hub.tick(bench.clock.now())
            bench.feed(late)
        assert len(client.heard) == 4
        bench.clock.advance(16)
        bench.hub.tick(bench.clock.now())
        bench.feed(late)
        assert client.heard == []

    def test_late_messages_are_dropped_once_the_asker_has_gone(self, bench):
        client = Client(bench)
        ours = client.ask("Foo", "f")
        bench.feed(lines(b"Response: Success", b"ActionID: " + ours))
        bench.pong()
        client.session.lost("gone")
        bench.feed(lines(b"Event: Late", b"ActionID: " + ours))
        assert bench.hub.servers.first.counts.events_dropped == 1


class TestLostAnswers:
    def test_a_lost_answer_is_reported_within_a_second(self, bench):
        client = Client(bench)
        client.ask("QueueRule", "lost")
        bench.clock.advance(1)
        bench.hub.tick(bench.clock.now())
        bench.pong()
        assert client.heard == [b"Response: Error\r\nActionID: lost\r\nMessage: No answer from Asterisk"]
        assert client.is_free
        assert bench.hub.servers.first.counts.answers_lost == 1

    def test_a_lost_answer_is_reported_at_once_when_a_later_action_is_answered(self, bench):
        one, two, three = Client(bench), Client(bench), Client(bench)
        one.ask("QueueRule", 1)
        two.ask("Foo", 2)
        three_ = three.ask("QueueRule", 3)
        bench.feed(lines(b"Response: Success", b"ActionID: " + three_))
        assert b"No answer" in one.heard[0]
        assert b"No answer" in two.heard[0]
        assert b"Success" in three.heard[0]

    def test_a_call_that_may_still_be_placed_is_waited_for(self, bench):
        caller, other = Client(bench), Client(bench)
        caller.session.receive(CALL)
        ours = bench.upstream.take()[0].get(b"actionid")
        bench.feed(lines(b"Response: Success", b"ActionID: " + other.ask("QueueRule")))
        assert caller.heard == []
        assert bench.hub.servers.first.exchange.in_flight == 0
        bench.feed(
            lines(
                b"Event: OriginateResponse",
                b"Privilege: call,all",
                b"ActionID: " + ours,
                b"Response: Success",
            )
        )
        assert b"Originate successfully queued" in caller.heard[0]

    def test_a_lost_answer_to_the_proxys_own_action_ends_it(self, bench):
        answers = []
        bench.hub.servers.first.exchange.ask(Action([(b"Action", b"ListCommands")]), answers.append)
        bench.upstream.take()
        bench.feed(lines(b"Response: Success", b"ActionID: " + Client(bench).ask("QueueRule")))
        assert answers == [b""]

    def test_no_ping_is_sent_while_no_answer_is_due_or_a_ping_is_in_flight(self, bench):
        bench.hub.tick(1.0)
        assert bench.upstream.take() == []
        Client(bench).ask("QueueRule")
        bench.hub.tick(2.0)
        bench.hub.tick(3.0)
        assert len(bench.upstream.take()) == 1


# -- any mixture -----------------------------------------------------------

SHAPES = st.sampled_from(["single", "front", "bare", "announced", "rows", "lost", "own", "error"])


def answer_to(shape: str, ours: bytes, items: int) -> list[bytes]:
    """The messages of a module of this kind, in one piece as Asterisk sends them."""
    bearing = b"ActionID: " + ours
    entries = [lines(b"Event: Item", bearing, b"Number: %d" % number) for number in range(items)]
    return {
        "single": [lines(b"Response: Success", bearing)],
        "front": [lines(bearing, b"Response: Success", b"Node: 1")],
        "bare": [lines(b"Response: Success", bearing), *entries],
        "announced": [
            lines(b"Response: Success", bearing, b"EventList: start"),
            *entries,
            lines(b"Event: ThatsAll", bearing, b"EventList: Complete"),
        ],
        "rows": [lines(b"Row: %d" % number, bearing) for number in range(items + 1)],
        "lost": [],
        "own": [lines(b"Response: Success", bearing)],
        "error": [lines(b"Response: Error", bearing)],
    }[shape]


@given(
    st.lists(st.lists(st.tuples(SHAPES, st.integers(0, 3)), max_size=3), min_size=1, max_size=4), st.data()
)
def test_each_asker_gets_exactly_its_own(plans, data):
    bench = make()
    clients = [Client(bench, user.name) for user, _ in zip(EACH, plans, strict=False)]
    expected: list[list[bytes]] = [[] for _ in plans]
    todo = [list(plan) for plan in plans]
    queue: list = []
    pending: dict[bytes, tuple[int, str, int]] = {}

    def send(number: int) -> None:
        if todo[number] and clients[number].is_free:
            shape, items = todo[number].pop(0)
            action_id = f"{number}-{len(todo[number])}"
            name = "QueueRule" if shape == "own" else "Foo"
            # It may have to wait for a place on the link, so each action names its client.
            pending[action_id.encode()] = (number, shape, items)
            clients[number].session.receive(
                f"Action: {name}\r\nActionID: {action_id}\r\nAsked: {action_id}\r\n\r\n".encode()
            )
            collect()

    def collect() -> None:
        queue.extend(bench.upstream.take())

    def serve() -> None:
        asked = queue.pop(0)
        ours = asked.get(b"actionid")
        if asked.get(b"action") == b"Ping":
            bench.answer(asked, b"Ping: Pong\r\n")
        else:
            action_id = asked.get(b"asked")
            number, shape, items = pending.pop(action_id)
            said = answer_to(shape, ours, items)
            for raw in said:
                bench.feed(raw)
                if data.draw(st.booleans()):
                    bench.feed(lines(b"Event: Noise", b"Privilege: call,all"))
            expected[number] += [raw.replace(ours, action_id)[:-4] for raw in said] or [
                b"Response: Error\r\nActionID: " + action_id + b"\r\nMessage: No answer from Asterisk"
            ]
        collect()

    while any(todo) or queue or not all(client.is_free for client in clients):
        if queue and data.draw(st.booleans()):
            serve()
        else:
            waiting = [number for number, plan in enumerate(todo) if plan and clients[number].is_free]
            if waiting:
                send(data.draw(st.sampled_from(waiting)))
            elif queue:
                serve()
            else:
                bench.clock.advance(1)
                bench.hub.tick(bench.clock.now())
                collect()
    assert [client.heard for client in clients] == expected
    assert bench.hub.servers.first.exchange.in_flight == 0
