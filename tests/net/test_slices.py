"""What a side link brings at once is done a little at a time, in its order."""

import asyncio
from collections.abc import Iterable

import pytest

from proxy.config.limits import Limits
from proxy.core.ports import Upstream
from proxy.net.slices import Slices
from tests.support.core_doubles import ListUpstream
from tests.support.waiting import until


class Board:
    """Writes down what it is told."""

    limits = Limits()

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.turns = 0

    def link_up(self, _upstream: Upstream, banner: bytes) -> None:
        self.told.append(banner)

    def link_down(self, reason: str) -> None:
        self.told.append(reason.encode())

    def from_upstream(self, messages: Iterable[bytes]) -> None:
        self.turns += 1
        for message in messages:
            self.told.append(message)
            if message == b"bad":
                raise ValueError

    def oversized(self, head: bytes) -> None:
        self.told.append(head)


def sliced() -> tuple[Board, ListUpstream, Slices]:
    board, upstream = Board(), ListUpstream()
    slices = Slices(board)
    assert slices.limits is board.limits
    slices.link_up(upstream, b"up")
    return board, upstream, slices


MANY = [b"%d" % number for number in range(200)]


async def test_others_have_their_turn_in_between_and_the_rest_waits_in_the_kernel() -> None:
    board, upstream, slices = sliced()
    slices.from_upstream([])
    slices.from_upstream(MANY)
    slices.oversized(b"long")
    assert upstream.resting
    assert len(board.told) < len(MANY)
    turns = 0
    while upstream.resting:
        await asyncio.sleep(0)
        turns += 1
    assert board.told == [b"up", *MANY, b"long"]
    assert turns > 3


async def test_what_came_before_the_end_comes_before_it() -> None:
    board, _, slices = sliced()
    slices.from_upstream(MANY)
    slices.link_down("down")
    assert board.told == [b"up", *MANY, b"down"]
    await asyncio.sleep(0.01)
    assert board.told[-1] == b"down"


async def test_a_fault_in_one_turn_stops_nothing() -> None:
    board, upstream, slices = sliced()
    with pytest.raises(ValueError):
        slices.from_upstream([b"bad", *MANY])
    await until(lambda: not upstream.resting)
    assert board.told[-1] == MANY[-1]
