"""Members: how many members each user has added to each of Asterisk's queues, by any action.

app_queue writes all members of a queue into one record of its database whenever one is added, so each
addition costs more than the one before it.  Only a hash of each member is remembered, for a bounded number
of members in all: above that, of the queues of the user who has added the most, the one whose last
addition is the longest ago is forgotten.

A member can be added by the action QueueAdd, by the command ``queue add member``, and by the application
AddQueueMember, started by Originate or by AGI's EXEC.  It counts from when the action is sent, so that
several sessions of a user cannot pass the limit at once, until any user's QueueRemove removes it.  A member
that Asterisk's dialplan or command line removes still counts, but adding it again does not count twice.
"""

# mypyc: compiled

from collections import Counter
from typing import Final

from amiproxy.ami.message import Action
from amiproxy.core.policy.console import commands
from amiproxy.core.policy.dialplan import functions

#: Actions that may add a member.
ADDING: Final = frozenset({b"agi", b"command", b"originate", b"queueadd"})
_APPLICATION: Final = b"addqueuemember"

#: Most members remembered, of all queues together.
_MOST = 65_536  # not Final: mypyc would inline it, so that tests could not lower it


class Members:
    """Members that were added and not refused by Asterisk, by user and queue."""

    def __init__(self) -> None:
        # user -> queue -> hashes of the interfaces; queues in the order of their use, names in lower case
        self._users: dict[str, dict[bytes, set[int]]] = {}
        self._count: Counter[str] = Counter()

    def is_full(self, user: str, action: Action, most: int) -> bool:
        """Whether the action would give the user more than ``most`` members in a queue.

        False for every action that adds no member to a queue.  ``user`` is the name as the table spells it.
        """
        added = _added(action)
        if added is None:
            return False
        queue, member = added
        members = self._users.get(user, {}).get(queue, set())
        return member not in members and len(members) >= most

    def take(self, user: str, action: Action) -> bool:
        """Count an action that is sent.  Returns whether the count rose, so that ``give_back`` applies."""
        added = _added(action)
        if added is None:
            return False
        queue, member = added
        queues = self._users.setdefault(user, {})
        members = queues.pop(queue, set())
        queues[queue] = members  # now the most recently used
        if member in members:
            return False
        members.add(member)
        self._count[user] += 1
        if self._count.total() > _MOST:
            self._forget_oldest()
        return True

    def give_back(self, user: str, action: Action) -> None:
        """Undo a ``take`` that returned True, because Asterisk refused the action."""
        added = _added(action)
        assert added is not None
        self._remove(user, *added)

    def removed(self, action: Action) -> None:
        """A QueueRemove has removed the member: it no longer counts for any user."""
        queue, member = _entry(action.get(b"queue"), action.get(b"interface"))
        for user in self._users:
            self._remove(user, queue, member)

    def _remove(self, user: str, queue: bytes, member: int) -> None:
        queues = self._users.get(user, {})
        members = queues.get(queue, set())
        if member in members:
            members.remove(member)
            self._count[user] -= 1
            if not members:
                del queues[queue]

    def _forget_oldest(self) -> None:
        user = self._count.most_common(1)[0][0]
        queues = self._users[user]
        self._count[user] -= len(queues.pop(next(iter(queues))))


def _added(action: Action) -> tuple[bytes, int] | None:
    """The queue, and a hash of the member that the action adds to it; None if it adds none."""
    key = action.key
    if key == b"queueadd":
        return _entry(action.get(b"queue"), action.get(b"interface"))
    if key == b"originate":
        runs = action.get(b"application").strip(b" \t").lower() == _APPLICATION
        return _run(action.get(b"data"), action.get(b"channel")) if runs else None
    if key == b"agi":
        # EXEC AddQueueMember queue,interface
        said = commands.words(action.get(b"command"))
        runs = [word.lower() for word in said[:2]] == _EXECUTED
        return _run(b"".join(said[2:3]), action.get(b"channel")) if runs else None
    if key == b"command":
        # queue add member INTERFACE to QUEUE
        for said in commands.readings(action.get(b"command")):
            if len(said) > 5 and [word.lower() for word in said[:3]] == _TYPED:
                return _entry(said[5], said[3])
    return None


_EXECUTED: Final = [b"exec", _APPLICATION]
_TYPED: Final = [b"queue", b"add", b"member"]


def _run(data: bytes, channel: bytes) -> tuple[bytes, int]:
    """The same for the application, which adds its own channel if no interface is given."""
    queue, interface, *_ = [*functions.arguments(data), b"", b""]
    return _entry(queue, interface or channel)


def _entry(queue: bytes, interface: bytes) -> tuple[bytes, int]:
    # Asterisk ignores case in both.
    return queue.lower(), hash(interface.lower())
