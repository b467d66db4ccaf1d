"""The way to the control socket of a running proxy."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

#: Seconds for a reply: a reload may wait for files that are being written.
_PATIENCE = 120.0
_CHUNK = 65536


class NotReachable(Exception):
    """Nobody answers there; the text says what to do."""


class Refused(Exception):
    """The proxy will not; ``problems`` has what is to be put right, ``result`` what it did all the same."""

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
    """One connection; any number of questions, one after the other.  Raises NotReachable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_PATIENCE)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NotReachable(_remedy(path, error)) from None

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def ask(self, command: str, **arguments: str) -> Any:
        """The result.  Raises Refused, or NotReachable when the connection ends meanwhile."""
        self._send(command, arguments)
        return self._reply()

    def stream(self, command: str, **arguments: str) -> Iterator[Any]:
        """One result after the other, until the proxy ends."""
        self._send(command, arguments)
        yield self._reply()
        self._socket.settimeout(None)
        with contextlib.suppress(NotReachable):
            while True:
                yield self._reply()

    def _send(self, command: str, arguments: dict[str, str]) -> None:
        line = msgspec.json.encode({"command": command, "arguments": arguments}) + b"\n"
        try:
            self._socket.sendall(line)
        except OSError:
            # It may have said why before it hung up: that is read next.
            return

    def _reply(self) -> Any:
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(_CHUNK)
            except TimeoutError:
                raise NotReachable(f"{self._path}: no answer within {_PATIENCE:g} s; see its log") from None
            except OSError as error:
                raise NotReachable(f"{self._path}: {error.strerror}; see its log") from None
            if not data:
                raise NotReachable(f"{self._path}: the proxy closed the connection; see its log")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = msgspec.json.decode(line, type=_Reply)
        except msgspec.MsgspecError:
            raise NotReachable(f"{self._path}: what answers there is not ami-proxy") from None
        if not reply.ok:
            raise Refused(reply.error, reply.problems, reply.result)
        return reply.result


def _remedy(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError():
            text = "there is no such socket; is ami-proxy running, and has its proxy.yaml a control section?"
            return f"{path}: {text} Name another with --socket or --config"
        case ConnectionRefusedError():
            return f"{path}: nobody listens there any more; start ami-proxy"
        case PermissionError():
            return f"{path}: permission denied; be root, or the user that ami-proxy runs as"
        case _:
            return f"{path}: {error.strerror or error}; name the socket with --socket or --config"
