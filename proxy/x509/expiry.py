"""How near the end of a certificate is: 30, 14, 7 and 1 days, and past it.

Wall-clock time, asked anew each minute, so that a clock that jumps is believed.
"""

from datetime import datetime, timedelta
from enum import IntEnum


class Expiry(IntEnum):
    """Ordered: a higher one is worse.  The name is what log lines and status show."""

    FINE = 0
    NOTICE = 1
    WARNING = 2
    URGENT = 3
    CRITICAL = 4
    EXPIRED = 5

    def __str__(self) -> str:
        return self.name.lower()


# The least time left at which each state still holds.
_LIMITS = (
    (timedelta(days=30), Expiry.FINE),
    (timedelta(days=14), Expiry.NOTICE),
    (timedelta(days=7), Expiry.WARNING),
    (timedelta(days=1), Expiry.URGENT),
    (timedelta(0), Expiry.CRITICAL),
)


def expiry_state(not_after: datetime, now: datetime) -> Expiry:
    """NOTICE at 30 days or less, WARNING at 14, URGENT at 7, CRITICAL at 1, EXPIRED at none.

    From NOTICE on the operator is told at each step; from URGENT on the service
    reports itself degraded.
    """
    left = not_after - now
    for limit, state in _LIMITS:
        if left > limit:
            return state
    return Expiry.EXPIRED


def list_state(last_update: datetime, next_update: datetime, now: datetime) -> Expiry:
    """Of a revocation list: WARNING at 7 days or less, CRITICAL at 1, EXPIRED at none.

    Many live for a day and are made anew before it is over: with them it is the
    last quarter of their life and the last eighth.
    """
    left, life = next_update - now, next_update - last_update
    if left <= timedelta(0):
        return Expiry.EXPIRED
    if left <= min(timedelta(days=1), life / 8):
        return Expiry.CRITICAL
    return Expiry.WARNING if left <= min(timedelta(days=7), life / 4) else Expiry.FINE


def is_degraded(state: Expiry) -> bool:
    """Whether readiness should say ``degraded``: a week is what a broken renewal takes to mend."""
    return state >= Expiry.URGENT


def describe_time_left(not_after: datetime, now: datetime) -> str:
    """``in 12 days``, ``in 5 hours``, ``3 days ago``: for people."""
    seconds = (not_after - now).total_seconds()
    amount, unit = (
        (abs(seconds) / 86400, "day") if abs(seconds) >= 2 * 86400 else (abs(seconds) / 3600, "hour")
    )
    count = f"{int(amount)} {unit}{'' if int(amount) == 1 else 's'}"
    return f"in {count}" if seconds > 0 else f"{count} ago"
