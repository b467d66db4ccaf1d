"""Two proxies in front of one Asterisk, both in use, as deploy/availability.md describes it."""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.e2e.test_systemd_passes_sockets_and_gets_notifications import activated
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.requirements import give_up
from tests.support.service import LIMITS, SECRET, USERS, Service
from tests.support.waiting import until

Make = Callable[[str], Service]


@pytest.fixture
async def asterisk() -> AsyncIterator[Simulator]:
    """Two AMI logins of one manager user: ``allowmultiplelogin`` is its default."""
    async with Simulator([User("proxy", SECRET)], Settings(login_delay=0.0)) as running:
        yield running


@pytest.fixture
async def make(asterisk: Simulator, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes proxies that share nothing but Asterisk and a CA, each in a folder of its own."""
    made: list[Service] = []

    def proxy(name: str) -> Service:
        (tmp_path / name).mkdir(mode=0o700)
        upstream = ("127.0.0.1", asterisk.port, "proxy", SECRET)
        service = Service(tmp_path / name, upstream, USERS, limits=LIMITS)
        if made:  # one certificate for the name of both
            for file in ("ca.pem", "server.crt", "server.key"):
                shutil.copy(made[0].directory / file, service.directory / file)
            service.context = made[0].context
        made.append(service)
        return service

    yield proxy
    for service in made:
        service.kill()


async def started(*services: Service) -> None:
    for service in services:
        await service.start_up()
        await service.linked()


async def tell(asterisk: Simulator, number: int) -> None:
    asterisk.broadcast(b"Event: UserEvent\r\nPrivilege: user,all\r\nNumber: %d\r\n\r\n" % number)


async def seen(client: AmiClient) -> str | None:
    return (await client.wait_event("UserEvent")).get("Number")


async def test_both_serve_and_a_client_of_one_that_is_lost_goes_on_with_the_other(
    asterisk: Simulator, make: Make
) -> None:
    first, second = make("one"), make("two")
    await started(first, second)
    assert len(asterisk.sessions) == 2
    async with await first.client("boss") as client, await second.client("boss") as other:
        await tell(asterisk, 1)
        assert [await seen(client), await seen(other)] == ["1", "1"]
        first.kill()
        assert await client.ended()
        # As clients do: connect to the next address, log in, read the lists, and go on with the events.
        async with await second.client("boss") as again:
            _, items, last = await again.event_list("QueueStatus")
            assert items
            assert last.get("EventList") == "Complete"
            await tell(asterisk, 2)
            assert [await seen(again), await seen(other)] == ["2", "2"]
        await until(lambda: len(asterisk.sessions) == 1)
        await started_again(first)
        assert (await other.action("CoreStatus")).get("Response") == "Success"
        assert not [message for message in other.log if message.event == "ProxyUpstream"]
    second.stop()


async def started_again(service: Service) -> None:
    await service.start_up()
    await service.linked(2)
    service.stop()


async def test_what_a_user_may_use_counts_at_each_proxy(asterisk: Simulator, make: Make) -> None:
    first, second = make("one"), make("two")
    for service in (first, second):
        service.write_users({"boss": {**USERS["boss"], "allowmultiplelogin": False}})
    await started(first, second)
    async with await first.client("boss"), await second.client("boss"), await first.connect() as third:
        refused = await third.login("boss", "chief")
        assert refused.get("Message") == "Login Already In Use"
    first.stop()
    second.stop()


def balancer(door: int, ports: list[int], health: list[int]) -> str:
    """The configuration of the page, with the ports of this test, and checks that follow sooner."""
    page = Path("deploy/availability.md").read_text()
    found = re.search(r"```\n(defaults\n.*?)```", page, re.DOTALL)
    assert found
    text = found[1].replace("192.0.2.6:5039", f"127.0.0.1:{door}").replace("inter 2s", "inter 100ms")
    for address, port, check in zip(("192.0.2.21", "192.0.2.22"), ports, health, strict=True):
        text = text.replace(f"{address}:5039", f"127.0.0.1:{port} port {check}")
    return text


async def test_a_balancer_spreads_clients_over_both_and_passes_their_addresses(
    asterisk: Simulator, make: Make, tmp_path: Path
) -> None:
    if shutil.which("haproxy") is None:
        give_up("BALANCER", "haproxy is not installed")
    services = [make("one"), make("two")]
    health = [free_port(), free_port()]
    for service, port in zip(services, health, strict=True):
        pair = {"chain": "server.crt", "key": "server.key"}
        listener = {
            "address": f"127.0.0.1:{service.port}",
            "certificates": [pair],
            "proxy_protocol": ["127.0.0.1"],
        }
        service.change(listeners=[listener], metrics={"address": f"127.0.0.1:{port}"}, ready="upstream")
        # The wait for a banner comes without a PROXY header; Asterisk's log line is waited for instead.
        service._greets = lambda: True
    await started(*services)
    door = free_port()
    text = balancer(door, [service.port for service in services], health)
    (tmp_path / "haproxy.cfg").write_text(text)
    running = await asyncio.create_subprocess_exec("haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg"))

    async def client(source: str) -> AmiClient:
        made = await AmiClient.connect(
            "127.0.0.1", door, tls=services[0].context, server_hostname="localhost", source=source
        )
        assert (await made.login("boss", "chief")).get("Response") == "Success"
        return made

    try:
        await until(lambda: answers(door))
        sources = [f"127.0.0.{number}" for number in range(11, 17)]
        clients = [await client(source) for source in sources]
        at_one, at_two = ([f" peer={source} " in one.stderr for source in sources] for one in services)
        assert any(at_one)
        assert at_two == [not here for here in at_one], "each at one of them, by its own address"
        mine = [one for one, here in zip(clients, at_one, strict=True) if here]
        services[0].kill()
        for one in mine:
            assert await one.ended()
        late = [await client("127.0.0.21") for _ in range(2)]  # all at the other one now
        await tell(asterisk, 5)
        for one in (*(one for one in clients if one not in mine), *late):
            assert await seen(one) == "5"
        for one in (*clients, *late):
            await one.close()
    finally:
        running.kill()
        await running.wait()
    services[1].stop()


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


async def test_an_upgrade_behind_one_socket_refuses_no_connection(asterisk: Simulator, make: Make) -> None:
    """The socket is held by the service manager; the old process ends, the new one accepts from the same."""
    old, new = make("old"), make("new")
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as held:
        port = held.getsockname()[1]
        for service in (old, new):
            service.port = port
            activated(service, ("ami", held.dup()))
            pair = {"chain": "server.crt", "key": "server.key"}
            service.change(listeners=[{"address": "fd:ami", "certificates": [pair]}])
        await started(old)
        upgraded = asyncio.Event()
        served = 0

        async def keep_connecting() -> None:
            nonlocal served
            while not upgraded.is_set():
                async with await new.connect() as client:  # raises if it is refused
                    answer = await client.login("boss", "chief")
                    # The old process may end a session that it has greeted, which is no refusal.
                    served += answer.get("Response") == "Success"

        connecting = [asyncio.get_running_loop().create_task(keep_connecting()) for _ in range(4)]
        try:
            await until(lambda: served > 20)
            await asyncio.to_thread(old.stop)
            before = served
            await new.start_up()
            await until(lambda: served > before + 20)
        finally:
            upgraded.set()
            failures = [one for one in await asyncio.gather(*connecting, return_exceptions=True) if one]
    assert not [one for one in failures if isinstance(one, ConnectionRefusedError)], failures
    new.stop()
