"""Accounts: how much of Asterisk's time each user has used on one link, and whose action is sent next.

Asterisk runs the actions of a link one by one, so the cost of an action to all other users is the time
that Asterisk spends on it.  The queue in front of the link is fair by that time, not by the number of
actions.  Asterisk's own queue is first come, first served, so no user has more than about ``_AHEAD``
seconds of work in it.

A user is limited to its share of the time only while another user, who is within their own share, has
asked recently.  When all users who ask have used up their shares, an idle link would help none of them,
so only the order counts; and time that a user gets then is not owed later.
"""

# mypyc: compiled

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from amiproxy.ami.message import Action
from amiproxy.core.limits.fairtime import charged, position, used
from amiproxy.core.servers.requester import Asker, Requester

#: Most seconds of work that one user may have in Asterisk's queue; a single action may be longer.
_AHEAD: Final = 0.002
#: The same for all users together; further actions wait here, where users who have used little go first.
_AHEAD_OF_ALL: Final = 0.004
#: Users who have used less than this recently are equal, and served in the order in which they asked.
_LITTLE: Final = 0.001
#: Weight of a new action in the average of all users.
_NEWEST_OF_ALL: Final = 1 / 64
#: Seconds without an action after which a user does not count as present.
_ABSENT: Final = 1.0
#: Burst: a user may be ahead of its share by its share of this many seconds.
_AT_ONCE: Final = 1.0
#: A user ahead by its share of this many seconds counts as having used it up.  This is below ``_AT_ONCE``, at
#: which users stay while nothing holds them back: otherwise each of them would count as within its share
#: again after the shortest pause, and all others would be held back for it.
_USED_UP: Final = 0.5
#: Most seconds of its share by which a user can be ahead: one long action is not held against it for ever.
_LONGEST_DEBT: Final = 6.0
#: Half-life, in seconds, of the time that actions are expected to take.  An average alone would not do: after
#: many quick actions, as many slow ones could be sent, which Asterisk would run in one go.
_FORGETTING: Final = 5.0
#: Weight of a new action in the average of which ``Account.typical`` is the recent maximum.  A single action
#: may have been slow because the machine was busy.
_NEWEST: Final = 1 / 16
#: Most seconds that an action counts for in the averages; one such action already fills ``_AHEAD``.
_LONGEST: Final = 0.05
#: The share that means no limit: only the order counts.
WHOLE: Final = 1.0

Item = tuple[Asker, Action, float]


class Account:
    """The account of one user on one link."""

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
        #: Seconds of Asterisk's time that it has used since the start.
        self.seconds = 0.0
        #: Actions that wait for a place on the link, with the time at which each began to wait.
        self.queue: deque[Item] = deque()
        #: Number of actions that were sent and are not answered.
        self.on_link = 0
        #: Seconds that one of its actions may take: the recent maximum of the average, decaying with time.
        self.typical = 0.0
        self._took_at = 0.0
        #: Moving average of the seconds that its actions took.
        self._average = 0.0
        #: Its position: the lowest of the waiting accounts goes first.  On the same scale as in FairTime.
        self.place = 0.0
        #: Seconds that it has used, weighted as of ``_had_at``.
        self._had = self._had_at = 0.0
        #: When its last action arrived.
        self.asked = -math.inf
        #: Whether it waits because of its share, and that was reported.
        self.over = False
        #: When its share will have covered what it has used.
        self.even_at = 0.0

    def had(self, seconds: float, now: float) -> None:
        """Add ``seconds`` of Asterisk's time to what it has used recently."""
        self._had = charged(self._had, self._had_at, now, seconds)
        self._had_at = now

    def place_at(self, now: float, ahead: float) -> float:
        """Its ``place`` if its actions on the link will take ``ahead`` seconds."""
        return position(used(self._had, self._had_at, now) + ahead, _LITTLE, now)

    def took(self, seconds: float, now: float) -> None:
        """Record how long one of its actions took."""
        average = self._average
        if now > self._took_at:
            kept = math.pow(0.5, (now - self._took_at) / _FORGETTING)
            average *= kept
            self.typical *= kept
            self._took_at = now
        average += ((seconds if seconds < _LONGEST else _LONGEST) - average) * _NEWEST  # noqa: FURB136 - hot
        self._average = average
        if average > self.typical:  # noqa: PLR1730 - hot
            self.typical = average

    def wait(self, now: float) -> float:
        """Seconds until it is within its share again; 0 or less if it is."""
        return self.even_at - now - _AT_ONCE


class Accounts:
    """The accounts of one link, by user name; at most as many as there are users.

    ``now`` is in monotonic seconds everywhere, and ``share`` is the part of Asterisk's time that one user may
    use while others use the link, from 0 to WHOLE.
    """

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
        """``beside`` are the accounts of another link, whose users actions on this link delay as well."""
        self._beside = beside
        self._by_name: dict[str, Account] = {}
        #: Accounts with waiting actions.
        self.waiting: dict[Account, None] = {}
        #: Seconds that Asterisk is expected to take for all actions on the link, and for one on average.
        self.ahead = 0.0
        self._average = self._took_at = 0.0
        #: Users who have asked recently, and perhaps some who no longer have.
        self._present: dict[Account, None] = {}
        #: One of them who had not used up its share when that was last looked for.
        self._spared: Account | None = None
        #: Until when all of them have, provided that no further user asks.
        self._used_up_until = -math.inf
        #: Whether the last ``next`` skipped an account because of its share.
        self.withheld = False

    def of(self, name: str) -> Account:
        """The account of this user, created if needed."""
        account = self._by_name.get(name)
        if account is None:
            account = self._by_name[name] = Account(name)
        return account

    def seconds(self) -> dict[str, float]:
        """Seconds of Asterisk's time used since the start, by user."""
        return {name: account.seconds for name, account in self._by_name.items()}

    def passes(self, account: Account, now: float, share: float) -> bool:
        """Whether an action that arrives while none is waiting may be sent at once.

        This is a shortcut for ``add``, ``next`` and ``take``.  If it returns True, the action counts as
        taken; otherwise the caller must ``add`` it.
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
        """Count an action on the link.  Returns its expected seconds, to be given to ``left``."""
        account.on_link += 1
        average = self._average
        expected = account.typical if account.typical > average else average  # noqa: FURB136 - hot
        self.ahead += expected
        return expected

    def left(self, account: Account, expected: float) -> None:
        """Count an action as no longer on the link; ``expected`` is what ``sent`` returned."""
        account.on_link -= 1
        # Rounding errors add up: keep the sum from falling below 0.
        self.ahead = self.ahead - expected if self.ahead > expected else 0.0

    def took(self, account: Account, seconds: float, now: float) -> None:
        """Record how long one of the account's actions took."""
        account.took(seconds, now)
        if now > self._took_at:
            self._average *= math.pow(0.5, (now - self._took_at) / _FORGETTING)
            self._took_at = now
        self._average += ((seconds if seconds < _LONGEST else _LONGEST) - self._average) * _NEWEST_OF_ALL  # noqa: FURB136 - hot

    def charge(self, account: Account, seconds: float, now: float, share: float) -> None:
        """Charge an account for ``seconds`` that Asterisk has spent on it."""
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
        """Queue an action; the last part of ``item`` is the time of its arrival, in monotonic seconds."""
        if item[2] - account.asked > _ABSENT:
            self._enter(account)
        account.asked = max(account.asked, item[2])
        if account not in self.waiting:
            self.waiting[account] = None
            account.place = account.place_at(item[2], 0.0)
        account.queue.append(item)

    def next(self, now: float, share: float) -> Account | None:
        """The account whose action is sent next; None if all have to wait longer."""
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
                # Its position once its actions on the link are answered.
                place = account.place_at(now, ahead)
            if place >= least:
                continue
            if share < WHOLE and account.even_at - now > _AT_ONCE and self.spares(account.name, now):
                self.withheld = True
                continue
            best, least = account, place
        return best

    def take(self, account: Account) -> Item:
        """Remove and return the next action of an account.  It must have one, as those from ``next`` do."""
        account.over = False
        item = account.queue.popleft()
        del self.waiting[account]
        if account.queue:
            self.waiting[account] = None  # behind the others
        return item

    def held(self, now: float) -> list[Account]:
        """The accounts that wait because of their share."""
        over = [account for account in self.waiting if account.wait(now) > 0]
        return [account for account in over if self.spares(account.name, now)]

    def overdue(self, since: float) -> list[Item]:
        """Remove and return the actions that have been waiting since before ``since``."""
        found: list[Item] = []
        for account in list(self.waiting):
            while account.queue and account.queue[0][2] < since:
                found.append(self.take(account))
        return found

    def remove(self, requester: Requester) -> list[Action]:
        """Remove and return the waiting actions of this requester."""
        found: list[Action] = []
        for account in list(self.waiting):
            mine = [item for item in account.queue if item[0] is requester]
            if mine:
                found += [item[1] for item in mine]
                account.queue = deque(item for item in account.queue if item[0] is not requester)
                if not account.queue:
                    del self.waiting[account]
        return found

    def withdraw(self, wanted: Callable[[Item], bool]) -> list[Item]:
        """Remove and return the waiting actions for which ``wanted`` holds."""
        found: list[Item] = []
        for account in list(self.waiting):
            kept: deque[Item] = deque()
            for item in account.queue:
                if wanted(item):
                    found.append(item)
                else:
                    kept.append(item)
            account.queue = kept
            if not kept:
                del self.waiting[account]
        return found

    def clear(self) -> list[Item]:
        """The link is lost: remove and return all waiting actions, in the order of arrival."""
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
        """The number of waiting actions."""
        # Called several times per action, and mostly none is waiting.
        return sum([len(account.queue) for account in self.waiting]) if self.waiting else 0

    def spares(self, name: str, now: float) -> bool:
        """Whether another user, who has not used up its share of this link, has asked recently.

        For a link beside another one, the users of that one count as well.
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
                soonest = now  # it counts for the other users
            else:
                soonest = min(soonest, account.even_at - _USED_UP)
        self._spared = None
        self._used_up_until = soonest
        return False

    def _enter(self, account: Account) -> None:
        """A user asks again after an absence, or for the first time."""
        self._present[account] = None
        self._used_up_until = -math.inf


def _is_spared(account: Account, recent: float, now: float) -> bool:
    return account.asked >= recent and account.even_at - now <= _USED_UP
