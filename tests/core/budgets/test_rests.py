"""Actions of one user that wait before they may sleep in Asterisk's session."""

import pytest

from amiproxy.core.budgets.rests import Rest, Rests
from tests.support.core_doubles import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def rests(clock: HandClock) -> Rests:
    rests = Rests(clock)
    rests.hold = 1.0
    rests.take(1.0)
    return rests


def test_those_that_are_due_together_run_in_order(rests: Rests, clock: HandClock) -> None:
    ran: list[str] = []
    for name in "abc":
        rests.join(Rest(name, 0.1, lambda name=name: ran.append(name)))
    clock.advance(10)
    assert ran == ["a", "b", "c"]


def test_one_whose_session_ends_while_another_runs_does_not_run(rests: Rests, clock: HandClock) -> None:
    ran: list[str] = []

    def run() -> None:
        ran.append("a")
        rests.leave("b")

    rests.hold = 100.0  # all are due at the same time
    rests.join(Rest("a", 0.1, run))
    rests.join(Rest("b", 0.1, lambda: ran.append("b")))
    rests.join(Rest("c", 0.1, lambda: ran.append("c")))
    clock.advance(10)
    assert ran == ["a", "c"]


def test_one_that_joins_while_another_runs_runs_once(rests: Rests, clock: HandClock) -> None:
    ran: list[str] = []

    def run() -> None:
        ran.append("a")
        rests.join(Rest("a", 0.5, lambda: ran.append("next")))

    rests.join(Rest("a", 0.5, run))
    rests.join(Rest("b", 0.9, lambda: ran.append("b")))
    clock.advance(10)
    assert ran == ["a", "b", "next"]
