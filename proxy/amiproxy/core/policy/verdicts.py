"""Verdicts: ``decide`` with a cache for actions without arguments.

A Ping, a QueueStatus or a CoreShowChannels is a name and perhaps an ActionID, which
no check looks at: the same user gets the same verdict on it until users or actions
change.  Refusals are not cached, so that the number of existing actions bounds the
cache, whatever names clients invent.

Each server has a cache of its own, because its actions and a user's rights at it are its own.
"""

# mypyc: compiled

from collections.abc import Callable

from amiproxy.ami.actions import ActionTable
from amiproxy.ami.arguments import FRAME
from amiproxy.ami.message import Action
from amiproxy.core.model.users import User
from amiproxy.core.policy.verdict import Allow, Deny

Decide = Callable[[User, Action, ActionTable], Allow | Deny]


class _Remembered:
    """Actions that a user was allowed.  ``user`` is compared by identity: a reload makes new users."""

    __slots__ = ("allowed", "user")

    def __init__(self, user: User) -> None:
        self.user = user
        #: Action name in lower case -> (rule, whether the action is privileged).
        self.allowed: dict[bytes, tuple[str, bool]] = {}


class Verdicts:
    """The verdict cache of one server."""

    __slots__ = ("_by_user", "_decide", "_table")

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._table: ActionTable | None = None
        #: By user name; bounded by the users that have logged in since the last change of users or actions.
        self._by_user: dict[str, _Remembered] = {}

    def on(self, user: User, action: Action, table: ActionTable) -> Allow | Deny:
        """The verdict of ``decide``, from the cache if the action has no arguments."""
        if not action.has_only(FRAME):
            return self._decide(user, action, table)
        if table is not self._table:
            self._table = table
            self._by_user.clear()
        remembered = self._by_user.get(user.name)
        if remembered is None or remembered.user is not user:
            remembered = self._by_user[user.name] = _Remembered(user)
        key = action.key
        found = remembered.allowed.get(key)
        if found is not None:
            return Allow(action, found[0], found[1])
        decision = self._decide(user, action, table)
        if isinstance(decision, Allow) and decision.action is action:
            remembered.allowed[key] = decision.rule, decision.privileged
        return decision

    def forget(self) -> None:
        """Empty the cache, because the users have changed."""
        self._by_user.clear()


class VerdictCaches:
    """The verdict caches of all servers of one hub."""

    __slots__ = ("_by_server", "_decide")

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._by_server: dict[str, Verdicts] = {}

    def of(self, server: str) -> Decide:
        """``decide`` with the cache of the server of this name; always the same until ``keep`` drops it."""
        verdicts = self._by_server.get(server)
        if verdicts is None:
            verdicts = self._by_server[server] = Verdicts(self._decide)
        return verdicts.on

    def forget(self) -> None:
        """Empty all caches, because the users have changed."""
        for verdicts in self._by_server.values():
            verdicts.forget()

    def drop(self, server: str) -> None:
        """Drop the cache of a server that is no longer configured."""
        self._by_server.pop(server, None)
