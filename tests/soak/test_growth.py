"""Which growth counts as a leak, in a run of minutes and of hours."""

import random

import pytest

from tests.soak.growth import growth_of

MIB = 1 << 20


def run(seconds: int, an_hour: float, swing: float = 2.0) -> tuple[list[float], list[int]]:
    """Samples each second: this many MiB more an hour, and buffers that come and go."""
    chance = random.Random(7)
    times = [float(second) for second in range(seconds)]
    sizes = [int((60 + an_hour * s / 3600 + chance.uniform(0, swing)) * MIB) for s in times]
    # The warm-up, which is ignored.
    for second in range(seconds // 3):
        sizes[second] -= 20 * MIB
    return times, sizes


@pytest.mark.parametrize(
    ("seconds", "an_hour", "leaks"),
    [
        (3600, 0.0, False),
        (3600, 0.8, False),
        (3600, 4.0, True),
        (7200, 2.5, True),
        (600, 0.0, False),
        (600, 30.0, True),
        # A minute has no slope: 60 MiB an hour are less than half a MiB in it.
        (60, 0.0, False),
        (60, 60.0, False),
        (60, 3000.0, True),
    ],
)
def test_growth_counts_as_a_leak_or_not(seconds: int, an_hour: float, leaks: bool) -> None:
    times, sizes = run(seconds, an_hour)
    growth = growth_of(times, sizes, seconds / 3)
    assert growth.is_leak == leaks, str(growth)


def test_one_peak_is_not_a_leak() -> None:
    times, sizes = run(3600, 0.0)
    for second in range(3000, 3010):
        sizes[second] += 10 * MIB
    assert not growth_of(times, sizes, 1200.0).is_leak


def test_falling_memory_is_not_a_leak() -> None:
    times, sizes = run(3600, -50.0)
    growth = growth_of(times, sizes, 1200.0)
    assert not growth.is_leak
    assert growth.slope / MIB == pytest.approx(-50.0, abs=1.0)


def test_too_few_samples_are_not_a_leak() -> None:
    assert not growth_of([], [], 0.0).is_leak
    assert not growth_of([1.0, 2.0], [1, 1 << 40], 0.0).is_leak
