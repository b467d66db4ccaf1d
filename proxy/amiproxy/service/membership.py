"""Part: what this process does in a fleet; the modules that need nats-py are imported only for that."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from amiproxy.core.hub import Hub
from amiproxy.service.loadedconfig import LoadedConfig
from amiproxy.service.upstreams import MakeLink


class Part(Protocol):
    """An agent or an edge; see ``service.fleet``."""

    @property
    def make_link(self) -> MakeLink | None:
        """Makes the link to a server in the fleet; None for an agent, which has none."""

    @property
    def summary(self) -> str:
        """One line for people: whether there are connections to engines."""

    async def run(self) -> None:
        """Do the part; ends only by cancellation."""

    async def leave(self) -> None:
        """The links are disconnected, and the process is about to end: tell the others."""

    def adopt(self, prepared: LoadedConfig) -> None:
        """Apply a configuration, after the servers were changed to it and before their links are."""

    def status(self) -> Mapping[str, Any]:
        """See ``Fleet`` in net/admin/service.py."""


def part_in_fleet(hub: Hub, prepared: LoadedConfig, reason_of: Callable[[str], str]) -> Part | None:
    """The part that the configuration gives this process; None if it has no ``fleet``.

    ``reason_of`` says why the link to a server is down.
    """
    settings = prepared.config.fleet
    if settings is None:
        return None
    from amiproxy.service import fleet  # noqa: PLC0415 - only this needs the extra

    return fleet.FleetEdge(hub, prepared) if settings.is_edge else fleet.FleetAgent(hub, prepared, reason_of)
