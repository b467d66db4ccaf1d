import pytest

from amiproxy.net.loop.lag import LoopLag


def test_the_last_lateness_and_the_sum_are_kept_and_being_early_counts_as_0() -> None:
    lag = LoopLag()
    for seconds in (0.5, 0.1, -0.2):
        lag.measured(seconds)
    assert (lag.last, lag.histogram.total) == (0.0, pytest.approx(0.6))
    assert lag.histogram.counts[0] == 1
    assert sum(lag.histogram.counts) == 3
