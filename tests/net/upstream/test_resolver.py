"""Names are looked up in a thread for each server; a DNS server that does not answer delays nobody else."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.config.schema import UpstreamSettings
from amiproxy.net.upstream.dialler import Dialler
from amiproxy.net.upstream.link import LinkState
from amiproxy.net.upstream.resolver import Resolver, look_up
from tests.net.upstream.test_link import FAST, IMPATIENT, linked, simulated, up
from tests.support.waiting import until

BOTH_LOOPS = True


class HangingDns:
    """A DNS server that answers no question until it is ``released``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()
        self.answer = ["127.0.0.1"]

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        self.released.wait()
        return self.answer


@pytest.fixture
def hanging() -> Iterator[HangingDns]:
    dns = HangingDns()
    yield dns
    dns.released.set()


def at(host: str, port: int) -> UpstreamSettings:
    return UpstreamSettings(host=host, port=port, username="proxy", secret_file=Path("unused"))


async def test_an_address_is_not_looked_up(hanging: HangingDns) -> None:
    resolver = Resolver(hanging)
    assert await resolver.addresses("192.0.2.7") == ["192.0.2.7"]
    assert await resolver.addresses("::1") == ["::1"]
    assert not hanging.asked


async def test_a_name_has_its_addresses_once_each() -> None:
    assert "127.0.0.1" in look_up("localhost")
    assert len(set(look_up("localhost"))) == len(look_up("localhost"))


async def test_an_unknown_name_is_an_error() -> None:
    def unknown(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(socket.gaierror):
        await Resolver(unknown).addresses("nowhere.example.org")


async def test_a_name_that_is_being_looked_up_is_not_asked_for_again(hanging: HangingDns) -> None:
    resolver = Resolver(hanging)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await resolver.addresses("pbx.example.org")
    assert hanging.asked == ["pbx.example.org"]
    hanging.released.set()
    assert await resolver.addresses("pbx.example.org") == ["127.0.0.1"]
    await resolver.addresses("pbx.example.org")
    assert len(hanging.asked) <= 3


async def test_another_name_does_not_wait_for_the_one_before(hanging: HangingDns) -> None:
    def by_name(host: str) -> list[str]:
        return hanging(host) if host == "dead.example.org" else ["192.0.2.1"]

    resolver = Resolver(by_name)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await resolver.addresses("dead.example.org")
    assert await resolver.addresses("pbx.example.org") == ["192.0.2.1"]


def test_a_process_ends_while_a_name_is_being_looked_up(hanging: HangingDns) -> None:
    async def begin() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await Resolver(hanging).addresses("pbx.example.org")

    asyncio.run(begin())  # closes its loop, which the thread then finds closed
    [thread] = [one for one in threading.enumerate() if one.name == "look-up of pbx.example.org"]
    assert thread.daemon
    hanging.released.set()
    thread.join(10)


async def test_servers_whose_names_hang_delay_no_other(hanging: HangingDns) -> None:
    """More of them than threads that the loop has for look-ups."""
    tasks = [
        asyncio.get_running_loop().create_task(
            Dialler(hanging).dial(at(f"dead{number}.example.org", 1), lambda _: None, 60.0)
        )
        for number in range(40)
    ]
    try:
        await until(lambda: len(hanging.asked) == 40)
        async with simulated() as simulator, linked(at("localhost", simulator.port)) as (link, _):
            await up(link)
    finally:
        for task in tasks:
            task.cancel()


async def test_a_name_that_hangs_is_an_attempt_that_got_no_answer(
    hanging: HangingDns, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        simulated() as simulator,
        linked(at("pbx.example.org", simulator.port), limits=IMPATIENT) as (link, _),
    ):
        monkeypatch.setattr(link, "_dialler", Dialler(hanging))
        await until(lambda: link.state is LinkState.DOWN and hanging.asked)
        hanging.released.set()
        await up(link)


async def test_each_address_gets_its_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two addresses: refused, and one that never answers."""
    async with simulated() as simulator:
        with socket.socket() as full:
            # A backlog that is full drops the SYN, as a firewall does.
            full.bind(("127.0.0.3", simulator.port))
            full.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for sock in waiting:
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.3", simulator.port))
            try:
                async with linked(at("pbx.example.org", simulator.port), limits=FAST) as (link, _):
                    dialler = Dialler(lambda _: ["127.0.0.2", "127.0.0.3", "127.0.0.1"])
                    monkeypatch.setattr(link, "_dialler", dialler)
                    await up(link)
            finally:
                for sock in waiting:
                    sock.close()
