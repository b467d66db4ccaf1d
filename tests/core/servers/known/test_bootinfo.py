"""The FullyBooted event for new clients, and the wait until Asterisk has booted."""

import pytest

from amiproxy.core.servers.known.bootinfo import BootInfo
from tests.support.core_doubles import HandClock


def booted(uptime: str = "100", reloaded: str = "40") -> bytes:
    return (
        f"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: {uptime}\r\nLastReload: {reloaded}\r\n"
        "Status: Fully Booted\r\n\r\n"
    ).encode()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def overdue() -> list[bool]:
    return []


@pytest.fixture
def boot(clock, overdue) -> BootInfo:
    return BootInfo(clock, lambda: overdue.append(True))


def test_uptime_and_last_reload_grow_and_a_reload_resets_last_reload(boot, clock):
    assert boot.event() is None
    boot.booted(booted())
    assert boot.event() == booted()
    clock.advance(10)
    assert boot.event() == booted("110", "50")
    boot.reloaded()
    clock.advance(5)
    assert boot.event() == booted("115", "5")


def test_times_that_are_not_numbers_count_from_the_boot(boot, clock):
    boot.booted(booted("x", "y"))
    clock.advance(3)
    assert boot.event() == booted("3", "3")


def test_an_event_without_times_is_unchanged(boot, clock):
    raw = b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
    boot.booted(raw)
    clock.advance(3)
    assert boot.event() == raw


def test_a_new_login_and_a_lost_link_discard_the_event(boot):
    for forget in (boot.forget, lambda: boot.wait(5)):
        boot.booted(booted())
        forget()
        assert boot.event() is None


def test_a_wait_that_is_too_long_is_reported_once(boot, clock, overdue):
    boot.wait(20)
    clock.advance(19)
    assert not overdue
    clock.advance(100)
    assert overdue == [True]
    assert boot.end_wait(), "only the caller ends the wait"


def test_a_wait_that_is_ended_is_not_reported(boot, clock, overdue, caplog):
    assert not boot.end_wait()
    boot.wait(20)
    assert boot.end_wait()
    assert not boot.end_wait()
    clock.advance(100)
    assert not overdue
    assert "upstream-not-booted" not in caplog.text


@pytest.mark.parametrize("digits", [13, 400, 5000])
def test_a_time_of_very_many_digits_counts_as_none(clock: HandClock, digits: int) -> None:
    boot = BootInfo(clock, lambda: None)
    boot.booted(booted("9" * digits, "9" * digits))
    assert b"\r\nUptime: 0\r\nLastReload: 0\r\n" in (boot.event() or b"")


def test_the_start_of_asterisk_is_known_as_a_point_in_time(boot, clock):
    assert boot.started is None
    boot.booted(booted("100"))
    assert boot.started == round(clock.wall() - 100)
    clock.advance(10)
    assert boot.started == round(clock.wall() - 110)
    boot.forget()
    assert boot.started is None


def test_the_start_is_not_known_from_an_event_without_times(boot):
    boot.booted(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")
    assert boot.started is None
