"""The counter of actions notices what must not happen, and only that."""

import pytest

from tests.fleet.counting.deeds import Deeds, Verdict


@pytest.mark.parametrize(
    ("verdict", "done", "is_fault"),
    [
        ("done", [1.0], False),
        ("done", [], True),
        ("done", [1.0, 1.1], True),
        ("not done", [], False),
        ("not done", [1.0], True),
        ("unknown", [], False),
        ("unknown", [1.0], False),
        ("unknown", [2.1], True),
        ("unknown", [1.0, 1.1], True),
        (None, [1.0], True),
    ],
)
def test_what_was_told_must_be_true(verdict: Verdict | None, done: list[float], is_fault: bool) -> None:
    deeds = Deeds()
    deeds.asked("a")
    for now in done:
        deeds.done("a", now)
    if verdict is not None:
        deeds.told("a", verdict, 2.0)
    assert bool(deeds.faults) == is_fault
    assert deeds.open == ([] if verdict else ["a"])
    assert deeds.counts == {verdict or "open": 1}


def test_an_action_that_nobody_asked_for_is_a_fault() -> None:
    deeds = Deeds()
    deeds.done("forged", 1.0)
    assert len(deeds.faults) == 1
