"""The control socket and the metrics endpoint open together, at the configured places."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from amiproxy.config import Address, Control, Metrics
from amiproxy.config.address import Place, SocketPlace
from amiproxy.net.admin.endpoints import AdminEndpoints, EndpointRefused
from tests.support.live_service import LiveService
from tests.support.ports import free_port

Inherited = dict[str, list[socket.socket]]


@pytest.fixture
async def service(tmp_path: Path) -> LiveService:
    return LiveService(tmp_path)


def configure(
    service: LiveService, control: SocketPlace | None = None, metrics: Place | None = None, **more: Any
) -> None:
    service.config = msgspec.structs.replace(
        service.config,
        control=Control(socket=control) if control else None,
        metrics=Metrics(address=metrics, **more) if metrics else None,
    )


async def scrape(*, port: int = 0, path: Path | None = None, host: str = "localhost") -> bytes:
    if path is not None:
        reader, writer = await asyncio.open_unix_connection(str(path))
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def ask(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b'{"command": "upstream"}\n')
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_nothing_is_opened_unless_configured(service: LiveService) -> None:
    endpoints = AdminEndpoints(service)
    await endpoints.open({})
    await endpoints.close()


async def test_only_a_host_in_metrics_hosts_is_answered(service: LiveService) -> None:
    port = free_port()
    configure(service, None, Place(address=Address("127.0.0.1", port)), hosts=("pbx.example.org",))
    endpoints = AdminEndpoints(service)
    await endpoints.open({})
    assert b" 200 " in await scrape(port=port, host=f"pbx.example.org:{port}")
    assert b" 421 " in await scrape(port=port, host=f"www.example.org:{port}")
    await endpoints.close()


async def test_both_endpoints_serve_and_are_removed_on_close(service: LiveService, tmp_path: Path) -> None:
    port = free_port()
    configure(service, SocketPlace(path=tmp_path / "c.sock"), Place(address=Address("127.0.0.1", port)))
    endpoints = AdminEndpoints(service)
    await endpoints.open({})
    assert b'"ok":true' in await ask(tmp_path / "c.sock")
    assert (await scrape(port=port)).endswith(b"alive\n")
    await endpoints.close()
    assert not (tmp_path / "c.sock").exists()
    with pytest.raises(OSError):
        await scrape(port=port)


async def test_metrics_are_served_on_a_unix_socket(service: LiveService, tmp_path: Path) -> None:
    configure(service, metrics=Place(path=tmp_path / "m.sock"))
    endpoints = AdminEndpoints(service)
    await endpoints.open({})
    assert (await scrape(path=tmp_path / "m.sock")).endswith(b"alive\n")
    await endpoints.close()


async def test_inherited_sockets_are_served_and_removed_from_the_rest(
    service: LiveService, tmp_path: Path
) -> None:
    configure(service, SocketPlace(name="control"), Place(name="metrics"))
    endpoints = AdminEndpoints(service)
    control = socket.socket(socket.AF_UNIX)
    control.bind(str(tmp_path / "c.sock"))
    control.listen()
    metrics = socket.create_server(("127.0.0.1", 0))
    port = metrics.getsockname()[1]
    inherited: Inherited = {"control": [control], "metrics": [metrics], "other": []}
    for sock in (control, metrics):
        sock.setblocking(False)
    await endpoints.open(inherited)
    assert list(inherited) == ["other"]
    assert b'"ok":true' in await ask(tmp_path / "c.sock")
    assert (await scrape(port=port)).endswith(b"alive\n")
    await endpoints.close()
    assert control.fileno() == metrics.fileno() == -1
    assert (tmp_path / "c.sock").exists(), "its file is the service manager's"


def tcp(host: str = "127.0.0.1") -> socket.socket:
    return socket.create_server((host, 0))


@pytest.mark.parametrize(
    ("control", "metrics", "passed", "says"),
    [
        (SocketPlace(name="c"), None, None, "control.socket: no socket named 'c' was passed"),
        (SocketPlace(name="c"), None, tcp, "control.socket: the socket 'c' is not a Unix socket"),
        (
            None,
            Place(name="c"),
            lambda: tcp("0.0.0.0"),
            "metrics.address: the passed socket listens on 0.0.0.0, ",
        ),
        (SocketPlace(path=Path("/nowhere/c.sock")), None, None, "control.socket: /nowhere: No such file"),
    ],
)
async def test_an_endpoint_that_cannot_be_opened_is_named(
    service: LiveService,
    control: SocketPlace | None,
    metrics: Place | None,
    passed: Callable[[], socket.socket] | None,
    says: str,
) -> None:
    configure(service, control, metrics)
    endpoints = AdminEndpoints(service)
    with pytest.raises(EndpointRefused) as refused:
        await endpoints.open({"c": [passed()]} if passed is not None else {})
    await endpoints.close()
    assert str(refused.value).startswith(says)


async def test_a_port_in_use_is_named(service: LiveService) -> None:
    with tcp() as taken:
        configure(service, metrics=Place(address=Address("127.0.0.1", taken.getsockname()[1])))
        endpoints = AdminEndpoints(service)
        with pytest.raises(
            EndpointRefused, match=r"metrics\.address: cannot listen on .* in use; stop the program"
        ):
            await endpoints.open({})


async def test_insecure_remote_allows_metrics_on_any_address(service: LiveService) -> None:
    configure(service, metrics=Place(name="m"), insecure_remote=True)
    endpoints = AdminEndpoints(service)
    sock = tcp("0.0.0.0")
    sock.setblocking(False)
    await endpoints.open({"m": [sock]})
    assert (await scrape(port=sock.getsockname()[1])).endswith(b"alive\n")
    await endpoints.close()
