"""Accounts: how much of Asterisk's time each user has had on one link, and whose action is sent next.

Asterisk runs the actions of a link one by one, so what a user's action costs
everybody else is the time that Asterisk spends on it.  The queue in front of
the link is fair by that time and not by the number of actions, and no user has
more in Asterisk's own queue, which knows no turns, than a moment's work.

A user has a share of the time for as long as there is somebody to keep waiting:
another user who asks and is within their own share.  Where all users who ask have
used up theirs, an idle link would spare nobody, so only the order counts; and what
a user is given then is not owed later.
"""

import math
from collections import deque
from typing import TYPE_CHECKING, Final

from proxy.ami.message import Action
from proxy.core.fairtime import MEMORY, MOST

if TYPE_CHECKING:
    from proxy.core.correlator import Asker

#: Seconds of work that one user may have in Asterisk's queue; a single action may be more.
_AHEAD: Final = 0.002
#: The same of all users together: what comes then waits here, where those who have had little go first.
_AHEAD_OF_ALL: Final = 0.004
#: Users who have had less than this lately are equal, and served in the order in which they asked.
_LITTLE: Final = 0.001
#: What one more action counts in the average of all.
_NEWEST_OF_ALL: Final = 1 / 64
#: Seconds without an action after which a user does not count as being there.
_ABSENT: Final = 1.0
#: Seconds whose share may be had at once.
_AT_ONCE: Final = 1.0
#: Seconds whose share has been had by those who have used it up.  Below ``_AT_ONCE``, where those stay who
#: have the link for themselves: else each would be spared by the others as soon as it rests for a moment.
_USED_UP: Final = 0.5
#: Seconds whose share may be owed at most: one long action is not held against its user for ever.
_LONGEST_DEBT: Final = 6.0
#: Seconds in which half of what actions took is forgotten.  An average alone would not do: many quick actions
#: would make room at Asterisk for as many slow ones, which it would run in one go.
_FORGETTING: Final = 5.0
#: What one more action counts in the average that this is the highest of.  A single one may have been slow
#: because the machine was busy.
_NEWEST: Final = 1 / 16
#: No action counts for more seconds than this, by which one alone leaves room for no other.
_LONGEST: Final = 0.05
#: No share: a link on which only the order counts.
WHOLE: Final = 1.0

Item = tuple["Asker", Action, float]


class Account:
    """One user on one link."""

    __slots__ = (
        "_average",
        "_had",
        "_had_at",
        "_took_at",
        "asked",
        "even_at",
        "name",
        "on_link",
        "over",
        "place",
        "queue",
        "seconds",
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
        #: Seconds that one of its actions may take: the highest average lately, less and less with time.
        self.typical = 0.0
        self._took_at = 0.0
        #: Seconds that its last actions took, each counting less than the one after it.
        self._average = 0.0
        #: Of those that wait, the one with the least goes first: see FairTime, which has the same order.
        self.place = 0.0
        self._had = self._had_at = 0.0
        #: When its last action came.
        self.asked = -math.inf
        #: It waits because of its share, and that was said.
        self.over = False
        #: When its share will have paid for what it has had.
        self.even_at = 0.0

    def had(self, seconds: float, now: float) -> None:
        """It was given so much of Asterisk's time."""
        had = self._had * math.exp((self._had_at - now) / MEMORY) + seconds
        self._had = had if had < MOST else MOST  # noqa: FURB136 - hot
        self._had_at = now

    def place_at(self, now: float, ahead: float) -> float:
        """Its ``place``, if what is on the link takes ``ahead`` seconds."""
        counts = self._had * math.exp((self._had_at - now) / MEMORY) + ahead
        return math.log(counts + _LITTLE) + now / MEMORY

    def took(self, seconds: float, now: float) -> None:
        """One of its actions took so long."""
        average = self._average
        if now > self._took_at:
            kept = math.pow(0.5, (now - self._took_at) / _FORGETTING)
            average *= kept
            self.typical *= kept
            self._took_at = now
        average += ((seconds if seconds < _LONGEST else _LONGEST) - average) * _NEWEST  # noqa: FURB136 - hot
        self._average = average
        self.typical = max(self.typical, average)

    def wait(self, now: float) -> float:
        """Seconds until it has no more than its share of the time; 0 or less: none."""
        return self.even_at - now - _AT_ONCE


class Accounts:
    """The accounts of one link, by the user's name: as many as there are users."""

    __slots__ = (
        "_average",
        "_beside",
        "_by_name",
        "_present",
        "_spared",
        "_took_at",
        "_used_up_until",
        "ahead",
        "waiting",
        "withheld",
    )

    def __init__(self, beside: "Accounts | None" = None) -> None:
        """``beside``: of another link, whose users are kept waiting by what is sent over this one."""
        self._beside = beside
        self._by_name: dict[str, Account] = {}
        #: Those of which an action waits.
        self.waiting: dict[Account, None] = {}
        #: Seconds that Asterisk may take for all that is on the link, and for one action in the mean.
        self.ahead = 0.0
        self._average = self._took_at = 0.0
        #: Those who have asked lately, and perhaps some who have not.
        self._present: dict[Account, None] = {}
        #: One of them who has not used up its share, when that was looked for last.
        self._spared: Account | None = None
        #: Until when they all have; nobody new has come since that was found.
        self._used_up_until = -math.inf
        #: Whether ``next`` has passed anybody over because of its share.
        self.withheld = False

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
        if now - account.asked > _ABSENT:
            self._enter(account)
        account.asked = now
        if account.on_link and account.on_link * account.typical >= _AHEAD:
            return False
        if self.ahead >= _AHEAD_OF_ALL:
            return False
        if share < WHOLE and account.even_at - now > _AT_ONCE and self.spares(account.name, now):
            return False
        account.over = False
        return True

    def sent(self, account: Account) -> float:
        """One of its actions is on the link; the seconds that are for ``left``."""
        account.on_link += 1
        average = self._average
        expected = account.typical if account.typical > average else average  # noqa: FURB136 - hot
        self.ahead += expected
        return expected

    def left(self, account: Account, expected: float) -> None:
        """It is not on the link any more."""
        account.on_link -= 1
        # Sums of what is taken away again drift.
        self.ahead = self.ahead - expected if self.ahead > expected else 0.0

    def took(self, account: Account, seconds: float, now: float) -> None:
        """One of its actions took so long."""
        account.took(seconds, now)
        if now > self._took_at:
            self._average *= math.pow(0.5, (now - self._took_at) / _FORGETTING)
            self._took_at = now
        self._average += (min(seconds, _LONGEST) - self._average) * _NEWEST_OF_ALL

    def charge(self, account: Account, seconds: float, now: float, share: float) -> None:
        """Asterisk has spent this time on a user."""
        account.seconds += seconds
        account.had(seconds, now)
        if account.queue:
            account.place = account.place_at(now, 0.0)
        owed = seconds / share + (account.even_at - now if account.even_at > now else 0.0)
        if owed > _AT_ONCE:
            if share < WHOLE and self.spares(account.name, now):
                owed = min(owed, _LONGEST_DEBT)
            else:
                owed = max(_AT_ONCE, account.even_at - now)
        account.even_at = now + owed

    def add(self, account: Account, item: Item) -> None:
        """One more action waits."""
        if item[2] - account.asked > _ABSENT:
            self._enter(account)
        account.asked = item[2]
        if account not in self.waiting:
            self.waiting[account] = None
            account.place = account.place_at(item[2], 0.0)
        account.queue.append(item)

    def next(self, now: float, share: float) -> Account | None:
        """Whose action is sent next; None if all have to wait longer.  ``share`` WHOLE: no share."""
        best: Account | None = None
        self.withheld = False
        if self.ahead >= _AHEAD_OF_ALL:
            return None
        least = math.inf
        for account in self.waiting:
            place = account.place
            if account.on_link:
                ahead = account.on_link * account.typical
                if ahead >= _AHEAD:
                    continue
                # Where it will be when what is on the link is answered.
                place = account.place_at(now, ahead)
            if place >= least:
                continue
            if share < WHOLE and account.even_at - now > _AT_ONCE and self.spares(account.name, now):
                self.withheld = True
                continue
            best, least = account, place
        return best

    def take(self, account: Account) -> Item:
        """The next action of an account that waits no longer."""
        account.over = False
        item = account.queue.popleft()
        del self.waiting[account]
        if account.queue:
            self.waiting[account] = None  # behind the others
        return item

    def held(self, now: float) -> list[Account]:
        """Those that wait because of their share."""
        over = [account for account in self.waiting if account.wait(now) > 0]
        return [account for account in over if self.spares(account.name, now)]

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
        self.ahead = 0.0
        for account in self._by_name.values():
            account.on_link = 0
        return found

    def __len__(self) -> int:
        """Actions that wait."""
        # Asked several times an action, and mostly there is none.
        return sum([len(account.queue) for account in self.waiting]) if self.waiting else 0

    def spares(self, name: str, now: float) -> bool:
        """Whether anybody but this user has asked lately who has not used up its share of this link.

        Or, of a link beside another one, of that.
        """
        return self._is_there_for(name, now) or (
            self._beside is not None and self._beside._is_there_for(name, now)
        )

    def _is_there_for(self, name: str, now: float) -> bool:
        if now < self._used_up_until:
            return False
        spared, recent = self._spared, now - _ABSENT
        if spared is not None and _is_spared(spared, recent, now) and spared.name != name:
            return True
        soonest = math.inf
        for account in list(self._present):
            if account.asked < recent:
                del self._present[account]
            elif _is_spared(account, recent, now):
                if account.name != name:
                    self._spared = account
                    return True
                soonest = now  # it is there for others
            else:
                soonest = min(soonest, account.even_at - _USED_UP)
        self._spared = None
        self._used_up_until = soonest
        return False

    def _enter(self, account: Account) -> None:
        """It asks again, or for the first time."""
        self._present[account] = None
        self._used_up_until = -math.inf


def _is_spared(account: Account, recent: float, now: float) -> bool:
    return account.asked >= recent and account.even_at - now <= _USED_UP
