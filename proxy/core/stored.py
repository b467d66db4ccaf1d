"""Stored: how much each user has put into Asterisk's channels with Setvar.

Asterisk keeps every variable for as long as the channel lives (without a
channel, for as long as it runs itself) and writes all of them into one message
when somebody asks for ``AllVariables``.  What is remembered here is a number
for each name, and of so many names in all that memory is bounded: beyond, the
channel that was longest without a Setvar is forgotten, of the user who has the
most names.
"""

from collections import Counter

from proxy.ami.message import Action
from proxy.config.limits import Limits

#: Names that are remembered of all channels together.
_MOST = 65_536  # not Final: a compiler would write it into the code, where no test can lower it


class Stored:
    """What was set and not refused by Asterisk, by user, channel and name."""

    def __init__(self) -> None:
        # user -> channel -> hash of the name -> bytes of name and value; channels in the order of their use
        self._users: dict[str, dict[bytes, dict[int, int]]] = {}
        self._names: Counter[str] = Counter()

    def excess(self, user: str, action: Action, limits: Limits) -> str:
        """The limit over which the user's Setvar would be; "" if it may run."""
        names = self._users.get(user, {}).get(_channel(action), {})
        name, size = _entry(action)
        if name not in names and len(names) >= limits.channel_variables:
            return "channel_variables"
        if sum(names.values()) - names.get(name, 0) + size > limits.channel_variable_bytes:
            return "channel_variable_bytes"
        return ""

    def note(self, user: str, action: Action) -> None:
        """Asterisk has set it."""
        channels = self._users.setdefault(user, {})
        channel = _channel(action)
        names = channels.pop(channel, {})
        channels[channel] = names  # now the last
        name, size = _entry(action)
        if name not in names:
            self._names[user] += 1
        names[name] = size
        while self._names.total() > _MOST:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        user = self._names.most_common(1)[0][0]
        channels = self._users[user]
        channel = next(iter(channels))
        self._names[user] -= len(channels.pop(channel))


def _channel(action: Action) -> bytes:
    return action.get(b"channel").lower()


def _entry(action: Action) -> tuple[int, int]:
    name = action.get(b"variable")
    return hash(name), len(name) + len(action.get(b"value"))
