"""The link of an edge to one server."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from amiproxy.ami.relay import RELAY_MARK
from amiproxy.config.fleet.schema import FleetServer
from amiproxy.core.fleet.following import TICK
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.fleet.wire import Ask
from amiproxy.net.upstream.fleet import FleetLink
from amiproxy.net.upstream.link import LinkState
from tests.core.fleet.agents import BANNER, Agent, event
from tests.net.upstream.fleet.doubles import MemoryChannel, MemoryServer
from tests.support.waiting import until

PING = b"Action: Ping\r\nActionID: x\r\n\r\n"
PONG = b"Response: Success\r\nPing: Pong\r\n\r\n"
RELAY_ID = RELAY_MARK + b"0123456789abcdef" * 2


class World:
    """A link of edge1 to berlin, whose agents are a and b."""

    def __init__(self) -> None:
        self.events, self.actions = MemoryChannel(), MemoryChannel()
        self.server = MemoryServer()
        self.a, self.b = Agent("a", epoch=5), Agent("b", epoch=6)
        self.link = FleetLink(
            self.server,
            FleetServer(agents=("a", "b")),
            edge="edge1",
            subjects=Subjects(),
            events=self.events,
            actions=self.actions,
            max_lag=5.0,
        )

    def say(self, agent: Agent, data: bytes) -> None:
        self.events.deliver(f"ami.v1.ev.berlin.{agent.name}", data)

    def beat(self, agent: Agent, **changes: object) -> None:
        self.say(agent, agent.beat(asyncio.get_running_loop().time(), **changes))

    @property
    def downs(self) -> int:
        return sum(call[0] == "down" for call in self.server.calls)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(world.link.run())
        await until(lambda: world.events.handlers)
        yield world
        was_up = world.link.following.is_up
        downs = world.downs
        running.cancel()
    assert world.downs == downs + was_up
    assert world.events.handlers == world.actions.handlers == {}


async def test_it_subscribes_to_its_agents_and_to_answers(world: World) -> None:
    assert {*world.events.handlers} == {
        "ami.v1.ev.berlin.a",
        "ami.v1.ev.berlin.b",
        "_INBOX.edge1.berlin.ask.*",
    }
    assert {*world.actions.handlers} == {"_INBOX.edge1.berlin.act.*"}


async def test_a_beat_brings_the_server_up(world: World) -> None:
    assert (world.link.state, world.link.serves) == (LinkState.CONNECTING, False)
    world.a.last = 41
    world.a.state = "booting"
    world.beat(world.a)
    assert world.server.calls == [("up", BANNER + b"\r\n", (5, 41))]
    assert (world.link.state, world.link.serves, world.link.reason) == (LinkState.UP, False, "")
    booting = world.link.standing
    world.a.state = "up"
    world.beat(world.a)
    assert world.server.calls[1:] == [("serve",)]
    assert world.link.serves
    assert world.link.standing != booting


async def test_actions_are_taken_once_they_can_be_sent(world: World) -> None:
    world.actions.is_up = False
    world.beat(world.a)
    assert world.server.upstream is not None
    await asyncio.sleep(2 * TICK)
    assert not world.link.serves
    world.actions.is_up = True
    await until(lambda: world.link.serves, within=4 * TICK)


async def test_an_agent_that_is_lost_meanwhile_serves_nothing(world: World) -> None:
    world.actions.is_up = False
    world.beat(world.a)
    world.a.state = "down"
    world.beat(world.a)
    world.actions.is_up = True
    await asyncio.sleep(2 * TICK)
    assert ("serve",) not in world.server.calls


async def test_events_reach_the_server(world: World) -> None:
    world.beat(world.a)
    world.say(world.a, world.a.events(3))
    assert world.server.taken == [event("a", 5, number) for number in (1, 2, 3)]


async def test_missing_events_are_asked_for(world: World) -> None:
    world.beat(world.a)
    world.a.events(4)
    world.say(world.a, world.a.events(2))
    [(subject, ask, reply)] = world.events.asks()
    assert subject == "ami.v1.ask.berlin.a.edge1"
    assert ask == Ask(5, 1)
    world.events.deliver("_INBOX.edge1.berlin.ask.999", world.a.gone())  # of an earlier question
    for data in world.a.replay(5, 1):
        world.events.deliver(reply, data)
    assert world.server.taken == [event("a", 5, number) for number in range(1, 7)]
    assert world.downs == 0


@pytest.mark.parametrize("is_up", [False, True])
async def test_a_question_that_reaches_nobody_is_asked_again(world: World, is_up: bool) -> None:
    world.beat(world.a)
    world.a.events(4)
    world.events.is_up = is_up
    world.say(world.a, world.a.events(2))
    if is_up:
        [(_, _, reply)] = world.events.asks()
        world.events.deliver(reply, b"", nobody=True)
    world.events.is_up = True
    await until(lambda: world.events.published, within=1.9)  # sooner than without an answer
    assert world.downs == 0


async def test_actions_go_to_the_agent_that_is_followed(world: World) -> None:
    world.beat(world.b)
    await until(lambda: world.server.upstream is not None)  # it has waited for the other agent
    assert world.server.upstream is not None
    world.server.upstream.send_for(PING, RELAY_ID, None, 5.0)
    [(subject, request, reply)] = world.actions.requests()
    assert subject == "ami.v1.act.berlin.b.edge1"
    now = (asyncio.get_running_loop().time() + world.b.ahead) * 1000
    assert now < request.expires <= now + 5000
    world.actions.answer(reply, PONG)
    assert world.server.answers == [(RELAY_ID, [PONG], True)]


async def test_the_tagged_upstream_needs_no_pauses(world: World) -> None:
    world.beat(world.a)
    upstream = world.server.upstream
    assert upstream is not None
    upstream.pause_reading()
    world.say(world.a, world.a.events(1))
    upstream.read_pending()
    upstream.resume_reading()
    assert len(world.server.taken) == 1
    with pytest.raises(TypeError):
        upstream.send(PING)


async def test_if_the_agent_loses_its_link_the_server_goes_down(world: World) -> None:
    world.beat(world.a)
    assert world.server.upstream is not None
    world.server.upstream.send_for(PING, RELAY_ID, None, 5.0)
    world.server.most = 1
    world.say(world.a, world.a.events(5))
    world.a.state, world.a.reason = "down", "connection refused"
    world.beat(world.a)
    assert world.server.calls[-1] == ("down", "connection refused")
    assert len(world.server.taken) == 5  # what had arrived is handed over before
    assert world.link.requests.pending == 0
    assert (world.link.state, world.link.reason) == (LinkState.DOWN, "connection refused")
    assert not world.link.serves


async def test_a_link_that_is_not_trusted_goes_down_and_up(world: World) -> None:
    world.beat(world.a)
    world.say(world.a, world.a.events(5))
    assert world.server.upstream is not None
    world.server.upstream.recycle("nonsense")
    assert world.downs == 0  # nothing is called back at once
    await until(lambda: world.downs)
    assert world.server.calls[-3:] == [("down", "nonsense"), ("up", BANNER + b"\r\n", (5, 5)), ("serve",)]


async def test_a_silent_agent_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.beat(world.a)
    now = asyncio.get_running_loop().time()
    for quarter in range(20):
        world.link.following.tick(now + quarter / 4)
    assert world.downs == 1


async def test_too_many_events_at_once_are_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiproxy.net.upstream.fleet.link._ROOM", 100_000)
    world.beat(world.a)
    world.server.most = 1
    monkeypatch.setattr(world.link._feed, "_go_on", lambda: None)
    for _ in range(10):
        world.say(world.a, world.a.events(1000))
    await until(lambda: world.downs)
    assert len(world.server.taken) < 1000
    assert world.server.calls[-2] == ("up", BANNER + b"\r\n", (5, 10_000))


async def test_an_answer_that_does_not_come_is_given_up(world: World) -> None:
    world.beat(world.a)
    assert world.server.upstream is not None
    world.server.upstream.send_for(PING, RELAY_ID, None, 5.0)
    now = asyncio.get_running_loop().time()
    world.link.tick(now + 100)
    assert len(world.server.failures) == 1
    assert not world.link.stuck(now + 1000)


async def test_other_agents_may_be_configured(world: World) -> None:
    world.beat(world.a)
    world.link.adopt(FleetServer(agents=("b", "c")), max_lag=3.0)
    assert world.server.calls[-1] == ("down", "settings changed")
    assert world.downs == 1
    assert {name for name in world.events.handlers if ".ev." in name} == {
        "ami.v1.ev.berlin.b",
        "ami.v1.ev.berlin.c",
    }
    world.beat(world.b)
    assert world.link.following.agent == "b"
    world.link.adopt(FleetServer(agents=("b",)))
    assert world.downs == 1
    assert world.link.max_lag == 3.0


async def test_before_other_settings_apply_no_agent_is_followed_that_they_do_not_have(world: World) -> None:
    world.beat(world.a)
    world.link.leave(FleetServer(agents=("b", "c")))
    assert world.downs == 1
    world.beat(world.a)
    assert world.link.following.agent is None
    world.link.stay()
    world.beat(world.a)
    assert world.link.following.agent == "a"


async def test_settings_that_keep_the_agent_do_not_disturb_it(world: World) -> None:
    world.beat(world.a)
    world.link.leave(FleetServer(agents=("a",)))
    world.link.adopt(FleetServer(agents=("a",)))
    world.link.stay()
    assert world.downs == 0


async def test_the_status_shows_all_agents(world: World) -> None:
    world.beat(world.a, rights=b"mine")
    world.beat(world.b, rights=b"other", software="6.9")
    world.say(world.a, world.a.events(3))
    status = world.link.status(b"mine")
    agents = status.pop("agents")
    assert [(row["agent"], row["state"], row["software"], row["rights"]) for row in agents] == [
        ("a", "up", "7.0", "same"),
        ("b", "up", "6.9", "differs"),
    ]
    assert all(0 <= row["beat_age"] < 5 for row in agents)
    assert 0 <= status.pop("lag_ms") < 1000
    assert status.pop("bytes") > 100
    assert status == {
        "server": "berlin",
        "agent": "a",
        "state": "up",
        "reason": "",
        "epoch": 5,
        "position": 3,
        "repairing": False,
        "events": 3,
        "messages": 3,
        "gaps": 0,
        "repaired": 0,
        "duplicates": 0,
        "snapshots": 0,
        "changes": 0,
        "malformed": 0,
    }


async def test_the_status_before_the_first_beat(world: World) -> None:
    status = world.link.status(b"mine")
    assert status["state"] == "waiting"
    assert status["agent"] is None
    assert [(row["beat_age"], row["rights"]) for row in status["agents"]] == [(None, "unknown")] * 2


async def test_its_turns_may_be_given_later(world: World) -> None:
    assert world.link.turns is None
    turns = object()
    world.link.turns = turns
    assert world.link.turns is turns
    assert world.link.secret == b""
