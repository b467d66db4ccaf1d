"""The model test: dashboards follow random flows through snapshots, cuts and resumes; none may be wrong.

``python -m tests.asterisk.history`` runs it for as long as wanted; test_model.py runs a short sample.
"""

import asyncio
import signal
from pathlib import Path
from random import Random

from tests.asterisk.door import LIMITS
from tests.asterisk.history.client import Dashboard, Picture
from tests.asterisk.history.flows import Flows, listed, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

USERS = {"board": {"secret": hashed("b"), "read": "all", "write": [], "history": True}}
#: Dashboards besides the one that is never cut.
_BOARDS = 3


class Model:
    """One Asterisk, the proxy before it, and its dashboards."""

    def __init__(self, pbx: Asterisk, directory: Path, seed: int) -> None:
        self._pbx = pbx
        self._random = Random(seed)
        self._seed = seed
        upstream = (pbx.host, pbx.port, pbx.user, pbx.secret)
        self._proxy = ProxyProcess(directory, upstream, USERS, limits=LIMITS)
        self._ami: AmiClient | None = None
        self._flows: Flows | None = None
        #: It is never cut, so it has all events since it took its snapshot.
        self._witness = self._board()
        self._boards = [self._board() for _ in range(_BOARDS)]
        #: What has been done, by name.
        self.done = dict.fromkeys(("rounds", "snapshots", "resumes", "events", "restarts"), 0)

    def _board(self) -> Dashboard:
        return Dashboard(self._proxy.port, self._proxy.context, "board", "b")

    async def start(self) -> None:
        """Start the proxy, and take the first snapshots."""
        await asyncio.to_thread(self._proxy.start)
        await self._begin()

    async def _begin(self) -> None:
        self._ami = await AmiClient.connect(self._pbx.host, self._pbx.port)
        await self._ami.login(self._pbx.user, self._pbx.secret, Events="off")
        self._flows = Flows(self._ami, self._random.randrange(1 << 30))
        for board in (self._witness, *self._boards):
            await self._snapshot(board)

    async def _snapshot(self, board: Dashboard) -> None:
        """Begin with this dashboard, as after a start of its program."""
        await board.cut()
        board.seen.clear()
        await board.connect()
        await settled(board.not_connected)
        await board.snapshot()
        self.done["snapshots"] += 1

    async def _resume(self, board: Dashboard) -> None:
        await board.connect()
        assert await board.resume(), "a gap"
        self.done["resumes"] += 1

    async def round(self, steps: int = 20) -> None:
        """Some flows, during which dashboards come and go; then everything must agree."""
        assert self._flows is not None
        away: list[Dashboard] = []
        for _ in range(steps):
            await self._flows.step()
            what = self._random.choice(("cut", "back", "back", "new", "", "", ""))
            if what == "cut":
                board = self._random.choice(self._boards)
                await board.cut()
                away = [*away, *({board} - {*away})]
            elif what == "back" and away:
                await self._resume(away.pop(0))
            elif what == "new":
                board = self._random.choice(self._boards)
                away = [one for one in away if one is not board]
                await self._snapshot(board)
        for board in away:
            await self._resume(board)
        await self.agree()
        self.done["rounds"] += 1

    async def agree(self) -> None:
        """Once nothing happens any more, all pictures equal the lists, and nothing is lost or doubled."""
        ami = self._ami
        assert ami is not None
        every = (self._witness, *self._boards)

        async def differences() -> list[str]:
            native = Picture(await listed(ami))
            return [
                f"dashboard {number}: {line}"
                for number, board in enumerate(every)
                for line in (board.ended, *board.picture.differences(native))
                if line
            ]

        found = await settled(differences)
        assert not found, (self._seed, self.done, found)
        # A heartbeat says that all have had what there is, if no event comes: each then ends with the same.
        await until(lambda: len({board.seen[-1:] and board.seen[-1] for board in every if board.seen}) < 2)
        whole = self._witness.seen
        places = {token: number for number, (token, _) in enumerate(whole)}
        assert len(places) == len(whole), "a position twice"
        for number, board in enumerate(self._boards):
            if board.seen:
                first = places.get(board.seen[0][0])
                assert first is not None, (self._seed, number, board.seen[0])
                assert board.seen == whole[first:], (self._seed, number, "lost, doubled or in another order")
        self.done["events"] += len(whole)
        for board in every:
            board.seen.clear()

    async def restart(self) -> None:
        """Asterisk dies with all calls; nobody may resume over that."""
        away = self._boards[0]
        await away.cut()
        self._witness.said.clear()
        await asyncio.to_thread(self._pbx.stop, signal.SIGKILL)
        assert self._ami is not None
        await self._ami.close()
        await asyncio.to_thread(self._pbx.start)
        await until(lambda: any(said.get("Status") == "Up" for said in self._witness.said), within=30)
        await away.connect()
        assert not await away.resume(), "resumed over a loss of the link"
        await self._begin()
        self.done["restarts"] += 1

    async def stop(self) -> None:
        """End everything but Asterisk."""
        for board in (self._witness, *self._boards):
            await board.cut()
        if self._ami is not None:
            if self._flows is not None:
                await self._flows.end_all()
            await self._ami.close()
        try:
            if self._proxy.process is not None:
                await asyncio.to_thread(self._proxy.stop)
        finally:
            self._proxy.kill()
