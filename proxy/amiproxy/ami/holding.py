"""Holding: actions that sleep inside Asterisk's manager session, for how long, and how much is allowed.

``PlayDTMF`` and ``PlayMF`` sleep in the thread that serves the link while the tone sounds, so their
Duration decides for how long no other client on that link is answered.  The times were measured on
Asterisk 16.28 and 22.10.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.ami.actions import HOLDING_FUNCTIONS, MAY_HOLD
from amiproxy.ami.message import Action
from amiproxy.ami.values import ast_true, c_unsigned_at_most

#: Actions during which Asterisk's session sleeps.
SLEEPING: Final[frozenset[bytes]] = frozenset({b"playdtmf", b"playmf"})

#: Shortest tone of PlayDTMF, which is also its tone without a Duration, in milliseconds.
_DTMF: Final = 100
#: Tone of a PlayMF digit without a Duration, in milliseconds; a KP (*) or ST (# A B C) alone is longer.
_MF: Final = 55
_MF_ALONE: Final = {b"*": 120, b"#": 65, b"A": 65, b"B": 65, b"C": 65}
#: Silence before the first digit of a PlayMF and after each, in milliseconds.
_MF_GAP: Final = 100
_MF_DIGITS: Final = frozenset(b"0123456789*#ABC")
#: Pauses and signals in a PlayMF, in milliseconds: a pause (w), 2600 Hz (h), a wink (W), a flash (f).
_MF_SIGNALS: Final = {
    **dict.fromkeys(b"w", 500),
    **dict.fromkeys(b"hH", 250),
    **dict.fromkeys(b"WfF", _MF_GAP),
}
#: Actions that may hold the session depending on this header: on a reload, or on a function that waits.
_SOMETIMES: Final = {
    b"getvar": b"variable",
    b"setvar": b"variable",
    b"status": b"variables",
    b"updateconfig": b"reload",
}
#: A call of a function that may wait; the functions of func_odbc.conf begin with ODBC_.
_WAITS: Final = re.compile(
    rb"(?<![A-Za-z0-9_])(?:ODBC_[A-Za-z0-9_]*|" + b"|".join(sorted(HOLDING_FUNCTIONS)) + rb")[ \t]*\(",
    re.IGNORECASE,
)


def duration_of(action: Action) -> int | None:
    """The Duration in milliseconds as Asterisk reads it; 0 if it is missing, None if Asterisk rejects it."""
    text = action.get(b"duration")
    if not text:
        return 0
    return c_unsigned_at_most(text)


def seconds_of(action: Action) -> float:
    """Seconds for which Asterisk's session sleeps in this action; 0.0 if it does not sleep, or rejects it."""
    duration = duration_of(action)
    if duration is None or not action.get(b"digit"):
        return 0.0  # rejected without a sleep
    if action.key == b"playdtmf":
        if ast_true(action.get(b"receive")):
            return 0.0
        return max(duration, _DTMF) / 1000
    if action.key == b"playmf":
        digits = action.get(b"digit")
        return (_MF_GAP + sum(_mf(code, _mf_length(digits, duration)) for code in digits)) / 1000
    return 0.0


def within(action: Action, longest: float) -> list[Action]:
    """The actions to send in its place, one after another, so that none sleeps more than ``longest`` seconds.

    ``[action]`` itself if it is short enough.  A tone that is too long is shortened, which does not change
    its meaning; the digits of a PlayMF are sent one by one.  The list is empty if that is not enough.
    """
    if seconds_of(action) <= longest:
        return [action]
    if action.key == b"playdtmf":
        shortened = action.with_header(b"Duration", b"%d" % int(longest * 1000))
        return [shortened] if seconds_of(shortened) <= longest else []
    digits = action.get(b"digit")
    length = _mf_length(digits, duration_of(action) or 0)
    room = int(longest * 1000) - 2 * _MF_GAP
    each = [
        action.with_header(b"Digit", bytes((code,))).with_header(
            b"Duration", b"%d" % (min(length, room) if code in _MF_DIGITS else length)
        )
        for code in digits
        if code in _MF_DIGITS or code in _MF_SIGNALS
    ]
    return each if all(seconds_of(one) <= longest for one in each) else []


def _mf_length(digits: bytes, duration: int) -> int:
    return max(duration, _MF) if duration else _MF_ALONE.get(digits, _MF)


def _mf(code: int, length: int) -> int:
    if code in _MF_DIGITS:
        return length + _MF_GAP
    return _MF_SIGNALS.get(code, 0)


def may_hold(action: Action) -> bool:
    """Whether this action may hold up Asterisk's session for long, so that it goes over the side link."""
    if action.key in MAY_HOLD:
        return True
    header = _SOMETIMES.get(action.key)
    if header is None:
        return False
    value = action.get(header)
    if action.key == b"updateconfig":
        return bool(value)
    return b"(" in value and _WAITS.search(value) is not None
