"""Generations: which rights of users an edge may have judged an action by.

The users are distributed to edges and agents one after another, so what a user's rights were before the last
reload is accepted for some minutes.
"""

# mypyc: compiled

from typing import Final

from amiproxy.core.context import Context
from amiproxy.core.model.generation import generation_of
from amiproxy.core.model.users import User, folded

#: Seconds after a reload for which the rights of before are accepted.
SECONDS: Final = 300.0
#: Users that are let go in one tick: freeing all of many at once would hold up the loop.
AT_ONCE: Final = 1000


class Generations:
    """The users in force and those before."""

    __slots__ = ("_at_once", "_before", "_ctx", "_dropped", "_now", "_table", "_until")

    def __init__(self, ctx: Context, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._ctx = ctx
        self._table = ctx.users
        #: The users in force, and those before until this time.  The table of before is emptied after a
        #: reload, so these are kept here.
        self._now: dict[bytes, User] = ctx.users.by_name()
        self._before: dict[bytes, User] = {}
        self._until = 0.0
        #: Users that are to be let go.
        self._dropped: list[dict[bytes, User]] = []

    @property
    def held(self) -> int:
        """The number of users of before that have not been let go."""
        return len(self._before) + sum(map(len, self._dropped))

    def knows(self, user: User, server: str, generation: bytes) -> bool:
        """Whether this user, one of those in force, has these rights at this server, or had them lately."""
        self._follow()
        if generation_of(user.at(server)) == generation:
            return True
        before = self._before.get(folded(user.name))
        if before is None or self._ctx.scheduler.now() > self._until:
            return False
        return generation_of(before.at(server)) == generation

    def tick(self) -> None:
        """Notice a reload, and forget what is too old; to be called once a second."""
        self._follow()
        if self._before and self._ctx.scheduler.now() > self._until:
            self._drop(self._before)
            self._before = {}
        left = self._at_once
        while self._dropped and left:
            users = self._dropped[-1]
            while users and left:
                users.popitem()
                left -= 1
            if not users:
                self._dropped.pop()

    def _follow(self) -> None:
        ctx = self._ctx
        if ctx.users is not self._table:
            self._table = ctx.users
            self._drop(self._before)
            self._before = self._now
            self._now = ctx.users.by_name()
            self._until = ctx.scheduler.now() + SECONDS

    def _drop(self, users: dict[bytes, User]) -> None:
        if users:
            self._dropped.append(users)
