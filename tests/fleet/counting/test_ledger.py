"""The counter of events notices what must not happen, and only that."""

import pytest

from tests.fleet.counting.ledger import Gap, Ledger

_STREAM = "berlin.call"


def _ledger(*numbers: int | None) -> Ledger:
    """After these numbers; None: the client was told of the server."""
    ledger = Ledger([_STREAM, "paris.call"])
    for number in numbers:
        if number is None:
            ledger.told("berlin")
        else:
            ledger.came(_STREAM, number)
    return ledger


def test_counting_begins_with_the_first_number() -> None:
    ledger = _ledger(7, 8, 9)
    assert ledger.faults == []
    assert ledger.events == 3
    assert ledger.reached(_STREAM, 9)
    assert not ledger.reached(_STREAM, 10)


def test_streams_have_numbers_of_their_own() -> None:
    ledger = _ledger(7, 8)
    ledger.came("paris.call", 1)
    ledger.came("paris.call", 2)
    assert ledger.faults == []


def test_a_hole_is_a_loss_unless_the_client_was_told() -> None:
    assert _ledger(1, 2, 5).lost == [Gap(_STREAM, 3, 4)]
    told = _ledger(1, 2, None, 5, 6)
    assert told.faults == []
    assert told.missed == [Gap(_STREAM, 3, 4)]
    assert told.missed[0].size == 2
    assert told.changes == 1


def test_what_was_told_excuses_one_hole_only_and_only_of_its_server() -> None:
    assert _ledger(1, None, 3, 5).lost == [Gap(_STREAM, 4, 4)]
    ledger = _ledger(1)
    ledger.told("paris")
    ledger.came(_STREAM, 3)
    assert ledger.lost == [Gap(_STREAM, 2, 2)]


def test_a_client_can_be_told_of_all_servers_at_once() -> None:
    ledger = _ledger(1)
    ledger.came("paris.call", 1)
    ledger.told_of_all()
    ledger.came("paris.call", 3)
    ledger.came(_STREAM, 3)
    assert ledger.faults == []
    assert len(ledger.missed) == 2


def test_the_longest_pause_between_two_events_of_a_stream_is_measured() -> None:
    ledger = _ledger()
    for number, now in enumerate((10.0, 10.5, 13.0, 13.1)):
        ledger.came(_STREAM, number, now)
        ledger.came("paris.call", number, 10.0 + number)
    assert ledger.pause == 2.5
    ledger.measure()
    ledger.came(_STREAM, 4, 99.0)
    ledger.came(_STREAM, 5, 99.5)
    assert ledger.pause == 0.5


@pytest.mark.parametrize("before", [(1, 2, 3), (1, 2, 3, None)])
def test_an_event_that_comes_twice_is_doubled(before: tuple[int | None, ...]) -> None:
    ledger = _ledger(*before, 2)
    assert ledger.doubled == [(_STREAM, 2)]
    assert ledger.faults == ["doubled berlin.call 2"]


def test_an_event_that_comes_after_a_later_one_is_disordered() -> None:
    assert _ledger(1, None, 4, 3).disordered == [(_STREAM, 3)]


def test_an_event_that_the_client_may_not_see_is_leaked() -> None:
    ledger = _ledger(1)
    ledger.came("berlin.agent", 1)
    assert ledger.leaked == [("berlin.agent", 1)]
