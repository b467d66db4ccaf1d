"""Window: the actions on a link that Asterisk has not answered, and the users to whom its time is charged.

Asterisk runs the actions of a link one by one and answers in order, so the time between two answers was
spent on what was answered then.
"""

# mypyc: compiled

import itertools
from collections.abc import Callable
from typing import Final

from amiproxy.core.servers.accounts import Accounts
from amiproxy.core.servers.answers.base import PendingAnswer
from amiproxy.core.servers.known.lengths import Lengths

#: Answers with at least this many items are charged for the proxy's own time, too.
_MANY_ITEMS: Final = 32


class Window:
    """The answers that are pending on one link."""

    __slots__ = ("_accounts", "_lengths", "_working_since", "answers", "served")

    def __init__(self, accounts: Accounts, lengths: Lengths | None) -> None:
        """``lengths`` records how long answers were."""
        self._accounts = accounts
        self._lengths = lengths
        #: In the order in which the actions were sent.
        self.answers: dict[PendingAnswer, None] = {}
        #: Those that left during this read; and since when Asterisk has been working on the next one.
        self.served: list[PendingAnswer] = []
        self._working_since = 0.0

    def enter(self, answer: PendingAnswer, now: float) -> None:
        """The action is being sent.  ``now`` is in monotonic seconds."""
        if not self.answers:
            self._working_since = now
        self.answers[answer] = None
        if answer.account is not None:
            answer.expected = self._accounts.sent(answer.account)

    def leave(self, answer: PendingAnswer) -> None:
        """Asterisk has gone on to the next action; does nothing if the answer has left already."""
        if answer in self.answers:
            del self.answers[answer]
            self.served.append(answer)
            if answer.account is not None:
                self._accounts.left(answer.account, answer.expected)
            if answer.left is not None:
                answer.left.arrived(answer)

    def replace(self, before: PendingAnswer, answer: PendingAnswer) -> None:
        """Put an answer in the place of another."""
        answer.left = before.left
        self.answers = {answer if each is before else each: None for each in self.answers}

    def earlier(self, answer: PendingAnswer) -> list[PendingAnswer]:
        """The answers to actions that were sent before this one's."""
        return list(itertools.takewhile(lambda other: other is not answer, self.answers))

    def clear(self) -> None:
        """The link is lost: Asterisk works on none of them."""
        answers, self.answers = self.answers, {}
        self.served.clear()
        for answer in answers:
            if answer.left is not None:
                answer.left.arrived(answer)

    def charge(
        self,
        now: float,
        share: float,
        open_list: PendingAnswer | None,
        relayed: Callable[[str, int], None] | None,
    ) -> None:
        """Charge the time since the last call to the users whose answers, or parts of them, have come.

        ``share``: see ``Accounts.charge``.  ``relayed`` is called with the number of items of a long answer
        that a user was sent.
        """
        served = self.served
        if open_list is not None:
            served.append(open_list)
        seconds = now - self._working_since
        self._working_since = now
        # It is not known how long each of several actions took: assume that long lists took most of it.
        weight = 0
        for answer in served:
            weight += 1 + answer.items
        accounts = self._accounts
        for answer in served:
            account = answer.account
            if account is not None:
                part = seconds * (1 + answer.items) / weight
                accounts.charge(account, part, now, share)
                answer.seconds += part
                if answer.items >= _MANY_ITEMS and relayed is not None:
                    relayed(account.name, answer.items - answer.relayed)
                    answer.relayed = answer.items
                if answer is not open_list:
                    accounts.took(account, answer.seconds, now)
                    if self._lengths is not None:
                        self._lengths.note(account.name, answer.action.key, answer.size, answer.seconds, now)
        self.served = []
