"""Local sockets: Unix sockets that others cannot open, and the credentials of their clients."""

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import NamedTuple

_BACKLOG = 64
_UCRED = struct.Struct("iII")  # struct ucred: pid, uid, gid (unix(7))


class SocketRefused(OSError):
    """The socket cannot be created; the text names the path, what is wrong and what to do."""


class Credentials(NamedTuple):
    """The process at the other end, at the time it connected."""

    pid: int
    uid: int
    gid: int


def credentials_of(sock: socket.socket) -> Credentials:
    """The process that connected, as the kernel reports it (SO_PEERCRED); the peer cannot forge it."""
    return Credentials(*_UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


class UnixListener:
    """A listening Unix socket; ``close`` removes its file if it is still ours.

    ``mode`` is that of its file.  A socket file left by a dead process is replaced.  Raises SocketRefused.
    """

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self.path = path
        _check_folder(path)
        _remove_stale(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before bind, so that the file is created with this mode and never has another (Linux).
            os.fchmod(self.socket.fileno(), mode)
            self.socket.bind(str(path))
            made = path.lstat()
            if stat.S_IMODE(made.st_mode) & ~mode:
                path.unlink()
                text = f"{path} was created with mode {stat.S_IMODE(made.st_mode):04o}"
                raise SocketRefused(f"{text}; put it on a file system that supports file modes")
            if stat.S_IMODE(made.st_mode) != mode:
                path.chmod(mode)  # the umask has taken more from it
            self._inode = made.st_dev, made.st_ino
            self.socket.setblocking(False)
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            if isinstance(error, SocketRefused):
                raise
            # The error for a path of 108 bytes or more has no errno.
            text = f"cannot listen on {path}: {error.strerror or error}"
            raise SocketRefused(f"{text}; use a shorter path, in a directory that we can write to") from error

    def close(self) -> None:
        """Stop listening, and remove the socket file."""
        self.socket.close()
        with contextlib.suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == self._inode:
                self.path.unlink()


def _check_folder(path: Path) -> None:
    try:
        mode = path.parent.stat().st_mode
    except OSError as error:
        remedy = "create the directory; in a systemd unit, with RuntimeDirectory="
        raise SocketRefused(f"{path.parent}: {error.strerror}; {remedy}") from error
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        text = f"{path.parent} has mode {stat.S_IMODE(mode):04o}: other users could put a socket there"
        raise SocketRefused(f"{text}; chmod o-w {path.parent}")


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SocketRefused(f"{path}: {error.strerror}; name another path") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketRefused(f"{path} exists and is not a socket; move it away, or name another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)  # its process is gone
            return
        except FileNotFoundError:
            return
        except OSError as error:
            raise SocketRefused(f"{path}: {error.strerror or error}; name another path") from error
    raise SocketRefused(f"{path} is in use; stop the ami-proxy that serves it, or name another path")
