"""One short conversation with a nats-server, without a loop and without a library.

The protocol is that of https://docs.nats.io/reference/reference-protocols/nats-protocol.
"""

import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Collection
from types import TracebackType
from typing import Any, Final, Self

from amiproxy.config import Engine
from amiproxy.config.fleet.nkeys import public_of, signature
from amiproxy.net.tls.tlserrors import reason_of

#: Seconds for the whole conversation.
SECONDS: Final = 10.0
_NO_ANSWER: Final = f"has not answered for {SECONDS:g} s"
_LONGEST_LINE: Final = 1 << 16
#: Bytes that are read in all.  What a permission that is too wide lets in is a stream without end.
_MOST: Final = 4 << 20
_PIECE: Final = 1 << 14
_ERROR: Final = re.compile(r"-ERR '?(.*?)'?")


class NatsError(Exception):
    """The conversation failed; the text says why."""


class _Silent(NatsError):
    """The server has said nothing for as long as it may."""


class NatsProbe:
    """A connection to a nats-server; use it in a ``with``.

    The constructor connects, reads what the server says of itself (``info``), and starts TLS if there is a
    ``context``.  It and all methods raise NatsError; after SECONDS at the latest.
    """

    def __init__(self, engine: Engine, context: ssl.SSLContext | None) -> None:
        self._ends = time.monotonic() + SECONDS
        self._rest = b""
        self._read_bytes = 0
        self._sid = 0
        self.tls = ""
        try:
            self._socket: socket.socket = socket.create_connection((engine.host, engine.port), SECONDS)
        except OSError as error:
            raise NatsError(f"cannot be reached: {error.strerror or error}") from None
        try:
            self.info = self._greeting()
            if context is not None:
                self._start_tls(context, engine.host)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def connect(self, seed: bytes) -> str:
        """Log in with this seed, or as nobody if it is empty.

        Returns why the server refuses it; "" if it does not.
        """
        options: dict[str, Any] = {"verbose": False, "pedantic": False, "lang": "python", "version": "1"}
        if seed:
            nonce = self.info.get("nonce")
            if not isinstance(nonce, str):
                return "it asks for no signature"
            options |= {"nkey": public_of(seed), "sig": signature(seed, nonce)}
        self._send(f"CONNECT {json.dumps(options)}")
        try:
            return next(iter(self.errors()), "")
        except NatsError as error:
            return str(error)

    def publish(self, subject: str) -> None:
        """Publish an empty message, which no process of a fleet takes for anything."""
        self._send(f"PUB {subject} 0\r\n")

    def subscribe(self, subject: str) -> None:
        """Subscribe for a moment."""
        self._sid += 1
        self._send(f"SUB {subject} {self._sid}\r\nUNSUB {self._sid}")

    def heard(self, subjects: Collection[str], seconds: float) -> set[str]:
        """Those of these subjects on which something is published within so many seconds.

        The conversation is over then.
        """
        for subject in subjects:
            self._sid += 1
            self._send(f"SUB {subject} {self._sid}")
        self._ends = min(self._ends, time.monotonic() + seconds)
        found: set[str] = set()
        with contextlib.suppress(_Silent):
            while not found.issuperset(subjects):
                found.add(self._subject(self._line()))
        return found.intersection(subjects)

    def errors(self) -> list[str]:
        """The errors that the server has reported for all that was sent before."""
        self._send("PING")
        found = []
        while (line := self._line()) != "PONG":
            if match := _ERROR.fullmatch(line):
                found.append(match[1])
            else:
                self._subject(line)
        return found

    def _subject(self, line: str) -> str:
        """The subject of the message that begins with this line, whose body is skipped.

        "" if the line begins none; a PING is answered.
        """
        if line == "PING":
            self._send("PONG")
        if not line.startswith(("MSG ", "HMSG ")):
            return ""
        self._skip(line.rpartition(" ")[2])
        return line.split(" ", 2)[1]

    def _greeting(self) -> dict[str, Any]:
        line = self._line()
        try:
            info = json.loads(line.removeprefix("INFO "))
        except ValueError:
            info = None
        if not line.startswith("INFO ") or not isinstance(info, dict):
            raise NatsError("does not answer as a nats-server does")
        return info

    def _start_tls(self, context: ssl.SSLContext, name: str) -> None:
        if self._rest:
            raise NatsError("says more than it may before TLS")
        try:
            secured = context.wrap_socket(self._socket, server_hostname=name)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise NatsError(f"TLS fails: {reason_of(error)}") from None
        self._socket = secured
        self.tls = secured.version() or ""

    def _send(self, text: str) -> None:
        try:
            self._wait()
            self._socket.sendall(f"{text}\r\n".encode())
        except OSError as error:
            raise NatsError(f"closed the connection: {reason_of(error)}") from None

    def _skip(self, size: str) -> None:
        count = int(size) + 2 if size.isascii() and size.isdigit() else _MOST
        while len(self._rest) < count:
            self._more()
        self._rest = self._rest[count:]

    def _line(self) -> str:
        while b"\r\n" not in self._rest:
            if len(self._rest) > _LONGEST_LINE:
                raise NatsError("does not answer as a nats-server does")
            self._more()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def _more(self) -> None:
        if self._read_bytes > _MOST:
            raise NatsError("sends more than was asked for")
        try:
            self._wait()
            data = self._socket.recv(_PIECE)
        except TimeoutError:
            raise _Silent(_NO_ANSWER) from None
        except OSError as error:
            raise NatsError(f"closed the connection: {reason_of(error)}") from None
        if not data:
            raise NatsError("closed the connection")
        self._read_bytes += len(data)
        self._rest += data

    def _wait(self) -> None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise _Silent(_NO_ANSWER)
        self._socket.settimeout(left)
