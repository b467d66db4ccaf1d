"""The metrics endpoint: GET /metrics, /livez and /readyz in plain HTTP/1.1, one request per connection.

For Prometheus and load balancers on this host.  It supports no request bodies, no
keep-alive and no other methods; operators who need more can put a web server in front.
The Host header must be an address, localhost or a name in ``metrics.hosts``: this
protects against DNS rebinding, where a web page's name is made to point here.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

from amiproxy import log
from amiproxy.core.admission.sidedoor import SideDoor, Want
from amiproxy.net.admin.exposition import Exposition
from amiproxy.net.admin.health import Grade, readiness
from amiproxy.net.admin.metrics import ServiceCollector
from amiproxy.net.admin.service import Service
from amiproxy.net.admin.sideserver import SideServer, Visit
from amiproxy.net.doors.http.hosts import host_of, is_address

#: Maximum bytes of a request's head.
_LONGEST = 8192
#: Maximum of concurrent connections, and how many of them may be waiting for metrics.
_CLIENTS = 16
_WORKING = 8
#: Seconds for receiving the request and answering it, and again for the close.
_PATIENCE = 5.0
_TEXT = "text/plain; charset=utf-8"
#: Paths that are answered even while many clients request metrics.
_URGENT = frozenset({"/livez", "/readyz"})


class Answer(NamedTuple):
    """An HTTP response."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    extra: str = ""


class MetricsServer(SideServer):
    """Serves on any number of listening sockets, which the caller must close.

    ``hosts`` are further names that a request's Host header may have.
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
        super().__init__(
            "scrape-lost",
            self._serve_request,
            SideDoor(clients, min(_WORKING, clients)),
            longest=_LONGEST,
            full=_response(_BUSY),
            is_full=lambda: service.hub.limit_state.rationed.say_of(log.WARNING, "metrics-full", ""),
            patience=patience,
        )

    async def _serve_request(self, visit: Visit) -> None:
        async with asyncio.timeout(self._patience):
            await self._answer_request(visit)

    async def _answer_request(self, visit: Visit) -> None:
        reader, writer = visit.reader, visit.writer
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            answer = Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"request too long\n")
        else:
            want = Want.URGENT if _path_of(head) in _URGENT else Want.ORDINARY
            answer = await self._answer(head) if visit.asks(want) else _BUSY
        visit.is_answered()
        writer.write(_response(answer))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        # Read on until the client closes: unread input would make the kernel reset the connection, and
        # could destroy our answer.
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
        # HTTP/1.0 does not require Host: some health checks still use it, browsers do not.
        if len(hosts) > 1 or not (hosts or version == "HTTP/1.0"):
            return Answer(HTTPStatus.BAD_REQUEST, b"exactly one Host header is required\n")
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
                return Answer(HTTPStatus.NOT_FOUND, b"not found; use /metrics, /livez or /readyz\n")

    def _is_ours(self, host: str) -> bool:
        """Whether the Host is safe: an address, which no rebound web page can have, or a configured name."""
        name = host_of(host)
        return is_address(name) or name in self._names

    async def _metrics(self, accept: str) -> Answer:
        text, content_type = await self._exposition.text_for(accept)
        return Answer(HTTPStatus.OK, text, content_type)

    def _readiness(self) -> Answer:
        grade, checks = readiness(self._service)
        status = HTTPStatus.SERVICE_UNAVAILABLE if grade is Grade.BAD else HTTPStatus.OK
        return Answer(status, "".join(f"{line}\n" for line in (grade.value, *checks)).encode())


_BUSY = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"too many connections\n", extra="Retry-After: 1\r\n")


def _path_of(head: bytes) -> str:
    """The path of a request, without its query."""
    return head.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2].partition(" ")[0].partition("?")[0]


def _values(lines: list[str], name: str) -> list[str]:
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in pairs if key.strip().lower() == name]


def _response(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"{answer.extra}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + answer.body
