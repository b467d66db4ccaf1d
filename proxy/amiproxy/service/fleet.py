"""The part of this process in a fleet.  Imported only if there is ``fleet``: it needs the extra [fleet]."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from amiproxy.config.fleet.schema import FleetSettings
from amiproxy.core.fleet.rights import RightsDigest
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.hub import Hub
from amiproxy.core.model.users import LONE_SERVER
from amiproxy.core.servers.server import Server
from amiproxy.net.fleet.agent import Agent
from amiproxy.net.fleet.engine import Engine
from amiproxy.net.fleet.settings import EngineSettings
from amiproxy.net.fleet.status import engine_view
from amiproxy.net.host.sealing import AesSealer
from amiproxy.net.loop.supervision import supervised
from amiproxy.net.upstream.fleet.link import FleetLink
from amiproxy.net.upstream.fleet.requests import RequestCounts
from amiproxy.net.upstream.turns import Turns
from amiproxy.service.loadedconfig import LoadedConfig
from amiproxy.service.upstreams import MakeLink


class _Member:
    """What both roles have: the connections to the engines, and the keys of positions."""

    def __init__(self, hub: Hub, prepared: LoadedConfig) -> None:
        self._hub = hub
        self._settings = _settings_of(prepared)
        self._token_keys = prepared.token_keys
        self._subjects = Subjects(self._settings.prefix)
        engine = _engine_settings(prepared)
        #: Actions go over a connection of their own, so that they never wait behind events.
        self._events, self._actions = Engine(engine, "events"), Engine(engine, "actions")
        self.adopt_servers()

    async def run(self) -> None:
        """Stay connected; ends only by cancellation."""
        work = {"events": self._events.run, "actions": self._actions.run, **self._work()}
        async with asyncio.TaskGroup() as tasks:
            for name, run in work.items():
                tasks.create_task(supervised(f"fleet {name}", run), name=f"fleet {name}")

    def _work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {}

    @property
    def make_link(self) -> MakeLink | None:
        """See ``Part``."""
        return None

    def adopt(self, prepared: LoadedConfig) -> None:
        """Apply a configuration, after the servers were changed to it."""
        self._settings = _settings_of(prepared)
        engine = _engine_settings(prepared)
        self._events.adopt(engine)
        self._actions.adopt(engine)
        if prepared.token_keys != self._token_keys:
            self._token_keys = prepared.token_keys
            self._hub.sealer = AesSealer(prepared.token_keys)
        self.adopt_servers()

    async def leave(self) -> None:
        """See ``Part``."""

    def adopt_servers(self) -> None:
        """Apply which servers there are; their past is always kept."""

    @property
    def summary(self) -> str:
        """One line for people: whether there are connections to engines."""
        engines = self._events, self._actions
        away = [engine for engine in engines if not engine.is_up]
        return f"no connection to an engine ({away[0].facts.reason})" if away else "engines connected"

    def status(self) -> dict[str, Any]:
        """See ``Fleet`` in net/admin/service.py."""
        settings = self._settings
        return {
            "role": settings.role,
            "name": settings.name,
            "prefix": settings.prefix,
            "engines": {"events": engine_view(self._events), "actions": engine_view(self._actions)},
        }


class FleetAgent(_Member):
    """An agent, beside an Asterisk.  ``reason_of`` says why the link to a server is down."""

    def __init__(self, hub: Hub, prepared: LoadedConfig, reason_of: Callable[[str], str]) -> None:
        super().__init__(hub, prepared)
        self._agent = Agent(
            hub,
            self._settings.name,
            self._subjects,
            self._events,
            self._actions,
            edges=self._settings.ceilings,
            known_as=self._known_as,
            reason_of=reason_of,
        )

    def _known_as(self, server: str) -> str:
        if server == LONE_SERVER and self._settings.server is not None:
            return self._settings.server
        return server

    async def leave(self) -> None:
        """See ``Part``."""
        await self._agent.leave()

    def _work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {"agent": self._agent.run}

    def adopt(self, prepared: LoadedConfig) -> None:
        """See ``_Member``."""
        super().adopt(prepared)
        self._agent.settle(self._hub.servers)
        self._agent.adopt(self._settings.ceilings)

    def adopt_servers(self) -> None:
        """See ``_Member``."""
        self._hub.always_kept = frozenset(server.name for server in self._hub.servers)

    def status(self) -> dict[str, Any]:
        """See ``Fleet`` in net/admin/service.py."""
        found = self._agent.status()
        edges = self._settings.edges
        for row in found["edges"]:
            users = edges[row["edge"]].users
            row["users"] = None if isinstance(users, str) else list(users)
        return {**super().status(), **found}


class FleetEdge(_Member):
    """An edge, where the clients are."""

    def __init__(self, hub: Hub, prepared: LoadedConfig) -> None:
        self._counts = RequestCounts()
        self._links: dict[str, FleetLink] = {}
        self._rights: dict[str, RightsDigest] = {}
        super().__init__(hub, prepared)

    @property
    def make_link(self) -> MakeLink:
        """See ``Part``."""
        return self._link

    def _link(self, server: Server, turns: Turns | None) -> FleetLink:
        settings = self._settings
        link = self._links[server.name] = FleetLink(
            server,
            settings.servers[server.name],
            edge=settings.name,
            subjects=self._subjects,
            events=self._events,
            actions=self._actions,
            max_lag=settings.max_lag,
            turns=turns,
            counts=self._counts,
        )
        self._rights[server.name] = RightsDigest(self._hub.ctx, server.name)
        return link

    def adopt_servers(self) -> None:
        """See ``_Member``."""
        servers = self._settings.servers
        self._hub.always_kept = frozenset(servers)
        for name in {*self._links} - {*servers}:
            del self._links[name], self._rights[name]

    def status(self) -> dict[str, Any]:
        """See ``Fleet`` in net/admin/service.py."""
        counts = self._counts
        rows = []
        for name, link in self._links.items():
            self._rights[name].step()
            rows.append(link.status(self._rights[name].digest))
        return {
            **super().status(),
            "servers": rows,
            "actions": {
                **{outcome: getattr(counts, outcome) for outcome in RequestCounts.__slots__},
                "pending": sum(link.requests.pending for link in self._links.values()),
            },
        }


def _settings_of(prepared: LoadedConfig) -> FleetSettings:
    settings = prepared.config.fleet
    assert settings is not None
    return settings


def _engine_settings(prepared: LoadedConfig) -> EngineSettings:
    settings = _settings_of(prepared)
    return EngineSettings(
        tuple(map(str, settings.engines)),
        settings.ca,
        prepared.fleet_seed,
        settings.name,
        Subjects.inbox(settings.name),
    )
