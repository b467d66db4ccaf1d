"""Targets of a fleet: what an edge reads of agents, and an agent of edges."""

from collections.abc import Iterator
from typing import Final

import msgspec

from amiproxy.ami.message import parse_action
from amiproxy.core.fleet.followcounts import FollowCounts
from amiproxy.core.fleet.following import Following
from amiproxy.core.fleet.requests.ownqueries import is_own_query
from amiproxy.core.fleet.wire import Ask, WireError, decode_request, encode_ask, encode_request
from amiproxy.core.model.users import User
from amiproxy.core.policy import Deny, decide
from tests.core.fleet.agents import SERVER, Agent
from tests.support.agent_bench import BOARD, CEILING, AgentBench

#: As received, as an answer to a question, and time that passes.
_RECEIVED, _REPLAYED, _PASSED = range(3)
_AGENTS: Final = ("berlin-a", "berlin-b")
#: In an input, the epoch of the agent, which is another one each time.
_EPOCH: Final = 7
_CEILING: Final = User("", read=CEILING.read, write=CEILING.write)


class _Sink:
    """Fails unless events follow each other without a hole between ``up`` and ``down``."""

    def __init__(self) -> None:
        self._next = 0
        self._epoch = 0

    def up(self, agent: str, epoch: int, last: int, banner: bytes) -> None:
        assert not self._next
        assert agent in _AGENTS
        assert b"\r" not in banner
        assert b"\n" not in banner
        self._next, self._epoch = last + 1, epoch

    def serve(self) -> None:
        assert self._next

    def events(self, epoch: int, first: int, body: bytes) -> None:
        assert (epoch, first) == (self._epoch, self._next)
        assert body.endswith(b"\r\n\r\n")
        self._next += body.count(b"\r\n\r\n")

    def down(self, reason: str) -> None:
        assert self._next
        assert reason
        self._next = 0

    def ask(self, agent: str, epoch: int, first: int) -> None:
        assert agent in _AGENTS
        assert epoch == self._epoch
        encode_ask(Ask(epoch, first))


def agents_messages(data: bytes) -> None:
    """Whatever comes from agents: events are passed on without a hole, or the server goes down."""
    following = Following(SERVER, _AGENTS, _Sink(), 5.0, FollowCounts())
    now = 1000.0
    for what, agent, message in _chunks(data):
        if what == _RECEIVED:
            following.received(agent, message, now)
        elif what == _REPLAYED:
            following.replayed(agent, message, now)
        else:
            now += min(len(message), 40) / 10
            following.tick(now)
        assert following.state in {"up", "booting", "down", "behind", "waiting"}
        assert following.agent_now(now) >= 0


def _chunks(data: bytes) -> Iterator[tuple[int, str, bytes]]:
    """One byte with what and whose it is, two with its length, then so many bytes."""
    while len(data) >= 3:
        length = int.from_bytes(data[1:3], "big")
        yield data[0] % 3, _AGENTS[data[0] // 3 % 2], data[3 : 3 + length]
        data = data[3 + length :]


def chunks(*given: tuple[int, bytes]) -> bytes:
    """The input with these messages of the first agent."""
    return b"".join(bytes([what]) + len(message).to_bytes(2, "big") + message for what, message in given)


def edges_requests(data: bytes) -> None:
    """Whatever an edge asks: each request is answered, and no more is sent than its ceiling admits."""
    bench = AgentBench()
    bench.upstream.take()
    data = _in_this_epoch(bench, data)
    answer = bench.send(data)
    sent = bench.upstream.take()
    if not sent:
        return
    (action,) = sent
    request = decode_request(data)
    asked = parse_action(request.action)
    name = action.get(b"action").lower()
    assert name == asked.name.lower()
    assert not answer.there, "it is not refused as well"
    if request.user:
        assert request.user.lower() == BOARD.name
        assert not isinstance(decide(_CEILING, asked, bench.hub.servers.first.actions.table), Deny)
    else:
        assert is_own_query(asked)
    # Once only, whatever else is sent.
    bench.send(data)
    assert bench.upstream.take() == []


def _in_this_epoch(bench: AgentBench, data: bytes) -> bytes:
    try:
        request = decode_request(data)
    except WireError:
        return data
    journal = bench.hub.servers.first.journal
    assert journal is not None
    if request.epoch != _EPOCH:
        return data
    return encode_request(msgspec.structs.replace(request, epoch=journal.epoch))


def event_seeds() -> list[bytes]:
    """What agents send."""
    agent = Agent(_AGENTS[0])
    beat, some, more = agent.beat(1000.0), agent.events(3), agent.events(2)
    held = [(_REPLAYED, message) for message in agent.replay(1, 1, 2)]
    return [
        chunks((_RECEIVED, beat), (_RECEIVED, some), (_RECEIVED, more), (_RECEIVED, agent.beat(1000.0))),
        chunks((_RECEIVED, beat), (_RECEIVED, more), *held),
        chunks((_RECEIVED, beat), (_RECEIVED, more), (_REPLAYED, agent.gone())),
        chunks((_RECEIVED, beat), (_PASSED, bytes(40)), (_RECEIVED, beat), (_RECEIVED, some)),
        chunks((_RECEIVED, agent.beat(1000.0, state="down", reason="no link")), (_RECEIVED, some)),
    ]


def request_seeds() -> list[bytes]:
    """What edges send."""
    bench = AgentBench()
    return [
        encode_request(request)
        for request in (
            bench.made(epoch=_EPOCH),
            bench.made("Action: CoreShowChannels\nActionID: relay", "", epoch=_EPOCH),
            bench.made("Action: QueueStatus\nActionID: relay", "", epoch=_EPOCH),
            bench.made("Action: Command\nActionID: relay\nCommand: core show uptime", epoch=_EPOCH),
            bench.made("Action: Hangup\nActionID: relay\nChannel: PJSIP/a-1", "Admin", epoch=_EPOCH),
            bench.made("Action: Hangup\nActionID: relay\nChannel: PJSIP/a-1", epoch=_EPOCH),
            bench.made("Action: ProxySnapshot\nActionID: relay", epoch=_EPOCH),
            bench.made(expires=0, epoch=_EPOCH),
            bench.made(),
            bench.made(address="not an address", epoch=_EPOCH),
        )
    ]
