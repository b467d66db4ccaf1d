"""EdgeUsers: the sessions in which the actions of edges run: one for each edge, server and user."""

# mypyc: compiled

from typing import Final, NamedTuple

from amiproxy.core.clients.routes.entrance import FLEET, Entrance
from amiproxy.core.clients.web.jobs import EDGE_REFUSED
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.clients.web.websessions import WebSessions
from amiproxy.core.context import Context
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.users import User, folded
from amiproxy.core.ports import Peer

#: Seconds without an action after which a session ends.
_IDLE: Final = 600.0


class _Place(NamedTuple):
    edge: str
    server: str
    #: The name of the user, as ``folded`` has it.
    user: bytes


class EdgeUsers:
    """Finds and makes these sessions, and ends those that an edge may not use any more."""

    __slots__ = ("_ctx", "_entrances", "_sessions", "_web")

    def __init__(self, ctx: Context, web: WebSessions) -> None:
        self._ctx = ctx
        self._web = web
        self._entrances: dict[str, Entrance] = {}
        self._sessions: dict[_Place, WebSession] = {}

    def enter(self, edge: str, server: str, user: User) -> WebSession | str:
        """The session for actions of this user; or the reason, of ``REASONS``, if it may not have one.

        ``server`` is the name in this process.
        """
        place = _Place(edge, server, folded(user.name))
        found = self._sessions.get(place)
        if found is None:
            # Its peer stands for the edge, so that no limit or exemption of a client's address applies to it.
            entered = self._web.enter(Peer(edge, 0), self._entrance(server), user.name.encode(), "edge")
            if isinstance(entered, str):
                return entered
            found = self._sessions[place] = entered
            found.on_end.append(lambda: self._ended(place))
        found.used = self._ctx.scheduler.now()
        return found

    def _entrance(self, server: str) -> Entrance:
        entrance = self._entrances.get(server)
        if entrance is None:
            entrance = self._entrances[server] = Entrance(server, FLEET, _IDLE)
        return entrance

    def _ended(self, place: _Place) -> None:
        self._sessions.pop(place, None)

    def count(self, edge: str) -> int:
        """The number of sessions of this edge."""
        return sum(place.edge == edge for place in self._sessions)

    def narrow(self, edge: str, before: Ceiling, ceiling: Ceiling | None) -> None:
        """End the sessions that the edge may not use any more; None if it may use none.

        If it may use fewer classes, all of them end: an action that waits was judged by those of before.
        """
        fewer = ceiling is None or not ceiling.has_classes_of(before)
        names = None if ceiling is None else ceiling.names
        for place, session in list(self._sessions.items()):
            if place.edge == edge and (fewer or (names is not None and place.user not in names)):
                session.end(EDGE_REFUSED)
