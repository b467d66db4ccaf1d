"""The end comes in steps that people are told."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.x509.expiry import Expiry, describe_time_left, expiry_state, is_degraded

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("limit", "before", "after"),
    [
        (timedelta(days=30), Expiry.FINE, Expiry.NOTICE),
        (timedelta(days=14), Expiry.NOTICE, Expiry.WARNING),
        (timedelta(days=7), Expiry.WARNING, Expiry.URGENT),
        (timedelta(days=1), Expiry.URGENT, Expiry.CRITICAL),
        (timedelta(0), Expiry.CRITICAL, Expiry.EXPIRED),
    ],
)
def test_each_limit(limit: timedelta, before: Expiry, after: Expiry) -> None:
    assert expiry_state(NOW + limit + SECOND, NOW) is before
    assert expiry_state(NOW + limit, NOW) is after


def test_states_are_ordered_and_the_last_week_is_degraded() -> None:
    assert list(Expiry) == sorted(Expiry)
    assert [is_degraded(state) for state in Expiry] == [False, False, False, True, True, True]
    assert str(Expiry.URGENT) == "urgent"


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(days=12, hours=3), "in 12 days"),
        (timedelta(hours=30), "in 30 hours"),
        (timedelta(hours=1), "in 1 hour"),
        (timedelta(days=-3), "3 days ago"),
        (timedelta(hours=-2), "2 hours ago"),
    ],
)
def test_time_left_for_people(left: timedelta, text: str) -> None:
    assert describe_time_left(NOW + left, NOW) == text
