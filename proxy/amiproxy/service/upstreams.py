"""Upstreams: the ways to all servers, each with connections and tasks of its own."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from amiproxy import log
from amiproxy.config import Config
from amiproxy.config.schema import ServerSettings
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Servers
from amiproxy.net.loop.supervision import supervised
from amiproxy.net.upstream.dialler import Dialler
from amiproxy.net.upstream.link import Link
from amiproxy.net.upstream.sidelink import SideLink
from amiproxy.net.upstream.turns import Turns

#: Most servers that ``summary`` says are down; more would not fit into the line.
_SHOWN = 5


class _Ways:
    """The link and the side links of one server, and the tasks that maintain them."""

    def __init__(self, server: Server, settings: ServerSettings, secret: bytes, turns: Turns | None) -> None:
        dialler = Dialler()
        self.server = server
        self.settings = settings
        self.secret = secret
        self.link = Link(server, settings, secret, dialler, turns=turns)
        self._sides = [SideLink(side, settings, secret, dialler, turns=turns) for side in server.sides]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, group: asyncio.TaskGroup) -> None:
        """Connect, and stay connected."""
        place = f"{self.server.name} " if self.link.turns is not None else ""
        work = {"link": self.link.run, **{f"{side.name} link": side.run for side in self._sides}}
        for what, run in work.items():
            name = place + what
            self._tasks.append(group.create_task(supervised(name, run), name=name))

    def adopt(self, settings: ServerSettings, secret: bytes, turns: Turns | None) -> None:
        self.settings, self.secret = settings, secret
        self.link.turns = turns
        self.link.adopt(settings, secret)
        for side in self._sides:
            side.turns = turns
            side.adopt(settings, secret)

    def tick(self, now: float) -> None:
        self.link.tick(now)
        for side in self._sides:
            side.tick(now)

    def end(self) -> None:
        """Close the connections; nothing is connected again."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()


class Upstreams:
    """The links to all servers of the configuration.

    ``links`` are those of ``servers`` by name, in their order.
    """

    def __init__(self, servers: Servers, config: Config, secrets: Mapping[str, bytes]) -> None:
        """``secrets``: that of our manager user at each server."""
        self._servers = servers
        self._ways: dict[str, _Ways] = {}
        #: Taken while servers are named, so that there may be several.
        self._turns = Turns()
        #: None while ``run`` does not run.
        self._group: asyncio.TaskGroup | None = None
        self.links: dict[str, Link] = {}
        self.adopt(config, secrets)

    async def run(self) -> None:
        """Connect to every server, and stay connected; ends only by cancellation."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for ways in self._ways.values():
                    ways.start(group)
                await asyncio.get_running_loop().create_future()  # others may be started at any time
            finally:
                self._group = None
                for ways in self._ways.values():
                    ways.end()

    def adopt(self, config: Config, secrets: Mapping[str, bytes]) -> None:
        """Apply a configuration, after the servers were changed to it.

        Links of servers that are new are started, those of removed servers are closed.  A link whose settings
        and secret have not changed is not touched, unless it is down: then it is tried again at once.
        """
        before, self._ways = self._ways, {}
        for server in self._servers:
            settings, secret = config.every_server[server.name], secrets[server.name]
            ways = before.get(server.name)
            if ways is not None and ways.server is server:
                del before[server.name]
                ways.adopt(settings, secret, self._turns_taken)
                self._ways[server.name] = ways
            else:
                self._begin(server, settings, secret)
        for ways in before.values():
            ways.end()
        self.links = {name: ways.link for name, ways in self._ways.items()}

    @contextmanager
    def leaving(self, config: Config, secrets: Mapping[str, bytes]) -> Iterator[None]:
        """Without a link to any server whose settings this configuration changes, until it is adopted.

        See ``Link.leave``.
        """
        for name, ways in self._ways.items():
            if name in config.every_server:
                ways.link.leave(config.every_server[name], secrets[name])
        try:
            yield
        finally:
            for link in self.links.values():
                link.stay()

    def _begin(self, server: Server, settings: ServerSettings, secret: bytes) -> None:
        ways = _Ways(server, settings, secret, self._turns_taken)
        self._ways[server.name] = ways
        if self._group is not None:
            ways.start(self._group)

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
        for ways in [*self._ways.values()]:
            if len(self._ways) > 1 and ways.link.stuck(now):
                # Of several links one is replaced alone: a restart of the service would cost the others too.
                log.say(log.ERROR, "link-stuck", server=ways.server.name)
                ways.end()
                self._begin(ways.server, ways.settings, ways.secret)
                self.links[ways.server.name] = self._ways[ways.server.name].link
            else:
                ways.tick(now)

    def stuck(self, now: float) -> bool:
        """Whether only a restart of the service helps: the only link is stuck."""
        return len(self._ways) == 1 and any(link.stuck(now) for link in self.links.values())


def _told(link: Link) -> str:
    return link.standing + (f" ({link.reason})" if link.reason else "")
