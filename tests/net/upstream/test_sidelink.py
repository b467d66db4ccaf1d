"""The side link on real sockets: opened when asked, without events; refused, closed, stalled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amiproxy.ami.message import Action
from amiproxy.core.hub import Hub
from amiproxy.net.upstream.sidelink import SideLink
from amiproxy.tools.simulator import Simulator
from tests.net.upstream.test_link import FAST, SECRET, linked, settings, simulated, up
from tests.support.ports import free_port
from tests.support.waiting import until

COMMAND = Action([(b"Action", b"Command"), (b"ActionID", b"7"), (b"Command", b"core show uptime")])


class Requester:
    payer = "boss"

    def __init__(self) -> None:
        self.said = b""
        self.done = 0

    def reply(self, data: bytes) -> None:
        self.said += data

    def hold_events(self) -> None:
        pass

    def finished(self) -> None:
        self.done += 1

    def failed(self, data: bytes, _reason: bytes) -> None:
        self.reply(data)
        self.finished()

    def limit_reached(self, limit: str, **fields: object) -> None:
        raise AssertionError(limit)


@asynccontextmanager
async def sided(simulator: Simulator, port: int | None = None) -> AsyncIterator[tuple[Hub, SideLink]]:
    async with linked(settings(simulator.port)) as (link, hub):
        await up(link)
        await until(lambda: hub.servers.first.exchange.connected)
        side = SideLink(hub.servers.first.side, settings(port or simulator.port), SECRET.encode())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(side.run())
            try:
                yield hub, side
            finally:
                running.cancel()


async def test_it_logs_in_without_events_and_answers() -> None:
    async with simulated() as simulator, sided(simulator) as (hub, side):
        requester = Requester()
        hub.servers.first.side.submit(requester, COMMAND)
        await until(lambda: requester.done, "an answer")
        assert b"ActionID: 7\r\n" in requester.said
        assert hub.servers.first.side.standing == "up"
        assert sum(b"Events: off\r\n" in raw for raw in simulator.received) == 1
        side.adopt(settings(simulator.port), SECRET.encode())
        assert hub.servers.first.side.standing == "up"
        side.adopt(settings(simulator.port), b"another")
        assert hub.servers.first.side.standing == "closed"
        await until(lambda: len(simulator.sessions) == 1)


async def test_the_main_link_answers_where_it_cannot_be_opened() -> None:
    async with simulated() as simulator, sided(simulator, free_port()) as (hub, _):
        requester = Requester()
        hub.servers.first.side.submit(requester, COMMAND)
        await until(lambda: requester.done, "an answer")
        assert b"Response: " in requester.said
        assert hub.servers.first.side.standing == "refused"


async def test_a_refused_login_is_reported() -> None:
    async with simulated() as simulator, sided(simulator) as (hub, _):
        simulator.faults.refuse_logins(1)
        requester = Requester()
        hub.servers.first.side.submit(requester, COMMAND)
        await until(lambda: requester.done, "an answer")
        assert "refused user" in hub.servers.first.side.refused


async def test_closing_it_while_it_opens_ends_its_actions_and_the_attempt() -> None:
    async with simulated() as simulator, sided(simulator) as (hub, _):
        requester = Requester()
        hub.servers.first.side.submit(requester, COMMAND)
        hub.servers.first.side.close("settings changed")
        assert b"Message: Upstream not connected\r\n" in requester.said
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert (hub.servers.first.side.standing, hub.servers.first.side.ups) == ("closed", 0)


async def test_an_asterisk_that_hangs_is_disconnected() -> None:
    async with simulated() as simulator, sided(simulator) as (hub, side):
        first, second = Requester(), Requester()
        hub.servers.first.side.submit(first, COMMAND)
        await until(lambda: first.done, "an answer")
        side.tick(asyncio.get_running_loop().time() + 1000)
        assert hub.servers.first.side.standing == "up", "nothing is awaited"
        simulator.faults.stall()
        hub.servers.first.side.submit(second, COMMAND)
        side.tick(asyncio.get_running_loop().time() + FAST.command_timeout)
        assert not second.done
        side.tick(asyncio.get_running_loop().time() + FAST.command_timeout + FAST.stall_timeout + 1)
        assert b"Message: Upstream connection lost (outcome unknown)\r\n" in second.said
