"""Real calls: a client that is cut off again and again gets what one gets that is not, also with a scope."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.door import LIMITS
from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.flows import Flows, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

ALL: dict[str, Any] = {"secret": hashed("b"), "read": "all", "write": "call", "history": True}
#: Some of the calls, and those that ring a member of a queue, which turns out late.
DESK = {"accountcodes": ["account-1", "account-2"], "channels": ["Local/member*"]}
USERS = {"board": ALL, "desk": {**ALL, "scope": DESK}}
STEPS = 80
#: Events of the proxy's own, and those that Asterisk sends about its sessions.
NOT_COMPARED = ("Proxy", "Success", "FullyBooted", "Challenge", "RequestNotAllowed", "Invalid")


class Board(AmiClient):
    """It keeps the events that it was sent, without their positions, and the last position."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[bytes] = []
        self.token = ""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.log.clear()
        for message in [one for one in self.inbox if one.event is not None]:
            self.inbox.remove(message)
            self.note(message)

    def note(self, message: Message) -> None:
        token = message.get("ProxySequence") or message.get("Sequence")
        self.token = token or self.token
        if not str(message.event).startswith(NOT_COMPARED):
            lines = [line for line in message.raw.split(b"\r\n") if not line.startswith(b"ProxySequence:")]
            self.events.append(b"\r\n".join(lines))

    async def break_off(self) -> None:
        """Lose the connection at whatever byte it is."""
        assert self._transport is not None
        self._transport.abort()
        await self.ended()


async def connect(proxy: ProxyProcess, user: str, before: Board | None = None) -> Board:
    board = await Board.connect("127.0.0.1", proxy.port, proxy.context, proxy.host)
    if before is None:
        await board.login(user, "b", ProxySequence="on")
        return board
    board.events, board.token = before.events, before.token
    await board.login(user, "b", Events="off")
    answer = await board.action("ProxyResume", From=before.token, ProxySequence="on")
    assert answer.get("Response") == "Success", (answer, proxy.stderr[-2000:])
    return board


@asynccontextmanager
async def acting_at(pbx: Asterisk) -> AsyncIterator[AmiClient]:
    """A session at Asterisk's own port."""
    async with await AmiClient.connect(pbx.host, pbx.port) as client:
        await client.login(pbx.user, pbx.secret, Events="off")
        yield client


@asynccontextmanager
async def proxy_before(pbx: Asterisk, directory: Path) -> AsyncIterator[ProxyProcess]:
    upstream = (pbx.host, pbx.port, pbx.user, pbx.secret)
    proxy = ProxyProcess(directory, upstream, USERS, limits=LIMITS)
    await asyncio.to_thread(proxy.start)
    try:
        yield proxy
        await asyncio.to_thread(proxy.stop)
    finally:
        proxy.kill()


@pytest.mark.parametrize("seed", [3, 4])
async def test_cuts_lose_and_double_nothing(pbx: Asterisk, tmp_path: Path, seed: int) -> None:
    async def attempt(seed: int) -> None:
        directory = tmp_path / str(seed)
        directory.mkdir()
        async with acting_at(pbx) as acting, proxy_before(pbx, directory) as proxy:
            await cut_again_and_again(proxy, acting, Flows(acting, seed, spares=pbx.version), seed)

    await attempts(pbx, seed, attempt)


async def cut_again_and_again(proxy: ProxyProcess, acting: AmiClient, flows: Flows, seed: int) -> None:
    rng = random.Random(seed)
    await flows.end_all()
    await idle(acting)
    async with await connect(proxy, "board") as board, await connect(proxy, "desk") as desk:
        await acting.action("UserEvent", UserEvent="Begin")
        torn = {"board": await connect(proxy, "board"), "desk": await connect(proxy, "desk")}
        for one in (board, desk, *torn.values()):
            await until(lambda one=one: one.token, lambda: "a position", 10)
        for step in range(STEPS):
            await flows.step()
            if step % 3 == 0:
                user = rng.choice(["board", "desk"])
                await torn[user].break_off()
                if rng.random() < 0.5:
                    await flows.step()
                torn[user] = await connect(proxy, user, torn[user])
        await flows.end_all()
        mine, whole = await at_the_same_end(torn["board"], board)
        assert mine == whole[-len(mine) :]
        assert len(mine) > 100
        # Of a call that turns out to be its own, a client is sent the first events late, all at once.  One
        # that was away is sent them where they belong; one that is cut off among them gets some again.
        mine, whole = await at_the_same_end(torn["desk"], desk)
        assert set(mine) == set(whole)
        assert len(mine) > 10


async def idle(acting: AmiClient) -> None:
    """Wait until no call is left."""

    async def left() -> list[str]:
        _, channels, _ = await acting.event_list("CoreShowChannels")
        return [str(channel.get("Channel")) for channel in channels]

    assert not await settled(left)


async def at_the_same_end(torn: Board, steady: Board) -> tuple[list[bytes], list[bytes]]:
    """The events of both, up to the same one."""
    async with torn:
        await until(lambda: steady.token == torn.token, lambda: "the same last position", 10)
        return list(torn.events), list(steady.events)
