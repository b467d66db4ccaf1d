"""Lengths: predicts which actions have long answers, or take Asterisk long, by user and action name.

A long list on the main link delays the answers of all clients while Asterisk writes it and the proxy
reads it.  Its length is known only when it comes, so the prediction is by the last answers that the same
user had.

For size, the largest recent answer counts, and it is forgotten slowly: many short answers do not hide a
long one.  For time, the mean counts, because any single action may have been slow only because the
machine was busy; and it counts only where it is far above the mean of the quickest actions, which a busy
machine slows down as well.
"""

# mypyc: compiled

import math
from typing import Final

#: An answer of more bytes is long: about what Asterisk writes and the proxy reads in 2 to 3 ms.
LONG_BYTES: Final = 32 << 10
#: An action whose mean of Asterisk's time is above this many seconds is long.
LONG_SECONDS: Final = 0.005
#: The mean also has to be this many times that of the quickest kinds.
_ABOVE: Final = 4.0
#: Half-life of a remembered size, in seconds.
_FORGETTING: Final = 60.0
#: Most seconds that a single action counts for, so that one hiccup of the machine makes no kind slow.
_LONGEST: Final = 4 * LONG_SECONDS
#: Weight of a new action in the mean of its kind; and in the gauge, when it was quicker or slower than that.
_NEWEST, _QUICKER, _SLOWER = 1 / 16, 1 / 4, 1 / 64
#: Most kinds remembered: more than the users times Asterisk's actions on most sites.  There has to be a
#: bound because a user who may run undescribed actions can make up names.
_KINDS: Final = 20_000
#: In place of a user: any user.  In place of an action: any list.
_ANY: Final = ""
_ANY_LIST: Final = b""


class _Kind:
    """The actions of one name by one user."""

    __slots__ = ("at", "seconds", "size")

    def __init__(self) -> None:
        self.size = 0.0
        #: When ``size`` was measured.
        self.at = 0.0
        self.seconds = 0.0


class Lengths:
    """The lengths of earlier answers to all users, on all links.

    A kind of answer is given by the user and the action's name in lower case (``key``).  ``now`` is in
    monotonic seconds.
    """

    __slots__ = ("_gauge", "_kinds")

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, bytes], _Kind] = {}
        #: About how many seconds the quickest actions take at present.
        self._gauge = 0.0

    def note(self, user: str, key: bytes, size: int, seconds: float, now: float) -> None:
        """Record the size in bytes of an answer, and the seconds that it took Asterisk."""
        kind = self._kinds.get((user, key))
        if kind is None:
            kind = self._kind(user, key)
        seconds = seconds if seconds < _LONGEST else _LONGEST  # noqa: FURB136 - hot
        self._gauge += (seconds - self._gauge) * (_QUICKER if seconds < self._gauge else _SLOWER)
        kind.seconds += (seconds - kind.seconds) * _NEWEST
        _enlarge(kind, size, now)
        if size > LONG_BYTES:
            _enlarge(self._kind(_ANY, key), size, now)
            _enlarge(self._kind(user, _ANY_LIST), size, now)

    def joined(self, user: str, key: bytes, size: int, now: float) -> None:
        """Record the size in bytes of an answer to another user's action, which this user shared."""
        _enlarge(self._kind(user, key), size, now)
        if size > LONG_BYTES:
            _enlarge(self._kind(user, _ANY_LIST), size, now)

    def is_long(self, user: str, key: bytes, now: float) -> bool | None:
        """Whether the answer is expected to be long; None if this is the first of its kind."""
        kind = self._kinds.get((user, key))
        if kind is None:
            return None
        if kind.seconds > LONG_SECONDS and kind.seconds > _ABOVE * self._gauge:
            return True
        return kind.size > LONG_BYTES and _size(kind, now) > LONG_BYTES

    def is_first_list_long(self, user: str, key: bytes, now: float) -> bool:
        """Whether the answer to the first action of a kind, which may be a list, is expected to be long.

        It is if recent answers of this kind to other users were long, or other lists of this user:
        otherwise each kind of list could be long once.
        """
        likely = (self._kinds.get((_ANY, key)), self._kinds.get((user, _ANY_LIST)))
        return any(other is not None and _size(other, now) > LONG_BYTES for other in likely)

    def _kind(self, user: str, key: bytes) -> _Kind:
        kind = self._kinds.get((user, key))
        if kind is None:
            if len(self._kinds) >= _KINDS:
                del self._kinds[next(iter(self._kinds))]
            kind = self._kinds[user, key] = _Kind()
        return kind


def _size(kind: _Kind, now: float) -> float:
    return kind.size * math.pow(0.5, (now - kind.at) / _FORGETTING)


def _enlarge(kind: _Kind, size: int, now: float) -> None:
    if size >= kind.size or size >= _size(kind, now):
        kind.size = float(size)
        kind.at = now
