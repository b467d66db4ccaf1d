"""Token buckets: a burst, then a rate, never more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.limits.bucket import Bucket


def test_a_burst_is_followed_by_one_at_a_time():
    bucket = Bucket()
    for _ in range(3):
        assert bucket.wait(10.0, 2.0, 3) == 0
        bucket.take(10.0, 2.0)
    assert bucket.wait(10.0, 2.0, 3) == pytest.approx(0.5)
    assert bucket.wait(10.5, 2.0, 3) == 0
    bucket.take(10.5, 2.0)
    assert bucket.wait(10.5, 2.0, 3) == pytest.approx(0.5)


def test_a_request_after_a_reservation_waits_behind_it():
    bucket = Bucket()
    waits = []
    for _ in range(4):
        waits.append(bucket.wait(0.0, 1.0, 1))
        bucket.take(0.0, 1.0)
    assert waits == [0, 1, 2, 3]


def test_a_bucket_is_full_again_once_all_tokens_have_returned():
    bucket = Bucket()
    assert bucket.is_full(0.0)
    bucket.take(0.0, 2.0)
    assert not bucket.is_full(0.4)
    assert bucket.is_full(0.5)


def test_a_changed_burst_applies_from_now_on():
    bucket = Bucket()
    bucket.take(0.0, 1.0)
    assert bucket.wait(0.0, 1.0, 1) == 1.0
    assert bucket.wait(0.0, 1.0, 2) == 0.0


@given(st.lists(st.floats(0, 2), max_size=60), st.floats(0.1, 50), st.integers(1, 20))
def test_no_more_is_taken_than_the_burst_and_the_returned_tokens(gaps, rate, burst):
    bucket, now, taken = Bucket(), 0.0, 0
    for gap in gaps:
        now += gap
        if bucket.wait(now, rate, burst) == 0:
            bucket.take(now, rate)
            taken += 1
    assert taken <= burst + now * rate + 1e-6


def test_missing_tokens_return_at_the_new_rate():
    bucket = Bucket()
    for _ in range(3):
        bucket.take(0.0, 0.1)
    bucket.rescale(10.0, 0.1, 10.0)
    assert bucket.wait(10.0, 10.0, 1) == pytest.approx(0.2)
    bucket.rescale(20.0, 10.0, 0.1)
    assert bucket.is_full(20.0)
