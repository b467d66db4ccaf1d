"""Which users may use the routes of operators: these show and change everything, whoever it belongs to.

So such a user needs a class at every server, and must be one that sees all calls: a user with a scope would
read here what its own events leave out, such as the channels and the denials of other users.
"""

from amiproxy.ami import privilege
from amiproxy.core.hub import Hub
from amiproxy.core.model.users import User


def may_see_status(user: User, hub: Hub) -> bool:
    """Whether the user may read the state of the service, which names other users and their denials."""
    return not user.has_scope and all(user.at(server.name).read & privilege.SYSTEM for server in hub.servers)


def may_operate(user: User, hub: Hub) -> bool:
    """Whether the user may end sessions and the service, and set the log level.

    Class ``command`` is meant for commands of Asterisk's CLI, so a user to whom the operator has left only
    some of these, or some actions, may not.
    """
    return not user.has_scope and all(_operates(user.at(server.name)) for server in hub.servers)


def _operates(rights: User) -> bool:
    rules = rights.rules
    is_whole = rules is None or (rules.commands is None and rules.actions is None)
    return bool(rights.write & privilege.COMMAND) and is_whole
