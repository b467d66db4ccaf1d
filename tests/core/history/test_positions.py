"""Tokens and cursor tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.history.positions import Position, joined, positions_in
from tests.support.core_doubles import PlainSealer

SEALER = PlainSealer()
POSITIONS = st.builds(Position, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@given(st.lists(POSITIONS, min_size=1, max_size=5))
def test_a_cursor_token_holds_the_positions_that_were_joined(positions: list[Position]) -> None:
    assert positions_in(joined(SEALER.seal(*one) for one in positions), SEALER) == positions


class Rotated(PlainSealer):
    """Has another key as well, with which a token says something else."""

    def open(self, token: bytes) -> tuple[tuple[int, int], ...]:
        return tuple((epoch ^ 1, sequence) for epoch, sequence in super().open(token)) + super().open(token)


def test_while_keys_are_changed_each_part_may_be_one_of_several_positions() -> None:
    token = joined([SEALER.seal(6, 1), SEALER.seal(8, 2)])
    assert positions_in(token, Rotated()) == [(7, 1), (6, 1), (9, 2), (8, 2)]
    assert positions_in(token + b".x", Rotated()) is None


@pytest.mark.parametrize(
    "token", [b"", b".", b"nonsense", SEALER.seal(1, 2) + b".", b"." + SEALER.seal(1, 2)]
)
def test_a_text_with_a_part_that_is_not_a_token_holds_none(token: bytes) -> None:
    assert positions_in(token, SEALER) is None
