"""BoundRoute: everything goes to one server, as if the proxy had no other."""

# mypyc: compiled

from amiproxy.ami import privilege
from amiproxy.ami.actions import ActionTable
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.message import Action
from amiproxy.core.clients.routes.route import UNKNOWN_SERVER, Errand, Place, Route
from amiproxy.core.fanout.eventview import EventView, Sight, bound_view
from amiproxy.core.model.users import User
from amiproxy.core.servers.requester import Asker


class BoundRoute(Route):
    """The route of a session that is bound to the server of this place."""

    __slots__ = ("_name", "_place")

    def __init__(self, place: Place) -> None:
        server = place.server
        super().__init__((server,), server, server, None if place.named else place)
        self._place = place
        self._name = place.server.name.encode()

    @property
    def rights(self) -> User:
        """See Route."""
        return self._place.rights

    @property
    def places(self) -> tuple[Place, ...]:
        """See Route."""
        return (self._place,)

    def of(self, action: Action) -> Place | Errand:
        """See Route."""
        place = self._place
        asked = action.get(b"server") if place.named else b""
        return UNKNOWN_SERVER if asked and asked.lower() != self._name else place

    def view(self, filters: FilterSet | None, mask: int) -> EventView:
        """See Route."""
        rights = self._place.rights
        scope = rights.rules.scope if rights.rules is not None else None
        return bound_view(filters, Sight(self._place.server.name, rights.read & mask, scope))

    def tables(self, place: Place) -> list[tuple[User, ActionTable]]:
        """See Route."""
        return [(place.rights, place.server.actions.table)]

    def welcome(self, mask: int) -> list[bytes]:
        """See Route."""
        place = self._place
        booted = place.server.boot.event()
        if booted and privilege.may_read(place.rights.read & mask, privilege.SYSTEM):
            return [booted]
        return []

    def abandon(self, session: Asker) -> None:
        """See Route."""
        self._place.server.abandon(session)

    def dismiss(self, session: Asker, text: bytes) -> None:
        """See Route."""
        self._place.server.dismiss(session, text)

    def replace(self, route: Route) -> None:
        """See Route.  The other one is bound to the same server, so that all that is open stays."""
