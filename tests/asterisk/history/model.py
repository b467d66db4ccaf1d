"""The model test: dashboards follow random flows through snapshots, cuts and resumes; none may be wrong.

``python -m tests.asterisk.history`` runs it for as long as wanted; test_model.py runs a short sample.
"""

import asyncio
import difflib
import re
import signal
from pathlib import Path
from random import Random

from tests.asterisk.door import LIMITS
from tests.asterisk.history.attempts import crashed
from tests.asterisk.history.client import Dashboard, Picture
from tests.asterisk.history.direct import Direct
from tests.asterisk.history.flows import Flows, listed, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import until

USERS = {"board": {"secret": hashed("b"), "read": "all", "write": [], "history": True}}
#: The proxy, which compares its state with the lists every few seconds instead of every hour.
_PROGRAM = """
import sys
from amiproxy.cli import main
from amiproxy.core.history.state import state
state.AUDIT_SECONDS = 15
sys.exit(main())
"""
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|(\S*))')
#: How events begin that begin an item, and those that end one.
BEGUN = ("Event: Newchannel\r\n", "Event: BridgeCreate\r\n")
ENDED = ("Event: Hangup\r\n", "Event: BridgeDestroy\r\n")
#: Dashboards besides the one that is never cut.
_BOARDS = 3


class Model:
    """One Asterisk, the proxy before it, and its dashboards."""

    def __init__(self, pbx: Asterisk, directory: Path, seed: int, spares: str = "") -> None:
        """``spares``: see ``Flows``."""
        self._pbx = pbx
        self._spares = spares
        self._random = Random(seed)
        self._seed = seed
        upstream = (pbx.host, pbx.port, pbx.user, pbx.secret)
        self._proxy = ProxyProcess(directory, upstream, USERS, limits=LIMITS)
        self._proxy.program = ("-c", _PROGRAM)
        self._ami: AmiClient | None = None
        self._flows: Flows | None = None
        self._direct: Direct | None = None
        #: It is never cut, so it has all events since it took its snapshot.
        self._witness = self._board()
        self._boards = [self._board() for _ in range(_BOARDS)]
        #: What has been done, by name.
        self.done = dict.fromkeys(
            ("rounds", "snapshots", "resumes", "events", "restarts", "crashes", "contradictions", "drift"), 0
        )
        #: How Asterisk crashed, and what had been done last; what its events and lists had otherwise.
        self.crashes: list[str] = []
        self.contradictions: list[str] = []

    def _board(self) -> Dashboard:
        return Dashboard(self._proxy.port, self._proxy.context, "board", "b")

    async def start(self) -> None:
        """Start the proxy, and take the first snapshots."""
        await asyncio.to_thread(self._proxy.start)
        await self._begin()

    async def _begin(self) -> None:
        self._ami = await AmiClient.connect(self._pbx.host, self._pbx.port)
        await self._ami.login(self._pbx.user, self._pbx.secret, Events="off")
        self._flows = Flows(self._ami, self._random.randrange(1 << 30), spares=self._spares)
        for board in (self._witness, *self._boards):
            await self._snapshot(board)
        self._direct = await Direct.connect(self._pbx, self._witness)
        await self._direct.begin(self._ami, await listed(self._ami))

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

    async def round_until_a_crash(self) -> None:
        """The same; if Asterisk itself crashes meanwhile, count that and begin again.

        The flows act at Asterisk's own port, and the proxy asks for lists only.
        """
        assert self._flows is not None
        try:
            await self.round()
        except (Exception, asyncio.CancelledError):  # whatever was underway was broken off
            status = await crashed(self._pbx)
            if status is None:
                raise
            self.crashes.append(f"status {status} after {' '.join(self._flows.last)}")
            self.done["crashes"] += 1
            await self.restart()

    async def agree(self) -> None:
        """Once nothing happens any more, all pictures equal the lists, and nothing is lost or doubled."""
        ami, direct = self._ami, self._direct
        assert ami is not None
        assert direct is not None
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
        mine, theirs = await direct.compare(ami)
        assert mine == theirs, (
            self._seed,
            self.done,
            "the proxy was told",
            *map(repr, changes(mine, theirs)),
        )
        self._judge_drift(direct)
        if found:
            # If a picture that has followed the events of the other session agrees with the lists, the proxy
            # is wrong.  Else Asterisk has not told everything, or its lists are wrong: some of them lack, for
            # example, a conference for which it has just told that a channel has entered it.
            contradictions = direct.picture.differences(Picture(await listed(ami)))
            wrong = [line for line in found if line.partition(": ")[2] not in contradictions]
            assert not wrong, (self._seed, self.done, wrong, contradictions)
            self.contradictions += [
                f"{line}, after {', '.join(direct.about(line)[-8:])}" for line in contradictions
            ]
            self.done["contradictions"] += len(contradictions)
            await self.restart()
            return
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
        direct.take_theirs(forgets=True)
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
        await self._close_direct()
        await asyncio.to_thread(self._pbx.start)
        await until(lambda: any(said.get("Status") == "Up" for said in self._witness.said), within=30)
        await away.connect()
        assert not await away.resume(), "resumed over a loss of the link"
        await self._begin()
        self.done["restarts"] += 1

    def _judge_drift(self, direct: Direct) -> None:
        """Look at what the proxy has found in comparing its state with the lists.

        It has been told the same as the other session, as has been checked.  So what the other session was
        told of it the proxy has read wrongly; what it was not told either, Asterisk has not written.
        """
        lines = [line for line in self._proxy.stderr.splitlines() if " state-drift " in line]
        for line in lines[self.done["drift"] :]:
            self.done["drift"] += 1
            fields = {name: quoted or plain for name, quoted, plain in _FIELD.findall(line)}
            missing, surplus = int(fields["missing"]), int(fields["surplus"])
            items = fields["items"].split()
            told = [text for key in items[:missing] for text in direct.events if is_about(text, BEGUN, key)]
            ended = items[missing : missing + surplus]
            told += [text for key in ended for text in direct.events if is_about(text, ENDED, key)]
            assert not told, (self._seed, self.done, line, told)
            self.contradictions.append(line)

    async def _close_direct(self) -> None:
        if self._direct is not None:
            await self._direct.close()
            self._direct = None

    async def stop(self) -> None:
        """End everything but Asterisk."""
        try:
            await self._close_direct()
            for board in (self._witness, *self._boards):
                await board.cut()
            if self._ami is not None:
                if self._flows is not None and self._pbx.status is None:
                    await self._flows.end_all()
                await self._ami.close()
            if self._proxy.process is not None:
                await asyncio.to_thread(self._proxy.stop)
        finally:
            self._proxy.kill()


def changes(mine: list[str], theirs: list[str]) -> list[str]:
    """What was told otherwise, as a diff: the first lines of it."""
    return [line for line in difflib.ndiff(mine, theirs) if line[0] in "+-"][:10]


def is_about(text: str, names: tuple[str, ...], key: str) -> bool:
    """Whether an event has one of these names and this id."""
    return text.startswith(names) and f"niqueid: {key}\r\n" in text
