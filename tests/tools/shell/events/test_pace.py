"""How many events a second are shown."""

from amiproxy.tools.shell.events.pace import Pace


def test_more_events_than_a_person_can_read_are_counted() -> None:
    pace = Pace(shown=10)
    admitted = [pace.admits(n / 1000) for n in range(1000)]
    assert sum(admitted[:10]) == 10
    assert sum(admitted) == 19  # a burst of ten, and ten a second
    assert pace.unshown == 981


def test_those_that_were_counted_are_reported_once_a_second() -> None:
    pace = Pace(shown=1)
    assert pace.admits(0.0)
    assert not pace.admits(0.1)
    assert pace.report(0.5) == 0
    assert not pace.admits(0.6)
    assert pace.report(1.1) == 2
    assert pace.report(9.0) == 0
    assert pace.take() == 0
