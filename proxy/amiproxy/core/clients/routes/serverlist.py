"""ServerList: the answer to ProxyServers, which lists the servers that a session sees."""

# mypyc: compiled

from collections.abc import Iterable

from amiproxy.ami import message
from amiproxy.core.servers.server import Server


def status_of(server: Server) -> bytes:
    """``Up``; ``Booting`` as long as there is a link, but no actions are sent to it yet; ``Down``."""
    if server.exchange.connected:
        return b"Up"
    return b"Booting" if server.exchange.linked else b"Down"


def server_list(action_id: bytes, servers: Iterable[Server], default: str) -> bytes:
    """The whole answer; ``default`` is the name of the server for actions that name none.

    ``Since`` is in seconds since the epoch.  ``Version`` and ``SystemName`` are what the Asterisk had at its
    last link; they are empty before the first.
    """
    echo = [(b"ActionID", action_id)] if action_id else []
    begin = (b"EventList", b"start"), (b"Message", b"Servers will follow")
    parts = [message.response(b"Success", action_id, *begin)]
    for server in servers:
        facts = (
            (b"Server", server.name.encode()),
            (b"Status", status_of(server)),
            (b"Since", b"%d" % server.since),
            (b"Version", server.settings.version),
            (b"SystemName", server.settings.system_name),
            (b"Default", b"yes" if server.name == default else b"no"),
        )
        parts.append(message.event(b"ProxyServer", *echo, *facts))
    end = (b"EventList", b"Complete"), (b"ListItems", b"%d" % (len(parts) - 1))
    return b"".join([*parts, message.event(b"ProxyServersComplete", *echo, *end)])
