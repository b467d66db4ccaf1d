"""A short run of the page's soak test, to show that the long one runs and counts."""

import pytest

from tests.soak.page.crowd import Size
from tests.soak.page.soak import Plan, soak

pytestmark = pytest.mark.serial

_MIB = 1 << 20
SMALL = Plan(
    minutes=0.1,
    size=Size(queues=6, agents=30, phones=40, per_minute=120.0),
    every=1.0,
    round_every=2.0,
    least_events=1.0,
    # So short a run says little about growth, and nothing about the time of a machine that others use.
    heap=64 * _MIB,
    long_tasks=1.0,
)


@pytest.mark.timeout(180)
async def test_a_short_run_counts_and_the_board_is_right_at_its_end() -> None:
    outcome = await soak(SMALL)
    assert outcome.missed == []
    assert set(outcome.figures) == {
        *("the board", "duration", "messages", "heap", "heap growth", "nodes", "listeners"),
        *("draws", "long tasks", "main thread"),
    }
