"""Members: how many members each user has added to each of Asterisk's queues, whichever way.

app_queue writes all members of a queue into one record of its database whenever
one is added, so that each addition costs more than the one before it.  What is
remembered here is a number for each member, and of so many in all that memory
is bounded: beyond, the queue that was longest without a new member is forgotten,
of the user who has added the most.

The ways are the action QueueAdd, the command ``queue add member``, and the
application AddQueueMember, started by Originate or by AGI's EXEC.  A member counts
from the moment it is sent, so that several sessions of a user cannot pass the limit
at once, and until any user's QueueRemove takes it out; one that Asterisk's dialplan
or command line removes counts on, and may be added again without counting twice.
"""

from collections import Counter
from typing import Final

from proxy.ami.message import Action
from proxy.core.policy import commands, functions

#: Actions that may add a member.
ADDING: Final = frozenset({b"agi", b"command", b"originate", b"queueadd"})
_APPLICATION: Final = b"addqueuemember"

#: Members that are remembered of all queues together.
_MOST = 65_536  # not Final: a compiler would write it into the code, where no test can lower it


class Members:
    """What was added and not refused by Asterisk, by user and queue."""

    def __init__(self) -> None:
        # user -> queue -> hashes of the interfaces; queues in the order of their use, names in lower case
        self._users: dict[str, dict[bytes, set[int]]] = {}
        self._count: Counter[str] = Counter()

    def is_full(self, user: str, action: Action, most: int) -> bool:
        """Whether the user's action would add one more to a queue than ``most``."""
        added = _added(action)
        if added is None:
            return False
        queue, member = added
        members = self._users.get(user, {}).get(queue, set())
        return member not in members and len(members) >= most

    def take(self, user: str, action: Action) -> bool:
        """The action is sent; whether it adds a member that counts, for ``give_back``."""
        added = _added(action)
        if added is None:
            return False
        queue, member = added
        queues = self._users.setdefault(user, {})
        members = queues.pop(queue, set())
        queues[queue] = members  # now the last
        if member in members:
            return False
        members.add(member)
        self._count[user] += 1
        if self._count.total() > _MOST:
            self._forget_oldest()
        return True

    def give_back(self, user: str, action: Action) -> None:
        """Asterisk refused the action that ``take`` counted."""
        added = _added(action)
        assert added is not None
        self._remove(user, *added)

    def removed(self, action: Action) -> None:
        """A QueueRemove took the member out, whoever added it."""
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
    """The queue and the member that the action adds to it; None if it adds none."""
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
    """Of the application, which adds its own channel where no interface is said."""
    queue, interface, *_ = [*functions.arguments(data), b"", b""]
    return _entry(queue, interface or channel)


def _entry(queue: bytes, interface: bytes) -> tuple[bytes, int]:
    # Asterisk tells the case of letters apart in neither.
    return queue.lower(), hash(interface.lower())
