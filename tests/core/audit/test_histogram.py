import pytest

from amiproxy.core.audit.histogram import Histogram


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (60.0, 1), (61.0, 2)])
def test_an_observation_counts_in_the_bucket_of_its_bound(seconds: float, bucket: int) -> None:
    histogram = Histogram((0.001, 60.0))
    histogram.observe(seconds)
    assert histogram.counts[bucket] == sum(histogram.counts) == 1
    assert len(histogram.counts) == 3
    histogram.observe(0.5)
    assert histogram.total == seconds + 0.5
