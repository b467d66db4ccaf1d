"""How soon a certificate expires, in steps: 30, 14, 7 and 1 days before, and after.

Based on wall-clock time, which callers read again each minute, so that changes of the clock take effect.
"""

from datetime import datetime, timedelta
from enum import IntEnum

from amiproxy.counted import count


class Expiry(IntEnum):
    """Ordered: higher is worse.  Log lines and status show the name in lower case."""

    FINE = 0
    NOTICE = 1
    WARNING = 2
    URGENT = 3
    CRITICAL = 4
    EXPIRED = 5

    def __str__(self) -> str:
        return self.name.lower()


# (limit, state): the state applies if more time than the limit is left.
_LIMITS = (
    (timedelta(days=30), Expiry.FINE),
    (timedelta(days=14), Expiry.NOTICE),
    (timedelta(days=7), Expiry.WARNING),
    (timedelta(days=1), Expiry.URGENT),
    (timedelta(0), Expiry.CRITICAL),
)


def expiry_state(not_after: datetime, now: datetime) -> Expiry:
    """NOTICE at 30 days or less, WARNING at 14, URGENT at 7, CRITICAL at 1, EXPIRED at 0.

    Both times are aware.  From NOTICE on, each step is logged; from URGENT on, the service reports itself as
    degraded.
    """
    left = not_after - now
    for limit, state in _LIMITS:
        if left > limit:
            return state
    return Expiry.EXPIRED


def list_state(last_update: datetime, next_update: datetime, now: datetime) -> Expiry:
    """The state of a revocation list: WARNING at 7 days or less, CRITICAL at 1, EXPIRED at 0.

    Many lists are valid for one day only and renewed before its end: for short-lived
    lists the limits are the last quarter and the last eighth of their validity.
    """
    left, life = next_update - now, next_update - last_update
    if left <= timedelta(0):
        return Expiry.EXPIRED
    if left <= min(timedelta(days=1), life / 8):
        return Expiry.CRITICAL
    return Expiry.WARNING if left <= min(timedelta(days=7), life / 4) else Expiry.FINE


def is_degraded(state: Expiry) -> bool:
    """Whether readiness should report ``degraded``: fixing a broken renewal may take a week."""
    return state >= Expiry.URGENT


def describe_time_left(not_after: datetime, now: datetime) -> str:
    """A text for operators: ``in 12 days``, ``in 5 hours``, ``3 days ago``."""
    seconds = (not_after - now).total_seconds()
    amount, unit = (
        (abs(seconds) / 86400, "day") if abs(seconds) >= 2 * 86400 else (abs(seconds) / 3600, "hour")
    )
    said = count(int(amount), unit)
    return f"in {said}" if seconds > 0 else f"{said} ago"
