"""Durations that go on counting."""

from amiproxy.core.history.kinds.durations import number
from amiproxy.core.history.kinds.parked import Parked
from tests.core.history.kinds.recorded import listed, values


def test_only_digits_are_a_number() -> None:
    assert [number(value) for value in (b"12", b"", b"-1", b"x", b"1.5")] == [12, 0, 0, 0, 0]


def test_a_number_of_too_many_digits_is_none() -> None:
    assert [number(b"9" * digits) for digits in (18, 19, 5000)] == [10**18 - 1, 0, 0]


def test_what_the_list_does_not_tell_is_not_counted() -> None:
    kind = Parked(lambda: 0.0)
    listed(kind, "Event: ParkedCall\nParkinglot: default\nParkingSpace: 701")
    assert values(kind, "ParkingDuration", "ParkingTimeout") == {"default\x00701": ("?", "?")}


def test_an_item_whose_time_is_unknown_stays_as_it_was_told() -> None:
    kind = Parked(lambda: 50.0)
    listed(kind, "Event: ParkedCall\nParkinglot: default\nParkingSpace: 701\nParkingDuration: 3")
    (item,) = kind.items()
    kind.forget()
    assert b"ParkingDuration: 3\r\n" in kind.closing(item, {})[0]
