"""Flush at once after a quiet period, then by interval; longer when writes exceed their share of time."""

import pytest

from amiproxy.core.fanout.pacing import Pacing


def flushing(pacing: Pacing, seconds: float, size: float = 0.0, times: int = 200) -> float:
    """Flushes that take this long, each as early as allowed; the time when the last one began."""
    now = 0.0
    for _ in range(times):
        now += pacing.wait(now)
        pacing.flushed(now, now + seconds, seconds, size)
        now += seconds
    return now - seconds


def test_the_first_event_leaves_at_once():
    assert Pacing(0.005, 0.05).wait(100.0) <= 0


def test_later_events_wait_for_the_interval():
    pacing = Pacing(0.005, 0.05)
    pacing.flushed(100.0, 100.0001, 0.0001, 400)
    assert pacing.wait(100.001) == pytest.approx(0.004)
    assert pacing.wait(100.0049) == pytest.approx(0.0001)
    assert pacing.wait(100.2) == 0


def test_the_interval_grows_to_keep_writes_to_their_share_of_time():
    pacing = Pacing(0.005, 0.05)
    flushing(pacing, 0.0022)
    assert pacing.interval == pytest.approx(0.01)


def test_a_ceiling_bounds_the_wait():
    pacing = Pacing(0.005, 0.05)
    flushing(pacing, 0.02)
    assert pacing.interval == 0.05


def test_the_interval_shrinks_soon_after_the_load_has_gone():
    pacing = Pacing(0.005, 0.05)
    last = flushing(pacing, 0.06, times=10_000)
    for number in range(1, 101):
        pacing.flushed(last + number * 0.05, last + number * 0.05, 0.0001, 400)
    assert pacing.interval == 0.005


def test_few_events_leave_at_once_though_each_flush_is_costly():
    pacing = Pacing(0.005, 0.05)
    for number in range(200):
        pacing.flushed(number * 0.02, number * 0.02 + 0.004, 0.004, 400)
    assert pacing.interval == 0.005
    assert pacing.wait(199 * 0.02 + 0.006) == 0


def test_time_that_a_flush_spends_on_its_bytes_does_not_lengthen_the_interval():
    """Full records take half of the time for their bytes, which a longer interval would not save."""
    pacing = Pacing(0.005, 0.05)
    flushing(pacing, 0.0044, size=16384)
    assert pacing.interval == pytest.approx(0.01)
    flushing(pacing, 0.0044, size=10 * 16384)
    assert pacing.interval == pytest.approx(0.005)


def test_others_get_their_turn_however_long_a_flush_takes():
    pacing = Pacing(0.005, 0.05)
    last = flushing(pacing, 0.2)
    assert pacing.wait(last + 0.2) == pytest.approx(0.02)


def test_a_busy_machine_does_not_lengthen_the_interval():
    pacing = Pacing(0.005, 0.05)
    for number in range(200):
        pacing.flushed(number * 0.1, number * 0.1 + 0.05, 0.001, 400)
    assert pacing.interval == 0.005


def test_in_a_steady_stream_the_first_of_the_next_events_waits_for_the_interval():
    pacing = Pacing(0.005, 0.05)
    pacing.flushed(100.0, 100.0, 0.0001, 400)
    pacing.flushed(100.006, 100.006, 0.0001, 400, events=3)
    # An event every 2 ms (6 ms would be more than the interval, so 5 ms count): the next one in half of that.
    assert pacing.pause(100.006) == pytest.approx(0.005 + 0.005 / 3 / 2)
    assert pacing.wait(100.006) == pytest.approx(0.005)
    assert pacing.pause(101.0) == 0


def test_a_burst_after_a_quiet_period_does_not_lengthen_the_next_wait_by_much():
    pacing = Pacing(0.005, 0.05)
    pacing.flushed(100.0, 100.0, 0.0001, 400)
    pacing.flushed(900.0, 900.0, 0.0001, 400, events=2)
    assert pacing.pause(900.0) <= 0.005 * 1.25


def test_single_events_do_not_lengthen_the_wait():
    pacing = Pacing(0.005, 0.05)
    pacing.flushed(100.0, 100.0, 0.0001, 400)
    pacing.flushed(100.006, 100.006, 0.0001, 400)
    assert pacing.pause(100.006) == pytest.approx(0.005)


def test_interval_zero_sends_every_event_at_once():
    pacing = Pacing(0.0, 0.05)
    pacing.flushed(100.0, 101.0, 1.0, 400, events=9)
    assert pacing.wait(100.0) <= 0
    assert pacing.pause(100.0) <= 0


def test_a_ceiling_below_the_floor_is_ignored():
    pacing = Pacing(0.01, 0.001)
    assert pacing.interval == 0.01
