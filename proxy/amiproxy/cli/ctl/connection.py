"""A client for the control socket of a running proxy."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

#: Seconds to wait for a reply: a reload may wait for files that are being written.
_PATIENCE = 120.0
_CHUNK = 65536


class NotReachable(Exception):
    """No proxy answers on the control socket; the text says what to do."""


class NoService(NotReachable):
    """No process listens on the control socket, so that no proxy uses it now."""


class Refused(Exception):
    """The proxy refused the command.

    ``problems`` lists what must be corrected, ``result`` is what was done nevertheless.
    """

    def __init__(self, text: str, problems: list[str], result: Any = None) -> None:
        super().__init__(text)
        self.problems = problems
        self.result = result


class _Reply(msgspec.Struct, frozen=True):
    ok: bool
    result: Any = None
    error: str = ""
    problems: list[str] = []


class Connection:
    """One connection, for any number of commands one after the other.  Raises NotReachable if it fails.

    ``patience`` is how many seconds it waits for a reply, two minutes unless given.
    """

    def __init__(self, path: Path, patience: float | None = None) -> None:
        self._path = path
        self._patience = patience if patience is not None else _PATIENCE
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self._patience)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            is_absent = isinstance(error, (FileNotFoundError, ConnectionRefusedError))
            raise (NoService if is_absent else NotReachable)(_remedy(path, error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, command: str, **arguments: str) -> Any:
        """Send a command and return its result.  Raises Refused, or NotReachable if the connection ends."""
        self._send(command, arguments)
        return self._reply()

    def stream(self, command: str, *, endless: bool = False, **arguments: str) -> Iterator[Any]:
        """Send a command and yield its results until the proxy closes the connection.

        Raises Refused, or NotReachable if the connection ends before the first result, or at any time if the
        stream should be ``endless``.
        """
        self._send(command, arguments)
        yield self._reply()
        self._socket.settimeout(None)
        try:
            while True:
                yield self._reply()
        except NotReachable:
            if endless:
                raise

    def _send(self, command: str, arguments: dict[str, str]) -> None:
        line = msgspec.json.encode({"command": command, "arguments": arguments}) + b"\n"
        try:
            self._socket.sendall(line)
        except OSError:
            # The proxy may have sent the reason before it closed the connection: ``_reply`` reads it.
            return

    def _reply(self) -> Any:
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(_CHUNK)
            except TimeoutError:
                raise NotReachable(
                    f"{self._path}: no answer within {self._patience:g} s; see its log"
                ) from None
            except OSError as error:
                raise NotReachable(f"{self._path}: {error.strerror}; see its log") from None
            if not data:
                raise NotReachable(f"{self._path}: the proxy closed the connection; see its log")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = msgspec.json.decode(line, type=_Reply)
        except msgspec.MsgspecError:
            raise NotReachable(f"{self._path}: the program that answers is not ami-proxy") from None
        if not reply.ok:
            raise Refused(reply.error, reply.problems, reply.result)
        return reply.result


def _remedy(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError():
            text = "no such socket; is ami-proxy running, and does its proxy.yaml have a control section?"
            return f"{path}: {text} Give another one with --socket or --config"
        case ConnectionRefusedError():
            return f"{path}: no process listens on this socket; start ami-proxy"
        case PermissionError():
            return f"{path}: permission denied; run this as root or as the user that ami-proxy runs as"
        case _:
            return f"{path}: {error.strerror or error}; give the socket with --socket or --config"
