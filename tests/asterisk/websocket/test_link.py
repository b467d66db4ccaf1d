"""A board whose user may not read class system knows when what it shows is old, and when it is right."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.asterisk.history.client import Picture
from tests.asterisk.history.flows import Flows, listed, settled
from tests.asterisk.history.wire import Wire
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.websocket.board import Board
from tests.asterisk.websocket.proxy import SocketProxy
from tests.support.ami_client import AmiClient
from tests.support.waiting import until

QUERY = "?classes=call,agent"


@pytest.fixture
async def wire(pbx: Asterisk) -> AsyncIterator[Wire]:
    async with Wire(pbx.port) as wire:
        yield wire


@pytest.fixture
async def behind(pbx: Asterisk, wire: Wire, tmp_path: Path) -> AsyncIterator[SocketProxy]:
    """The proxy at the wire."""
    place = SimpleNamespace(host=pbx.host, port=wire.port, user=pbx.user, secret=pbx.secret)
    proxy = SocketProxy(tmp_path, place)
    await asyncio.to_thread(proxy.start)  # the wire needs the loop meanwhile
    try:
        yield proxy
        await asyncio.to_thread(proxy.stop)
    finally:
        proxy.kill()


def states(board: Board) -> list[str]:
    return [one["state"] for one in board.said if one["type"] == "link"]


async def call(acting: AmiClient) -> None:
    answer = await acting.action(
        "Originate", Channel="Local/stay@flows/n", Context="flows", Exten="stay", Priority="1", Async="true"
    )
    assert answer.get("Response") == "Success"


@pytest.mark.parametrize("user", ["stays", "mended"])
async def test_it_is_told_of_the_loss_and_of_the_return_once(
    behind: SocketProxy, wire: Wire, acting: AmiClient, user: str
) -> None:
    board, late = Board(behind, user, QUERY), Board(behind, user, QUERY)
    await board.connect()
    try:
        await call(acting)
        await until(lambda: len(board.picture.channels) == 2, lambda: board.picture.channels)
        board.said.clear()
        await wire.cut()
        await until(lambda: states(board) == ["down"], lambda: board.said[-3:])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(late.connect())
            await until(lambda: any(one["type"] == "hello" for one in late.said))
            await Flows(acting, 1).end_all()
            await call(acting)
            await wire.mend()
            await until(lambda: states(board) == ["down", "up"], lambda: board.said[-3:], 30)
            if user == "stays":  # the other is brought up to date without asking
                await board.say(type="snapshot", id="now")
                await until(lambda: board.said[-1].get("id") == "now", lambda: board.said[-3:])
                assert board.said[-1]["type"] == "snapshot"
        assert states(late) == ["up"]

        async def differences() -> list[str]:
            native = Picture(await listed(acting))
            return [line for one in (board, late) for line in one.picture.differences(native)]

        assert not (found := await settled(differences)), found
        assert len(board.picture.channels) == 2
        assert (board.code, states(board), board.resumed) == (0, ["down", "up"], 0)
    finally:
        await Flows(acting, 1).end_all()
        await board.close()
        await late.close()
