"""Members: how many members each user has added to each of Asterisk's queues with QueueAdd.

app_queue writes all members of a queue into one record of its database whenever
one is added, so that each addition costs more than the one before it.  What is
remembered here is a number for each member, and of so many in all that memory
is bounded: beyond, the queue that was longest without a QueueAdd is forgotten,
of the user who has added the most.

A QueueAdd counts from the moment it is sent, so that several sessions of a user
cannot pass the limit at once.  A member counts until any user's QueueRemove takes
it out; one that Asterisk's dialplan or command line removes counts on, and may be
added again without counting twice.
"""

from collections import Counter

from proxy.ami.message import Action

#: Members that are remembered of all queues together.
_MOST = 65_536  # not Final: a compiler would write it into the code, where no test can lower it


class Members:
    """What was added and not refused by Asterisk, by user and queue."""

    def __init__(self) -> None:
        # user -> queue -> hashes of the interfaces; queues in the order of their use, names in lower case
        self._users: dict[str, dict[bytes, set[int]]] = {}
        self._count: Counter[str] = Counter()

    def is_full(self, user: str, action: Action, most: int) -> bool:
        """Whether the user's QueueAdd would add one more to its queue than ``most``."""
        queue, member = _entry(action)
        members = self._users.get(user, {}).get(queue, set())
        return member not in members and len(members) >= most

    def take(self, user: str, action: Action) -> bool:
        """The QueueAdd is sent; whether it counts, for ``give_back``."""
        queue, member = _entry(action)
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
        """Asterisk refused it."""
        queue, member = _entry(action)
        self._remove(user, queue, member)

    def removed(self, action: Action) -> None:
        """A QueueRemove took the member out, whoever added it."""
        queue, member = _entry(action)
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


def _entry(action: Action) -> tuple[bytes, int]:
    # Asterisk tells the case of letters apart in neither.
    return action.get(b"queue").lower(), hash(action.get(b"interface").lower())
