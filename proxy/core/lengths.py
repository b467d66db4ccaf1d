"""Lengths: whose actions of which kind have long answers, or take Asterisk long.

A long list on the main link holds up the answers of everybody for as long as
Asterisk writes it and the proxy reads it.  How long one will be shows only when
it comes, so what is remembered is what the same user's last ones were.

The size of answers counts by the largest, and is forgotten slowly: many short
ones make no room for a long one.  Time counts as a mean, because any single
action may have been slow only since the machine was busy; and only where it is
far above the mean of the quickest kinds, which a busy machine slows down as well.
"""

import math
from typing import Final

#: Bytes of an answer that is long: about what Asterisk writes and the proxy reads in 2 to 3 ms.
LONG_BYTES: Final = 32 << 10
#: Mean seconds of Asterisk's time from which an action is long.
LONG_SECONDS: Final = 0.005
#: How far above the quickest kinds' time that has to be.
_ABOVE: Final = 4.0
#: Seconds in which half of a size is forgotten.
_FORGETTING: Final = 60.0
#: No single action counts for more seconds than this: one hiccup of the machine makes no kind slow.
_LONGEST: Final = 4 * LONG_SECONDS
#: What one more action counts in the mean of its kind; and in the gauge, where it was quicker and slower.
_NEWEST, _QUICKER, _SLOWER = 1 / 16, 1 / 4, 1 / 64
#: Kinds that are remembered: more than users and Asterisk's actions make on most sites.  A user who may run
#: undescribed actions can make up names.
_KINDS: Final = 20_000
#: In place of a user: anybody; in place of an action: any list.
_ANY: Final = ""
_ANY_LIST: Final = b""


class _Kind:
    """The actions of one name of one user."""

    __slots__ = ("at", "seconds", "size")

    def __init__(self) -> None:
        self.size = 0.0
        #: When the size was so large.
        self.at = 0.0
        self.seconds = 0.0


class Lengths:
    """Of all users; one for all links."""

    __slots__ = ("_gauge", "_kinds")

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, bytes], _Kind] = {}
        #: About what the quickest actions take at the moment.
        self._gauge = 0.0

    def note(self, user: str, key: bytes, size: int, seconds: float, now: float) -> None:
        """The answer to an action had this size, and took so long."""
        kind = self._kind(user, key)
        seconds = min(seconds, _LONGEST)
        self._gauge += (seconds - self._gauge) * (_QUICKER if seconds < self._gauge else _SLOWER)
        kind.seconds += (seconds - kind.seconds) * _NEWEST
        _enlarge(kind, size, now)
        if size > LONG_BYTES:
            _enlarge(self._kind(_ANY, key), size, now)
            _enlarge(self._kind(user, _ANY_LIST), size, now)

    def is_long(self, user: str, key: bytes, now: float) -> bool | None:
        """Whether the answer is expected to be long; None for the first of its kind."""
        kind = self._kinds.get((user, key))
        if kind is None:
            return None
        if kind.seconds > LONG_SECONDS and kind.seconds > _ABOVE * self._gauge:
            return True
        return kind.size > LONG_BYTES and _size(kind, now) > LONG_BYTES

    def is_first_list_long(self, user: str, key: bytes, now: float) -> bool:
        """Whether the answer is expected to be long, of the first of its kind that may be a list.

        As long as others' of this kind, and as other lists of this user: else each kind of list could
        be long once.
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
