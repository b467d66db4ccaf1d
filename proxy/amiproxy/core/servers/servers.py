"""Servers: every Asterisk of one proxy, in the order of the configuration."""

# mypyc: compiled

from collections.abc import Iterator
from typing import NamedTuple

from amiproxy.core.servers.server import Server


class Configured(NamedTuple):
    """Which servers a configuration has, in its order; there is at least one."""

    names: tuple[str, ...]
    #: Whether clients and operators see the names: whether ``servers:`` is configured, not ``upstream:``.
    named: bool = False
    #: Its ``default_server``; "" for none.
    default: str = ""


class Servers:
    """The servers by name.  There is always at least one."""

    __slots__ = ("_by_name", "all", "default", "named")

    def __init__(self, *servers: Server, named: bool = False, default: str = "") -> None:
        """``default`` is the name of the server for actions that name none; "" for none.

        Raises ValueError without a server, KeyError if ``default`` is not one of them.
        """
        if not servers:
            raise ValueError("no server")
        self._by_name = {server.name.encode(): server for server in servers}
        #: The same in their order, for loops that run with each flush; not to be changed.
        self.all = list(servers)
        #: Whether clients and operators see the names: whether ``servers:`` is configured, not ``upstream:``.
        self.named = named
        #: The server for actions that name none, of users without a default of their own.
        self.default: Server | None = self._by_name[default.encode()] if default else None
        self._name_in_log()

    def add(self, server: Server) -> None:
        """Add a server behind all others."""
        self._by_name[server.name.encode()] = server
        self.all.append(server)

    def settle(self, configured: "Configured") -> list[Server]:
        """Keep only the configured servers, in their order; returns the others.

        Raises KeyError if one of them was not added before.
        """
        before = self._by_name
        self._by_name = {name: before.pop(name) for name in map(str.encode, configured.names)}
        self.all = list(self._by_name.values())
        self.named = configured.named
        self.default = self._by_name[configured.default.encode()] if configured.default else None
        self._name_in_log()
        return list(before.values())

    def _name_in_log(self) -> None:
        for server in self:
            server.log_name(self.named)

    @property
    def configured(self) -> "Configured":
        """What the servers are now."""
        names = tuple(server.name for server in self)
        return Configured(names, self.named, self.default.name if self.default is not None else "")

    @property
    def first(self) -> Server:
        """The first server of the configuration."""
        return self.all[0]

    def find(self, name: bytes) -> Server | None:
        """The server with this name, without regard to case."""
        return self._by_name.get(name.lower())

    @property
    def in_flight(self) -> int:
        """The number of actions that the servers have not answered, on all their links."""
        return sum(server.in_flight for server in self)

    def __iter__(self) -> Iterator[Server]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self._by_name)
