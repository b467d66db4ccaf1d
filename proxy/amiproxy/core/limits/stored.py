"""Stored: how much each user has put into Asterisk's channels with Setvar.

Asterisk keeps a variable for as long as the channel exists (without a channel, for as long
as Asterisk runs), and writes all of them into one message when a client asks for
``AllVariables``.  Only a size is remembered here for each name.  The number of names is
bounded to bound memory: past it, the user with the most names loses the channel that has
gone longest without a Setvar.

A Setvar counts from the time at which it is sent, so that several sessions of a user cannot
pass the limit together.  Asterisk also finds a channel by its Uniqueid; what was set under
the Uniqueid counts for the channel's name once ``named`` has said which that is.
"""

# mypyc: compiled

from collections import Counter

from amiproxy.ami.message import Action
from amiproxy.core.model.limits import Limits

#: Most names remembered of all channels together.
_MOST = 65_536  # not Final: a compiler would inline it, and tests could not lower it


class Stored:
    """Sizes of the variables that were sent and that Asterisk did not refuse, by user, channel and name."""

    def __init__(self) -> None:
        # user -> channel -> hash of the name -> bytes of name and value; channels in the order of their use
        self._users: dict[str, dict[bytes, dict[int, int]]] = {}
        self._names: Counter[str] = Counter()
        # Uniqueid -> the channel's name, both in lower case, as Asterisk compares them
        self._called: dict[bytes, bytes] = {}

    def excess(self, user: str, action: Action, limits: Limits) -> str:
        """Name of the limit that the user's Setvar would exceed; "" if it may run.

        The caller passes only Setvar actions, here and to the other methods.
        """
        names = self._users.get(user, {}).get(self._channel(action), {})
        name, size = _entry(action)
        if name not in names and len(names) >= limits.channel_variables:
            return "channel_variables"
        if sum(names.values()) - names.get(name, 0) + size > limits.channel_variable_bytes:
            return "channel_variable_bytes"
        return ""

    def take(self, user: str, action: Action) -> int:
        """Count a Setvar that is sent now; returns the name's size before, in bytes, for ``give_back``."""
        name, size = _entry(action)
        before = self._account(user, self._channel(action)).get(name, 0)
        self._add(user, self._channel(action), {name: size})
        return before

    def give_back(self, user: str, action: Action, before: int) -> None:
        """Undo ``take`` for a Setvar that Asterisk refused; ``before`` is what ``take`` returned."""
        names = self._users.get(user, {}).get(self._channel(action), {})
        name, size = _entry(action)
        if names.get(name) != size:
            return  # the name has been set again since, or its channel was forgotten
        if before:
            names[name] = before
        else:
            del names[name]
            self._names[user] -= 1

    def is_unnamed(self, action: Action) -> bool:
        """Whether the Setvar names its channel by a Uniqueid whose channel is not known yet."""
        channel = action.get(b"channel").lower()
        return channel != b"" and b"/" not in channel and channel not in self._called

    def named(self, uniqueid: bytes, channel: bytes) -> None:
        """Record which channel has this Uniqueid, and merge what was counted under either.

        Both may be in any case.
        """
        if len(self._called) >= _MOST:
            del self._called[next(iter(self._called))]
        uniqueid, channel = uniqueid.lower(), channel.lower()
        self._called[uniqueid] = channel
        for user, channels in self._users.items():
            names = channels.pop(uniqueid, {})
            self._names[user] -= len(names)
            if names:
                self._add(user, channel, names)

    def _channel(self, action: Action) -> bytes:
        channel = action.get(b"channel").lower()
        return self._called.get(channel, channel)

    def _account(self, user: str, channel: bytes) -> dict[int, int]:
        channels = self._users.setdefault(user, {})
        names = channels.pop(channel, {})
        channels[channel] = names  # now the last
        return names

    def _add(self, user: str, channel: bytes, more: dict[int, int]) -> None:
        names = self._account(user, channel)
        self._names[user] += len(more.keys() - names.keys())
        names.update(more)
        while self._names.total() > _MOST:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        user = self._names.most_common(1)[0][0]
        channels = self._users[user]
        channel = next(iter(channels))
        self._names[user] -= len(channels.pop(channel))


def _entry(action: Action) -> tuple[int, int]:
    name = action.get(b"variable")
    return hash(name), len(name) + len(action.get(b"value"))
