"""A cable is pulled: no FIN, no RST.  In a network namespace, whose link is set down."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from amiproxy.tools.simulator import Simulator
from tests.support.cable import Cable, cables
from tests.support.http_doors import HTTP_USERS, add_listener
from tests.support.ports import free_port
from tests.support.service import SECRET, Service
from tests.support.waiting import until

IMPATIENT = {
    "keepalive_idle": 1,
    "unacknowledged_timeout": 2.0,
}
WATCHFUL = {"ping_interval": 0.5, "stall_timeout": 2.0, "upstream_connect_timeout": 1.0}


@pytest.fixture
def cable() -> Iterator[Cable]:
    with cables() as [one]:
        yield one


_CLIENT = """
import socket, ssl, sys
host, port, cafile = sys.argv[1:]
context = ssl.create_default_context(cafile=cafile)
with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname="localhost") as door:
    door.sendall(b"Action: Login\\r\\nUsername: boss\\r\\nSecret: chief\\r\\n\\r\\n")
    while b"accepted" not in door.recv(65536):
        pass
    print("in", flush=True)
    while door.recv(65536):
        pass
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while events are sent"])
async def test_a_client_behind_a_pulled_cable_is_closed(
    cable: Cable, simulator: Simulator, make_service: Callable[..., Service], busy: bool
) -> None:
    service = make_service(simulator.port, IMPATIENT)
    service.change(
        listeners=[
            {
                "address": f"{host}:{service.port}",
                "certificates": [{"chain": "server.crt", "key": "server.key"}],
            }
            for host in ("127.0.0.1", cable.here)
        ]
    )
    await service.start_up()
    await service.linked()
    client = await cable.run("-c", _CLIENT, cable.here, str(service.port), str(service.cafile))
    try:
        assert client.stdout is not None
        assert await client.stdout.readline() == b"in\n"
        cable.pull()
        began = asyncio.get_running_loop().time()
        ended = f"peer={cable.there} "
        while busy and " session-close " not in service.stderr:
            assert asyncio.get_running_loop().time() - began < 15
            await simulator.storm(100, 10)
        await until(
            lambda: [
                line for line in service.stderr.splitlines() if " session-close " in line and ended in line
            ],
            lambda: service.stderr[-2000:],
            within=15,
        )
    finally:
        client.kill()
        await client.wait()


async def test_an_asterisk_behind_a_pulled_cable_is_given_up_and_reconnected(
    cable: Cable, make_service: Callable[..., Service]
) -> None:
    service = make_service(0, WATCHFUL)
    secret = service.directory / "simulator.secret"
    secret.write_text(f"{SECRET}\n")
    port = free_port()
    upstream = {"host": cable.there, "port": port, "username": "proxy", "secret_file": "upstream.secret"}
    service.change(upstream={**upstream, "insecure_remote": True})
    asterisk = await cable.run(
        *("-m", "amiproxy", "simulate", "--listen", f"{cable.there}:{port}", "--user", "proxy"),
        *("--secret-file", str(secret), "--calls-per-minute", "0"),
    )
    try:
        await service.start_up()
        await service.linked()
        async with await service.client("boss") as boss:
            cable.pull()
            lost = await boss.action("CoreStatus")
            assert lost.get("Message") == "Upstream connection lost (outcome unknown)"
            assert (await boss.action("Ping")).get("Message") == "Upstream not connected"
            cable.plug_in()
            await boss.wait_event("ProxyUpstream", Status="Up", within=20)
            assert (await boss.action("CoreStatus")).get("Response") == "Success"
    finally:
        asterisk.terminate()
        await asterisk.wait()


_STREAM = """
import socket, ssl, sys
from tests.support.cable import Cable, cables
from tests.support.http_doors import upgrade
host, port, cafile, path = sys.argv[1:]
context = ssl.create_default_context(cafile=cafile)
with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname="localhost") as door:
    request = upgrade(path=path)
    if path != "/ws":
        request = request.replace(b"Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n", b"")
    door.sendall(request)
    print(door.recv(12).decode(), flush=True)
    while door.recv(65536):
        pass
"""


@pytest.mark.parametrize(
    ("path", "status"), [("/ws", 101), ("/api/v1/events", 200)], ids=["socket", "stream"]
)
async def test_a_stream_of_events_behind_a_pulled_cable_is_closed(
    cable: Cable, simulator: Simulator, make_service: Callable[..., Service], path: str, status: int
) -> None:
    service = make_service(simulator.port, IMPATIENT)
    service.write_users(HTTP_USERS)
    port = free_port()
    add_listener(service, f"{cable.here}:{port}")
    await service.start_up()
    await service.linked()
    client = await cable.run("-c", _STREAM, cable.here, str(port), str(service.cafile), path)
    try:
        assert client.stdout is not None
        assert await client.stdout.readline() == f"HTTP/1.1 {status}\n".encode()
        await service.said(f" peer={cable.there} ")
        cable.pull()
        await until(
            lambda: [
                line
                for line in service.stderr.splitlines()
                if " session-close " in line and f" peer={cable.there} " in line
            ],
            lambda: service.stderr[-2000:],
            within=15,
        )
    finally:
        client.kill()
        await client.wait()
