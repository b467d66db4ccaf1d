"""Servers: every Asterisk of one proxy, in the order of the configuration."""

# mypyc: compiled

from collections.abc import Iterator

from amiproxy.core.servers.server import Server


class Servers:
    """The servers by name.  There is always at least one."""

    __slots__ = ("_by_name", "default", "named")

    def __init__(self, *servers: Server, named: bool = False, default: str = "") -> None:
        """``default`` is the name of the server for actions that name none; "" for none.

        Raises ValueError without a server, KeyError if ``default`` is not one of them.
        """
        if not servers:
            raise ValueError("no server")
        self._by_name = {server.name.encode(): server for server in servers}
        #: Whether clients and operators see the names: whether ``servers:`` is configured, not ``upstream:``.
        self.named = named
        #: The server for actions that name none, of users without a default of their own.
        self.default: Server | None = self._by_name[default.encode()] if default else None

    @property
    def first(self) -> Server:
        """The first server of the configuration."""
        return next(iter(self._by_name.values()))

    def find(self, name: bytes) -> Server | None:
        """The server with this name, without regard to case."""
        return self._by_name.get(name.lower())

    @property
    def in_flight(self) -> int:
        """The number of actions that the servers have not answered, on all their links."""
        return sum(server.in_flight for server in self)

    def __iter__(self) -> Iterator[Server]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)
