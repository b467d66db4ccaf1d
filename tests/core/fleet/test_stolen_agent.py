"""Somebody has stolen an agent's key: what an edge bears of what he sends."""

from tests.core.fleet.agents import Agent, Bench


def test_a_server_does_not_go_down_and_up_with_each_of_his_messages() -> None:
    agent = Agent("a")
    bench = Bench(agent).run(1.1)
    for epoch in range(2, 2000):
        agent.begin(epoch)
        bench.beat(agent)
        bench.run(0.01)
    assert len(bench.sink.ups) <= 8 + 21
    bench.run(10)
    assert bench.following.is_up
    assert bench.sink.ups[-1] == ("a", 1999, 0)


def test_with_as_many_messages_of_another_agent_it_stays_up() -> None:
    honest, thief = Agent("a"), Agent("b")
    bench = Bench(honest, thief).run(1.1)
    for epoch in range(2, 200):
        thief.begin(epoch)
        bench.beat(thief)
        bench.events(thief, 3)
        bench.events(honest, 1)
        bench.run(0.01)
    assert bench.sink.ups == [("a", 1, 0)]
    assert bench.sink.last == 198
