"""Destination: where an action of a session goes that sees several servers.

The ``Server`` header of the action decides, and without it the kind of the action.  An action is never sent
to another server than the one it is meant for.
"""

# mypyc: compiled

from collections.abc import Mapping
from typing import Final, NamedTuple

from amiproxy.ami.actions import HISTORY, PROXY_RESUME, PROXY_SERVERS
from amiproxy.ami.listqueries import is_list_query
from amiproxy.ami.message import Action

#: The name of ProxyServers in lower case, as in ``Action.key``.
PROXY_SERVERS_KEY: Final = PROXY_SERVERS.name.lower()
#: Answered here, for the session as a whole: a Server header of theirs has no meaning.
_OF_THE_SESSION: Final = frozenset(
    {
        b"challenge",
        b"events",
        b"filter",
        b"login",
        b"logoff",
        b"waitevent",
        PROXY_SERVERS_KEY,
        PROXY_RESUME.name.lower(),
    }
)
#: In place of a name: all servers of the session.
_ALL: Final = b"*"

#: One text for a server that does not exist and for one that the user may not use.
NO_SUCH_SERVER: Final = b"No such server"
SERVER_REQUIRED: Final = b"Server header required"
NOT_FOR_SEVERAL: Final = b"Not for several servers"


class Destination(NamedTuple):
    """Where an action goes: to one server, or to all of the session's, or it is answered here."""

    #: The name of the one server; "" if it goes to all, or to none.
    server: str = ""
    #: Whether it goes to all of the session's servers.
    everywhere: bool = False
    #: The Message of the error with which it is answered instead; b"" if there is none.
    refusal: bytes = b""


#: The proxy answers it itself.
_HERE: Final = Destination()


def destination_of(action: Action, servers: Mapping[bytes, str], default: str) -> Destination:
    """Where an action of a session goes.

    ``servers``: the names of the servers that its user may use, by the name in lower case.  ``default`` is
    the name of the one for actions that name none; "" if there is none.
    """
    key = action.key
    if key in _OF_THE_SESSION:
        return _HERE
    # Without a value it counts as missing, like Asterisk's own headers.
    wanted = action.get(b"server")
    if wanted and wanted != _ALL:
        name = servers.get(wanted.lower())
        return Destination(refusal=NO_SUCH_SERVER) if name is None else Destination(name)
    if key == b"listcommands" or key in HISTORY:
        return _HERE
    if is_list_query(action):
        return Destination(everywhere=True)
    if wanted:
        return Destination(refusal=NOT_FOR_SEVERAL)
    if key == b"ping":
        return _HERE
    return Destination(default) if default else Destination(refusal=SERVER_REQUIRED)
