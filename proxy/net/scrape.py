"""The metrics endpoint: GET /metrics, /livez and /readyz in plain HTTP/1.1, one answer a connection.

For Prometheus and load balancers on this host.  No request body, no
keep-alive, no other method: whoever needs more puts a web server in front.
The Host must be an address, localhost or a name of ``metrics.hosts``: a web page
whose name was made to point here (DNS rebinding) is answered nothing.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

from proxy import log
from proxy.core.sidedoor import SideDoor, Want
from proxy.net.exposition import Exposition
from proxy.net.health import Grade, readiness
from proxy.net.metrics import ServiceCollector
from proxy.net.service import Service
from proxy.net.sideserver import SideServer, Visit

#: Bytes of a request's head.
_LONGEST = 8192
#: Connections at one time, and how many of them may be rendering metrics.
_CLIENTS = 16
_WORKING = 8
#: Seconds for the request to come, and for the answer to go.
_PATIENCE = 5.0
_TEXT = "text/plain; charset=utf-8"
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:\[\]]+))(?::\d*)?", re.ASCII)
_PRINTABLE = re.compile(r"[ -~]*")
#: What is answered however many ask for metrics.
_URGENT = frozenset({"/livez", "/readyz"})


class Answer(NamedTuple):
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    extra: str = ""


class ScrapeServer:
    """Serves on any number of listening sockets; they stay the caller's to close.

    ``hosts`` are names that a request's Host may have.
    """

    def __init__(
        self,
        service: Service,
        hosts: Iterable[str] = (),
        *,
        patience: float = _PATIENCE,
        clients: int = _CLIENTS,
    ) -> None:
        self._service = service
        self._exposition = Exposition(ServiceCollector(service))
        self._names = {"localhost", *(host.lower() for host in hosts)}
        self._patience = patience
        self._server = SideServer(
            "scrape-lost",
            self._visited,
            SideDoor(clients, min(_WORKING, clients)),
            longest=_LONGEST,
            full=_response(_BUSY),
            is_full=lambda: service.hub.bounds.rationed.say_of(log.WARNING, "metrics-full", ""),
            patience=patience,
        )

    @property
    def visits(self) -> int:
        """Connections that are being served."""
        return self._server.visits

    async def start(self, sock: socket.socket) -> None:
        """Serve on this socket, too: TCP or Unix."""
        await self._server.start(sock)

    async def close(self) -> None:
        """Accept no more, and end what is open."""
        await self._server.close()

    async def _visited(self, visit: Visit) -> None:
        async with asyncio.timeout(self._patience):
            await self._serve(visit)

    async def _serve(self, visit: Visit) -> None:
        reader, writer = visit.reader, visit.writer
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            answer = Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"too long a request\n")
        else:
            want = Want.URGENT if _path_of(head) in _URGENT else Want.ORDINARY
            answer = await self._answer(head) if visit.asks(want) else _BUSY
        visit.is_answered()
        writer.write(_response(answer))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        # What a client still sends would have the kernel reset the connection, with our answer in it.
        while await reader.read(_LONGEST):
            pass

    async def _answer(self, head: bytes) -> Answer:
        request, *lines = head.decode("latin-1").split("\r\n")
        method, _, rest = request.partition(" ")
        target, _, version = rest.partition(" ")
        if not version.startswith("HTTP/1."):
            return Answer(HTTPStatus.BAD_REQUEST, b"not an HTTP/1.1 request\n")
        if method != "GET":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"GET only\n", extra="Allow: GET\r\n")
        hosts = _values(lines, "host")
        # Only HTTP/1.0 knows no Host: health checks still speak it, browsers do not.
        if len(hosts) > 1 or not (hosts or version == "HTTP/1.0"):
            return Answer(HTTPStatus.BAD_REQUEST, b"one Host header is needed\n")
        if hosts and not self._is_ours(hosts[0]):
            return Answer(HTTPStatus.MISDIRECTED_REQUEST, b"this Host is not in metrics.hosts\n")
        match target.partition("?")[0]:
            case "/metrics":
                return await self._metrics(next(iter(_values(lines, "accept")), ""))
            case "/livez":
                return Answer(HTTPStatus.OK, b"alive\n")
            case "/readyz":
                return self._readiness()
            case _:
                return Answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /livez and /readyz\n")

    def _is_ours(self, host: str) -> bool:
        """Whether no page in somebody's browser has this Host, or the operator says that it is ours."""
        name = _name_of(host)
        return _is_address(name) or name in self._names

    async def _metrics(self, accept: str) -> Answer:
        # The version asked for is said back in a header, and one that is no number is an error in there.
        try:
            text, content_type = await self._exposition.text(accept if _PRINTABLE.fullmatch(accept) else "")
        except (TypeError, ValueError):
            text, content_type = await self._exposition.text("")
        return Answer(HTTPStatus.OK, text, content_type)

    def _readiness(self) -> Answer:
        grade, checks = readiness(self._service)
        status = HTTPStatus.SERVICE_UNAVAILABLE if grade is Grade.BAD else HTTPStatus.OK
        return Answer(status, "".join(f"{line}\n" for line in (grade.value, *checks)).encode())


_BUSY = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"too many are connected here\n", extra="Retry-After: 1\r\n")


def _path_of(head: bytes) -> str:
    """What a request is for."""
    return head.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2].partition(" ")[0].partition("?")[0]


def _values(lines: list[str], name: str) -> list[str]:
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in pairs if key.strip().lower() == name]


def _name_of(host: str) -> str:
    """The host of ``host`` or ``host:port``, in lower case, an IPv6 address without its brackets."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2].removesuffix(".")).lower() if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _response(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"{answer.extra}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + answer.body
