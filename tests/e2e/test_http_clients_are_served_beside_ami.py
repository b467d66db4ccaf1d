"""A listener with ``door: http`` in the real process: ordinary HTTP clients, rotation, the end."""

import asyncio
import http.client
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import closing
from typing import Any

import trustme

from amiproxy.tools.simulator import Simulator
from tests.support.ports import free_port
from tests.support.service import Service
from tests.support.waiting import until

#: Python without the packages of the extra [http].
WITHOUT_EXTRA = (
    "-c",
    "import sys; sys.modules['h11'] = sys.modules['websockets'] = None\n"
    "from amiproxy.cli import main\nsys.exit(main())",
)


class UnixConnection(http.client.HTTPConnection):
    """To a Unix socket, as a reverse proxy connects."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self._path)


def with_http(service: Service, *more: dict[str, Any]) -> int:
    """Add a listener for HTTP with the same certificate; its port."""
    port = free_port()
    ami = {"address": f"127.0.0.1:{service.port}", "certificates": [pair()]}
    http_ = {"address": f"127.0.0.1:{port}", "door": "http", "doors": ["ajam"], "certificates": [pair()]}
    service.change(listeners=[ami, http_, *more])
    return port


def pair() -> dict[str, str]:
    return {"chain": "server.crt", "key": "server.key"}


def status(connection: http.client.HTTPConnection, path: str = "/readyz", **headers: str) -> int:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    return response.status


def certificate_for(service: Service, *names: str) -> None:
    """Replace the certificate by one of these names, of another CA that is trusted from now on."""
    ca = trustme.CA()
    leaf = ca.issue_cert(*names)
    (service.directory / "server.key").write_bytes(leaf.private_key_pem.bytes())
    (service.directory / "server.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
    ca.configure_trust(service.context)


async def test_http_and_ami_are_served_side_by_side_until_the_end(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port)
    plain = {"address": "unix:web.sock", "door": "http", "doors": ["ajam"], "insecure_local": True}
    port = with_http(service, plain)
    await service.start_up()
    await service.linked()
    with closing(UnixConnection(str(service.directory / "web.sock"))) as local:
        assert await asyncio.to_thread(status, local, "/livez") == 200

    def over_tls() -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection("localhost", port, context=service.context, timeout=20)
        assert [status(connection) for _ in range(3)] == [200, 200, 200]
        assert status(connection, Host="evil.example") == 421
        assert status(connection, "/livez", Origin="https://evil.example") == 403
        assert status(connection, "/rawmann") == 404
        url = f"https://localhost:{port}/livez"
        with urllib.request.urlopen(url, context=service.context, timeout=20) as response:
            assert response.read() == b"alive\n"
        return connection

    with closing(await asyncio.to_thread(over_tls)) as connection:
        boss = await service.client("boss")
        # The names that are accepted change with the certificate; the open connection stays.
        certificate_for(service, "localhost", "dash.example")
        service.signal(signal.SIGHUP)
        await service.said(" reloaded ")
        assert await asyncio.to_thread(status, connection, "/livez", Host="dash.example") == 200
        service.signal(signal.SIGTERM)
        assert await asyncio.to_thread(connection.sock.recv, 1) == b""
        assert await boss.ended() == "end of stream"
        await boss.close()
    assert await service.status() == 0
    assert not (service.directory / "web.sock").exists()


async def test_without_the_extra_ami_and_the_metrics_work_and_http_is_refused_with_a_remedy(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    metrics = free_port()
    service = make_service(simulator.port, metrics={"address": f"127.0.0.1:{metrics}"})
    service.program = WITHOUT_EXTRA
    await service.start_up()
    await service.linked()
    async with await service.client("boss"):
        for path, host, expected in (
            ("/livez", "localhost", 200),
            ("/metrics", "127.0.0.1", 200),
            ("/metrics", "evil.example", 421),
        ):
            with closing(http.client.HTTPConnection("127.0.0.1", metrics, timeout=20)) as connection:
                assert await asyncio.to_thread(status, connection, path, Host=host) == expected
    service.signal(signal.SIGTERM)
    assert await service.status() == 0
    with_http(service)
    command = [sys.executable, *WITHOUT_EXTRA, "check", "--config", str(service.config)]
    checked = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 1
    assert "listeners[1].door" in checked.stderr
    assert "'.[http]'" in checked.stderr


async def test_a_client_that_stops_in_the_middle_of_a_request_does_not_delay_others(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port, {"http_seconds": 1.0})
    port = with_http(service)
    await service.start_up()

    def stalled() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            service.context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"POST /rawman HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
            received = b""
            while data := tls.recv(4096):
                received += data
            return received

    with closing(
        http.client.HTTPSConnection("localhost", port, context=service.context, timeout=20)
    ) as quick:
        *slow, served = await asyncio.gather(
            *(asyncio.to_thread(stalled) for _ in range(4)), asyncio.to_thread(status, quick)
        )
    assert served == 200
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in slow)
    await until(lambda: "limit=http_seconds" in service.stderr)
