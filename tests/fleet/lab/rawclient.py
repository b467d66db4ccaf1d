"""A client of NATS that sends what it likes: the wire as its documentation has it, and no library."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any, Self

from tests.fleet.lab.nkeys import UserKey

_SECONDS = 10.0


class RawClient:
    """One connection; ``info`` is what the server says first.

    ``key``: None connects as nobody.  Without ``cafile`` it speaks plain text.
    """

    def __init__(self, port: int, cafile: Path | None, key: UserKey | None) -> None:
        self._door: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self._rest = b""
        self.info: dict[str, Any] = json.loads(self._line().removeprefix(b"INFO "))
        if cafile is not None:
            context = ssl.create_default_context(cafile=str(cafile))
            self._door = context.wrap_socket(self._door, server_hostname="127.0.0.1")
        options: dict[str, Any] = {
            "verbose": False,
            "pedantic": False,
            "lang": "raw",
            "version": "1",
            "headers": True,
        }
        if key is not None:
            options |= {"nkey": key.public, "sig": key.signature(self.info["nonce"])}
        self.send(f"CONNECT {json.dumps(options)}\r\n")
        self._sid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def send(self, text: str | bytes) -> None:
        """Write exactly this."""
        self._door.sendall(text.encode() if isinstance(text, str) else text)

    def publish(self, subject: str, data: bytes = b"", reply: str = "") -> None:
        self.send(f"PUB {subject} {reply + ' ' if reply else ''}{len(data)}\r\n".encode() + data + b"\r\n")

    def subscribe(self, subject: str) -> None:
        self._sid += 1
        self.send(f"SUB {subject} {self._sid}\r\n")

    def until_pong(self) -> list[bytes]:
        """The lines and bodies that came until all sent so far has been read by the server.

        The last is ``end`` if the server closed the connection instead.
        """
        found: list[bytes] = []
        try:
            self.send("PING\r\n")
            while (line := self._line()) != b"PONG":
                if line.startswith((b"MSG ", b"HMSG ")):
                    found += [line, self._read(int(line.rpartition(b" ")[2]))]
                    self._read(2)
                elif line == b"PING":
                    self.send("PONG\r\n")
                elif not line.startswith(b"INFO "):
                    found.append(line)
        except (OSError, EOFError):
            found.append(b"end")
        return found

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            self._more()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _read(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _more(self) -> None:
        data = self._door.recv(65536)
        if not data:
            raise EOFError
        self._rest += data
