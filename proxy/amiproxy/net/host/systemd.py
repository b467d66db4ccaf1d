"""The service manager: notifications to it, sockets from it (sd_notify(3), sd_listen_fds(3)).

All of this does nothing when the process does not run as a service.  The environment
variables are read once and removed, so that no child process inherits them.
"""

import os
import socket
import time
from collections.abc import MutableMapping

from amiproxy import log

_FIRST = 3
#: Seconds to wait for a slow service manager, which must not block the loop.
_PATIENCE = 0.1


class NoListener(ValueError):
    """The service manager passed no socket of a name, or one that cannot be used; the text names it."""


class Notifier:
    """Reports the state of the service; does nothing without ``NOTIFY_SOCKET``.

    Errors of the service manager's socket are ignored, and a call blocks for 0.1 s at most.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        usec = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", "")
        mine = not pid or pid == str(os.getpid())
        #: Seconds within which ``alive`` must be called; None without a watchdog.
        self.watchdog = int(usec) / 1e6 if usec.isdigit() and mine else None
        self._told = ""

    def ready(self, status: str) -> None:
        """The service is up, or serves again after ``reloading``."""
        self._send("READY=1", status)

    def status(self, status: str) -> None:
        """Set the line that ``systemctl status`` shows; sent only if it changed."""
        if status != self._told:
            self._send("", status)

    def reloading(self) -> None:
        """A reload begins.  Without the monotonic time in the same datagram ``systemctl reload`` hangs."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self, status: str, seconds: float) -> None:
        """The shutdown begins, and may take this many seconds from now, regardless of TimeoutStopSec=."""
        self._send(f"STOPPING=1\n{_extension(seconds)}", status)

    def extend(self, seconds: float) -> None:
        """The shutdown may take this many more seconds; call it repeatedly, as a datagram may be lost."""
        self._send(_extension(seconds))

    def alive(self) -> None:
        """Feed the watchdog; ``watchdog`` says within how many seconds."""
        self._send("WATCHDOG=1")

    def _send(self, text: str, status: str = "") -> None:
        if not self._address:
            return
        if status:
            self._told = status
            # The status may contain text from Asterisk, whose line breaks must not add notifications.
            text = f"{text}\nSTATUS={log.text_of(status)}".lstrip("\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(_PATIENCE)
            try:
                sock.connect(self._address)
                sock.send(text.encode())
            except OSError:
                return  # the service manager is gone or busy: never a reason to stop serving


def _extension(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={max(0, round(seconds * 1e6))}"


def inherited_sockets(environment: MutableMapping[str, str] = os.environ) -> dict[str, list[socket.socket]]:
    """Listening sockets passed by the service manager, by FileDescriptorName; each is close-on-exec.

    Raises NoListener for a descriptor of another kind.
    """
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    sockets: dict[str, list[socket.socket]] = {}
    for number in range(int(count)):
        name = names[number] if number < len(names) and names[number] else "unknown"
        sock = _listening(_FIRST + number, name)
        sockets.setdefault(name, []).append(sock)
    return sockets


def take_sockets(
    inherited: dict[str, list[socket.socket]], name: str, *, unix: bool | None = None
) -> list[socket.socket]:
    """Remove and return the passed sockets of this name; ``unix``: they must, or must not, be Unix sockets.

    Raises NoListener, whose text says what to do, if there are none or one is of the other kind; then
    they are closed.
    """
    sockets = inherited.pop(name, [])
    if not sockets:
        text = f"no socket named {name!r} was passed by the service manager"
        raise NoListener(f"{text}; set FileDescriptorName={name} in its socket unit")
    if unix is None or all((sock.family == socket.AF_UNIX) is unix for sock in sockets):
        return sockets
    for sock in sockets:
        sock.close()
    if unix:
        text = f"the socket {name!r} is not a Unix socket, so clients cannot be identified"
        raise NoListener(f"{text}; give ListenStream= a path")
    raise NoListener(f"the socket {name!r} is a Unix socket; give ListenStream= a port")


def _listening(descriptor: int, name: str) -> socket.socket:
    os.set_inheritable(descriptor, False)
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise NoListener(f"{name!r} (descriptor {descriptor}) is not a socket: {error.strerror}") from error
    stream = (
        sock.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX) and sock.type == socket.SOCK_STREAM
    )
    if not stream or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise NoListener(f"{name!r} (descriptor {descriptor}) is not a listening stream socket")
    sock.setblocking(False)
    return sock


def logs_to_journal() -> bool:
    """Whether the service manager passes what the process prints on to its journal."""
    return "JOURNAL_STREAM" in os.environ
