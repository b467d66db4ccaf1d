"""Dashboards that come at any time see the present at once, and then every change; Asterisk is asked once."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.reading import Request
from tests.support import twin
from tests.support.ami_client import AmiClient, Message
from tests.support.service import USERS, Service

WITH_HISTORY: dict[str, dict[str, Any]] = {**USERS, "boss": {**USERS["boss"], "history": True}}
EVENTS = 3000
BOARDS = 30


class Pbx:
    """Channels that come and go at a simulated Asterisk, whose lists and events tell of them."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._next = 0
        #: What exists: the state of each channel, by its Uniqueid.
        self.up: dict[str, str] = {}
        for _ in range(300):
            self._begin()
        simulator.script("CoreShowChannels", self._channels, "reporting")

    def _channels(self, request: Request) -> bytes:
        mark = f"ActionID: {request.text('ActionID')}\r\n"
        start = f"Response: Success\r\n{mark}EventList: start\r\nMessage: Channels will follow\r\n\r\n"
        items = [
            f"Event: CoreShowChannel\r\n{mark}{_headers(key, state)}Duration: 00:00:01\r\nBridgeId: \r\n\r\n"
            for key, state in self.up.items()
        ]
        complete = "Event: CoreShowChannelsComplete\r\n"
        end = f"{complete}{mark}EventList: Complete\r\nListItems: {len(items)}\r\n\r\n"
        return (start + "".join(items) + end).encode()

    def _begin(self) -> str:
        self._next += 1
        self.up[f"c{self._next}"] = "1"
        return f"c{self._next}"

    def _tell(self, name: str, key: str, state: str) -> None:
        raw = f"Event: {name}\r\nPrivilege: call,all\r\n{_headers(key, state)}\r\n"
        self._simulator.broadcast(raw.encode())

    async def run(self, rng: random.Random) -> None:
        """Let channels begin, change and end."""
        for number in range(EVENTS):
            what = rng.random()
            if what < 0.3:
                self._tell("Newchannel", self._begin(), "1")
            else:
                key = rng.choice(list(self.up))
                if what < 0.6:
                    self.up.pop(key)
                    self._tell("Hangup", key, "0")
                else:
                    self.up[key] = str(number)
                    self._tell("Newstate", key, str(number))
            if number % 30 == 0:
                await asyncio.sleep(rng.random() * 0.03)


def _headers(key: str, state: str) -> str:
    return (
        f"Channel: PJSIP/{key}-00000001\r\nChannelState: {state}\r\nChannelStateDesc: Up\r\n"
        "CallerIDNum: 100\r\nContext: internal\r\nExten: 600\r\nPriority: 1\r\n"
        f"Uniqueid: {key}\r\nLinkedid: {key}\r\n"
    )


class Board(AmiClient):
    """A dashboard: the state of every channel that it knows, by Uniqueid."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: dict[str, str] = {}
        self.is_complete = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.log.clear()
        for message in list(self.inbox):
            if message.get("EventList") == "start":
                assert message.get("Message") == "Snapshot will follow"
                self.picture.clear()
            elif message.event == "ProxySnapshotComplete":
                assert message.get("EventList") == "Complete"
                assert message.get("ListItems") == str(len(self.picture))
                self.is_complete = True
            elif message.get("Uniqueid"):
                self.note(message)
            else:
                continue
            self.inbox.remove(message)

    def note(self, message: Message) -> None:
        key, state = message.get("Uniqueid"), message.get("ChannelState")
        assert key is not None
        assert state is not None
        if message.event == "Hangup":
            self.picture.pop(key, None)
        elif message.event in {"CoreShowChannel", "Newchannel", "Newstate"}:
            self.picture[key] = state


async def start(service: Service, delay: float) -> Board:
    """A board that comes after this time."""
    await asyncio.sleep(delay)
    board = await Board.connect("127.0.0.1", service.port, service.context, service.host)
    board.name_suffix, board.foreign = twin.SUFFIX, twin.NOISE
    assert (await board.login("boss", "chief")).get("Response") == "Success"
    board.send("ProxySnapshot", Kinds="channels")
    return board


async def true_picture(board: Board, pbx: Pbx) -> None:
    await board._until(lambda: board.is_complete, "a snapshot", 10)
    await board._until(lambda: board.picture == pbx.up, "a true picture", 10)


@pytest.fixture
async def pbx(simulator: Simulator) -> Pbx:
    return Pbx(simulator)


@pytest.fixture
async def service(simulator: Simulator, pbx: Pbx, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port)
    built.write_users(WITH_HISTORY)
    await built.start_up()
    await built.linked()
    return built


async def test_every_picture_is_true(simulator: Simulator, service: Service, pbx: Pbx) -> None:
    rng = random.Random(5)
    async with asyncio.TaskGroup() as group:
        group.create_task(pbx.run(rng))
        starting = [group.create_task(start(service, rng.random() * 1.5)) for _ in range(BOARDS)]
    boards = [task.result() for task in starting]
    try:
        for board in boards:
            await true_picture(board, pbx)
        asked = [raw for raw in simulator.received if b"Action: CoreShowChannels" in raw]
        assert len(asked) == 1
    finally:
        for board in boards:
            await board.close()


async def test_users_without_the_right_are_denied(service: Service) -> None:
    async with await service.client("caller") as caller:
        answer = await caller.action("ProxySnapshot")
        assert (answer.get("Response"), answer.get("Message")) == ("Error", "Permission denied")
    await service.said("action-denied")
    assert "history: true" in service.stderr
