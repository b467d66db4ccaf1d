"""The answers to what an edge asks for itself."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core.clients.web.websession import TOO_LONG
from amiproxy.core.model.ceiling import Ceiling
from tests.support.agent_bench import EDGE, AgentBench
from tests.support.web_bench import AJAM

ALL = Ceiling(frozenset(), privilege.ALL, privilege.ALL)
QUEUES = "Action: QueueSummary\nActionID: relay"


@pytest.fixture
def bench() -> AgentBench:
    return AgentBench(edges={EDGE: ALL})


def listed(bench: AgentBench, asked, *values: bytes) -> bytes:
    """Answer a QueueSummary with these queues; returns the answer as Asterisk sends it."""
    mark = b"\r\nActionID: " + asked.get(b"actionid") + b"\r\n"
    messages = [
        b"Response: Success" + mark + b"EventList: start\r\n\r\n",
        *(b"Event: QueueSummary" + mark + b"Queue: " + value + b"\r\n\r\n" for value in values),
        b"Event: QueueSummaryComplete" + mark + b"EventList: Complete\r\nListItems: 1\r\n\r\n",
    ]
    bench.feed(*messages)
    for _ in range(3):
        bench.turn()
    return b"".join(messages).replace(asked.get(b"actionid"), b"relay")


def test_the_answer_is_whole_with_its_end(bench):
    answer = bench.ask(QUEUES, user="")
    assert answer.parts == []
    assert listed(bench, *bench.upstream.take(), b"a", b"b") == answer.body
    assert not answer.refused
    assert bench.hub.limit_state.backlog.size == 0


def test_one_answer_serves_edges_and_clients_here_that_ask_at_the_same_time():
    bench = AgentBench(edges={EDGE: ALL, "edge2": ALL})
    session, transport = bench.login("board", entrance=AJAM)
    session.receive(b"Action: QueueSummary\r\n\r\n")
    first = bench.send(bench.made(QUEUES, user=""))
    second = bench.send(bench.made(QUEUES, user=""), edge="edge2")
    (asked,) = bench.upstream.take()
    listed(bench, asked, b"old")
    bench.clock.advance(1)
    expected = listed(bench, *bench.upstream.take(), b"new")
    assert first.body == second.body == expected
    assert b"Queue: old" in transport.take()


def test_an_error_is_an_answer(bench):
    answer = bench.ask(QUEUES, user="")
    bench.answer(*bench.upstream.take(), b"Message: No\r\n", b"Error")
    bench.turn()
    assert answer.text == b"No"


def test_an_action_that_asterisk_does_not_have_is_not_sent(bench):
    bench.server().actions.learn()
    bench.answer(*bench.upstream.take(), b"Ping: x  (Priv: <none>)\r\n")
    answer = bench.ask(QUEUES, user="")
    assert answer.body.startswith(b"Response: Error\r\nActionID: relay\r\nMessage: Invalid/unknown command")
    assert bench.names() == []
    bench.clock.advance(1)
    assert bench.ask(QUEUES, user="").there


def test_without_a_link_it_is_answered_so(bench):
    bench.server().link_down("x")
    assert bench.ask(QUEUES, user="").text == b"Upstream not connected"


def test_a_link_that_is_lost_is_an_answer_too(bench):
    answer = bench.ask(QUEUES, user="")
    bench.server().link_down("x")
    bench.turn()
    assert b"outcome unknown" in answer.text


def test_a_shared_answer_that_is_lost_ends_for_all():
    bench = AgentBench(edges={EDGE: ALL, "edge2": ALL})
    session, _ = bench.login("board", entrance=AJAM)
    session.receive(b"Action: QueueSummary\r\n\r\n")
    answers = [bench.send(bench.made(QUEUES, user=""), edge=edge) for edge in (EDGE, "edge2")]
    listed(bench, *bench.upstream.take(), b"old")
    bench.clock.advance(1)
    assert bench.names() == ["QueueSummary"]
    bench.server().link_down("x")
    for _ in range(3):
        bench.turn()
    assert all(b"outcome unknown" in answer.text for answer in answers)


def test_the_rest_of_a_list_that_does_not_come_is_missing(bench):
    answer = bench.ask(QUEUES, user="")
    (asked,) = bench.upstream.take()
    mark = b"\r\nActionID: " + asked.get(b"actionid") + b"\r\n"
    bench.feed(b"Response: Success" + mark + b"EventList: start\r\n\r\n")
    for _ in range(20):
        bench.clock.advance(1)
        bench.hub.tick(bench.clock.now())
    assert answer.body.startswith(b"Response: Success\r\n")
    assert bench.hub.stats.limits["list_item_timeout"] == 1


def test_an_answer_that_is_too_long_is_not_kept():
    bench = AgentBench(edges={EDGE: ALL}, http_answer_bytes=1024)
    answer = bench.ask(QUEUES, user="")
    listed(bench, *bench.upstream.take(), *[b"x" * 100] * 20)
    assert (answer.text, len(answer.parts)) == (TOO_LONG, 1)
    assert bench.hub.limit_state.backlog.size == 0


def test_long_lists_are_asked_for_beside_the_events(bench):
    bench.ask(QUEUES, user="")
    listed(bench, *bench.upstream.take(), *[b"x" * 900] * 60)
    bench.clock.advance(1)
    assert bench.server().side_for(f"edge {EDGE}", Action([(b"Action", b"QueueSummary")])) is not None
    answer = bench.ask(QUEUES, user="")
    listed(bench, *bench.upstream.take(), b"a")
    assert b"Queue: a" in answer.body, "over the main link if there is no other"
