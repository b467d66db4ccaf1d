"""Routing: decides at the login which servers a session sees, and again when a reload changes them.

A session is *bound* to one server if its listener has ``server``, if it has logged in as ``NAME/SERVER``, or
if its user has one server only.  Every other session sees all servers of its user.
"""

# mypyc: compiled

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from amiproxy.core.clients.routes.bound import BoundRoute
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.routes.leg import LegOwner
from amiproxy.core.clients.routes.multi import Legs, MultiRoute
from amiproxy.core.clients.routes.route import NOT_PERMITTED, REMOVED, Place, Route
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.policy.verdicts import VerdictCaches
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Configured, Servers

#: Why a login fails because of the server that it is for.  The client gets the text of a wrong secret.
Unreachable = Literal["no such server", "server not permitted"]

#: The user of sessions that have not logged in.  It may do nothing.
_NOBODY: Final = User("")


class LoginName(NamedTuple):
    """What a client gave as its user name."""

    #: The user's part of it.
    name: bytes
    user: User | None
    #: The server's part of it; None if it names none.
    server: bytes | None = None


class Routing:
    """Makes the routes of all sessions of one hub."""

    __slots__ = ("_servers", "_verdicts")

    def __init__(self, servers: Servers, verdicts: VerdictCaches) -> None:
        self._servers = servers
        self._verdicts = verdicts

    # -- at the login ------------------------------------------------------

    def before_login(self, entrance: Entrance) -> Route:
        """The route of a session that has not logged in: where its banner is from.  No action may go there.

        It depends on neither the user nor on which servers are up.
        """
        servers = self._servers
        server = servers.find(entrance.server.encode()) or servers.default or servers.first
        return self._bound(server, _NOBODY, named=servers.named)

    def login_name(self, users: UserTable, text: bytes) -> LoginName:
        """Read what a client gave as its user name: ``NAME``, or ``NAME/SERVER`` if servers are named.

        A user whose own name has a slash goes first.  The server need not exist.
        """
        user = users.find(text)
        if user is None and self._servers.named:
            name, slash, server = text.rpartition(b"/")
            user = users.find(name) if slash else None
            if user is not None:
                return LoginName(name, user, server)
        return LoginName(text, user)

    def chosen(self, user: User, name: LoginName, entrance: Entrance) -> Server | Unreachable | None:
        """The server that a login is bound to, None if it sees all of its user's; or why it is refused."""
        wanted = [] if name.server is None else [name.server]
        if entrance.server:
            wanted.append(entrance.server.encode())
        if not wanted and len(user.servers) == 1:
            wanted.append(user.servers[0].encode())
        if not wanted and not user.servers:
            return "server not permitted"
        found: Server | None = None
        for one in wanted:
            server = self._servers.find(one)
            if server is None:
                return "no such server"
            if server.name not in user.servers or (found is not None and server is not found):
                return "server not permitted"
            found = server
        return found

    def within_sight(self, name: LoginName, entrance: Entrance) -> tuple[str, ...]:
        """Names of the servers that a login would let its client see at most; empty if that is not known."""
        if entrance.server:
            return (entrance.server,)
        return name.user.servers if name.user is not None else ()

    def route(self, user: User, bound: Server | None, session: LegOwner | None = None) -> Route:
        """The route of a session that logs in; ``bound`` is what ``chosen`` returned.

        If that is None, the session must be given, as its route is for this session only.
        """
        if bound is not None:
            return self._bound(bound, user, named=self._servers.named)
        assert session is not None
        return self._multi(Legs(session), user, user.servers)

    # -- at a reload -------------------------------------------------------

    def again(self, route: Route, user: User, servers: Configured) -> Route | str:
        """The route for an open session of ``user`` when these servers are configured.

        If the session must be closed, the reason for that instead.
        """
        if isinstance(route, MultiRoute):
            if not servers.named:
                return REMOVED  # its messages name their servers
            left = [name for name in user.servers if name in servers.names]
            return self._multi(route.legs, user, left) if left else NOT_PERMITTED
        bound = route.bound
        assert bound is not None
        if bound.name not in servers.names:
            return REMOVED
        if bound.name not in user.servers:
            return NOT_PERMITTED
        return self._bound(bound, user, named=servers.named)

    def _bound(self, server: Server, user: User, *, named: bool) -> BoundRoute:
        return BoundRoute(Place(server, user.at(server.name), self._verdicts.of(server.name), named=named))

    def _multi(self, legs: Legs, user: User, names: Iterable[str]) -> MultiRoute:
        servers = [server for name in names if (server := self._servers.find(name.encode())) is not None]
        places = [
            Place(
                server, user.at(server.name), self._verdicts.of(server.name), named=True, leg=legs.of(server)
            )
            for server in servers
        ]
        chosen = [server for server in servers if server.name == user.default_server]
        # There may be none yet, when it is only asked what a reload with new servers would close.
        home = (chosen or servers or [self._servers.first])[0]
        here = Place(home, user, self._verdicts.of(home.name), named=True)
        return MultiRoute(legs, here, tuple(places), chosen[0].name if chosen else "")
