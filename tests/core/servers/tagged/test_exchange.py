"""A tagged link: what is sent over it, and how answers end that are not complete."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import OtherActions
from amiproxy.ami.answers import Answer, AnswerKind
from amiproxy.ami.message import Action
from amiproxy.core.clients.session import Session
from amiproxy.core.model.generation import generation_of
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.policy import Allow
from amiproxy.core.ports import OnBehalf, TaggedUpstream
from amiproxy.core.servers.answers.failures import NOT_CONNECTED, OUTCOME_UNKNOWN
from amiproxy.core.servers.outgoing import WINDOW
from amiproxy.core.servers.tagged.exchange import TAGGED_WINDOW
from tests.support.answers import Requester
from tests.support.core_doubles import Bench, ListTransport, ListUpstream, event
from tests.support.tagged import Sent, TaggedListUpstream, response, tag_up

BOSS = User("boss", write=privilege.ALL, secret="plain:x")
FAN = User("fan", write=privilege.ALL, read=privilege.ALL & ~privilege.SECURITY, secret="plain:x")
CALL = "Action: Originate\nActionID: 1\nChannel: PJSIP/1\nApplication: Wait\nTimeout: 5000"
LIST = "Action: CoreShowChannels\nActionID: 1"
UNKNOWN = b"Response: Error\r\nActionID: 1\r\nMessage: %b\r\n\r\n" % OUTCOME_UNKNOWN
REFUSED = b"Response: Error\r\nActionID: 1\r\nMessage: %b\r\n\r\n" % NOT_CONNECTED
DESCRIBED = {b"listed": Answer(AnswerKind.LIST, b"ListedComplete")}


def allow(_user: User, action: Action, _table: object) -> Allow:
    return Allow(action, "test", False)


class Edge:
    """A bench with a tagged link."""

    def __init__(self) -> None:
        limits = Limits(sessions_per_user=1000, unauthenticated_per_address=1000)
        self.bench = Bench(BOSS, FAN, limits=limits, decide=allow)
        self.server = self.bench.server()
        self.server.adopt_actions(OtherActions(answers=DESCRIBED, undescribed_for_system=True))
        self.upstream = tag_up(self.bench)

    def ask(self, text: str, name: str = "boss") -> tuple[Sent, ListTransport, Session]:
        session, transport = self.bench.login(name)
        send(session, text)
        (sent,) = self.upstream.take_sent()
        return sent, transport, session

    def wait(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)
        self.bench.hub.tick(self.bench.clock.now())

    def listing(self, relay_id: bytes) -> list[bytes]:
        """The beginning of a list."""
        item = b"Event: CoreShowChannel\r\nActionID: %b\r\nChannel: x\r\n\r\n" % relay_id
        return [response(relay_id, b"EventList: start", b"Message: will follow"), item]


def send(session: Session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


@pytest.fixture
def edge() -> Edge:
    return Edge()


class TestSending:
    def test_an_action_is_sent_with_its_relay_id_its_client_and_its_time(self, edge: Edge) -> None:
        sent, _, session = edge.ask("Action: Getvar\nVariable: X\nActionID: 1")
        assert sent.relay_id == sent.action.get(b"actionid")
        assert sent.on_behalf == OnBehalf("boss", generation_of(BOSS), session.id, "192.0.2.1")
        assert sent.seconds == 15.0

    def test_what_several_clients_ask_is_asked_by_the_proxy(self, edge: Edge) -> None:
        first, _, _ = edge.ask(LIST)
        others = [edge.bench.login("boss") for _ in range(2)]
        for session, _ in others:
            send(session, LIST)
        end = (
            b"Event: CoreShowChannelsComplete\r\nActionID: %b\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
        )
        edge.server.answered(first.relay_id, [*edge.listing(first.relay_id), end % first.relay_id], last=True)
        edge.wait(1.0)
        (shared,) = edge.upstream.take_sent()
        assert shared.on_behalf is None
        edge.server.answered(shared.relay_id, edge.listing(shared.relay_id), last=False)
        edge.server.answered(shared.relay_id, [end % shared.relay_id], last=True)
        edge.wait(0.0)
        for _, got in others:
            assert got.take().count(b"ActionID: 1\r\n") == 3
        assert edge.server.in_flight == 0

    def test_many_are_sent_at_once_also_those_that_have_to_be_alone_elsewhere(self, edge: Edge) -> None:
        clients = [edge.bench.login("boss") for _ in range(TAGGED_WINDOW + 1)]
        for session, _ in clients:
            send(session, "Action: IAXnetstats\nActionID: 1")
        sent = edge.upstream.take_sent()
        assert len(sent) == TAGGED_WINDOW > WINDOW
        edge.server.answered(sent[7].relay_id, [b"a row\r\n\r\n"], last=True)
        assert clients[7][1].take() == b"a row\r\n\r\n"
        assert len(edge.upstream.take_sent()) == 1

    def test_no_time_of_the_link_is_charged(self, edge: Edge) -> None:
        for _ in range(3):
            sent, _, _ = edge.ask("Action: QueueRule")
            edge.bench.clock.advance(1.0)
            edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        assert edge.server.exchange.accounts.seconds() == {"boss": 0.0}

    def test_an_ordinary_link_may_follow_and_the_other_way_round(self, edge: Edge) -> None:
        edge.server.link_down("test")
        assert not edge.server.exchange.tagged
        edge.bench.link_up()
        session, got = edge.bench.login("boss")
        send(session, "Action: IAXnetstats\nActionID: 1")
        _, ping = edge.bench.upstream.take()
        edge.bench.feed(b"a row\r\n\r\n")
        edge.bench.answer(ping, b"Ping: Pong\r\n")
        assert got.take() == b"a row\r\n\r\n"
        edge.server.link_down("test")
        tag_up(edge.bench)
        assert edge.server.exchange.tagged

    def test_events_wait_for_the_answer(self, edge: Edge) -> None:
        sent, got, _ = edge.ask("Action: QueueRule\nActionID: 1", "fan")
        edge.bench.feed(event("Newstate"))
        assert got.take() == b""
        edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        assert got.take() == b"Response: Success\r\nActionID: 1\r\n\r\n" + event("Newstate")

    def test_doubles_are_told_apart(self) -> None:
        assert isinstance(TaggedListUpstream(), TaggedUpstream)
        assert not isinstance(ListUpstream(), TaggedUpstream)


class TestIncomplete:
    def test_an_action_that_was_not_sent_has_not_been_executed(self, edge: Edge) -> None:
        for text in ("Action: QueueRule\nActionID: 1", CALL, "Action: IAXnetstats\nActionID: 1"):
            sent, got, session = edge.ask(text)
            edge.server.not_answered(sent.relay_id, NOT_CONNECTED)
            assert got.take() == REFUSED
            assert session.is_idle
        assert (edge.server.in_flight, edge.server.counts.action_timeouts) == (0, 0)

    @pytest.mark.parametrize("text", ["Action: QueueRule\nActionID: 1", CALL, LIST])
    def test_the_outcome_is_unknown_of_an_action_without_answer(self, edge: Edge, text: str) -> None:
        sent, got, session = edge.ask(text)
        edge.server.not_answered(sent.relay_id, OUTCOME_UNKNOWN)
        assert got.take() == UNKNOWN
        assert session.is_idle
        assert (edge.server.in_flight, edge.server.counts.action_timeouts) == (0, 1)
        edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        edge.server.not_answered(sent.relay_id, OUTCOME_UNKNOWN)
        assert got.take() == b""

    @pytest.mark.parametrize(
        ("text", "seconds", "limit"),
        [
            ("Action: QueueRule\nActionID: 1", 15, "action_timeout"),
            ("Action: Command\nActionID: 1\nCommand: x", 60, "command_timeout"),
            (CALL, 10, "originate_grace"),
        ],
    )
    def test_so_it_is_of_one_that_takes_too_long(
        self, edge: Edge, text: str, seconds: float, limit: str
    ) -> None:
        sent, got, _ = edge.ask(text)
        assert sent.seconds == seconds
        edge.wait(seconds)
        assert got.take() == b""
        edge.wait(1.0)
        assert got.take() == UNKNOWN
        assert edge.bench.hub.stats.limits[limit] == 1
        assert edge.server.counts.action_timeouts == 1
        assert (edge.server.in_flight, edge.upstream.sent) == (0, [])

    @pytest.mark.parametrize("reason", [OUTCOME_UNKNOWN, NOT_CONNECTED])
    def test_a_list_with_a_lost_part_is_cancelled(self, edge: Edge, reason: bytes) -> None:
        sent, got, _ = edge.ask(LIST)
        edge.server.answered(sent.relay_id, edge.listing(sent.relay_id), last=False)
        edge.server.not_answered(sent.relay_id, reason)
        assert edge.server.counts.action_timeouts == 1, "it was sent"
        assert got.take().endswith(b"ActionID: 1\r\nEventList: Cancelled\r\nListItems: 1\r\n\r\n")

    def test_a_list_ends_with_its_answer(self, edge: Edge) -> None:
        sent, got, _ = edge.ask(LIST)
        edge.server.answered(sent.relay_id, edge.listing(sent.relay_id), last=True)
        assert got.take().endswith(b"EventList: Cancelled\r\nListItems: 1\r\n\r\n")

    def test_when_the_link_is_lost_outcomes_are_unknown_and_waiting_actions_were_not_sent(
        self, edge: Edge
    ) -> None:
        clients = [edge.ask(text)[1] for text in ("Action: QueueRule\nActionID: 1", CALL)]
        for _ in range(TAGGED_WINDOW - 2):
            edge.ask("Action: QueueRule")
        waiting, waiting_got = edge.bench.login("boss")
        send(waiting, "Action: QueueRule\nActionID: 1")
        edge.server.link_down("test")
        assert REFUSED in waiting_got.take()
        edge.wait(10.1)
        for got in clients:
            assert b"Agent lost (outcome unknown)" in got.take()

    def test_an_outcome_is_unknown_only_once_the_agent_cannot_execute_the_action_any_more(
        self, edge: Edge
    ) -> None:
        _, got, _ = edge.ask("Action: QueueRule\nActionID: 1")
        edge.wait(4.0)
        edge.server.link_down("test")
        edge.wait(5.5)
        tag_up(edge.bench)
        edge.server.link_down("again")
        edge.server.disconnect()
        assert b"ActionID: 1\r\n" not in got.take()
        edge.wait(1.0)
        assert b"ActionID: 1\r\nMessage: Agent lost (outcome unknown)\r\n" in got.take()
        edge.wait(10.0)
        assert got.take() == b""

    def test_an_answer_that_comes_after_the_link_was_lost_is_still_the_answer(self, edge: Edge) -> None:
        sent, got, _ = edge.ask("Action: QueueRule\nActionID: 1")
        other, got_other, _ = edge.ask("Action: QueueRule\nActionID: 1")
        edge.server.link_down("test")
        tag_up(edge.bench)
        edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        edge.server.answered(other.relay_id, [], last=True)
        assert b"Response: Success\r\nActionID: 1\r\n" in got.take()
        assert b"Message: No answer from Asterisk" in got_other.take()

    def test_an_answer_that_has_begun_ends_with_the_link(self, edge: Edge) -> None:
        sent, got, _ = edge.ask("Action: Listed\nActionID: 1")
        head = response(sent.relay_id, b"EventList: start", b"Message: will follow")
        edge.server.answered(sent.relay_id, [head], last=False)
        edge.server.link_down("test")
        assert b"EventList: Cancelled" in got.take()

    def test_an_answer_without_a_message_was_lost(self, edge: Edge) -> None:
        sent, got, _ = edge.ask("Action: QueueRule\nActionID: 1")
        edge.server.answered(sent.relay_id, [], last=True)
        assert b"Message: No answer from Asterisk" in got.take()
        assert edge.server.counts.answers_lost == 1

    def test_an_answer_for_a_client_that_left_is_dropped(self, edge: Edge) -> None:
        first, _, session = edge.ask("Action: QueueRule")
        second, _, other = edge.ask("Action: QueueRule")
        session.lost("reset")
        other.lost("reset")
        assert edge.server.in_flight == 2
        edge.server.answered(first.relay_id, [], last=True)
        assert (edge.server.in_flight, edge.server.counts.answers_lost) == (1, 0)
        edge.wait(16.0)
        assert second.relay_id
        assert (edge.server.in_flight, edge.server.counts.action_timeouts) == (0, 0)

    def test_the_proxy_is_told_that_its_own_action_was_lost(self, edge: Edge) -> None:
        heard: list[bytes] = []
        exchange = edge.server.exchange
        for _ in range(3):
            exchange.ask(Action([(b"Action", b"CoreStatus")]), heard.append)
        one, two, three = edge.upstream.take_sent()
        edge.server.answered(three.relay_id, [response(three.relay_id), event("Odd")], last=True)
        edge.server.not_answered(one.relay_id, OUTCOME_UNKNOWN)
        assert heard == [response(three.relay_id), b""]
        edge.wait(61.0)
        assert two.relay_id
        assert (heard[2:], edge.server.in_flight) == ([b""], 0)
        assert edge.server.counts.action_timeouts == 0

    def test_an_item_of_a_third_party_that_comes_after_the_end_is_sent_too(self, edge: Edge) -> None:
        sent, got, _ = edge.ask("Action: Listed\nActionID: 1")
        ours = b"ActionID: " + sent.relay_id
        end = b"Event: ListedComplete\r\nEventList: Complete\r\n\r\n"
        start = response(sent.relay_id, b"EventList: start")
        late = b"Event: Late\r\n" + ours + b"\r\n\r\n"
        edge.server.answered(sent.relay_id, [start, end, late], last=True)
        assert got.take().endswith(end + b"Event: Late\r\nActionID: 1\r\n\r\n")

    def test_an_error_in_one_answer_ends_that_answer(self, edge: Edge) -> None:
        failing = Failing()
        exchange = edge.server.exchange
        for name in (b"Undescribed", b"QueueRule"):
            exchange.submit(failing, Action([(b"Action", name)]))
        one, two = edge.upstream.take_sent()
        messages = [response(one.relay_id), b"Event: One\r\nActionID: %b\r\n\r\n" % one.relay_id]
        edge.server.answered(one.relay_id, messages, last=True)
        edge.server.not_answered(two.relay_id, OUTCOME_UNKNOWN)
        assert edge.bench.hub.stats.faults == 2
        assert (failing.ends, edge.server.in_flight) == (2, 0)


class Failing(Requester):
    """An asker in which everything goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = 0

    def hold_events(self) -> None:
        """It is sent none."""

    def reply(self, data: bytes) -> None:
        raise RuntimeError(data)

    def finished(self) -> None:
        self.ends += 1

    def failed(self, data: bytes, reason: bytes) -> None:
        self.ends += 1
        raise RuntimeError(reason)


class TestCalls:
    def told(self, sent: Sent, outcome: bytes) -> bytes:
        told = b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: %b\r\nResponse: %b\r\n\r\n"
        return told % (sent.relay_id, outcome)

    @pytest.mark.parametrize("event_first", [False, True])
    @pytest.mark.parametrize(
        ("outcome", "text"),
        [(b"Success", b"Originate successfully queued"), (b"Failure", b"Originate failed")],
    )
    def test_an_event_decides_a_call_before_or_after_the_response(
        self, edge: Edge, outcome: bytes, text: bytes, event_first: bool
    ) -> None:
        sent, got, session = edge.ask(CALL)
        assert sent.action.get(b"async") == b"true"
        if event_first:
            edge.bench.feed(self.told(sent, outcome))
            assert session.is_idle
        edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        if not event_first:
            assert not session.is_idle
            edge.bench.feed(self.told(sent, outcome))
        assert got.take().count(text) == 1
        assert session.is_idle
        assert edge.server.in_flight == 0

    def test_a_call_whose_outcome_is_unknown_does_not_reach_others_as_an_event(self, edge: Edge) -> None:
        _, fan = edge.bench.login("fan")
        sent, _, _ = edge.ask(CALL)
        edge.server.not_answered(sent.relay_id, OUTCOME_UNKNOWN)
        edge.bench.feed(self.told(sent, b"Success"))
        assert fan.take() == b""

    def test_a_call_without_response_may_still_be_decided(self, edge: Edge) -> None:
        sent, got, _ = edge.ask(CALL)
        edge.server.answered(sent.relay_id, [], last=True)
        assert got.take() == b""
        edge.bench.feed(self.told(sent, b"Success"))
        assert b"Originate successfully queued" in got.take()

    def test_a_call_that_is_not_decided_in_time_has_an_unknown_outcome(self, edge: Edge) -> None:
        sent, got, _ = edge.ask(CALL)
        edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        edge.wait(11.0)
        assert got.take() == UNKNOWN
        edge.wait(80.0)  # it is forgotten then
        _, fan = edge.bench.login("fan")
        edge.bench.feed(self.told(sent, b"Success"))
        assert b"OriginateResponse" in fan.take()

    def test_other_events_with_a_relay_id_are_broadcasts(self, edge: Edge) -> None:
        _, fan = edge.bench.login("fan")
        sent, got, _ = edge.ask(CALL.replace("Application", "Async: true\nApplication"))
        edge.bench.feed(self.told(sent, b"Success"))
        assert b"ActionID: 1\r\n" in fan.take()
        assert got.take() == b""
        edge.bench.feed(b"Event: Odd\r\nActionID: %b\r\n\r\n" % sent.relay_id)
        assert edge.server.counts.events_dropped == 1
        edge.server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
        assert got.take() == b"Response: Success\r\nActionID: 1\r\n\r\n"
