"""Upstreams: the ways to all servers, each with connections and tasks of its own."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from amiproxy import log
from amiproxy.config import Config
from amiproxy.config.schema import ServerSettings
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Servers
from amiproxy.net.loop.supervision import supervised
from amiproxy.net.upstream.dialler import Dialler
from amiproxy.net.upstream.fleet.anylink import AnyLink
from amiproxy.net.upstream.fleet.link import FleetLink
from amiproxy.net.upstream.link import Link
from amiproxy.net.upstream.sidelink import SideLink
from amiproxy.net.upstream.turns import Turns

#: Makes the link to a server in a fleet; for the turns see ``Link``.
MakeLink = Callable[[Server, Turns | None], FleetLink]
#: Most servers that ``summary`` says are down; more would not fit into the line.
_SHOWN = 5


class _Way(Protocol):
    """The way to one server, and the tasks that maintain it.

    ``secrets``: that of our manager user at each server.
    """

    server: Server

    @property
    def link(self) -> AnyLink: ...

    def start(self, group: asyncio.TaskGroup) -> None:
        """Connect, and stay connected."""

    def adopt(self, config: Config, secrets: Mapping[str, bytes], turns: Turns | None) -> None:
        """Apply settings; see ``Link.adopt``."""

    def leave(self, config: Config, secrets: Mapping[str, bytes]) -> None:
        """See ``Link.leave``; settings without this server change nothing."""

    def tick(self, now: float) -> None:
        """Call once a second, with loop time."""

    def end(self) -> None:
        """Close the connections; nothing is connected again."""

    def again(self) -> "_Way":
        """A new one in the place of this one."""


class _Ways:
    """The link and the side links of a server that we connect to."""

    def __init__(self, server: Server, settings: ServerSettings, secret: bytes, turns: Turns | None) -> None:
        dialler = Dialler()
        self.server = server
        self.link = Link(server, settings, secret, dialler, turns=turns)
        self._sides = [SideLink(side, settings, secret, dialler, turns=turns) for side in server.sides]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, group: asyncio.TaskGroup) -> None:
        place = f"{self.server.name} " if self.link.turns is not None else ""
        work = {"link": self.link.run, **{f"{side.name} link": side.run for side in self._sides}}
        for what, run in work.items():
            name = place + what
            self._tasks.append(group.create_task(supervised(name, run), name=name))

    def adopt(self, config: Config, secrets: Mapping[str, bytes], turns: Turns | None) -> None:
        settings, secret = config.every_server[self.server.name], secrets[self.server.name]
        self.link.turns = turns
        self.link.adopt(settings, secret)
        for side in self._sides:
            side.turns = turns
            side.adopt(settings, secret)

    def leave(self, config: Config, secrets: Mapping[str, bytes]) -> None:
        name = self.server.name
        if name in config.every_server:
            self.link.leave(config.every_server[name], secrets[name])

    def tick(self, now: float) -> None:
        self.link.tick(now)
        for side in self._sides:
            side.tick(now)

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def again(self) -> "_Ways":
        link = self.link
        settings = link.settings
        assert isinstance(settings, ServerSettings)
        return _Ways(self.server, settings, link.secret, link.turns)


class _FleetWay:
    """The link to a server that we reach through agents; ``make`` makes it."""

    def __init__(self, server: Server, make: MakeLink, turns: Turns | None) -> None:
        self.server = server
        self.link = make(server, turns)
        self._make = make
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, group: asyncio.TaskGroup) -> None:
        name = f"{self.server.name} link"
        self._tasks.append(group.create_task(supervised(name, self.link.run), name=name))

    def adopt(self, config: Config, _secrets: Mapping[str, bytes], turns: Turns | None) -> None:
        assert config.fleet is not None
        self.link.turns = turns
        self.link.adopt(config.fleet_servers[self.server.name], max_lag=config.fleet.max_lag)

    def leave(self, config: Config, _secrets: Mapping[str, bytes]) -> None:
        settings = config.fleet_servers.get(self.server.name)
        if settings is not None:
            self.link.leave(settings)

    def tick(self, now: float) -> None:
        self.link.tick(now)

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def again(self) -> "_FleetWay":
        return _FleetWay(self.server, self._make, self.link.turns)


class Upstreams:
    """The links to all servers of the configuration.

    ``links`` are those of ``servers`` by name, in their order.
    """

    def __init__(
        self,
        servers: Servers,
        config: Config,
        secrets: Mapping[str, bytes],
        fleet_link: MakeLink | None = None,
    ) -> None:
        """``secrets``: that of our manager user at each server.

        ``fleet_link`` makes the link to a server in a fleet; needed only by an edge.
        """
        self._servers = servers
        self._fleet_link = fleet_link
        self._ways: dict[str, _Way] = {}
        #: Taken while servers are named, so that there may be several.
        self._turns = Turns()
        #: None while ``run`` does not run.
        self._group: asyncio.TaskGroup | None = None
        self.links: dict[str, AnyLink] = {}
        self.adopt(config, secrets)

    async def run(self) -> None:
        """Connect to every server, and stay connected; ends only by cancellation."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for way in self._ways.values():
                    way.start(group)
                await asyncio.get_running_loop().create_future()  # others may be started at any time
            finally:
                self._group = None
                for way in self._ways.values():
                    way.end()

    def adopt(self, config: Config, secrets: Mapping[str, bytes]) -> None:
        """Apply a configuration, after the servers were changed to it.

        Links of servers that are new are started, those of removed servers are closed.  A link whose settings
        and secret have not changed is not touched, unless it is down: then it is tried again at once.
        """
        before, self._ways = self._ways, {}
        for server in self._servers:
            way = before.get(server.name)
            if way is not None and way.server is server:
                del before[server.name]
                way.adopt(config, secrets, self._turns_taken)
                self._ways[server.name] = way
            else:
                self._begin(self._made(server, config, secrets))
        for way in before.values():
            way.end()
        self.links = {name: way.link for name, way in self._ways.items()}

    @contextmanager
    def leaving(self, config: Config, secrets: Mapping[str, bytes]) -> Iterator[None]:
        """Without a link to any server whose settings this configuration changes, until it is adopted.

        See ``Link.leave``.
        """
        for way in self._ways.values():
            way.leave(config, secrets)
        try:
            yield
        finally:
            for link in self.links.values():
                link.stay()

    def _made(self, server: Server, config: Config, secrets: Mapping[str, bytes]) -> _Way:
        name = server.name
        if name in config.every_server:
            return _Ways(server, config.every_server[name], secrets[name], self._turns_taken)
        assert self._fleet_link is not None
        return _FleetWay(server, self._fleet_link, self._turns_taken)

    def _begin(self, way: _Way) -> None:
        self._ways[way.server.name] = way
        if self._group is not None:
            way.start(self._group)

    @property
    def _turns_taken(self) -> Turns | None:
        return self._turns if self._servers.named else None

    # -- status ------------------------------------------------------------

    @property
    def serves(self) -> bool:
        """Whether clients' actions are sent, to at least one server."""
        return any(link.serves for link in self.links.values())

    @property
    def summary(self) -> str:
        """One line for people: the state of the link, or of all links."""
        if not self._servers.named:
            return f"link {_told(self.links[self._servers.first.name])}"
        away = [f"{name} {_told(link)}" for name, link in self.links.items() if not link.serves]
        more = [f"{len(away) - _SHOWN} more are not"] if len(away) > _SHOWN else []
        up = f"{len(self.links) - len(away)} of {len(self.links)} links up"
        return ", ".join([up, *away[:_SHOWN], *more])

    # -- each second -------------------------------------------------------

    def tick(self, now: float) -> None:
        """Call once a second, with loop time."""
        for way in [*self._ways.values()]:
            if len(self._ways) > 1 and way.link.stuck(now):
                # Of several links one is replaced alone: a restart of the service would cost the others too.
                log.say(log.ERROR, "link-stuck", server=way.server.name)
                way.end()
                self._begin(way.again())
                self.links[way.server.name] = self._ways[way.server.name].link
            else:
                way.tick(now)

    def stuck(self, now: float) -> bool:
        """Whether only a restart of the service helps: the only link is stuck."""
        return len(self._ways) == 1 and any(link.stuck(now) for link in self.links.values())


def _told(link: AnyLink) -> str:
    return link.standing + (f" ({link.reason})" if link.reason else "")
