"""The example clients of deploy/clients.md, run against the proxy while their connections are cut."""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from amiproxy.tools.simulator import Simulator
from tests.deploy.pages import blocks
from tests.support import twin
from tests.support.cut import Relay
from tests.support.proxy_process import hashed
from tests.support.requirements import give_up
from tests.support.service import Service
from tests.support.waiting import until

PAGE = "deploy/clients.md"
SECRET = "the secret of the board"
USERS = {"board": {"secret": hashed(SECRET), "read": ["call"], "write": [], "history": True}}
#: Seconds: the examples wait up to two before they connect again.
RECONNECTED = 60.0


def example(info: str) -> str:
    """The program on the page; ``info`` is the mark of its block."""
    [found] = [block.text for block in blocks(PAGE) if block.info == info]
    return found


class Board:
    """A running example; ``pictures`` are what it has shown, the newest last."""

    def __init__(self, command: Sequence[str], service: Service, port: int, folder: Path) -> None:
        """Start it; it connects to ``port``, which leads to the service."""
        secret, self._output = folder / "board.secret", folder / "board.output"
        secret.write_text(f"{SECRET}\n")
        where = service.host, str(port), str(service.cafile), f"board{twin.SUFFIX}", str(secret)
        with self._output.open("wb") as out, self._output.with_suffix(".errors").open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, *where], stdin=subprocess.DEVNULL, stdout=out, stderr=errors
            )

    @property
    def pictures(self) -> list[list[str]]:
        text = self._output.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    @property
    def picture(self) -> list[str] | None:
        """What it shows now."""
        assert self.process.poll() is None, self.errors
        shown = self.pictures
        return shown[-1] if shown else None

    async def shows(self, number: int) -> None:
        """Wait until it has shown this many pictures."""
        await until(lambda: len(self.pictures) >= number, lambda: self.errors, within=RECONNECTED)

    @property
    def errors(self) -> str:
        return self._output.with_suffix(".errors").read_text()


@asynccontextmanager
async def showing(
    command: Sequence[str], service: Service, relay: Relay, folder: Path
) -> AsyncIterator[Board]:
    board = Board(command, service, relay.port, folder)
    try:
        yield board
    finally:
        board.process.kill()
        await asyncio.to_thread(board.process.wait)


@pytest.fixture(params=["python client", "js client"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """What runs the example."""
    interpreter = sys.executable if request.param == "python client" else shutil.which("node")
    if interpreter is None:
        give_up("NODE", "node is not installed")
    program = tmp_path / ("board.py" if request.param == "python client" else "board.js")
    program.write_text(example(request.param))
    return [interpreter, *(["-W", "error"] if request.param == "python client" else []), str(program)]


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port, control={"socket": "control.sock"})
    built.write_users(USERS)
    await built.start_up()
    await built.linked()
    return built


async def history_of(service: Service) -> Any:
    """``ctl state`` of the server under test."""
    line = [sys.executable, "-m", "amiproxy", "ctl", "--config", str(service.config), "state", "--json"]
    done = await asyncio.to_thread(
        subprocess.run, line, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return next(row for row in found["servers"] if row["server"] == twin.HERE) if twin.WAY else found


def channels_of(simulator: Simulator) -> list[str]:
    return sorted(channel.name for channel in simulator.pbx.channels.values())


def long_calls(simulator: Simulator) -> None:
    """Calls that last for the rest of the test."""
    simulator.calls.pace = 0.001
    for _ in range(3):
        simulator.calls.place()


async def test_a_board_whose_connection_is_cut_shows_what_there_is(
    command: list[str], simulator: Simulator, service: Service, tmp_path: Path
) -> None:
    chance = random.Random(7)
    async with Relay(service.port) as relay, showing(command, service, relay, tmp_path) as board:
        await until(lambda: board.picture is not None, lambda: board.errors, within=RECONNECTED)
        simulator.calls.pace = 50.0
        simulator.calls.rate(1200)
        for number in range(1, 6):
            await board.shows(20 * number + chance.randrange(20))  # cut at any moment of what it does
            assert relay.cut() == 1
            await until(
                lambda times=number: relay.connections > times,
                lambda: f"exit status {board.process.poll()}: {board.errors}",
                within=RECONNECTED,
            )
            await board.shows(len(board.pictures) + 1)
        simulator.calls.rate(0)
        long_calls(simulator)
        await until(
            lambda: board.picture == channels_of(simulator) != [],
            lambda: f"{board.picture} is not {channels_of(simulator)}: {board.errors}",
            within=RECONNECTED,
        )
        state = await history_of(service)
    assert state["snapshots"]["complete"] == 1, "it resumed, and did not ask again"
    assert state["resumes"] == {"resumed": 5, "gap": 0, "overtaken": 0}
    asked = [raw for raw in simulator.received if b"Action: CoreShowChannels" in raw]
    assert len(asked) == 1, "the proxy asked Asterisk for itself"


async def test_a_board_takes_a_snapshot_again_after_asterisk_was_away(
    command: list[str], simulator: Simulator, service: Service, tmp_path: Path
) -> None:
    async with Relay(service.port) as relay, showing(command, service, relay, tmp_path) as board:
        await until(lambda: board.picture == [], lambda: board.errors, within=RECONNECTED)
        simulator.faults.reset()
        long_calls(simulator)  # meanwhile
        await until(
            lambda: board.picture == channels_of(simulator) != [],
            lambda: f"{board.picture} is not {channels_of(simulator)}: {board.errors}",
            within=RECONNECTED,
        )
        state = await history_of(service)
    assert state["resumes"]["gap"] >= 1
    assert state["resumes"]["resumed"] == 0
