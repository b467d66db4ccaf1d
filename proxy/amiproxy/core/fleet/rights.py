"""RightsDigest: shows people whether the users of an agent have the same rights as those of an edge."""

# mypyc: compiled

import hashlib
from collections.abc import Iterator
from typing import Final

from amiproxy.core.context import Context
from amiproxy.core.model.generation import GENERATION_BYTES, generation_of
from amiproxy.core.model.users import User, UserTable

#: Seconds for which one step computes.
_STEP: Final = 0.004


class RightsDigest:
    """The digest of the rights at one server of all users who may use it; computed in steps."""

    __slots__ = ("_ctx", "_left", "_server", "_sum", "_users", "digest")

    def __init__(self, ctx: Context, server: str) -> None:
        self._ctx = ctx
        self._server = server
        self._users: UserTable | None = None
        self._left: Iterator[User] = iter(())
        self._sum = 0
        #: Of the users in force; b"" while it is being computed.
        self.digest = b""

    def step(self) -> None:
        """Compute a part of it, if it is not that of the users in force; to be called about once a second."""
        ctx = self._ctx
        if ctx.users is not self._users:
            self._users = ctx.users
            self._left = iter(ctx.users)
            self._sum = 0
            self.digest = b""
        if self.digest:
            return
        clock, server = ctx.scheduler.clock, self._server
        until = clock() + _STEP
        for user in self._left:
            if server in user.servers:
                # A sum, as the order of the users means nothing.  It only has to tell mistakes.
                digest = hashlib.sha256(generation_of(user.at(server))).digest()
                self._sum += int.from_bytes(digest[:GENERATION_BYTES], "big")
            if clock() >= until:
                return
        total = self._sum % (1 << (8 * GENERATION_BYTES))
        self.digest = total.to_bytes(GENERATION_BYTES, "big")
