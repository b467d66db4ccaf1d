"""ActionQueue: what a client has sent and what has not started yet, in the order in which it may run.

Each waits for the actions before it; those that wait for the rate of their kind let others pass where the
client cannot see a difference (see ``aside``).
"""

# mypyc: compiled

from collections import deque

from amiproxy.ami.message import Action
from amiproxy.core.budgets import aside
from amiproxy.core.budgets.aside import Aside, Place, Waiter
from amiproxy.core.budgets.throttle import Held, Line, Throttle, UserRates
from amiproxy.core.limitstate import LimitState, Load
from amiproxy.core.ports import Scheduler
from amiproxy.core.servers.server import Server


class ActionQueue:
    """The waiting actions of one session."""

    __slots__ = ("_counted", "_held", "_limit_state", "_load", "aside", "messages", "throttle")

    def __init__(self, limit_state: LimitState, rates: UserRates, bound: Server | None) -> None:
        """``bound``: see ``follow``."""
        self._limit_state = limit_state
        self._load: Load = limit_state.load
        #: Messages that were read and not parsed yet, behind the action that runs.  After a change, ``count``
        #: must be called, once it is known how many of them start at once.
        self.messages: deque[bytes] = deque()
        #: How many of them count as in flight.
        self._counted = 0
        #: The action that waits while the whole session is held back.
        self._held: Action | None = None
        #: Actions that wait for the rate of their kind.
        self.aside = Aside()
        self.throttle = Throttle(rates)
        self.follow(bound)

    @property
    def size(self) -> int:
        """The number of waiting actions, except one that is held back."""
        return len(self.messages) + self.aside.size

    def take(self) -> bytes | Action | None:
        """Remove and return the next message, or the next action that has waited; None if none may run.

        A message is as ActionFramer returned it, not parsed.
        """
        waiting = self.aside
        if waiting.size:
            waited = waiting.take()
            if waited is not None:
                return waited
            if waiting.holds_session:
                return None
        if not self.messages:
            return None
        raw = self.messages.popleft()
        self.count()
        return raw

    def count(self) -> None:
        """Count the messages that wait against ``limits.in_flight``."""
        # One read may bring a thousand actions.  Those that wait for a rate or are beyond the session's
        # own limit do not count as in flight, so that they hold up no other session.
        counted = len(self.messages)
        if counted:
            waits = self._held is not None or (self.aside.size and self.aside.holds_session)
            counted = 0 if waits else min(counted, self._limit_state.limits.in_flight_per_session)
        if counted != self._counted:
            self._load.queued += counted - self._counted
            self._counted = counted

    def follow(self, bound: Server | None) -> None:
        """Count what waits towards the load of the server that the session is bound to, if it is bound."""
        load = bound.load if bound is not None else self._limit_state.load
        self._load.queued -= self._counted
        load.queued += self._counted
        self._load = load

    def hold(self, action: Action) -> None:
        """Hold back this action, and all that the client sends after it."""
        self._held = action
        self.count()

    def let_go(self) -> None:
        """End ``hold``: the caller runs the action."""
        self._held = None
        self.count()

    def clear(self) -> list[Action]:
        """Remove everything; returns the actions that waited for a rate."""
        self.messages.clear()
        unsent = self.aside.clear()
        if self._held is not None:
            unsent.insert(0, self._held)  # it had already passed those in ``aside``
            self._held = None
        self.count()
        return unsent

    def passes(
        self, action: Action, line: Line | None, waiter: Waiter, scheduler: Scheduler
    ) -> tuple[bool, Held | None]:
        """Whether the action may run now; and the limit that it exceeds, if it exceeds one.

        ``line`` is for the rate of its kind.  An action that may not run waits, and the waiter advances when
        that is over; except if its limit is to refuse it.
        """
        waiting = self.aside
        follows = waiting.followed_by(action) if waiting.size else None
        place = Place(waiter, action)
        held: Held | None = None
        if line is not None:
            held = self.throttle.kind(line, scheduler.now())
            if held is not None:
                if held.refused:
                    return False, held
                place.granted = False
                line.join(place, scheduler)
        if place.granted and follows is None:
            return True, held
        waiting.add(place, follows if follows is not None else action.key, aside.holds(action))
        return False, held
