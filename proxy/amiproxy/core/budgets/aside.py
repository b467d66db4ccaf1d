"""Aside: the actions of one session that wait for the rate of their kind while the session continues.

Asterisk runs a session's actions in the order of their arrival.  The proxy keeps that order wherever
an action could tell the difference:

- Actions of one kind stay in order: Originates, and Commands.
- An action that names the ChannelId or OtherChannelId of a waiting Originate runs after it.
- A synchronous Originate, and a Command that may change something, hold up all later actions: their
  answers say that they are done, and what the client asks next may depend on that.
- Logoff and WaitEvent run last: Logoff ends the session, and any later input ends a WaitEvent.

Asterisk answers an asynchronous Originate before it makes the call, so there, too, later actions run
while the call is being made.
"""

# mypyc: compiled

from collections import Counter, deque
from collections.abc import Hashable
from typing import Final, Protocol

from amiproxy.ami.message import Action
from amiproxy.core.policy.console import commands
from amiproxy.core.servers import originate

#: Actions that run after everything that waits.
_LAST: Final = frozenset({b"logoff", b"waitevent"})
_ALL: Final = b""


class Waiter(Hashable, Protocol):
    """The session whose action waits."""

    def advance(self) -> None:
        """Run the actions that may run now."""


class Place:
    """One waiting action; ``granted`` is false until its rate allows it."""

    __slots__ = ("action", "granted", "waiter")

    def __init__(self, waiter: Waiter, action: Action) -> None:
        self.waiter = waiter
        self.action = action
        self.granted = True


class Aside:
    """The waiting actions of one session, in chains: each runs after those before it in its chain."""

    __slots__ = ("_barrier", "_barrier_behind", "_chains", "_ids", "size")

    def __init__(self) -> None:
        #: The number of waiting actions.
        self.size = 0
        self._chains: dict[bytes, deque[Place]] = {}
        self._barrier: Place | None = None
        self._barrier_behind = _ALL
        #: The channel ids that waiting Originates ask for.
        self._ids: Counter[bytes] = Counter()

    @property
    def holds_session(self) -> bool:
        """Whether no action that the client sends from now on may run yet."""
        return self._barrier is not None

    def followed_by(self, action: Action) -> bytes | None:
        """The chain that this action has to join; None if it may run before everything that waits.

        A chain is named by the key of its actions; b"" is the chain of what runs after everything else.
        """
        if action.key in _LAST:
            return _ALL
        if action.key in self._chains:
            return action.key
        for _, value in action.headers if self._ids else ():
            if any(name in value for name in self._ids):
                return b"originate"
        return None

    def add(self, place: Place, chain: bytes, holds: bool) -> None:
        """Add an action at the end of a chain.  With ``holds``, every later action waits for it.

        ``chain``: see ``followed_by``.
        """
        self.size += 1
        if holds or chain == _ALL:
            self._barrier, self._barrier_behind = place, chain
            return
        self._chains.setdefault(chain, deque()).append(place)
        for name in _ids_of(place.action):
            self._ids[name] += 1

    def take(self) -> Action | None:
        """Remove and return an action that may run now; None if all have to wait."""
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
        """Remove all waiting actions and return them, each chain in its order."""
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
    """Whether an action that waits for its rate holds up the actions that the client sent after it."""
    if action.key == b"originate":
        return originate.is_synchronous(action)
    return action.key == b"command" and not commands.only_shows(action)
