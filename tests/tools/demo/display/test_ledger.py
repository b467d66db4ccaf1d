"""Rows that show which user saw which event."""

from amiproxy.tools.demo.display.ledger import HOLD, Kind, Ledger


def texts(ledger):
    return [tuple(cell and cell.text for cell in row.cells) for row in ledger.rows]


def test_the_same_event_of_two_users_is_one_row():
    ledger = Ledger(2)
    ledger.saw(0, "a", "A", 0.0, "t")
    ledger.saw(1, "a", "A", 0.1, "t")
    assert texts(ledger) == [("A", "A")]


def test_an_event_of_one_user_leaves_the_other_cell_empty():
    ledger = Ledger(2)
    ledger.saw(1, "a", "A", 0.0, "t")
    ledger.saw(0, "b", "B", 0.0, "t")
    assert texts(ledger) == [(None, "A"), ("B", None)]


def test_an_event_received_twice_has_two_rows_that_the_other_user_fills_in_order():
    ledger = Ledger(2)
    for _ in range(2):
        ledger.saw(0, "a", "A", 0.0, "t")
    assert texts(ledger) == [("A", None), ("A", None)]
    ledger.saw(1, "a", "A", 0.1, "t")
    assert texts(ledger) == [("A", "A"), ("A", None)]


def test_an_action_is_a_separate_row_that_no_event_joins():
    ledger = Ledger(2)
    ledger.did(0, "-> Ping", Kind.ACTION, 0.0, "t")
    ledger.saw(1, "-> Ping", "A", 0.0, "t")
    assert texts(ledger) == [("-> Ping", None), (None, "A")]


def test_rows_are_returned_once_in_order_when_they_are_final():
    ledger = Ledger(2)
    ledger.saw(0, "a", "A", 0.0, "t")
    ledger.did(1, "did", Kind.ACTION, 0.0, "t")
    assert ledger.take(HOLD) == []  # the second row is final, but comes after the first
    ledger.saw(1, "a", "A", HOLD, "t")
    first, second = ledger.take(HOLD)
    assert [cell.text for cell in first.cells] == ["A", "A"]
    assert second.cells[1].kind is Kind.ACTION
    assert ledger.take(HOLD) == []


def test_a_row_that_waited_long_enough_is_final_and_not_filled_later():
    ledger = Ledger(2)
    ledger.saw(0, "a", "A", 0.0, "t")
    assert len(ledger.take(HOLD + 0.01)) == 1
    ledger.saw(1, "a", "A", HOLD + 0.02, "t")
    assert texts(ledger) == [("A", None), (None, "A")]
