"""Warnings about a process's part in a fleet: settings that are allowed, and hardly what is meant."""

from collections.abc import Iterator

from amiproxy.config.fleet.schema import FleetSettings
from amiproxy.config.users.user import UsersFile
from amiproxy.core.model.users import folded


def warnings_of_fleet(fleet: FleetSettings, users: UsersFile) -> Iterator[str]:
    """The warnings, one line each; both arguments have been checked by loading them."""
    if len(fleet.engines) == 1:
        yield "fleet.engines: with one nats-server, the fleet is down whenever that one is"
    if fleet.is_edge:
        return
    known = set(map(folded, users.users))
    for name, edge in fleet.edges.items():
        named = () if isinstance(edge.users, str) else edge.users
        if unknown := [user for user in named if folded(user) not in known]:
            yield f"fleet.edges.{name}: there is no user {', '.join(unknown)}, so the edge cannot act for it"
    names = [ceiling.names for ceiling in fleet.ceilings.values()]
    for user, entry in users.users.items():
        by_edges = any(one is None or folded(user) in one for one in names)
        if not by_edges and not entry.disabled and not entry.has_login:
            yield f"user {user}: cannot log in here, and no edge may act for it (fleet.edges)"
