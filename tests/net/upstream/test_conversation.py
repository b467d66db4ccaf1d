"""A read that brings much is handed over in slices; meanwhile the kernel keeps what comes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from amiproxy.config.schema import Upstream as Settings
from amiproxy.core.model.limits import Limits
from amiproxy.core.ports import Upstream
from amiproxy.net.upstream import slices as slicing
from amiproxy.net.upstream.conversation import Conversation
from tests.support.waiting import until

EVENTS = [b"Event: N%d\r\n\r\n" % number for number in range(500)]


class Board:
    """Writes down what it is told."""

    limits = Limits()

    def __init__(self) -> None:
        self.told: list[bytes] = []
        #: Messages that it takes at once.
        self.most = 32

    def link_up(self, _upstream: Upstream, _banner: bytes) -> None:
        self.told.append(b"up")

    def link_down(self, reason: str) -> None:
        self.told.append(b"down")

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        self.told.extend(messages[: self.most])
        return min(len(messages), self.most)

    def oversized(self, head: bytes) -> None:
        self.told.append(head)


class Transport:
    """Of a conversation: knows whether it reads."""

    def __init__(self) -> None:
        self.reads = True
        self.closing = False

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing is written here."""

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def abort(self) -> None:
        self.closing = True


@pytest.fixture
async def talk(monkeypatch: pytest.MonkeyPatch) -> tuple[Board, Transport, Conversation]:
    """One that has logged in, and whose slices are of one portion each."""
    monkeypatch.setattr(slicing, "_SLICE", 0.0)
    board, transport = Board(), Transport()
    settings = Settings(username="proxy", secret_file=Path("unused"))
    conversation = Conversation(board, settings, b"x")
    conversation.connection_made(cast("asyncio.BaseTransport", transport))
    conversation._receive = conversation._relay
    conversation.is_up = True
    conversation.logged_in.set_result(None)
    return board, transport, conversation


Talk = tuple[Board, Transport, Conversation]


async def test_little_is_handed_over_at_once(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS[:8]))
    assert board.told == EVENTS[:8]
    assert transport.reads


async def test_what_the_hub_leaves_of_it_comes_in_the_next_turn(talk: Talk) -> None:
    board, transport, conversation = talk
    board.most = 3
    conversation.data_received(b"".join(EVENTS[:8]))
    assert board.told == EVENTS[:3]
    assert not transport.reads
    await until(lambda: transport.reads)
    assert board.told == EVENTS[:8]


async def test_much_leaves_others_their_turn_and_nothing_more_is_read_until_it_is_done(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    assert 0 < len(board.told) < len(EVENTS)
    assert not transport.reads
    conversation.read_on()
    conversation.catch_up()
    assert not transport.reads, "what it has comes first"
    await until(lambda: transport.reads)
    assert board.told == EVENTS


async def test_what_came_in_spite_of_that_comes_behind_it(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    conversation.data_received(b"Event: last\r\n\r\n")
    await until(lambda: transport.reads)
    assert board.told == [*EVENTS, b"Event: last\r\n\r\n"]


async def test_it_rests_on_where_the_hub_wishes_so(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    conversation.rest()
    await until(lambda: len(board.told) == len(EVENTS))
    assert not transport.reads
    conversation.read_on()
    assert transport.reads


@pytest.mark.parametrize("ours", [True, False])
async def test_what_came_before_the_end_comes_before_it(talk: Talk, ours: bool) -> None:
    board, _, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    if ours:
        conversation.recycle("settings changed")
    conversation.connection_lost(None)
    assert board.told == [*EVENTS, b"down"]
    await asyncio.sleep(0)
    assert board.told[-1] == b"down"


async def test_a_fault_in_one_slice_stops_nothing(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    board, transport, conversation = talk

    taken = board.from_upstream
    faults = [ValueError()]

    def broken(messages: Sequence[bytes], sound: bool) -> int:
        if len(board.told) >= 64 and faults:
            raise faults.pop()
        return taken(messages, sound)

    monkeypatch.setattr(board, "from_upstream", broken)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    conversation.data_received(b"".join(EVENTS))
    conversation.data_received(b"Event: last\r\n\r\n")
    await until(lambda: transport.reads)
    assert not faults
    assert board.told[-1] == b"Event: last\r\n\r\n"
