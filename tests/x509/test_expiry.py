"""Expiry is announced in steps."""

from datetime import UTC, datetime, timedelta

import pytest

from amiproxy.x509.expiry import Expiry, describe_time_left, expiry_state, is_degraded, list_state

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
def test_the_state_changes_at_each_limit(limit: timedelta, before: Expiry, after: Expiry) -> None:
    assert expiry_state(NOW + limit + SECOND, NOW) is before
    assert expiry_state(NOW + limit, NOW) is after


@pytest.mark.parametrize(
    ("life", "left", "state"),
    [
        (timedelta(days=90), timedelta(days=8), Expiry.FINE),
        (timedelta(days=90), timedelta(days=7), Expiry.WARNING),
        (timedelta(days=90), timedelta(days=1), Expiry.CRITICAL),
        (timedelta(days=90), timedelta(0), Expiry.EXPIRED),
        # A list that is renewed each night, and one renewed each week: rarely near their end.
        (timedelta(hours=24), timedelta(hours=7), Expiry.FINE),
        (timedelta(hours=24), timedelta(hours=6), Expiry.WARNING),
        (timedelta(hours=24), timedelta(hours=3), Expiry.CRITICAL),
        (timedelta(days=7), timedelta(days=2), Expiry.FINE),
        (timedelta(days=7), timedelta(days=1.75), Expiry.WARNING),
    ],
)
def test_the_state_of_a_revocation_list_depends_on_its_lifetime(
    life: timedelta, left: timedelta, state: Expiry
) -> None:
    assert list_state(NOW + left - life, NOW + left, NOW) is state


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
def test_the_time_left_is_described_in_words(left: timedelta, text: str) -> None:
    assert describe_time_left(NOW + left, NOW) == text
