"""At once after a quiet moment; then in company; longer when a flush is dear."""

import pytest

from proxy.core.pacing import Pacing


def test_the_first_leaves_at_once():
    assert Pacing(0.005, 0.05).wait(100.0) <= 0


def test_what_follows_waits_for_the_interval():
    pacing = Pacing(0.005, 0.05)
    pacing.flushed(100.0, 100.0001)
    assert pacing.wait(100.001) == pytest.approx(0.004)
    assert pacing.wait(100.0049) == pytest.approx(0.0001)
    assert pacing.wait(100.2) == 0


def test_others_get_their_turn_however_long_a_flush_takes():
    pacing = Pacing(0.005, 0.05)
    for turn in range(50):
        pacing.flushed(turn, turn + 0.04)
    assert pacing.wait(49.04) == pytest.approx(0.04, rel=0.01)


def test_zero_is_every_event_at_once():
    pacing = Pacing(0.0, 0.05)
    pacing.flushed(100.0, 101.0)
    assert pacing.wait(100.0) <= 0


def test_flushing_takes_a_quarter_of_the_time_at_most():
    pacing = Pacing(0.005, 0.05)
    for turn in range(50):
        pacing.flushed(turn, turn + 0.01)
    assert pacing.interval == pytest.approx(0.04, rel=0.01)
    for turn in range(50):
        pacing.flushed(turn, turn + 1.0)
    assert pacing.interval == 0.05
    for turn in range(100):
        pacing.flushed(turn, turn)
    assert pacing.interval == 0.005


def test_a_ceiling_below_the_floor_does_not_count():
    pacing = Pacing(0.01, 0.001)
    assert pacing.interval == 0.01
