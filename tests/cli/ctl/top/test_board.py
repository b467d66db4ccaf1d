import pytest

from amiproxy.cli.ctl.top.board import Board, Look, leading, matching, ordered
from tests.cli.ctl.answering import STATUS
from tests.cli.ctl.top.looks import board, session, status


def test_rates_begin_with_the_average_and_follow_slowly() -> None:
    found = Board()
    found.take(Look(0.0, status(events_in=7400), [session(1, age=100.0, bytes_out=1000)]))
    assert found.rate("events_in") == pytest.approx(2.0)
    assert found.sessions[0].rate_out == pytest.approx(10.0)
    # One second with a burst of 1010 bytes moves the rate by a tenth of the difference.
    found.take(Look(1.0, status(events_in=7402), [session(1, age=101.0, bytes_out=2010)]))
    assert found.sessions[0].rate_out == pytest.approx(10 + 1000 * 0.0952, rel=0.01)
    assert found.rate("events_in") == pytest.approx(2.0)
    for second in range(2, 100):
        found.take(Look(second, status(events_in=7402), [session(1, age=100.0 + second, bytes_out=2010)]))
    assert found.sessions[0].rate_out < 0.1


def test_the_interval_between_looks_does_not_change_the_smoothing() -> None:
    often, seldom = board(session(1, age=0.0)), board(session(1, age=0.0))
    for second in range(1, 11):
        often.take(Look(second, STATUS, [session(1, bytes_out=100 * second)]))
    seldom.take(Look(10.0, STATUS, [session(1, bytes_out=1000)]))
    assert often.sessions[0].rate_out == pytest.approx(seldom.sessions[0].rate_out)


def test_processor_time_is_not_averaged_over_the_time_before_the_first_look() -> None:
    found = Board()
    found.take(Look(0.0, {**STATUS, "cpu_seconds": 100.0, "uptime": 1.0}, [session(1, proxy_seconds=50.0)]))
    assert found.rate("cpu_seconds") == found.sessions[0].proxy == 0.0
    found.take(Look(2.0, {**STATUS, "cpu_seconds": 101.0}, [session(1, proxy_seconds=50.2)]))
    assert found.rate("cpu_seconds") == pytest.approx(0.5)
    assert found.sessions[0].proxy == pytest.approx(0.1)


def test_a_counter_that_became_smaller_gives_no_negative_rate() -> None:
    found = board(session(1, age=1.0, bytes_out=1000))
    found.take(Look(1.0, STATUS, [session(1, bytes_out=0)]))
    assert 0 <= found.sessions[0].rate_out < 1000


def test_a_restarted_service_begins_a_new_board() -> None:
    found = Board()
    found.take(Look(0.0, status(events_in=1_000_000), [session(1)]))
    found.take(Look(1.0, {**status(events_in=37), "pid": 8, "uptime": 1.0}, [session(1, age=1.0)]))
    assert found.rate("events_in") == 37


def test_a_service_of_the_version_before_is_shown_too() -> None:
    found = Board()
    assert found.rate("events_in") == 0
    assert found.sessions == []
    before = {name: value for name, value in STATUS.items() if name != "cpu_seconds"}
    row = session(1)
    del row["denied"]
    found.take(Look(0.0, before, [row]))
    assert (found.rate("cpu_seconds"), found.sessions[0].denied) == (0.0, 0)


def test_the_sessions_of_a_user_are_added_up() -> None:
    found = board(
        session(1, "wall", outbox=5, denied=1, age=3.0, peer="192.0.2.1", bytes_out=30),
        session(2, "wall", outbox=7, denied=2, age=9.0, peer="192.0.2.2"),
        session(3, None, peer="2001:db8::1"),
    )
    wall, nameless = found.users
    assert (wall.id, wall.sessions, wall.outbox, wall.denied, wall.age) == ("wall", 2, 12, 3, 9.0)
    assert wall.rate_out == pytest.approx(10.0)
    assert wall.peer == "2 addresses"
    assert (nameless.id, nameless.peer) == ("-", "[2001:db8::1]:3")


def test_the_door_is_named_if_it_is_not_ami() -> None:
    rows = board(session(1, "wall", door="ajam"), session(2, "wall", door="ami")).sessions
    assert [row.peer.partition(" ")[0] for row in rows] == ["ajam", rows[1].peer]


def test_rows_are_filtered_by_user_peer_and_id() -> None:
    rows = board(session(1, "wall"), session(0xABC, "dialer"), session(3, "x", peer="198.51.100.9")).sessions
    assert [row.user for row in matching(rows, "DIAL")] == ["dialer"]
    assert [row.user for row in matching(rows, "abc")] == ["dialer"]
    assert [row.user for row in matching(rows, "198.51")] == ["x"]
    assert len(matching(rows, "")) == 3


def test_rows_keep_their_order_while_rates_change_a_little() -> None:
    rows = board(
        session(3, age=1.0, bytes_out=1003),
        session(1, age=1.0, bytes_out=1001),
        session(2, age=1.0, bytes_out=1040),
        session(4, age=1.0, bytes_out=2000),
    ).sessions
    assert [int(row.id, 16) for row in ordered(rows, "rate_out")] == [4, 1, 2, 3]
    assert [int(row.id, 16) for row in ordered(reversed(rows), "rate_out")] == [4, 1, 2, 3]
    assert [int(row.id, 16) for row in ordered(rows, "rate_out", reverse=True)] == [1, 2, 3, 4]


def test_counts_are_compared_exactly_and_texts_without_case() -> None:
    rows = board(session(1, "b", denied=1001), session(2, "A", denied=1002), session(3, "C")).sessions
    assert [row.denied for row in ordered(rows, "denied")] == [1002, 1001, 0]
    assert [row.user for row in ordered(rows, "user")] == ["A", "b", "C"]


def test_leading_digits() -> None:
    assert (leading(1234), leading(0.0567), leading(0.0001), leading(0)) == (1200, 0.057, 0, 0)
