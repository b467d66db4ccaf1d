"""A client of HTTP that sends bytes as they are given, and shows an answer's headers as they were written."""

import socket
import ssl
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import quote_from_bytes


@dataclass(frozen=True)
class Answer:
    """One answer; ``headers`` in the order and the spelling of the server."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """The first header of this name in any case; None if there is none."""
        return next((value for header, value in self.headers if header.lower() == name.lower()), None)

    @property
    def names(self) -> list[str]:
        """The names of the headers, in order."""
        return [name for name, _ in self.headers]

    @property
    def cookie(self) -> str | None:
        """The id that ``mansession_id`` is set to, without its quotes."""
        said = self.get("Set-Cookie")
        return None if said is None else said.partition("=")[2].partition(";")[0].strip('"')


class Closed(Exception):
    """The server closed the connection; ``rest`` is what it sent of an answer."""

    def __init__(self, rest: bytes) -> None:
        super().__init__(rest)
        self.rest = rest


@dataclass
class RawHttp:
    """One connection.  ``tls``: the context to connect with; None for plain HTTP."""

    port: int
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    name: str = "localhost"
    timeout: float = 20.0
    _rest: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        plain = socket.create_connection((self.host, self.port), timeout=self.timeout)
        self._socket: socket.socket = plain
        if self.tls is not None:
            self._socket = self.tls.wrap_socket(plain, server_hostname=self.name)

    def __enter__(self) -> "RawHttp":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self._socket.sendall(data)

    def read(self, head_only: bool = False) -> Answer:
        """The next answer; ``head_only`` after HEAD.  Raises Closed if the connection ends before it does."""
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        _, status, reason = first.split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        answer = Answer(int(status), reason, headers, b"")
        length = 0 if head_only else int(answer.get("Content-Length") or 0)
        while len(self._rest) < length:
            self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(answer.status, reason, headers, body)

    def ended(self) -> bytes:
        """Wait until the server closes the connection; what it sent before that."""
        try:
            while True:
                self._more()
        except Closed as closed:
            self._rest = b""
            return closed.rest

    def ask(
        self, target: str, *headers: str, method: str = "GET", body: bytes = b"", cookie: str | None = None
    ) -> Answer:
        """Send one request with these header lines, and read its answer.

        ``cookie`` is the id of a session of AJAM.  A ``body`` is sent as a form, unless a header says
        otherwise.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.name}", *headers]
        if cookie is not None:
            lines.append(f'Cookie: mansession_id="{cookie}"')
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
            if not any(line.lower().startswith("content-type:") for line in headers):
                lines.append("Content-Type: application/x-www-form-urlencoded")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self.read(head_only=method.upper() == "HEAD")

    def _more(self) -> None:
        try:
            data = self._socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            raise Closed(self._rest)
        self._rest += data


def encoded(text: str | bytes) -> str:
    """A value for a form, every byte but letters and digits percent-encoded."""
    raw = text.encode() if isinstance(text, str) else text
    return quote_from_bytes(raw, safe="")
