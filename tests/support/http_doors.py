"""HTTP doors of a proxy that runs as a process: its listener, its users, and simple clients."""

import asyncio
import base64
import http.client
import json
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support.service import PASSWORDS, USERS, Service
from tests.support.waiting import DEADLINE

DOORS = ("ajam", "api", "page", "ws")
#: The users of ``service.USERS``, who may come by every door.
HTTP_USERS: dict[str, dict[str, Any]] = {
    name: {**entry, "doors": ["ami", *DOORS]} for name, entry in USERS.items()
}
_FORM = "application/x-www-form-urlencoded"


def listener(address: str, **more: Any) -> dict[str, Any]:
    """A listener with all HTTP doors; one at a port has the certificate of the service."""
    pair = {"certificates": [{"chain": "server.crt", "key": "server.key"}]}
    return {"address": address, "door": "http", "doors": [*DOORS], **({} if "/" in address else pair), **more}


def add_listener(service: Service, address: str, **more: Any) -> None:
    """Give a service, which has not been started, an HTTP listener beside its own."""
    ami = {
        "address": f"127.0.0.1:{service.port}",
        "certificates": [{"chain": "server.crt", "key": "server.key"}],
    }
    service.change(listeners=[ami, listener(address, **more)])


def basic(user: str = "boss", secret: str = "") -> dict[str, str]:
    """The Authorization header of a user, by default of one of ``service.USERS``."""
    both = f"{user}:{secret or PASSWORDS[user]}"
    return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


class Answer(NamedTuple):
    """One answer over HTTP; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def cookie(self) -> str:
        """The value of AJAM's cookie."""
        found = re.search(r'mansession_id="([0-9a-f]+)"', self.headers.get("set-cookie", ""))
        return found[1] if found else ""


class HttpClient:
    """One kept connection by TLS; ``host`` is also the name in the certificate."""

    def __init__(
        self, port: int, context: ssl.SSLContext, source: str = "127.0.0.1", host: str = "localhost"
    ) -> None:
        raw = socket.create_connection(("127.0.0.1", port), DEADLINE, (source, 0))
        self.connection = http.client.HTTPConnection(host, port)
        self.connection.sock = context.wrap_socket(raw, server_hostname=host)

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        self.connection.request(method, path, body, dict(headers))
        response = self.connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read().decode())

    async def get(self, path: str, **headers: str) -> Answer:
        """GET, in a thread."""
        return await asyncio.to_thread(self._ask, "GET", path, None, headers)

    async def post(self, path: str, form: str, **headers: str) -> Answer:
        """POST a form, in a thread."""
        return await asyncio.to_thread(self._ask, "POST", path, form, {"Content-Type": _FORM, **headers})

    async def log_in(self, user: str = "boss", path: str = "/rawman") -> Answer:
        """Log in by AJAM, with a form."""
        answer = await self.post(path, f"action=login&username={user}&secret={PASSWORDS[user]}")
        assert answer.body.startswith("Response: Success"), answer
        return answer

    def close(self) -> None:
        """End the connection."""
        self.connection.close()


async def message(socket_: Any, kind: str) -> dict[str, Any]:
    """The next message of this type that a WebSocket gets; others are passed over."""
    async with asyncio.timeout(DEADLINE):
        while True:
            found: dict[str, Any] = json.loads(await socket_.recv())
            if found["type"] == kind:
                return found


def upgrade(user: str = "boss", path: str = "/ws", secret: str = "") -> bytes:
    """The request that opens a WebSocket."""
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "ami.json",
        **basic(user, secret),
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode()


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """A frame as clients send it; with a mask of zeros, since that is one like any other."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([(0x80 if final else 0) | opcode]) + length + bytes(4) + payload
