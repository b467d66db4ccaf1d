import pytest

from amiproxy.net.loop.lag import BOUNDS, LoopLag


@pytest.mark.parametrize(("seconds", "bucket"), [(-0.1, 0), (0.001, 0), (0.02, 3), (5.0, 10), (7.0, 11)])
def test_lateness_falls_into_the_bucket_of_its_bound(seconds: float, bucket: int) -> None:
    lag = LoopLag()
    lag.measured(seconds)
    assert lag.counts[bucket] == sum(lag.counts) == 1
    assert len(lag.counts) == len(BOUNDS) + 1


def test_the_last_the_longest_and_the_sum_are_kept() -> None:
    lag = LoopLag()
    for seconds in (0.5, 0.1, -0.2):
        lag.measured(seconds)
    assert (lag.last, lag.longest, lag.total) == (0.0, 0.5, pytest.approx(0.6))
