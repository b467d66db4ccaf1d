"""Which users may use the routes of operators: those with a class at every server, because these show all."""

from amiproxy.ami import privilege
from amiproxy.core.hub import Hub
from amiproxy.core.model.users import User


def may_see_status(user: User, hub: Hub) -> bool:
    """Whether the user may read the state of the service, which names other users and their denials."""
    return all(user.at(server.name).read & privilege.SYSTEM for server in hub.servers)


def may_operate(user: User, hub: Hub) -> bool:
    """Whether the user may end sessions and the service, and set the log level.

    Class ``command`` is meant for commands of Asterisk's CLI, so a user to whom the operator has left only
    some of these, or some actions, may not.
    """
    return all(_operates(user.at(server.name)) for server in hub.servers)


def _operates(rights: User) -> bool:
    rules = rights.rules
    is_whole = rules is None or (rules.commands is None and rules.actions is None)
    return bool(rights.write & privilege.COMMAND) and is_whole
