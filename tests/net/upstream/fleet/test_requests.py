"""Actions that an edge sends to an agent, and their answers."""

import asyncio
import secrets
from types import SimpleNamespace

import pytest

from amiproxy.ami.relay import RELAY_MARK
from amiproxy.core.fleet.followcounts import FollowCounts
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.fleet.wire import EVENTS, LAST, REFUSED, Head, packed
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.answers.failures import NOT_CONNECTED, OUTCOME_UNKNOWN
from amiproxy.net.upstream.fleet.requests import Requests
from tests.net.upstream.fleet.doubles import MemoryChannel, MemoryServer
from tests.support.waiting import until

PING = b"Action: Ping\r\nActionID: x\r\n\r\n"
PONG = b"Response: Success\r\nPing: Pong\r\n\r\n"
BOARD = OnBehalf("board", b"g" * 16, "s7", "192.0.2.7")


class World:
    """Requests to agent ``berlin-a``, whose clock shows 5,000 s."""

    def __init__(self) -> None:
        self.channel = MemoryChannel()
        self.server = MemoryServer()
        self.following = SimpleNamespace(
            agent="berlin-a", is_up=True, epoch=77, agent_now=lambda _: 5_000_000, counts=FollowCounts()
        )
        self.requests = Requests("berlin", "edge1", Subjects(), self.channel, self.following, self.server)
        self.requests.begin()
        self.counts = self.requests.counts

    def send(self, on_behalf: OnBehalf | None = BOARD, seconds: float = 5.0) -> bytes:
        relay_id = RELAY_MARK + secrets.token_hex(16).encode()
        self.requests.send_for(PING, relay_id, on_behalf, seconds)
        return relay_id

    def sent(self) -> tuple[bytes, str]:
        """The relay id of an action that was sent, and the subject of its answer."""
        relay_id = self.send()
        [(_, _, reply)] = self.channel.requests()
        return relay_id, reply


@pytest.fixture
async def world() -> World:
    return World()


async def test_an_action_is_sent_with_all_that_its_judge_needs(world: World) -> None:
    relay_id = world.send()
    [(subject, request, reply)] = world.channel.requests()
    assert subject == "ami.v1.act.berlin.berlin-a.edge1"
    assert reply.startswith("_INBOX.edge1.berlin.act.")
    assert request.id.hex().encode() == relay_id.removeprefix(RELAY_MARK)
    assert (request.user, request.generation, request.session, request.address) == BOARD
    assert (request.epoch, request.action) == (77, PING)
    assert request.expires == 5_005_000
    assert (world.counts.sent, world.requests.pending) == (1, 1)


async def test_the_edge_itself_has_no_name(world: World) -> None:
    world.send(None)
    [(_, request, _)] = world.channel.requests()
    assert (request.user, request.generation, request.session, request.address) == ("", b"", "", "")


async def test_an_action_with_a_late_deadline_expires_nevertheless(world: World) -> None:
    world.send(seconds=3600.0)
    [(_, request, _)] = world.channel.requests()
    assert request.expires == 5_010_000


async def test_an_answer_ends_with_its_last_part(world: World) -> None:
    relay_id, reply = world.sent()
    world.channel.answer(reply, PONG, part=0, flags=0)
    assert world.server.answers == [(relay_id, [PONG], False)]
    world.channel.answer(reply, PONG, PONG, part=1)
    assert world.server.answers[1:] == [(relay_id, [PONG, PONG], True)]
    assert (world.counts.answered, world.requests.pending) == (1, 0)
    world.channel.answer(reply, PONG, part=2)
    assert len(world.server.answers) == 2
    assert world.server.failures == []


async def test_answers_may_come_in_any_order(world: World) -> None:
    first, second = world.sent(), world.sent()
    for relay_id, reply in (second, first):
        world.channel.answer(reply, PONG)
        assert world.server.answer_to(relay_id) == ([PONG], True)


async def test_a_refusal_is_an_answer(world: World) -> None:
    relay_id, reply = world.sent()
    world.channel.answer(reply, PONG, flags=REFUSED | LAST)
    assert world.server.answer_to(relay_id) == ([PONG], True)
    assert (world.counts.refused, world.counts.answered) == (1, 0)


async def test_without_a_receiver_an_action_was_not_sent(world: World) -> None:
    relay_id, reply = world.sent()
    world.channel.deliver(reply, b"", nobody=True)
    assert world.server.failures == [(relay_id, NOT_CONNECTED)]
    assert (world.counts.not_connected, world.counts.unknown, world.requests.pending) == (1, 0, 0)


@pytest.mark.parametrize("what", ["engine", "agent", "link"])
async def test_what_cannot_be_sent_fails_in_a_later_turn_of_the_loop(world: World, what: str) -> None:
    world.channel.is_up = what != "engine"
    world.following.agent = None if what == "agent" else "berlin-a"
    world.following.is_up = what != "link"
    relay_id = world.send()
    assert world.server.failures == []
    await until(lambda: world.server.failures)
    assert world.server.failures == [(relay_id, NOT_CONNECTED)]
    assert world.channel.published == []
    assert (world.counts.sent, world.counts.not_connected) == (0, 1)
    world.channel.is_up = world.following.is_up = True
    await asyncio.sleep(0)
    assert world.channel.published == []  # it is not sent later


async def test_an_action_that_failed_before_it_could_be_told_so_fails_once(world: World) -> None:
    world.channel.is_up = False
    world.send()
    world.requests.lost()
    await asyncio.sleep(0)
    assert [reason for _, reason in world.server.failures] == [NOT_CONNECTED]


async def test_without_an_answer_in_time_nobody_knows_the_outcome(world: World) -> None:
    relay_id, reply = world.sent()
    now = asyncio.get_running_loop().time()
    world.requests.tick(now + 5.0)
    assert world.server.failures == []
    world.requests.tick(now + 8.0)
    assert world.server.failures == [(relay_id, OUTCOME_UNKNOWN)]
    assert (world.counts.unknown, world.requests.pending) == (1, 0)
    world.channel.answer(reply, PONG)
    assert world.server.answers == []


async def test_a_lost_part_makes_the_outcome_unknown(world: World) -> None:
    relay_id, reply = world.sent()
    world.channel.answer(reply, PONG, part=0, flags=0)
    world.channel.answer(reply, PONG, part=2)
    assert world.server.answer_to(relay_id) == ([PONG], False)
    assert world.server.failures == [(relay_id, OUTCOME_UNKNOWN)]
    assert (world.counts.unknown, world.counts.answered) == (1, 0)


@pytest.mark.parametrize("data", [b"nonsense", packed(Head(EVENTS, 0, 1, 1, 1), b"x\r\n\r\n")])
async def test_nonsense_is_not_an_answer(world: World, data: bytes) -> None:
    relay_id, reply = world.sent()
    world.channel.deliver(reply, data)
    assert world.following.counts.malformed == 1
    world.channel.answer(reply, PONG)
    assert world.server.answer_to(relay_id) == ([PONG], True)


async def test_a_long_answer_does_not_hold_up_others(world: World) -> None:
    items = [b"Event: Item\r\nNumber: %d\r\n\r\n" % number for number in range(1000)]
    (long, reply), (short, other) = world.sent(), world.sent()
    world.channel.answer(reply, *items[:600], flags=0)
    world.channel.answer(reply, *items[600:], part=1)
    world.channel.answer(other, PONG)
    assert world.server.answer_to(short) == ([PONG], True)
    assert not world.server.answer_to(long)[1]
    assert world.requests.pending == 1
    await until(lambda: world.server.answer_to(long)[1])
    assert world.server.answer_to(long) == (items, True)


async def test_long_answers_are_handed_over_in_turn(world: World) -> None:
    items = [b"Event: Item\r\nNumber: %d\r\n\r\n" % number for number in range(300)]
    found = [world.sent(), world.sent()]
    for _, reply in found:
        world.channel.answer(reply, *items)
    await until(lambda: not world.requests.pending)
    for relay_id, _ in found:
        assert world.server.answer_to(relay_id) == (items, True)
    told = [relay_id for relay_id, _, _ in world.server.answers]
    assert told != sorted(told, key=[relay_id for relay_id, _ in found].index)


async def test_an_answer_without_an_end_takes_a_bounded_amount_of_memory(world: World) -> None:
    """Whoever has an agent's key can send parts faster than they are handed over."""
    (endless, reply), (_, other) = world.sent(), world.sent()
    messages = [b"Event: A\r\n\r\n"] * 20_000
    for part in range(100):
        world.channel.answer(reply, *messages, part=part, flags=0)
    assert (endless, OUTCOME_UNKNOWN) in world.server.failures
    assert world.requests.pending == 1
    world.channel.answer(other, *messages)
    await until(lambda: not world.requests.pending)
    assert world.counts.answered == 1
    assert world.requests._held == 0


async def test_if_the_agent_is_lost_the_rest_of_an_answer_is_not_handed_over(world: World) -> None:
    items = [b"Event: Item\r\nNumber: %d\r\n\r\n" % number for number in range(300)]
    _, reply = world.sent()
    world.channel.answer(reply, *items)
    world.requests.lost()
    told = len(world.server.answers)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(world.server.answers) == told
    assert world.server.failures == []  # the core has answered it with the link's end
    assert (world.counts.unknown, world.requests.pending) == (1, 0)


async def test_if_the_agent_is_lost_the_answer_to_an_action_may_still_come_until_it_expires(
    world: World,
) -> None:
    (late, reply), (never, _) = world.sent(), world.sent()
    world.requests.lost()
    world.channel.answer(reply, PONG)
    assert world.server.answer_to(late) == ([PONG], True)
    now = asyncio.get_running_loop().time()
    world.requests.tick(now + 4.0)
    assert world.requests.pending == 1
    world.requests.tick(now + 12.5)
    assert world.server.failures == [(never, OUTCOME_UNKNOWN)]


async def test_answers_are_received_between_begin_and_end(world: World) -> None:
    world.requests.begin()
    assert [*world.channel.handlers] == ["_INBOX.edge1.berlin.act.*"]
    world.requests.end()
    world.requests.end()
    assert world.channel.handlers == {}
