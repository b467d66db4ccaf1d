import pytest

from amiproxy.net.loop.backoff import Backoff


def test_the_delay_doubles_up_to_its_limit() -> None:
    backoff = Backoff(0.5, 10.0)
    assert [backoff.delay(attempt) for attempt in range(1, 8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert backoff.delay(10_000) == 10.0
    assert Backoff(2.0, 1.0).delay(1) == 1.0


@pytest.mark.parametrize("attempt", [1, 3, 20])
def test_jitter_goes_either_way(attempt: int) -> None:
    middle = Backoff(0.5, 10.0).delay(attempt)
    delays = [Backoff(0.5, 10.0, 0.3).delay(attempt) for _ in range(200)]
    assert middle * 0.7 <= min(delays) < middle * 0.9
    assert middle * 1.1 < max(delays) <= middle * 1.3
