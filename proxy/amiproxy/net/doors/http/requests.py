"""Request: one HTTP request, as a handler sees it."""

from dataclasses import dataclass

from amiproxy.core.ports import Peer


@dataclass(frozen=True, slots=True)
class Request:
    """One complete request.  Its ``repr`` shows neither query, headers nor body, which may hold secrets."""

    #: In upper case.
    method: str
    #: As it was sent, byte for byte: path, and after the first ``?`` the query.  Nothing is decoded.
    target: bytes
    #: In the order in which they were sent; names in lower case.
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    #: The client, as a trusted reverse proxy names it if the request came through one.
    peer: Peer
    #: Whether the client's own connection is encrypted: by our TLS, or by that of a trusted reverse proxy.
    secure: bool
    #: Whether it is a request of HTTP/1.0.
    http10: bool

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path!r} from {self.peer.address})"

    @property
    def path(self) -> bytes:
        """The target up to the first ``?``."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The target behind the first ``?``."""
        return self.target.partition(b"?")[2]

    def values(self, name: bytes) -> list[bytes]:
        """The values of all headers with this name, which is in lower case."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: bytes) -> bytes:
        """The value of the first header with this name, which is in lower case; b"" if there is none."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    @property
    def asks_to_close(self) -> bool:
        """Whether the client wants the connection to end with the answer."""
        tokens = b",".join(self.values(b"connection")).lower().split(b",")
        return self.http10 or b"close" in (token.strip() for token in tokens)

    @property
    def cookies(self) -> list[tuple[bytes, bytes]]:
        """Names and values of all cookies in their order; quotes around a value are part of it."""
        found = []
        for header in self.values(b"cookie"):
            for pair in header.split(b";"):
                name, equals, value = pair.strip(b" \t").partition(b"=")
                if equals:
                    found.append((name, value))
        return found
