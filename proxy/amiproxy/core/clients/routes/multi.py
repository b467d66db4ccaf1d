"""MultiRoute: the route of a session that sees several servers."""

# mypyc: compiled

from amiproxy.ami import message, privilege
from amiproxy.ami.actions import LIST_COMPLETE, PROXY_SERVERS, ActionTable
from amiproxy.ami.eventfilter import FilterSet
from amiproxy.ami.message import Action
from amiproxy.core.clients.routes.destination import NO_SUCH_SERVER, PROXY_SERVERS_KEY, destination_of
from amiproxy.core.clients.routes.leg import Leg, LegOwner
from amiproxy.core.clients.routes.merge import Merge
from amiproxy.core.clients.routes.route import UNKNOWN_SERVER, Errand, Place, Refusal, Route, Runner
from amiproxy.core.clients.routes.serverlist import server_list
from amiproxy.core.fanout.eventview import EventView, Sight, multi_view
from amiproxy.core.model.users import User
from amiproxy.core.policy.verdict import Allow, Deny
from amiproxy.core.servers.requester import Asker
from amiproxy.core.servers.server import Server


class Legs:
    """The legs of one session, which outlast its routes, and the merged list that it waits for."""

    __slots__ = ("_by_name", "merge", "session")

    def __init__(self, session: LegOwner) -> None:
        self.session = session
        self._by_name: dict[str, Leg] = {}
        #: The last merged list.
        self.merge: Merge | None = None

    def of(self, server: Server) -> Leg:
        """The leg to this server; always the same one."""
        leg = self._by_name.get(server.name)
        if leg is None:
            leg = self._by_name[server.name] = Leg(self.session, server)
        return leg

    def keep(self, servers: tuple[Server, ...]) -> None:
        """Answer with an error what is open at other servers than these, and forget their legs."""
        for name, leg in list(self._by_name.items()):
            if leg.server not in servers:
                del self._by_name[name]
                leg.close(NO_SUCH_SERVER)

    def dismiss(self, text: bytes) -> None:
        """Answer everything that is open with this error."""
        if self.merge is not None:
            self.merge.dismiss(text)
        for leg in list(self._by_name.values()):
            leg.server.dismiss(leg, text)

    def abandon(self) -> None:
        """Await nothing more."""
        for leg in self._by_name.values():
            leg.server.abandon(leg)


class MultiRoute(Route):
    """The route of a session that sees all servers of its user."""

    __slots__ = ("_by_name", "_default", "_everywhere", "_here", "_names", "_places", "_servers", "legs")

    def __init__(self, legs: Legs, here: Place, places: tuple[Place, ...], default: str) -> None:
        """``here`` is the place of actions that the proxy answers; its server is ``home``.

        ``places`` are those of the servers, which have legs.  ``default`` is the name of the server for
        actions that name none; "" if there is none.
        """
        super().__init__([place.server for place in places], here.server)
        self.legs = legs
        self._here = here
        self._places = places
        self._default = default
        self._by_name = {place.server.name: place for place in places}
        self._names = {name.encode(): name for name in self._by_name}
        self._everywhere = _Everywhere(here.server, places, legs)
        self._servers = _Servers(self.servers, default)

    @property
    def rights(self) -> User:
        """See Route."""
        return self._here.rights

    @property
    def places(self) -> tuple[Place, ...]:
        """See Route."""
        return self._places

    def of(self, action: Action) -> Place | Errand:
        """See Route."""
        found = destination_of(action, self._names, self._default)
        if found.server:
            return self._by_name[found.server]
        if found.everywhere:
            return self._everywhere
        if found.refusal:
            return UNKNOWN_SERVER if found.refusal == NO_SUCH_SERVER else Refusal(found.refusal)
        return self._servers if action.key == PROXY_SERVERS_KEY else self._here

    def view(self, filters: FilterSet | None, mask: int) -> EventView:
        """See Route."""
        sights = [_sight(place.server.name, place.rights, mask) for place in self._places]
        own = _sight("", self._here.rights, mask)
        return multi_view(filters, tuple(sights), own.mask, own.scope)

    def tables(self, place: Place) -> list[tuple[User, ActionTable]]:
        """See Route."""
        places = self._places if place is self._here else (place,)
        return [(one.rights, one.server.actions.table) for one in places]

    def welcome(self, mask: int) -> list[bytes]:
        """See Route.

        One event for each server that the user may read ``system`` events of.
        """
        events: list[bytes] = []
        for place in self._places:
            server, leg = place.server, place.leg
            assert leg is not None
            if not privilege.may_read(place.rights.read & mask, privilege.SYSTEM):
                continue
            if server.exchange.connected:
                booted = server.boot.event()
                if booted:
                    events.append(leg.stamped(booted))
            else:
                down = (b"Privilege", b"system,all"), (b"Status", b"Down")
                events.append(leg.stamped(message.event(b"ProxyUpstream", *down)))
        return events

    def abandon(self, session: Asker) -> None:
        """See Route."""
        self.legs.abandon()

    def dismiss(self, session: Asker, text: bytes) -> None:
        """See Route."""
        self.legs.dismiss(text)

    def replace(self, route: Route) -> None:
        """See Route."""
        self.legs.keep(route.servers)


def _sight(server: str, rights: User, mask: int) -> Sight:
    return Sight(server, rights.read & mask, rights.rules.scope if rights.rules is not None else None)


class _Everywhere(Errand):
    """A list query: all servers are asked, and the session is sent one list."""

    __slots__ = ("_home", "_legs", "_places")

    def __init__(self, home: Server, places: tuple[Place, ...], legs: Legs) -> None:
        self._home = home
        self._places = places
        self._legs = legs

    def run(self, session: Runner, action: Action) -> None:
        """See Errand.  A server at which the user may not ask it counts as one that answers with an error."""
        action = action.without(b"server")
        verdicts = [place.judge(place.rights, action, place.server.actions.table) for place in self._places]
        allowed = [verdict for verdict in verdicts if isinstance(verdict, Allow)]
        if not allowed:
            denied = verdicts[0]
            assert isinstance(denied, Deny)
            session.deny(action, denied.text, denied.rule, denied.hint)
            return
        rules = [verdict.rule for verdict in allowed if verdict.privileged]
        recorder = session.ctx.learner.recorder
        if recorder is not None:
            recorder.action(session.payer, action, self._home.actions.table.described(action.key))
        session.begin(self._home, action, rules[0] if rules else None)
        merge = Merge(session, action, LIST_COMPLETE[action.key], session.ctx.limits.list_items)
        self._legs.merge = merge
        legs = [place.leg for place in self._places]
        for leg in legs:
            assert leg is not None
            merge.add(leg.name, leg.stamped, leg.leave)
        for leg, part, verdict in zip(legs, list(merge.parts), verdicts, strict=True):
            assert leg is not None
            if isinstance(verdict, Allow):
                leg.submit(verdict.action, part)
            else:
                part.failed(b"", verdict.text)


class _Servers(Errand):
    """ProxyServers: the session's servers are listed.  Every client may send it, as it only shows its own."""

    __slots__ = ("_default", "_servers")

    def __init__(self, servers: tuple[Server, ...], default: str) -> None:
        self._servers = servers
        self._default = default

    def run(self, session: Runner, action: Action) -> None:
        """See Errand."""
        stats = session.ctx.stats
        stats.actions_local += 1
        stats.actions.count(PROXY_SERVERS.name, session.payer, "local")
        session.answer(server_list(action.action_id, self._servers, self._default))
