"""A large read is handed over a little at a time, in its order."""

from collections.abc import Sequence

import pytest

from amiproxy.net.upstream.slices import PIECE, MessageSlices

MANY = [b"%d" % number for number in range(200)]


class Board:
    """Records the messages that it gets; each ten messages take a millisecond."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        #: The number of messages that it takes at once.
        self.most = 32
        self.time = 0.0
        #: The bytes that were cut at once.
        self.cut: list[int] = []

    def clock(self) -> float:
        return self.time

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        for message in messages[: self.most]:
            self.told.append(message)
            self.time += 0.0001
            if message == b"bad":
                raise ValueError
        return min(len(messages), self.most)

    def oversized(self, head: bytes) -> None:
        self.told.append(head)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def slices(board: Board) -> MessageSlices:
    def cut(data: bytes) -> None:
        board.cut.append(len(data))
        slices.add([data[:1]], [], sound=True)

    slices = MessageSlices(board, board.clock, cut)
    return slices


def test_a_slice_ends_when_its_time_is_over(board: Board, slices: MessageSlices) -> None:
    slices.add(MANY, [], sound=True)
    slices.run()
    assert 0 < len(board.told) < 50
    turns = 1
    while slices.waits:
        slices.run()
        turns += 1
    assert board.told == MANY
    assert turns > 3


def test_skipped_messages_keep_their_place(board: Board, slices: MessageSlices) -> None:
    slices.add(MANY, [(0, b"first"), (40, b"long"), (40, b"longer"), (200, b"last")], sound=True)
    slices.add([b"next"], [], sound=True)
    slices.finish()
    assert board.told == [b"first", *MANY[:40], b"long", b"longer", *MANY[40:], b"last", b"next"]
    assert not slices.waits


def test_messages_that_are_not_taken_are_offered_again(board: Board, slices: MessageSlices) -> None:
    board.most = 5
    slices.add(MANY, [(40, b"long")], sound=True)
    slices.finish()
    assert board.told == [*MANY[:40], b"long", *MANY[40:]]


def test_an_error_stops_nothing_behind_it(board: Board, slices: MessageSlices) -> None:
    slices.add([b"bad"], [], sound=True)
    slices.add(MANY, [], sound=True)
    with pytest.raises(ValueError):
        slices.run()
    slices.finish()
    assert board.told == [b"bad", *MANY]


def test_a_large_read_is_cut_piece_by_piece_after_what_came_before(
    board: Board, slices: MessageSlices
) -> None:
    slices.add(MANY, [], sound=True)
    slices.add_uncut(b"a" * PIECE + b"b" * PIECE + b"c")
    slices.run()
    assert not board.cut, "it is cut when its turn comes"
    while slices.waits:
        slices.run()
    assert board.cut == [PIECE, PIECE, 1]
    assert board.told == [*MANY, b"a", b"b", b"c"]


def test_the_end_cuts_and_hands_over_what_is_left(board: Board, slices: MessageSlices) -> None:
    slices.add_uncut(b"a" * PIECE + b"b")
    slices.finish()
    assert board.told == [b"a", b"b"]
