"""Accounts: how much of Asterisk's time each user has had on one link, and whose action is sent next.

Asterisk runs the actions of a link one by one, so what a user's action costs
everybody else is the time that Asterisk spends on it.  The queue in front of
the link is fair by that time and not by the number of actions, and no user has
more in Asterisk's own queue, which knows no turns, than a moment's work.
"""

import math
from collections import deque
from typing import TYPE_CHECKING, Final

from proxy.ami.message import Action

if TYPE_CHECKING:
    from proxy.core.correlator import Asker

#: Seconds of work that one user may have in Asterisk's queue; a single action may be more.
_AHEAD: Final = 0.002
#: Seconds without an action after which the others on the link do not count as being there.
_ABSENT: Final = 1.0
#: Seconds whose share may be had at once.
_AT_ONCE: Final = 1.0
#: Seconds whose share may be owed at most: one long action is not held against its user for ever.
_LONGEST_DEBT: Final = 6.0
#: Seconds in which half of what an action took is forgotten.  An average would not do: many quick actions
#: would make room at Asterisk for as many slow ones, which it would run in one go.
_FORGETTING: Final = 5.0
#: No share: a link on which only the order counts.
WHOLE: Final = 1.0

Item = tuple["Asker", Action, float]


class Account:
    """One user on one link."""

    __slots__ = (
        "_even_at",
        "_took_at",
        "asked",
        "name",
        "on_link",
        "over",
        "queue",
        "seconds",
        "turn",
        "typical",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        #: Seconds of Asterisk's time since the start.
        self.seconds = 0.0
        #: What waits for a place on the link, with the time at which each began to wait.
        self.queue: deque[Item] = deque()
        #: Actions that were sent and not answered.
        self.on_link = 0
        #: Seconds that one of its actions may take: what the slowest took, less and less with time.
        self.typical = 0.0
        self._took_at = 0.0
        #: The user who has had the least goes first; those who come back do not catch up.
        self.turn = 0.0
        #: When its last action came.
        self.asked = 0.0
        #: It waits because of its share, and that was said.
        self.over = False
        #: When its share will have paid for what it has had.
        self._even_at = 0.0

    def charge(self, seconds: float, now: float, share: float) -> None:
        """Asterisk has spent this time on it."""
        self.seconds += seconds
        self.turn += seconds
        even = self._even_at
        even = max(even, now)
        even += seconds / share
        self._even_at = min(now + _LONGEST_DEBT, even)

    def took(self, seconds: float, now: float) -> None:
        """One of its actions took so long."""
        if seconds < self.typical:
            left = self.typical * math.pow(0.5, (now - self._took_at) / _FORGETTING)
            seconds = max(seconds, left)
        self.typical = seconds
        self._took_at = now

    def wait(self, now: float) -> float:
        """Seconds until it has no more than its share of the time; 0 or less: none."""
        return self._even_at - now - _AT_ONCE

    @property
    def expected(self) -> float:
        """Where its turn will be when what is on the link is answered."""
        return self.turn + self.on_link * self.typical


class Accounts:
    """The accounts of one link, by the user's name: as many as there are users."""

    __slots__ = ("_beside", "_by_name", "_turn", "waiting")

    def __init__(self, beside: "Accounts | None" = None) -> None:
        """``beside``: of another link, whose users are kept waiting by what is sent over this one."""
        self._beside = beside
        self._by_name: dict[str, Account] = {}
        #: Those of which an action waits.
        self.waiting: dict[Account, None] = {}
        self._turn = 0.0

    def of(self, name: str) -> Account:
        """The account of this user."""
        account = self._by_name.get(name)
        if account is None:
            account = self._by_name[name] = Account(name)
        return account

    def seconds(self) -> dict[str, float]:
        """Seconds of Asterisk's time since the start, by user."""
        return {name: account.seconds for name, account in self._by_name.items()}

    def passes(self, account: Account, now: float, share: float) -> bool:
        """Whether an action that comes while none waits is sent at once; then it counts as taken.

        The same as ``add``, ``next`` and ``take`` come to; if it is not sent, it is for ``add``.
        """
        account.asked = now
        if not account.on_link:
            account.turn = max(account.turn, self._turn)
        elif account.on_link * account.typical >= _AHEAD:
            return False
        if share < WHOLE and account.wait(now) > 0 and not self._is_alone(account, now):
            return False
        self._turn = max(self._turn, account.turn)
        account.over = False
        return True

    def add(self, account: Account, item: Item) -> None:
        """One more action waits."""
        account.asked = item[2]
        if account not in self.waiting:
            self.waiting[account] = None
            if not account.on_link and account.turn < self._turn:
                account.turn = self._turn
        account.queue.append(item)

    def next(self, now: float, share: float) -> Account | None:
        """Whose action is sent next; None if all have to wait longer.  ``share`` WHOLE: no share."""
        best: Account | None = None
        for account in self.waiting:
            if account.on_link and account.on_link * account.typical >= _AHEAD:
                continue
            if best is not None and best.expected <= account.expected:
                continue
            if share < WHOLE and account.wait(now) > 0 and not self._is_alone(account, now):
                continue
            best = account
        return best

    def take(self, account: Account) -> Item:
        """The next action of an account that waits no longer."""
        self._turn = max(self._turn, account.turn)
        account.over = False
        item = account.queue.popleft()
        if not account.queue:
            del self.waiting[account]
        return item

    def held(self, now: float) -> list[Account]:
        """Those that wait because of their share."""
        return [account for account in self.waiting if account.wait(now) > 0]

    def overdue(self, since: float) -> list[Item]:
        """What began to wait before ``since``: it waits no longer."""
        found: list[Item] = []
        for account in list(self.waiting):
            while account.queue and account.queue[0][2] < since:
                found.append(self.take(account))
        return found

    def remove(self, asker: "Asker") -> list[Action]:
        """What waits of this asker: it waits no longer."""
        found: list[Action] = []
        for account in list(self.waiting):
            mine = [item for item in account.queue if item[0] is asker]
            if mine:
                found += [item[1] for item in mine]
                account.queue = deque(item for item in account.queue if item[0] is not asker)
                if not account.queue:
                    del self.waiting[account]
        return found

    def clear(self) -> list[Item]:
        """The link is gone: all that waited, in the order in which it came."""
        found = [item for account in self.waiting for item in account.queue]
        found.sort(key=lambda item: item[2])
        for account in self.waiting:
            account.queue.clear()
        self.waiting.clear()
        for account in self._by_name.values():
            account.on_link = 0
        return found

    def __len__(self) -> int:
        """Actions that wait."""
        # Asked several times an action, and mostly there is none.
        return sum([len(account.queue) for account in self.waiting]) if self.waiting else 0

    def _is_alone(self, account: Account, now: float) -> bool:
        """Whether nobody else has asked anything lately: then nobody is kept waiting."""
        return self._absent(account.name, now) and (
            self._beside is None or self._beside._absent(account.name, now)
        )

    def _absent(self, name: str, now: float) -> bool:
        """Whether nobody but this user has asked anything lately."""
        recent = now - _ABSENT
        return all(other.asked < recent or other.name == name for other in self._by_name.values())
