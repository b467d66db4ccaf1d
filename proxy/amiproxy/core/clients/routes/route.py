"""Route: to which server each action of one session goes, with which rights, and which servers it sees.

It is decided at the login.  A reload may replace it by one with other rights or other servers, never by one
of the other kind: a session is bound to one server until it ends, or it is not.
"""

# mypyc: compiled

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.ami.actions import ActionTable
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.message import Action
from amiproxy.core.clients.routes.destination import NO_SUCH_SERVER
from amiproxy.core.clients.routes.leg import Leg, LegOwner
from amiproxy.core.context import Context
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.model.users import User
from amiproxy.core.policy.verdicts import Decide
from amiproxy.core.servers.requester import Asker
from amiproxy.core.servers.server import Server

#: Why a session is closed by a reload: its server is no longer configured, or its user may not use it now.
REMOVED: Final = "server removed"
NOT_PERMITTED: Final = "server not permitted"


class Place:
    """Where an action goes: a server, and what the session's user may do there."""

    __slots__ = ("judge", "leg", "named", "rights", "server")

    def __init__(
        self,
        server: Server,
        rights: User,
        judge: Decide,
        *,
        named: bool,
        leg: Leg | None = None,
    ) -> None:
        self.server = server
        #: The session's user with the rights that it has at this server.
        self.rights = rights
        #: The policy's decision on an action, with a cache for this server.
        self.judge: Decide = judge
        #: Whether a ``Server`` header of an action names a server: it is then taken off, whatever its value.
        self.named = named
        #: Sends the action and takes its answer, for a session of several servers; None: the session does.
        self.leg = leg


class Runner(LegOwner, Protocol):
    """The session, as an Errand sees it."""

    ctx: Context

    def answer(self, data: bytes) -> None:
        """Send the whole answer to an action."""

    def deny(self, action: Action, text: bytes, rule: str, hint: str = "") -> None:
        """Answer the action with an error, and log that it was denied."""

    def begin(self, server: Server, action: Action, rule: str | None) -> None:
        """The action is about to be sent; ``rule`` is what allowed it, if the audit log is to name it.

        ``server`` is the one whose table has the action's name.
        """


class Errand(ABC):
    """What is done with an action that does not go to one server."""

    __slots__ = ()

    @abstractmethod
    def run(self, session: Runner, action: Action) -> None:
        """Answer the action, now or later."""


class Refusal(Errand):
    """The action goes nowhere, and is answered with an error."""

    __slots__ = ("_rule", "_text")

    def __init__(self, text: bytes, rule: str = "") -> None:
        """``text`` is the Message.

        ``rule`` is the one that the audit log names; "" if it is no denial, but for instance incomplete.
        """
        self._text = text
        self._rule = rule

    def run(self, session: Runner, action: Action) -> None:
        """See Errand."""
        if self._rule:
            session.deny(action, self._text, self._rule)
        else:
            session.answer(message.error(action.action_id, self._text))


#: One answer for a server that does not exist and for one that the user may not use.
UNKNOWN_SERVER: Final = Refusal(NO_SUCH_SERVER, "server")


class Route(ABC):
    """The servers of one session."""

    __slots__ = ("bound", "home", "only", "servers")

    def __init__(
        self, servers: Iterable[Server], home: Server, bound: Server | None = None, only: Place | None = None
    ) -> None:
        #: The servers that the session sees, in the order of the configuration.
        self.servers = tuple(servers)
        #: The server whose banner it gets, and whose action table names its actions in counts.
        self.home = home
        #: The one server of a bound session; None for a session that sees all servers of its user.
        self.bound = bound
        #: Where every action goes, whatever it says; None if ``of`` decides that.
        self.only = only

    @property
    def bound_name(self) -> str | None:
        """The name of that server, for people; None if there is none, or if servers have no names."""
        bound = self.bound
        return bound.name if bound is not None and self.places[0].named else None

    @property
    @abstractmethod
    def rights(self) -> User:
        """What the user may do, where an action goes to no server."""

    @property
    @abstractmethod
    def places(self) -> tuple[Place, ...]:
        """The place of each of ``servers``, in the same order."""

    @abstractmethod
    def of(self, action: Action) -> Place | Errand:
        """Where this action goes.  The caller takes off its ``Server`` header if the place is ``named``."""

    @abstractmethod
    def view(self, filters: FilterSet | None, mask: int) -> EventView:
        """Which events the session may see, with these event filters and this event mask."""

    @abstractmethod
    def tables(self, place: Place) -> list[tuple[User, ActionTable]]:
        """The actions that a ListCommands lists for which ``of`` has returned this place.

        They are those of each table that this user may run.
        """

    @abstractmethod
    def welcome(self, mask: int) -> list[bytes]:
        """The events that follow the answer to the login: whole messages.

        ``mask`` is the session's event mask.
        """

    @abstractmethod
    def abandon(self, session: Asker) -> None:
        """Forget the actions of the session, which has ended."""

    @abstractmethod
    def dismiss(self, session: Asker, text: bytes) -> None:
        """Answer everything that the session has open with this error, before it is closed.

        ``text`` is the Message of the error.
        """

    @abstractmethod
    def replace(self, route: "Route") -> None:
        """The session has this other route from now on."""
