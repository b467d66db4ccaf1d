"""An agent's clock, as an edge knows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.fleet.agentclock import AgentClock


def beaten(clock: AgentClock, *beats: tuple[float, float], ahead: float = 0.0) -> AgentClock:
    """Beats were sent at these seconds and took so many; the agent's clock is ahead of the edge's."""
    for sent, delay in beats:
        clock.heard(int((sent + ahead) * 1000), sent + delay)
    return clock


def test_before_the_first_beat_nothing_is_known() -> None:
    assert AgentClock().agent_now(1000.0) == 0
    assert AgentClock().lag == 0.0


def test_the_least_delay_counts() -> None:
    clock = beaten(AgentClock(), (1, 0.5), (2, 0.1), (3, 0.8), (4, 0.2), ahead=1000)
    assert clock.agent_now(10) == 1_009_900
    assert clock.lag == pytest.approx(0.1)


def test_an_edge_that_was_stopped_sees_how_late_its_messages_are() -> None:
    clock = beaten(AgentClock(), *((second, 0.001) for second in range(100)))
    lags = [beaten(clock, (second, 400 - second)).lag for second in range(100, 110)]
    assert lags == pytest.approx([400 - second - 0.001 for second in range(100, 110)])


def test_a_minute_later_an_estimate_does_not_count_any_more() -> None:
    clock = beaten(AgentClock(), (0, 0.0), *((second, 0.5) for second in range(1, 61)))
    assert clock.lag == pytest.approx(0.5)
    assert beaten(clock, (61, 0.5)).lag == 0.0
    assert clock.agent_now(100) == 99_500


def test_the_clock_of_a_machine_that_has_restarted_counts_afresh() -> None:
    clock = beaten(AgentClock(), (1, 0.0), ahead=1000)
    assert beaten(clock, (5, 0.2), ahead=-4).lag == 0.0
    assert clock.agent_now(6) == 1800


@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 100)), min_size=1, max_size=80),
    st.floats(0, 1e6),
    st.floats(0, 10),
)
def test_the_estimate_never_exceeds_the_clock(
    beats: list[tuple[float, float]], ahead: float, later: float
) -> None:
    clock = AgentClock()
    sent = arrival = 0.0
    for pause, delay in beats:
        sent += pause
        arrival = max(arrival, sent + delay)  # the engines keep the order
        clock.heard(int((sent + ahead) * 1000), arrival)
    now = arrival + later
    assert clock.agent_now(now) <= (now + ahead) * 1000 + 1e-6
    assert clock.agent_now(now) >= clock.newest - 1
    assert clock.lag >= 0


def test_beats_of_one_moment_take_the_memory_of_one() -> None:
    """An agent's key was stolen, and its beats come as fast as they can."""
    clock = AgentClock()
    for number in range(10_000):
        clock.heard(1000, 5.0 + number / 1000)
    for number in range(10_000):
        clock.heard(1000 + number, 16.0 + number / 500)
    assert len(clock._differences) <= 102
    assert clock.lag == pytest.approx(16.0 + 9_999 / 500 - 9.999 - 5.0)
