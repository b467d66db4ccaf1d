"""Tokens: a burst, then a rate, never more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.limits.bucket import Bucket


def test_a_burst_then_one_at_a_time():
    bucket = Bucket()
    for _ in range(3):
        assert bucket.wait(10.0, 2.0, 3) == 0
        bucket.take(10.0, 2.0)
    assert bucket.wait(10.0, 2.0, 3) == pytest.approx(0.5)
    assert bucket.wait(10.5, 2.0, 3) == 0
    bucket.take(10.5, 2.0)
    assert bucket.wait(10.5, 2.0, 3) == pytest.approx(0.5)


def test_who_asks_after_a_reservation_waits_behind_it():
    bucket = Bucket()
    waits = []
    for _ in range(4):
        waits.append(bucket.wait(0.0, 1.0, 1))
        bucket.take(0.0, 1.0)
    assert waits == [0, 1, 2, 3]


def test_it_is_full_again_when_all_came_back():
    bucket = Bucket()
    assert bucket.is_full(0.0)
    bucket.take(0.0, 2.0)
    assert not bucket.is_full(0.4)
    assert bucket.is_full(0.5)


def test_another_rate_holds_from_now_on():
    bucket = Bucket()
    bucket.take(0.0, 1.0)
    assert bucket.wait(0.0, 1.0, 1) == 1.0
    assert bucket.wait(0.0, 1.0, 2) == 0.0


@given(st.lists(st.floats(0, 2), max_size=60), st.floats(0.1, 50), st.integers(1, 20))
def test_never_more_than_the_burst_and_what_came_back(gaps, rate, burst):
    bucket, now, taken = Bucket(), 0.0, 0
    for gap in gaps:
        now += gap
        if bucket.wait(now, rate, burst) == 0:
            bucket.take(now, rate)
            taken += 1
    assert taken <= burst + now * rate + 1e-6


def test_what_is_missing_comes_back_by_another_rate():
    bucket = Bucket()
    for _ in range(3):
        bucket.take(0.0, 0.1)
    bucket.rescale(10.0, 0.1, 10.0)
    assert bucket.wait(10.0, 10.0, 1) == pytest.approx(0.2)
    bucket.rescale(20.0, 10.0, 0.1)
    assert bucket.is_full(20.0)
