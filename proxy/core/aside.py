"""Aside: what of one session waits for the rate of its kind, while the rest of the session goes on.

Asterisk runs a session's actions in the order in which they come.  That order
is kept wherever an action could tell the difference:

- Actions of one kind stay in order: Originates, and Commands.
- What names the ChannelId or OtherChannelId of an Originate that waits follows it.
- A synchronous Originate and a Command that may change something hold up all that
  comes behind them: their answers say that they are done, and what the client
  asked next may rest on that.
- Logoff and WaitEvent come behind everything: one ends the session, the other is
  ended by whatever the client asks.

An asynchronous Originate is answered before its call is made, so in Asterisk,
too, what comes behind it runs beside the call.
"""

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from proxy.ami.message import Action
from proxy.core import originate
from proxy.core.policy import commands

if TYPE_CHECKING:
    from proxy.core.session import Session

#: What comes behind everything that waits.
_LAST: Final = frozenset({b"logoff", b"waitevent"})
_ALL: Final = b""


class Place:
    """One action that waits; ``granted`` is false until its rate allows it."""

    __slots__ = ("action", "granted", "session")

    def __init__(self, session: "Session", action: Action) -> None:
        self.session = session
        self.action = action
        self.granted = True


class Aside:
    """The actions of one session that wait, in chains: each runs behind those before it in its chain."""

    __slots__ = ("_barrier", "_barrier_behind", "_chains", "_ids", "size")

    def __init__(self) -> None:
        #: How many there are.
        self.size = 0
        self._chains: dict[bytes, deque[Place]] = {}
        self._barrier: Place | None = None
        self._barrier_behind = _ALL
        #: The names under which the calls of Originates that wait will be known.
        self._ids: Counter[bytes] = Counter()

    @property
    def holds_session(self) -> bool:
        """Whether nothing that the client sent later may run."""
        return self._barrier is not None

    def followed_by(self, action: Action) -> bytes | None:
        """The chain that this action has to join; None if it may run before all that waits."""
        if action.key in _LAST:
            return _ALL
        if action.key in self._chains:
            return action.key
        for _, value in action.headers if self._ids else ():
            if any(name in value for name in self._ids):
                return b"originate"
        return None

    def add(self, place: Place, chain: bytes, holds: bool) -> None:
        """One more, at the end of a chain; ``holds``: everything that comes later waits for it."""
        self.size += 1
        if holds or chain == _ALL:
            self._barrier, self._barrier_behind = place, chain
            return
        self._chains.setdefault(chain, deque()).append(place)
        for name in _ids_of(place.action):
            self._ids[name] += 1

    def take(self) -> Action | None:
        """An action that may run now, which waits no longer."""
        for chain, places in self._chains.items():
            if places[0].granted:
                place = places.popleft()
                if not places:
                    del self._chains[chain]
                self._left(place)
                return place.action
        place_ = self._barrier
        if place_ is None or not place_.granted or self._is_behind():
            return None
        self._barrier = None
        self.size -= 1
        return place_.action

    def clear(self) -> list[Action]:
        """Nothing waits any more; what did, in the order of each chain."""
        places = [place for chain in self._chains.values() for place in chain]
        if self._barrier is not None:
            places.append(self._barrier)
        self._chains.clear()
        self._ids.clear()
        self._barrier = None
        self.size = 0
        return [place.action for place in places]

    def _is_behind(self) -> bool:
        return bool(self._chains) if self._barrier_behind == _ALL else self._barrier_behind in self._chains

    def _left(self, place: Place) -> None:
        self.size -= 1
        for name in _ids_of(place.action):
            self._ids[name] -= 1
            if not self._ids[name]:
                del self._ids[name]


def _ids_of(action: Action) -> list[bytes]:
    if action.key != b"originate":
        return []
    return [name for name in (action.get(b"channelid"), action.get(b"otherchannelid")) if name]


def holds(action: Action) -> bool:
    """Whether an action that waits for its rate holds up what the client sent behind it."""
    if action.key == b"originate":
        return originate.is_synchronous(action)
    return action.key == b"command" and not commands.only_shows(action)
