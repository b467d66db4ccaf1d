"""How an edge follows the events of a server."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amiproxy.core.fleet.repair import ROOM
from amiproxy.core.fleet.wire import ANSWER, EVENTS, GONE, Head, packed
from tests.core.fleet.agents import Agent, Bench, unkind


def following(*agents: Agent, max_lag: float = 5.0) -> Bench:
    """A bench on which the first beats have arrived."""
    return Bench(*(agents or (Agent("a"),)), max_lag=max_lag).run(1.1)


def the(bench: Bench, name: str = "a") -> Agent:
    return bench.agents[name]


# -- up and down -----------------------------------------------------------


def test_without_an_agent_the_server_waits() -> None:
    bench = Bench(Agent("a"))
    bench.silent.add("a")
    bench.run(5)
    assert bench.sink.ups == []
    assert (bench.following.state, bench.following.agent) == ("waiting", None)
    assert bench.following.reason
    assert bench.following.agent_now(bench.now) == 0
    assert bench.following.lag == 0.0
    [view] = bench.following.agents
    assert (view.name, view.state, view.reason, view.age(bench.now)) == ("a", "unknown", "", float("inf"))


def test_the_first_beat_brings_the_server_up_where_the_agent_is() -> None:
    agent = Agent("a", epoch=7)
    agent.last = 41
    bench = following(agent)
    assert bench.sink.ups == [("a", 7, 41)]
    assert bench.sink.serves == 1
    found = bench.following
    assert (found.state, found.agent, found.epoch, found.position) == ("up", "a", 7, 41)
    assert found.is_up
    assert found.reason == ""
    assert found.agent_now(bench.now) == pytest.approx((bench.now + agent.ahead) * 1000, abs=20)


def test_events_are_passed_on_as_they_come() -> None:
    bench = following()
    for count in (3, 1, 5):
        bench.events(the(bench), count)
        bench.run(0.3)
    assert bench.sink.last == bench.following.position == 9
    assert bench.counts.events == 9
    assert bench.counts.messages == 4
    assert bench.counts.bytes > 9 * 40
    assert {name for name, count in bench.counts.shown().items() if count} == {"events", "messages", "bytes"}
    assert (
        bench.counts.gaps == bench.counts.duplicates == bench.counts.malformed == bench.counts.snapshots == 0
    )


def test_a_server_that_boots_is_up_and_serves_later() -> None:
    agent = Agent("a")
    agent.state = "booting"
    bench = following(agent)
    assert bench.sink.ups
    assert bench.sink.serves == 0
    assert bench.following.state == "booting"
    agent.state = "up"
    bench.run(3)
    assert bench.sink.serves == 1
    assert len(bench.sink.ups) == 1


def test_an_agent_without_a_link_says_why() -> None:
    agent = Agent("a")
    bench = following(agent)
    agent.state, agent.reason = "down", "connection refused"
    agent.begin(2)
    bench.run(1.1)
    assert bench.sink.downs == ["connection refused"]
    assert (bench.following.state, bench.following.reason) == ("down", "connection refused")
    agent.state, agent.reason = "up", ""
    agent.begin(3)
    bench.run(1.1)
    assert bench.sink.ups[-1] == ("a", 3, 0)
    assert bench.counts.snapshots == 1
    assert bench.counts.changes == 0


def test_an_agent_without_a_link_or_a_reason_is_down() -> None:
    agent = Agent("a")
    bench = following(agent)
    agent.state = "down"
    bench.run(1.1)
    assert len(bench.sink.downs) == 1
    assert bench.following.reason


def test_an_agent_that_is_silent_is_gone_after_three_beats() -> None:
    bench = following()
    bench.silent.add("a")
    bench.run(2.9)
    assert bench.sink.downs == []
    bench.run(1.1)
    assert len(bench.sink.downs) == 1
    assert bench.following.state == "waiting"
    bench.silent.clear()
    bench.run(1.1)
    assert len(bench.sink.ups) == 2


def test_another_epoch_is_a_new_link() -> None:
    bench = following()
    bench.events(the(bench), 5)
    bench.run(0.5)
    the(bench).begin(2)
    bench.beat(the(bench))
    bench.events(the(bench), 3)
    bench.run(0.5)
    assert bench.sink.ups == [("a", 1, 0), ("a", 2, 0)]
    assert bench.sink.last == 3


def test_events_of_another_epoch_before_its_beat_end_the_present_one() -> None:
    bench = following()
    the(bench).begin(2)
    bench.events(the(bench), 3)
    bench.run(0.1)
    assert len(bench.sink.downs) == 1
    assert len(bench.sink.ups) == 1
    bench.run(1.1)
    assert bench.sink.ups[-1] == ("a", 2, 3)


def test_late_events_and_beats_of_an_earlier_epoch_change_nothing() -> None:
    agent = Agent("a")
    bench = following(agent)
    late = agent.beat(bench.now), agent.events(2)
    agent.begin(2)
    bench.run(1.1)
    for data in late:
        bench.send(agent, data)
    bench.run(0.5)
    assert bench.sink.ups == [("a", 1, 0), ("a", 2, 0)]


def test_a_beat_that_events_have_overtaken_changes_nothing() -> None:
    agent = Agent("a")
    bench = following(agent)
    bench.now += 0.1
    beat = agent.beat(bench.now)
    bench.events(agent, 3)
    bench.send(agent, beat)
    bench.run(3)
    assert bench.sink.downs == []
    assert bench.sink.last == 3


def test_an_agent_whose_numbers_go_back_is_followed_from_there() -> None:
    agent = Agent("a")
    bench = following(agent)
    bench.events(agent, 30)
    bench.run(1.1)
    agent.last = 20
    bench.run(3)
    assert bench.sink.ups == [("a", 1, 0), ("a", 1, 20)]
    assert bench.following.state == "up"


def test_a_beat_that_arrives_twice_counts_once() -> None:
    agent = Agent("a")
    bench = following(agent)
    data = agent.beat(bench.now)
    bench.send(agent, data)
    bench.events(agent, 3)
    bench.run(0.1)
    for _ in range(5):
        bench.send(agent, data)
    bench.run(1.1)
    assert bench.sink.downs == []


# -- nonsense --------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense" * 10,
        packed(Head(GONE)),
        packed(Head(ANSWER)),
        packed(Head(EVENTS, 0, 1, 1, 2), b"Event: X\r\n\r\n"),
        packed(Head(EVENTS, 0, 1, 1, 1), b"Event: X\r\n\r\nEvent"),
        Agent("b").beat(1001.0),
        Agent("a").beat(1001.0, server="paris"),
        Agent("a").beat(1001.0)[:-1],
    ],
)
def test_nonsense_is_counted_and_changes_nothing(data: bytes) -> None:
    bench = following()
    bench.send(the(bench), data)
    bench.run(0.1)
    assert bench.counts.malformed == 1
    assert bench.sink.downs == []


def test_events_that_are_counted_wrong_are_asked_for() -> None:
    bench = following()
    the(bench).events(2)
    bench.send(the(bench), packed(Head(EVENTS, 0, 1, 1, 2), b"Event: X\r\n\r\n"))
    bench.run(1.1)
    assert bench.sink.asked == [("a", 1, 1)]
    assert bench.sink.last == 2


def test_an_agent_that_is_not_configured_is_not_heard() -> None:
    bench = following()
    bench.following.received("b", Agent("b").beat(bench.now), bench.now)
    assert bench.counts.messages == 1
    assert [view.name for view in bench.following.agents] == ["a"]


# -- gaps ------------------------------------------------------------------


def test_missing_events_are_got_from_the_agent() -> None:
    bench = following()
    agent = the(bench)
    bench.events(agent, 3)
    agent.events(12)  # lost
    bench.events(agent, 4)
    bench.run(0.1)
    assert bench.sink.asked == [("a", 1, 4)]
    assert bench.sink.last == 19
    assert bench.sink.downs == []
    assert (bench.counts.gaps, bench.counts.repaired) == (1, 1)
    assert not bench.following.repairing


def test_a_beat_shows_that_the_last_events_are_missing() -> None:
    bench = following()
    the(bench).events(12)
    bench.run(1.1)
    assert bench.sink.last == 12
    assert bench.sink.downs == []


def test_what_arrives_during_a_repair_is_kept() -> None:
    bench = following()
    agent = the(bench)
    bench.delay = 0.2
    agent.events(5)
    bench.events(agent, 5)
    for _ in range(20):
        bench.events(agent, 1)
        bench.run(0.05)
    assert bench.sink.last >= 20
    bench.run(0.5)
    assert bench.sink.last == 30
    assert bench.counts.gaps == 1
    assert bench.counts.duplicates


def test_a_gap_after_the_first_is_asked_for_as_well() -> None:
    bench = missing()
    agent = the(bench)
    answer = agent.replay(1, 1)
    agent.events(5)  # lost
    bench.events(agent, 5)
    bench.run(0.1)
    replayed(bench, answer)
    assert bench.sink.asked == [("a", 1, 1), ("a", 1, 11)]
    replayed(bench, agent.replay(1, 11))
    assert bench.sink.last == 20
    assert not bench.following.repairing
    assert bench.sink.downs == []


def replayed(bench: Bench, answer: list[bytes]) -> Bench:
    for data in answer:
        bench.following.replayed("a", data, bench.now)
    return bench


def missing(max_lag: float = 5.0) -> Bench:
    """Five events are missing, and five after them have arrived."""
    bench = following(max_lag=max_lag)
    bench.sink.on_ask = lambda *_: None
    the(bench).events(5)
    bench.events(the(bench), 5)
    bench.run(0.05)
    assert bench.sink.asked == [("a", 1, 1)]
    assert bench.following.repairing
    return bench


def test_an_agent_that_does_not_answer_is_asked_once_more() -> None:
    bench = missing()
    bench.run(2.1)
    assert bench.sink.asked == [("a", 1, 1)] * 2
    replayed(bench, the(bench).replay(1, 1))
    assert bench.sink.last == 10


def test_after_two_questions_events_are_lost() -> None:
    bench = missing().run(4.5)
    assert len(bench.sink.asked) == 2
    assert len(bench.sink.downs) == 1
    assert bench.sink.ups[-1] == ("a", 1, 10)
    assert bench.counts.snapshots == 1
    assert bench.counts.repaired == 0


def test_a_question_that_reached_nobody_is_asked_again_soon() -> None:
    bench = missing()
    bench.following.unanswered("b", bench.now)
    bench.following.unanswered("a", bench.now)
    bench.run(0.8)
    assert len(bench.sink.asked) == 2
    replayed(bench, the(bench).replay(1, 1))
    bench.following.unanswered("a", bench.now)
    assert bench.sink.last == 10


def test_events_may_be_missing_no_longer_than_the_lag() -> None:
    bench = missing(max_lag=1.0).run(1.5)
    assert len(bench.sink.downs) == 1
    assert bench.sink.ups[-1] == ("a", 1, 10)


def test_a_lost_part_of_an_answer_is_asked_for() -> None:
    bench = missing()
    first, *_, end = the(bench).replay(1, 1, 2)
    replayed(bench, [first, end])
    assert bench.sink.asked[-1] == ("a", 1, 3)
    replayed(bench, the(bench).replay(1, 3))
    assert bench.sink.last == 10


def test_an_answer_whose_beginning_is_lost_passes_nothing_on() -> None:
    bench = missing()
    answer = the(bench).replay(1, 1, 2)
    replayed(bench, answer[1:])
    assert bench.sink.asked == [("a", 1, 1)] * 2
    replayed(bench, answer[1:])
    assert len(bench.sink.downs) == 1
    assert bench.sink.ups[-1] == ("a", 1, 10)


def test_events_that_the_agent_does_not_hold_are_lost() -> None:
    bench = missing()
    the(bench).held = 3
    replayed(bench, the(bench).replay(1, 1))
    assert len(bench.sink.downs) == 1
    assert bench.sink.ups[-1] == ("a", 1, 10)
    assert bench.sink.asked == [("a", 1, 1)]


def test_an_agent_that_has_another_epoch_says_that_events_are_gone() -> None:
    bench = missing()
    the(bench).begin(2)
    the(bench).events(4)
    replayed(bench, the(bench).replay(1, 1))
    assert len(bench.sink.downs) == 1
    bench.run(1.1)
    assert bench.sink.ups[-1] == ("a", 2, 4)


def test_gone_of_an_earlier_epoch_still_ends_the_repair() -> None:
    agent = Agent("a", epoch=9)
    bench = following(agent)
    agent.begin(1)
    bench.run(1.1)
    bench.sink.on_ask = lambda *_: None
    agent.events(5)
    bench.events(agent, 5)
    bench.run(0.1)
    bench.following.replayed("a", packed(Head(GONE, 0, 9, 1)), bench.now)
    assert bench.sink.ups[-1] == ("a", 1, 10)


def test_too_much_during_a_repair_is_lost() -> None:
    bench = missing()
    large = b"Event: X\r\nOf: " + b"x" * (1 << 20) + b"\r\n\r\n"
    for _ in range(ROOM >> 20):
        the(bench).last += 1
        bench.following.received("a", packed(Head(EVENTS, 0, 1, the(bench).last, 1), large), bench.now)
    assert len(bench.sink.downs) == 1
    assert bench.sink.ups[-1] == ("a", 1, the(bench).last)


def test_an_answer_that_nobody_asked_for_is_ignored() -> None:
    bench = following()
    the(bench).events(5)
    replayed(bench, the(bench).replay(1, 1))
    assert bench.sink.last == 0
    bench = missing()
    bench.following.replayed("b", the(bench).gone(), bench.now)
    replayed(bench, [packed(Head(EVENTS, 0, 2, 1, 1), b"Event: X\r\n\r\n"), Agent("a", epoch=2).end()])
    assert bench.following.repairing
    assert bench.sink.last == 0


@pytest.mark.parametrize(
    "data",
    [b"", Agent("a").beat(1.0), packed(Head(EVENTS, 0, 1, 1, 2), b"Event: X\r\n\r\n")],
)
def test_nonsense_in_an_answer_is_counted(data: bytes) -> None:
    bench = replayed(missing(), [data])
    assert bench.counts.malformed == 1
    assert bench.following.repairing


# -- lag -------------------------------------------------------------------


def test_an_edge_that_is_too_late_goes_on_where_the_agent_is() -> None:
    bench = following(max_lag=2.0)
    bench.delay = 3.0
    for _ in range(6):
        bench.events(the(bench), 5)
        bench.run(1.0)
    assert len(bench.sink.downs) == 1
    assert bench.following.state == "behind"
    assert bench.following.lag == pytest.approx(3.0, abs=0.1)
    passed_on = bench.counts.events
    bench.delay = 0.001
    bench.run(5)
    assert bench.sink.ups[-1] == ("a", 1, 30)
    assert bench.counts.events == passed_on


def test_an_agent_whose_beats_become_late_is_not_gone() -> None:
    bench = following(max_lag=2.0)
    bench.delay = 2.4
    bench.run(4)
    assert bench.following.state == "behind"
    assert len(bench.sink.downs) == 1
    assert bench.following.reason


def test_an_agent_that_is_late_at_first_is_not_followed() -> None:
    bench = Bench(Agent("a"), Agent("b"), max_lag=2.0)
    a, b = bench.agents.values()
    for agent in (a, b):
        bench.following.received(agent.name, agent.beat(bench.now), bench.now)
    bench.now += 2
    bench.following.received(
        "b", b.beat(bench.now, clock=int((bench.now + b.ahead - 3) * 1000) + 1), bench.now
    )
    a.state = "down"
    bench.following.received("a", a.beat(bench.now), bench.now)
    assert [up[0] for up in bench.sink.ups] == ["a", "b"]


def test_a_sink_that_is_too_late_loses_events() -> None:
    bench = following()
    bench.following.tick(bench.now, 4.9)
    assert bench.following.lag == 4.9
    assert bench.sink.downs == []
    bench.following.tick(bench.now, 5.1)
    assert len(bench.sink.downs) == 1
    assert len(bench.sink.ups) == 2  # it has dropped them, and is not late any more


def test_a_sink_without_room_loses_events() -> None:
    bench = following()
    bench.following.overrun(bench.now)
    assert len(bench.sink.downs) == 1
    assert len(bench.sink.ups) == 2
    bench.silent.add("a")
    bench.run(5)
    bench.following.overrun(bench.now)
    assert len(bench.sink.downs) == 2


@pytest.mark.parametrize("seconds", [1.0, 4.5])
def test_an_edge_that_was_stopped_for_less_than_the_lag_loses_nothing(seconds: float) -> None:
    bench = following()
    bench.is_stopped = True
    for _ in range(int(seconds * 10)):
        bench.events(the(bench), 5)
        bench.run(0.1)
    bench.is_stopped = False
    bench.run(2)
    assert bench.sink.downs == []
    assert bench.sink.last == int(seconds * 10) * 5


def test_an_edge_that_was_stopped_for_longer_goes_on_where_the_agent_is() -> None:
    bench = following()
    bench.is_stopped = True
    for _ in range(120):
        bench.events(the(bench), 5)
        bench.run(0.1)
    bench.is_stopped = False
    bench.run(3)
    assert len(bench.sink.downs) == 1
    assert bench.following.state == "up"
    assert bench.sink.last == 600
    assert bench.counts.events <= 5 * 50  # none that is later than the lag


def test_an_edge_that_was_stopped_and_lost_its_connection_does_not_ask_for_what_is_old() -> None:
    bench = following()
    bench.is_stopped = True
    bench.silent.add("a")
    for _ in range(120):
        bench.events(the(bench), 5)
        bench.run(0.1)
    bench.is_stopped = False
    bench.run(0.3)
    assert len(bench.sink.downs) == 1
    assert len(bench.sink.ups) == 1
    bench.silent.clear()
    bench.run(1.1)
    assert bench.sink.ups[-1] == ("a", 1, 600)
    assert bench.sink.asked == []


def test_what_is_not_trusted_goes_down_and_up() -> None:
    bench = following()
    bench.following.recycle("nonsense", bench.now)
    assert bench.sink.downs == ["nonsense"]
    assert len(bench.sink.ups) == 2
    bench.silent.add("a")
    bench.run(5)
    bench.following.recycle("nonsense", bench.now)
    assert len(bench.sink.downs) == 2


def test_an_edge_that_stops_again_and_again_notices_that_the_agent_is_gone() -> None:
    bench = following()
    bench.silent.add("a")
    for _ in range(5):
        bench.is_stopped = True
        bench.run(1.5)
        bench.is_stopped = False
        bench.run(0.3)
    assert len(bench.sink.downs) == 1


# -- several agents --------------------------------------------------------


def test_one_agent_is_followed_although_two_are_heard() -> None:
    bench = following(Agent("b"), Agent("a"))
    bench.events(the(bench, "a"), 5)
    bench.events(the(bench, "b"), 7)
    bench.run(1.1)
    assert bench.sink.ups == [("a", 1, 0)]


def test_if_an_agent_is_gone_the_other_is_followed_from_where_it_is() -> None:
    bench = following(Agent("a"), Agent("b"))
    a, b = bench.agents.values()
    bench.events(b, 7)
    bench.silent.add("a")
    bench.run(4.5)
    assert bench.sink.ups == [("a", 1, 0), ("b", 1, 7)]
    assert (bench.counts.changes, bench.counts.snapshots) == (1, 1)
    bench.silent.clear()
    bench.run(3)
    bench.events(a, 3)
    bench.events(b, 3)
    bench.run(1)
    assert bench.following.agent == "b"  # it has no reason to change back
    assert bench.sink.last == 10


def test_if_an_agent_has_no_link_the_other_is_followed_at_once() -> None:
    bench = following(Agent("a"), Agent("b")).run(1)
    the(bench, "a").state = "down"
    bench.run(1.1)
    assert bench.following.agent == "b"
    assert len(bench.sink.downs) == 1


def test_all_edges_follow_the_same_agent_whichever_they_hear_first() -> None:
    bench = Bench(Agent("a"), Agent("b"))
    a, b = bench.agents.values()
    bench.beat(b)
    bench.run(0.9)
    assert (bench.sink.ups, bench.following.state) == ([], "waiting")
    bench.beat(a)
    bench.run(0.1)
    assert bench.sink.ups == [("a", 1, 0)]


def test_an_edge_that_heard_nothing_for_a_while_waits_for_all_agents_again() -> None:
    bench = following(Agent("a"), Agent("b"))
    a, b = bench.agents.values()
    bench.silent |= {"a", "b"}
    bench.run(5)
    assert bench.following.state == "waiting"
    bench.silent.clear()
    bench.beat(b)
    bench.run(0.1)
    bench.beat(a)
    bench.run(0.1)
    assert [agent for agent, _, _ in bench.sink.ups] == ["a", "a"]


def test_an_agent_whose_name_sorts_before_is_not_waited_for_long() -> None:
    bench = Bench(Agent("a"), Agent("b"))
    bench.silent.add("a")
    bench.run(2.6)
    assert bench.sink.ups == [("b", 1, 0)]


def test_a_link_that_comes_up_first_waits_for_that_of_the_first_agent() -> None:
    bench = following(Agent("a"), Agent("b"))
    a, b = bench.agents.values()
    a.state = b.state = "down"
    bench.run(3)
    assert bench.following.state == "down"
    b.state = "up"
    b.begin(2)
    bench.beat(b)
    bench.run(0.5)
    assert bench.following.agent is None
    a.state = "up"
    a.begin(2)
    bench.beat(a)
    bench.run(0.1)
    assert bench.following.agent == "a"


def test_an_agent_that_is_up_comes_before_one_that_boots() -> None:
    a, b, c = (Agent(name) for name in "abc")
    bench = following(a, b, c)
    b.state = "booting"
    bench.run(1.1)
    a.state = "down"
    bench.run(1.1)
    assert bench.following.agent == "c"
    c.state = "down"
    bench.run(1.1)
    assert (bench.following.agent, bench.following.state) == ("b", "booting")


def test_other_agents_may_be_configured() -> None:
    bench = following(Agent("a"), Agent("b"))
    bench.following.adopt(["b", "c"], 4.0, bench.now, "other agents")
    assert bench.sink.downs == ["other agents"]
    assert bench.sink.ups == [("a", 1, 0), ("b", 1, 0)]
    assert [view.name for view in bench.following.agents] == ["b", "c"]
    bench.following.adopt(["b"], 4.0, bench.now)
    bench.run(3)
    assert len(bench.sink.ups) == 2
    bench.following.adopt([], 4.0, bench.now)
    bench.run(3)
    assert bench.following.state == "waiting"


def test_an_agent_that_is_behind_may_be_left_out() -> None:
    bench = following(max_lag=2.0)
    bench.delay = 3.0
    bench.run(6)
    assert bench.following.state == "behind"
    bench.following.adopt(["b"], 2.0, bench.now)
    assert bench.following.state == "waiting"
    assert len(bench.sink.downs) == 1


def test_the_end_of_many_epochs_is_not_remembered() -> None:
    bench = following()
    for epoch in range(2, 30):
        the(bench).begin(epoch)
        bench.events(the(bench), 2)
        bench.run(1.1)
    assert bench.sink.ups[-1] == ("a", 29, 2)
    assert bench.following.state == "up"


# -- everything ------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.2, 0.6]), st.sampled_from([0.0, 0.1, 0.5]))
def test_whatever_happens_no_event_is_lost_doubled_or_out_of_order(
    seed: int, loss: float, worse: float
) -> None:
    rng = random.Random(seed)
    agents = [Agent(name, epoch=100 * number, held=500) for number, name in enumerate("ab", 1)]
    bench = Bench(*agents, delay=0.01)
    bench.fate = unkind(rng, loss, worse, worse)
    epochs = 1000
    for _ in range(rng.randrange(20, 120)):
        for agent in agents:
            bench.events(agent, rng.randrange(1, 30))
        agent = rng.choice(agents)
        match rng.randrange(40):
            case 0:  # the agent starts again; its machine perhaps too
                epochs += 1
                agent.begin(epochs)
                if rng.random() < 0.3:
                    agent.ahead = -bench.now + rng.uniform(0, 100)
            case 1:
                epochs += 1
                agent.begin(epochs)
                agent.state = rng.choice(["up", "down", "booting"])
                bench.beat(agent)
            case 2:
                bench.silent ^= {agent.name}
            case 3:
                bench.is_stopped = True
                bench.run(rng.uniform(0.5, 15))
                bench.is_stopped = False
            case _:
                pass
        bench.run(rng.uniform(0.05, 0.5))
    bench.fate = lambda: [0.0]
    bench.silent.clear()
    bench.is_stopped = False
    for agent in agents:
        agent.state = "up"
    bench.run(70)  # the oldest estimate of a clock counts for a minute
    last = agents[[agent.name for agent in agents].index(str(bench.following.agent))].last
    assert bench.following.state == "up"
    assert bench.following.position == bench.sink.last == last
    downs, repaired = len(bench.sink.downs), bench.counts.repaired
    for _ in range(30):
        for agent in agents:
            bench.events(agent, 3)
        bench.run(0.1)
    assert bench.sink.last == last + 90
    assert (len(bench.sink.downs), bench.counts.repaired) == (downs, repaired)
