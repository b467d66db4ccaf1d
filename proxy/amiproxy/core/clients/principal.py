"""Principal: the identity of a client: its user, what it may see, who pays, and what the log says about it.

It knows neither the client's transport nor its actions.
"""

# mypyc: compiled

from amiproxy.ami import privilege
from amiproxy.ami.eventfilter import EventFilter
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.clients.routes.route import Route
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.model.generation import generation_of
from amiproxy.core.model.share import Share
from amiproxy.core.model.users import User
from amiproxy.core.ports import OnBehalf, Peer


class Principal:
    """The identity by which a client's actions are judged, its events chosen and its time charged."""

    __slots__ = (
        "denied",
        "door",
        "filters",
        "id",
        "login_name",
        "mask",
        "numbered",
        "opened",
        "opened_wall",
        "route",
        "sees",
        "share",
        "user",
    )

    def __init__(
        self,
        name: str,
        share: Share,
        route: Route,
        opened: float,
        opened_wall: float,
        sees: tuple[str, ...] = (),
        door: str | None = None,
    ) -> None:
        #: Identifies the session in the log, to operators and in security events.
        self.id = name
        #: The share that its time is charged to.
        self.share = share
        #: Which servers it sees, and with which rights.
        self.route = route
        #: See SessionFacts.
        self.sees = sees
        #: When it was opened, in monotonic seconds and in seconds since the epoch.
        self.opened = opened
        #: Its door, for people; None for AMI's own.
        self.door = door
        self.opened_wall = opened_wall
        #: None before login.
        self.user: User | None = None
        #: The user's name as the client spelled it, which security events show as AccountID.
        self.login_name = b""
        #: The event mask, which narrows the user's classes.
        self.mask = privilege.ALL
        #: Whether the client has asked for events that bear their positions.
        self.numbered = False
        #: The event filters that the client has added to the user's own.
        self.filters: tuple[EventFilter, ...] = ()
        #: Number of its actions that were denied.
        self.denied = 0

    @property
    def payer(self) -> str:
        """Name of the user who is charged for what the client causes; "" before login."""
        return self.user.name if self.user is not None else ""

    @property
    def events(self) -> int:
        """Mask of the privilege classes whose events the client is sent; 0 before login."""
        read = 0
        for place in self.route.places:
            read |= place.rights.read
        return read & self.mask

    @property
    def view(self) -> EventView:
        """Which events the client may see.  It must have logged in."""
        return self.view_with(self.mask)

    def view_with(self, mask: int) -> EventView:
        """Which events the client might see with this event mask.  It must have logged in."""
        assert self.user is not None
        filters = self.user.filters
        for added in self.filters:
            filters = filters.with_added(added)
        view = self.route.view(filters or None, mask)
        return view._replace(numbered=True) if self.numbered and self.user.history else view

    def on_behalf(self, server: str, peer: Peer) -> OnBehalf | None:
        """For whom an action is sent to this server, while the client is connected from ``peer``.

        None before login.
        """
        user = self.user
        if user is None:
            return None
        return OnBehalf(user.name, generation_of(user.at(server)), self.id, peer.address)

    def follow(self, route: Route) -> None:
        """Replace the route."""
        self.route = route
        self.sees = tuple(server.name for server in route.servers)

    def who(self, peer: Peer) -> SessionFacts:
        """What the audit log says about the client, which is connected from ``peer`` now."""
        user = self.user.name if self.user is not None else None
        bound = self.route.bound_name if user is not None else None  # not known before login
        return SessionFacts(
            self.id, user, self.login_name, peer, self.opened, self.opened_wall, bound, self.sees, self.door
        )
