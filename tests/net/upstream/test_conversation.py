"""A large read is handed over in slices; meanwhile the kernel keeps newer data."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self, cast

import pytest

from amiproxy.config.schema import UpstreamSettings
from amiproxy.core.model.limits import Limits
from amiproxy.core.ports import Upstream
from amiproxy.net.upstream.conversation import Conversation
from amiproxy.net.upstream.slices import PIECE
from amiproxy.net.upstream.turns import Turns
from tests.support.waiting import until

EVENTS = [b"Event: N%d\r\n\r\n" % number for number in range(500)]


class Board:
    """Records the messages that it gets."""

    limits = Limits()

    def __init__(self) -> None:
        self.told: list[bytes] = []
        #: The number of messages that it takes at once.
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
    """A conversation's transport: knows whether it is reading."""

    def __init__(self) -> None:
        self.reads = True
        self.closing = False

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing is written here."""

    def get_extra_info(self, _name: str) -> Self:
        """The socket."""
        return self

    def fileno(self) -> int:
        """The descriptor of no file."""
        return -1

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def abort(self) -> None:
        self.closing = True


@pytest.fixture(params=["one server", "several"])
async def talk(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> tuple[Board, Transport, Conversation]:
    """A conversation that has logged in, and whose slices have one portion each."""
    for name in ("ALONE", "AMONG_SEVERAL"):
        monkeypatch.setattr(f"amiproxy.net.upstream.conversation.{name}", 0.0)
    board, transport = Board(), Transport()
    settings = UpstreamSettings(username="proxy", secret_file=Path("unused"))
    alone = request.param == "one server"
    conversation = Conversation(board, settings, b"x", turns=None if alone else Turns())
    conversation.connection_made(cast("asyncio.BaseTransport", transport))
    conversation._receive = conversation.stream.received = conversation.stream.relay
    conversation.is_up = True
    conversation.logged_in.set_result(None)
    return board, transport, conversation


Talk = tuple[Board, Transport, Conversation]


async def test_a_small_read_is_handed_over_at_once(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS[:8]))
    assert board.told == EVENTS[:8]
    assert transport.reads


async def test_messages_that_the_hub_left_come_in_the_next_turn(talk: Talk) -> None:
    board, transport, conversation = talk
    board.most = 3
    conversation.data_received(b"".join(EVENTS[:8]))
    assert board.told == EVENTS[:3]
    assert not transport.reads
    await until(lambda: transport.reads)
    assert board.told == EVENTS[:8]


async def test_a_large_read_leaves_others_their_turn_and_reading_pauses_meanwhile(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    assert 0 < len(board.told) < len(EVENTS)
    assert not transport.reads
    conversation.stream.resume_reading()
    conversation.stream.read_pending()
    assert not transport.reads, "the pending messages come first"
    await until(lambda: transport.reads)
    assert board.told == EVENTS


async def test_a_read_of_many_pieces_arrives_whole_and_in_order(talk: Talk) -> None:
    board, transport, conversation = talk
    many = [b"Event: N%d\r\nText: %s\r\n\r\n" % (number, b"x" * 90) for number in range(PIECE // 25)]
    stream = b"".join(many)
    conversation.data_received(stream[:-3])
    assert 0 < len(board.told) < len(many)
    conversation.data_received(stream[-3:])
    await until(lambda: transport.reads)
    assert board.told == many


async def test_an_end_hands_over_every_piece_that_was_read(talk: Talk) -> None:
    board, _, conversation = talk
    many = [b"Event: N%d\r\nText: %s\r\n\r\n" % (number, b"x" * 90) for number in range(PIECE // 25)]
    conversation.data_received(b"".join(many))
    conversation.connection_lost(None)
    assert board.told == [*many, b"down"]


async def test_data_that_arrives_nevertheless_comes_after_it(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    conversation.data_received(b"Event: last\r\n\r\n")
    await until(lambda: transport.reads)
    assert board.told == [*EVENTS, b"Event: last\r\n\r\n"]


async def test_reading_stays_paused_if_the_hub_asked_for_it(talk: Talk) -> None:
    board, transport, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    conversation.stream.pause_reading()
    await until(lambda: len(board.told) == len(EVENTS))
    assert not transport.reads
    conversation.stream.resume_reading()
    assert transport.reads


async def test_what_arrived_during_a_pause_is_read_unless_the_connection_has_ended(talk: Talk) -> None:
    board, transport, conversation = talk
    reader, writer = os.pipe()
    try:
        os.set_blocking(reader, False)
        conversation.stream._descriptor = reader
        conversation.stream.pause_reading()
        os.write(writer, EVENTS[0])
        conversation.stream.read_pending()
        assert board.told == EVENTS[:1]
        conversation.stream.read_pending()
        os.write(writer, EVENTS[1])
        transport.closing = True
        conversation.stream.read_pending()
        assert board.told == EVENTS[:1], "the descriptor may be another connection's by now"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("ours", [True, False])
async def test_messages_before_the_end_are_delivered_before_it(talk: Talk, ours: bool) -> None:
    board, _, conversation = talk
    conversation.data_received(b"".join(EVENTS))
    if ours:
        conversation.recycle("settings changed")
    conversation.connection_lost(None)
    assert board.told == [*EVENTS, b"down"]
    await asyncio.sleep(0)
    assert board.told[-1] == b"down"


async def test_an_error_in_one_slice_stops_no_other(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_reading_goes_on_during_a_pause_while_more_waits_than_one_read_takes(talk: Talk) -> None:
    """Otherwise no more than one read would be handled in each interval between two flushes."""
    board, transport, conversation = talk
    board.most = 64
    one = b"Event: One\r\nText: %s\r\n\r\n" % (b"x" * 106)
    assert len(one) == 128
    reader, writer = os.pipe()
    try:
        os.set_blocking(reader, False)
        conversation.stream._descriptor = reader
        conversation.stream.pause_reading()
        os.write(writer, one * 512)  # as much as one read takes
        conversation.stream.read_pending()
        await until(lambda: transport.reads)
        assert board.told == [one] * 512
        conversation.stream.pause_reading()
        assert transport.reads
        conversation.stream.read_pending()  # nothing has come meanwhile
        assert not transport.reads
        os.write(writer, one)
        conversation.stream.read_pending()
        assert not transport.reads
        assert len(board.told) == 513
    finally:
        os.close(reader)
        os.close(writer)
