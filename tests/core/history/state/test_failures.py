"""Failures: lists that fail together have one line in the log."""

import logging

import pytest

from amiproxy.core.history.state.failures import GATHER_SECONDS, Failures
from tests.support.core_doubles import HandClock

TIMED_OUT = {"server": None, "kind": "things", "kinds": 1, "reason": "Timed out", "retry_in": 1.0}


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    found = [record.fields for record in caplog.records if record.message == "state-not-seeded"]
    caplog.clear()
    return found


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amiproxy")


def test_one_failure_is_logged_with_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    failures = Failures(clock)
    for _ in range(2):
        failures.add(None, "things", "Timed out", 1.0)
        assert logged(caplog) == []
        clock.advance(GATHER_SECONDS)
        assert logged(caplog) == [TIMED_OUT]
        clock.advance(GATHER_SECONDS)
        assert logged(caplog) == []


def test_those_that_fail_together_have_one_line(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    failures = Failures(clock)
    for kind in ("things", "others", "parts"):
        failures.add("berlin", kind, "Upstream not connected", 4.0)
    clock.advance(GATHER_SECONDS)
    assert logged(caplog) == [
        {
            "server": "berlin",
            "kind": "things,others,parts",
            "kinds": 3,
            "reason": "Upstream not connected",
            "retry_in": 4.0,
        }
    ]


def test_other_reasons_and_delays_have_lines_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    failures = Failures(clock)
    failures.add(None, "things", "Timed out", 1.0)
    failures.add(None, "others", "Timed out", 2.0)
    failures.add(None, "parts", "fault", 1.0)
    clock.advance(GATHER_SECONDS)
    assert [(line["kind"], line["reason"], line["retry_in"]) for line in logged(caplog)] == [
        ("things", "Timed out", 1.0),
        ("others", "Timed out", 2.0),
        ("parts", "fault", 1.0),
    ]
