"""A short run of the fleet's soak test, to show that the long one runs and counts."""

import pytest

from tests.asterisk.lab.cache import Unavailable
from tests.soak.fleet.soak import Plan, soak
from tests.support.requirements import give_up


@pytest.mark.long
async def test_a_short_run_counts_and_nothing_is_wrong() -> None:
    try:
        outcome = await soak(Plan(minutes=0.01, events=100.0, quiet=0.5, only=("paris resets",)))
    except Unavailable as reason:
        give_up("NATS", reason)
    assert outcome.wrong == []
    assert outcome.figures["duration"].endswith("1 faults of 1 kinds")
    assert set(outcome.figures) == {
        *("duration", "events", "connections", "actions", "answers"),
        "paris resets its connections",
    }
