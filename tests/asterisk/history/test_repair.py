"""With ``upstream_lost: repair`` a client shows what is there again after the link was lost, unmodified."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.asterisk.door import LIMITS
from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.client import Dashboard, Picture
from tests.asterisk.history.flows import Flows, listed, settled
from tests.asterisk.history.wire import Wire
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

CALLS = 50
#: It may not read class system, so nobody tells it that the link was lost.
READ = "call,agent,reporting"
USERS = {
    "board": {"secret": hashed("b"), "read": READ, "write": READ, "upstream_lost": "repair"},
    "asker": {"secret": hashed("a"), "read": "all", "write": [], "history": True},
}


@asynccontextmanager
async def proxy_at(pbx: Asterisk, wire: Wire, directory: Path) -> AsyncIterator[ProxyProcess]:
    """The proxy at the wire, which is whole; Asterisk is idle."""
    async with await acting(pbx) as ami:
        await Flows(ami, 0).end_all()
    upstream = (pbx.host, wire.port, pbx.user, pbx.secret)
    proxy = ProxyProcess(directory, upstream, USERS, limits=LIMITS)
    await asyncio.to_thread(proxy.start)  # the wire needs the loop meanwhile
    try:
        yield proxy
        await asyncio.to_thread(proxy.stop)
    finally:
        proxy.kill()


@asynccontextmanager
async def board_at(pbx: Asterisk, proxy: ProxyProcess) -> AsyncIterator[Dashboard]:
    """A client that has seen everything."""
    board = Dashboard(proxy.port, proxy.context, "board", "b")
    await board.connect("on")
    async with await acting(pbx) as ami:
        for item in await listed(ami):
            board.picture.apply(item)
    try:
        yield board
    finally:
        await board.cut()


async def state_known(proxy: ProxyProcess) -> None:
    """Wait until the proxy knows the state: then it has all that it needs to repair."""
    asker = Dashboard(proxy.port, proxy.context, "asker", "a")
    await asker.connect()
    await settled(asker.not_connected)
    await asker.snapshot()
    await asker.cut()


async def acting(pbx: Asterisk) -> AmiClient:
    """A session at Asterisk's own port."""
    client = await AmiClient.connect(pbx.host, pbx.port)
    await client.login(pbx.user, pbx.secret, Events="off")
    return client


async def differences(pbx: Asterisk, board: Dashboard) -> list[str]:
    """What the client shows otherwise than Asterisk's lists, once nothing happens any more."""
    async with await acting(pbx) as ami:

        async def compared() -> list[str]:
            return [*filter(None, [board.ended]), *board.picture.differences(Picture(await listed(ami)))]

        return await settled(compared)


async def call(ami: AmiClient, number: int) -> None:
    extensions = "stay", "stay", "stay", "empty", "park", "conf1", "dial"
    answer = await ami.action(
        "Originate",
        Channel="Local/stay@flows/n",
        Context="flows",
        Exten=extensions[number % len(extensions)],
        Priority="1",
        Async="true",
    )
    assert answer.get("Response") == "Success"


@pytest.fixture
async def proxy(pbx: Asterisk, tmp_path: Path) -> AsyncIterator[ProxyProcess]:
    async with Wire(pbx.port) as wire, proxy_at(pbx, wire, tmp_path) as proxy:
        yield proxy


@pytest.fixture
async def board(pbx: Asterisk, proxy: ProxyProcess) -> AsyncIterator[Dashboard]:
    async with board_at(pbx, proxy) as board:
        yield board


async def test_fifty_calls_end_with_the_asterisk_that_is_killed(
    pbx: Asterisk, proxy: ProxyProcess, board: Dashboard
) -> None:
    async with await acting(pbx) as ami:
        for number in range(CALLS):
            await call(ami, number)
    assert not (found := await differences(pbx, board)), found
    picture = board.picture
    assert len(picture.channels) >= 2 * CALLS
    assert all((picture.callers, picture.parked, picture.conferences, picture.bridged))
    await state_known(proxy)
    await asyncio.to_thread(pbx.stop, signal.SIGKILL)
    assert len(picture.channels) >= 2 * CALLS
    await asyncio.to_thread(pbx.start)
    await until(lambda: not picture.channels, lambda: picture.channels, within=30)
    assert not (found := await differences(pbx, board)), found
    assert not picture.callers | picture.conferences
    assert not {**picture.parked, **picture.bridged}
    async with await acting(pbx) as ami:
        await call(ami, 0)
    await until(lambda: len(picture.channels) == 2)
    assert not (found := await differences(pbx, board)), found
    assert not board.ended, "it was closed"
    assert not board.said, "it was told"


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_happens_while_the_link_is_lost_is_told_when_it_is_back(
    pbx: Asterisk, tmp_path: Path, seed: int
) -> None:
    async def attempt(seed: int) -> None:
        directory = tmp_path / str(seed)
        directory.mkdir()
        async with (
            Wire(pbx.port) as wire,
            proxy_at(pbx, wire, directory) as proxy,
            board_at(pbx, proxy) as board,
        ):
            await cut_the_wire(pbx, proxy, board, wire, seed)

    await attempts(pbx, seed, attempt)


async def cut_the_wire(pbx: Asterisk, proxy: ProxyProcess, board: Dashboard, wire: Wire, seed: int) -> None:
    """Cut it in the middle of flows, again and again; the client shows what the lists say each time."""
    async with await acting(pbx) as ami:
        flows = Flows(ami, seed, spares=pbx.version)
        for _ in range(3):
            for _ in range(20):
                await flows.step()
            assert not (found := await differences(pbx, board)), found
            await state_known(proxy)
            await wire.cut()
            for _ in range(20):
                await flows.step()
            await wire.mend()
            for _ in range(5):
                await flows.step()
            assert not (found := await differences(pbx, board)), found
            assert not board.ended, "it was closed"
