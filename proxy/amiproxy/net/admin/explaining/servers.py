"""Explains to which of several servers an action of a user goes."""

from collections.abc import Sequence
from typing import NamedTuple

from amiproxy.ami.message import Action
from amiproxy.core.clients.routes.destination import NO_SUCH_SERVER, PROXY_SERVERS_KEY, destination_of
from amiproxy.core.model.users import User


class Where(NamedTuple):
    """Where an action goes: to these servers, or, if there is none, nowhere but to the proxy itself."""

    servers: tuple[str, ...]
    #: The same for people, with the reason.
    text: str
    #: The Message of the error with which it is answered instead; "" if it is not.
    refusal: str = ""


def where(user: User, action: Action, bound_to: str) -> Where:
    """Where the action of a session of this user goes.

    ``bound_to`` is the only server of the session; "" for a session that sees all servers of its user.
    """
    if not bound_to and len(user.servers) == 1:
        (bound_to,) = user.servers
    asked = action.get(b"server")
    if bound_to:
        is_refused = bool(asked) and asked.lower() != bound_to.encode()
        refusal = NO_SUCH_SERVER.decode() if is_refused else ""
        return Where((bound_to,), f"{bound_to}: the only server of the session", refusal)
    by_name = {name.encode(): name for name in user.servers}
    found = destination_of(action, by_name, user.default_server)
    if found.refusal:
        return Where((), "none", found.refusal.decode())
    if found.everywhere:
        return Where(user.servers, f"{', '.join(user.servers)}: one list of all servers of the user")
    if found.server:
        reason = "named by its header Server" if asked else "the user's default server"
        return Where((found.server,), f"{found.server}: {reason}")
    return Where((), "none: it is about the session, or about all of its servers")


def is_of_the_proxy(action: Action, user: User, bound_to: str) -> bool:
    """Whether it is an action that only sessions with several servers have."""
    return action.key == PROXY_SERVERS_KEY and not bound_to and len(user.servers) > 1


def rights_at(user: User, servers: Sequence[str]) -> list[tuple[str, User]]:
    """The rights that apply at these servers: one item for all where they are the same everywhere.

    The first part of an item names its servers.  Without servers the user's own rights apply.
    """
    if not any(name in user.narrowed for name in servers):
        return [(", ".join(servers), user.at(servers[0]) if servers else user)]
    return [(name, user.at(name)) for name in servers]
