"""The user that Asterisk runs as: the owner of its manager's port, and that of its console's socket."""

import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

from amiproxy.config.address import is_loopback
from amiproxy.net.upstream.socketowner import owner_of
from amiproxy.tools.doctor.probe import Probe, ProbeError
from amiproxy.tools.setup.wishes import AsteriskAddress

#: Where ``asterisk -r`` finds a running Asterisk.
CONSOLE: Final = Path("/run/asterisk/asterisk.ctl")
_PATIENCE: Final = 5.0
#: struct ucred of unix(7): pid, uid and gid.
_CREDENTIALS: Final = struct.Struct("3i")


class Owners(NamedTuple):
    """Uids; None where one is not known, such as that of a port that is closed."""

    port: int | None = None
    console: int | None = None


def owners(address: AsteriskAddress, console: Path = CONSOLE) -> Owners:
    """Whose processes listen at Asterisk's address and at its console.

    The port has no owner here if it is on another machine, or if what listens there is no Asterisk manager.
    """
    return Owners(_of_port(address), _of_console(console))


def _of_port(address: AsteriskAddress) -> int | None:
    try:
        with Probe(address.host, address.port, _PATIENCE) as probe:
            # After the banner the connection has been accepted: before, it has no owner.
            probe.greet()
            mine, theirs = probe.socket.getsockname(), probe.socket.getpeername()
            if not is_loopback(theirs[0]):
                return None
            return owner_of(theirs[0], theirs[1], mine[0], mine[1])
    except (ProbeError, OSError):
        return None


def _of_console(path: Path) -> int | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(str(path))
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    _, uid, _ = _CREDENTIALS.unpack(raw)
    # The kernel's (uid_t)-1 and 65534 stand for users of another namespace, which cannot be expected by name.
    return uid if 0 <= uid != 65534 else None
