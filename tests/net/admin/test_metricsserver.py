"""The metrics endpoint, byte by byte: it answers only GET, and waits for no client."""

import asyncio
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import pytest

from amiproxy.core.admission.sidedoor import Want
from amiproxy.net.admin.localsocket import UnixListener
from amiproxy.net.admin.metricsserver import Answer, MetricsServer
from amiproxy.net.admin.sideserver import Visit
from amiproxy.net.upstream.link import LinkState
from tests.support.live_service import LiveService
from tests.support.waiting import DEADLINE, until


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path)


@pytest.fixture
async def port(service: LiveService) -> AsyncIterator[int]:
    server = MetricsServer(service, ["Pbx.example.org"])
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.start(sock)
        yield sock.getsockname()[1]
        await server.close()


async def send(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(DEADLINE):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


async def test_metrics_are_text_with_a_content_length(port: int) -> None:
    head, body = await send(port, get("/metrics"))
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=")
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in head
    assert head.endswith(b"Connection: close")
    assert b"amiproxy_build_info{" in body


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=1.\x10.0",
        "application/openmetrics-text; version=x",
        # The accepted type is echoed in the response.
        "application/openmetrics-text; version=2.\nX-Mine: y",
        "application/openmetrics-text; version=2.\u00ff",
    ],
)
async def test_an_unknown_accept_header_gets_plain_text(port: int, accept: str) -> None:
    head, body = await send(port, get("/metrics", f"Accept: {accept}"))
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=")
    assert b"X-Mine" not in head
    assert b"amiproxy_build_info{" in body


async def test_open_metrics_are_sent_to_a_client_that_accepts_them(port: int) -> None:
    head, body = await send(port, get("/metrics?x=1", "accept: application/openmetrics-text; version=1.0.0"))
    assert b"Content-Type: application/openmetrics-text" in head
    assert body.endswith(b"# EOF\n")


async def test_livez_and_readyz_report_the_health(port: int, service: LiveService) -> None:
    head, body = await send(port, get("/livez"))
    assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"alive\n")
    head, body = await send(port, get("/readyz"))
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body.startswith(b"degraded\n[+] listeners: 2 open\n")
    service.link.state = LinkState.UP
    assert (await send(port, get("/readyz")))[1].startswith(b"ready\n")
    service.draining = True
    head, body = await send(port, get("/readyz"))
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert body.startswith(b"not ready\n[-] listeners: stopping\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"405 Method Not Allowed"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (get("/"), b"404 Not Found"),
        (get("/metrics/../etc/passwd"), b"404 Not Found"),
        (b"GET /metrics\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"400 Bad Request"),
        (b"\xff\xfe\r\n\r\n", b"400 Bad Request"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"431 Request Header Fields Too Large"),
    ],
)
async def test_any_other_request_is_refused(port: int, request_: bytes, status: bytes) -> None:
    head, _ = await send(port, request_)
    assert head.startswith(b"HTTP/1.1 " + status)
    assert (b"Allow: GET" in head) is (b"405" in status)


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:9539", 200),
        ("[::1]:9539", 200),
        ("[2001:db8::1]", 200),
        ("localhost:9539", 200),
        ("LocalHost.", 200),
        ("pbx.example.org", 200),
        ("PBX.example.org.:9539", 200),
        ("attacker.example", 421),
        ("pbx.example.org.attacker.example", 421),
        ("127.0.0.1.attacker.example", 421),
        ("localhost@attacker.example", 421),
        ("attacker.example:localhost", 421),
        ("[localhost", 421),
        ("[]:9539", 421),
        ("::1", 421),
        ("", 421),
    ],
)
async def test_a_request_with_a_foreign_host_gets_nothing(
    port: int, path: str, host: str, status: int
) -> None:
    head, body = await send(port, f"GET {path} HTTP/1.1\r\nhost:  {host} \r\n\r\n".encode())
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert (body == b"this Host is not in metrics.hosts\n") is (status == 421)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /livez HTTP/1.0\r\n\r\n", 200),
        (b"GET /livez HTTP/1.0\r\nHost: attacker.example\r\n\r\n", 421),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: attacker.example\r\n\r\n", 400),
    ],
)
async def test_a_request_needs_exactly_one_host(port: int, request_: bytes, status: int) -> None:
    head, _ = await send(port, request_)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_silent_client_is_disconnected(service: LiveService) -> None:
    server = MetricsServer(service, patience=0.01)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.start(sock)
        assert await send(sock.getsockname()[1], b"GET /metrics HT") == (b"", b"")
        await server.close()


async def test_a_client_that_hangs_up_early_logs_no_error(port: int) -> None:
    for request in (b"", b"GET /metrics HT"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        writer.close()
        await writer.wait_closed()
    assert (await send(port, get("/livez")))[1] == b"alive\n"


async def silent(port: int, count: int, request: bytes = b"") -> list[socket.socket]:
    """Connections that send this and nothing more."""
    made = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for sock in made:
        sock.sendall(request)
    return made


@pytest.mark.parametrize("request_", [b"", b"GET /metrics HTTP/1.1\r\nHost: lo"])
async def test_a_scrape_and_a_health_check_are_answered_while_sixteen_connections_stall(
    service: LiveService, request_: bytes
) -> None:
    server = MetricsServer(service, patience=DEADLINE)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.start(sock)
        port = sock.getsockname()[1]
        hanging = await silent(port, 16, request_)
        await until(lambda: server.visits == 16)
        for path in ("/readyz", "/metrics"):
            head, _ = await send(port, get(path))
            assert head.startswith(b"HTTP/1.1 200 OK")
        assert server.visits <= 16
        displaced = hanging[0].recv(1000)
        assert displaced.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 1\r\n" in displaced
        for one in hanging:
            one.close()
        await until(lambda: not server.visits)
        await server.close()


async def test_a_health_check_is_answered_while_sixteen_clients_do_not_read(
    service: LiveService, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MetricsServer(service, patience=DEADLINE)

    async def much(_: str) -> Answer:
        return Answer(HTTPStatus.OK, bytes(8 << 20))

    monkeypatch.setattr(server, "_metrics", much)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.start(sock)
        port = sock.getsockname()[1]
        hanging = await silent(port, 16, get("/metrics"))
        await until(lambda: server.visits == 16)
        for _ in range(3):
            assert (await send(port, get("/livez")))[1] == b"alive\n"
        for one in hanging:
            one.close()
        await server.close()


async def test_beyond_the_maximum_of_renderings_metrics_are_refused_but_health_answers(
    service: LiveService,
) -> None:
    server = MetricsServer(service)
    visits = [Visit(cast("Any", None), cast("Any", None), server._door) for _ in range(8)]
    for visit in visits:
        server._door.enter(visit)
        assert visit.asks(Want.ORDINARY)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.start(sock)
        port = sock.getsockname()[1]
        head, body = await send(port, get("/metrics"))
        assert (head[:12], body) == (b"HTTP/1.1 503", b"too many connections\n")
        for path in ("/livez?verbose", "/readyz"):
            assert (await send(port, get(path)))[0].startswith(b"HTTP/1.1 200 OK")
        await server.close()


async def test_it_serves_on_a_unix_socket_and_closing_ends_waiting_connections(
    service: LiveService, tmp_path: Path
) -> None:
    server = MetricsServer(service)
    listener = UnixListener(tmp_path / "m.sock")
    await server.start(listener.socket)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "m.sock"))
    writer.write(get("/livez"))
    assert (await reader.readuntil(b"alive\n")).startswith(b"HTTP/1.1 200")
    await server.close()
    async with asyncio.timeout(DEADLINE):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    listener.close()
