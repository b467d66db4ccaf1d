"""Stored: how much each user has put into Asterisk's channels with Setvar.

Asterisk keeps every variable for as long as the channel lives (without a
channel, for as long as it runs itself) and writes all of them into one message
when somebody asks for ``AllVariables``.  What is remembered here is a number
for each name, and of so many names in all that memory is bounded: beyond, the
channel that was longest without a Setvar is forgotten, of the user who has the
most names.

A Setvar counts from the moment it is sent, so that several sessions of a user
cannot pass the limit at once.  Asterisk finds a channel by its Uniqueid too;
what was set under that counts for the channel's name once ``named`` said which.
"""

from collections import Counter

from proxy.ami.message import Action
from proxy.config.limits import Limits

#: Names that are remembered of all channels together.
_MOST = 65_536  # not Final: a compiler would write it into the code, where no test can lower it


class Stored:
    """What was sent and not refused by Asterisk, by user, channel and name."""

    def __init__(self) -> None:
        # user -> channel -> hash of the name -> bytes of name and value; channels in the order of their use
        self._users: dict[str, dict[bytes, dict[int, int]]] = {}
        self._names: Counter[str] = Counter()
        # Uniqueid -> the channel's name, both in lower case, as Asterisk compares them
        self._called: dict[bytes, bytes] = {}

    def excess(self, user: str, action: Action, limits: Limits) -> str:
        """The limit over which the user's Setvar would be; "" if it may run."""
        names = self._users.get(user, {}).get(self._channel(action), {})
        name, size = _entry(action)
        if name not in names and len(names) >= limits.channel_variables:
            return "channel_variables"
        if sum(names.values()) - names.get(name, 0) + size > limits.channel_variable_bytes:
            return "channel_variable_bytes"
        return ""

    def take(self, user: str, action: Action) -> int:
        """The Setvar is sent; what the name counted before, for ``give_back``."""
        name, size = _entry(action)
        before = self._account(user, self._channel(action)).get(name, 0)
        self._add(user, self._channel(action), {name: size})
        return before

    def give_back(self, user: str, action: Action, before: int) -> None:
        """Asterisk refused it."""
        names = self._users.get(user, {}).get(self._channel(action), {})
        name, size = _entry(action)
        if names.get(name) != size:
            return  # another Setvar of the same name came after it, or the channel is forgotten
        if before:
            names[name] = before
        else:
            del names[name]
            self._names[user] -= 1

    def is_unnamed(self, action: Action) -> bool:
        """Whether the Setvar's channel is given by a Uniqueid, and of which channel it is not known."""
        channel = action.get(b"channel").lower()
        return channel != b"" and b"/" not in channel and channel not in self._called

    def named(self, uniqueid: bytes, channel: bytes) -> None:
        """This Uniqueid is that of the channel with this name: one account for both."""
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
