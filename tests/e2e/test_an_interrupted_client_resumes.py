"""Clients whose connections break again and again get every event once, in order, by ProxyResume."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support import twin
from tests.support.ami_client import AmiClient, Message
from tests.support.service import LIMITS, SECRET, USERS, Service

WITH_HISTORY: dict[str, dict[str, Any]] = {
    **USERS,
    "boss": {**USERS["boss"], "history": True, "servers": ["*"]},
    "caller": {**USERS["caller"], "servers": ["*"]},
    "blind": {**USERS["blind"], "servers": ["*"]},
}
EVENTS = 3000


class Board(AmiClient):
    """A dashboard: the numbers of the events that it was sent, and the last position at each server."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, list[int]] = {}
        self.tokens: dict[str, str] = {}

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.log.clear()
        for message in list(self.inbox):
            if message.event == "Counted":
                self.inbox.remove(message)
                self.note(message)

    def note(self, message: Message) -> None:
        server = message.get("Server") or ""
        self.numbers.setdefault(server, []).append(int(message.get("Number") or 0))
        token = message.get("ProxySequence")
        assert token
        self.tokens[server] = token

    def break_off(self) -> None:
        """Lose the connection as it is: with whatever has not been read yet."""
        assert self._transport is not None
        self._transport.abort()

    @property
    def count(self) -> int:
        return sum(len(numbers) for numbers in self.numbers.values())


async def connect(service: Service, before: Board | None = None, *, suffix: str = twin.SUFFIX) -> Board:
    """A board that goes on where the one before was interrupted."""
    board = await Board.connect("127.0.0.1", service.port, service.context, service.host)
    board.name_suffix, board.foreign = suffix, twin.NOISE
    if before is None:
        assert (await board.login("boss", "chief", ProxySequence="on")).get("ProxySequence") == "on"
        return board
    board.numbers = before.numbers
    assert (await board.login("boss", "chief", Events="off")).get("Response") == "Success"
    position = ".".join(before.tokens.values())
    answer = await board.action("ProxyResume", From=position, ProxySequence="on")
    assert answer.get("Response") == "Success", answer
    return board


def counted(number: int) -> bytes:
    filler = "x" * (number * 41 % 700)
    return f"Event: Counted\r\nPrivilege: call,all\r\nNumber: {number}\r\nFiller: {filler}\r\n\r\n".encode()


async def feed(simulators: list[Simulator], rng: random.Random) -> None:
    """The same number of events from each server, in bursts."""
    for start in range(0, EVENTS, 30):
        for simulator in simulators:
            for number in range(start, start + 30):
                simulator.broadcast(counted(number))
        await asyncio.sleep(rng.random() * 0.03)


async def follow(service: Service, simulators: list[Simulator], suffix: str = twin.SUFFIX) -> Board:
    """Let a board lose its connection again and again while there are events; returns it with all of them."""
    rng = random.Random(17)
    board = await connect(service, suffix=suffix)
    for simulator in simulators:
        simulator.broadcast(counted(-1))
    await board._until(lambda: board.count == len(simulators), "a position at each server", 10)
    breaks = 0
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(feed(simulators, rng))
        while not feeding.done() or breaks < 5:
            await asyncio.sleep(rng.random() * 0.06)
            board.break_off()
            breaks += 1
            after = await connect(service, board, suffix=suffix)
            after.tokens = {**board.tokens, **after.tokens}
            board = after
    assert breaks >= 5
    wanted = (EVENTS + 1) * len(simulators)
    await board._until(lambda: board.count >= wanted, "all events", 20)
    return board


@pytest.fixture
async def service(simulator: Simulator, make_service: Callable[..., Service]) -> Service:
    built = make_service(simulator.port)
    users = {name: {k: v for k, v in user.items() if k != "servers"} for name, user in WITH_HISTORY.items()}
    built.write_users(users)
    await built.start_up()
    await built.linked()
    return built


async def test_nothing_is_lost_or_doubled(simulator: Simulator, service: Service) -> None:
    board = await follow(service, [simulator])
    async with board:
        (numbers,) = board.numbers.values()
        assert numbers == list(range(-1, EVENTS))


async def test_others_are_denied(simulator: Simulator, service: Service) -> None:
    async with await connect(service) as board:
        simulator.broadcast(counted(0))
        await board._until(lambda: board.tokens, "a position", 10)
        async with await service.client("caller", Events="off") as caller:
            (token,) = board.tokens.values()
            answer = await caller.action("ProxyResume", From=token)
            assert (answer.get("Response"), answer.get("Message")) == ("Error", "Permission denied")
    await service.said("action-denied")
    assert "history: true" in service.stderr


async def test_a_restart_of_asterisk_is_a_gap(simulator: Simulator, service: Service) -> None:
    async with await connect(service) as board:
        simulator.broadcast(counted(0))
        await board._until(lambda: board.tokens, "a position", 10)
        (token,) = board.tokens.values()
        for session in list(simulator.sessions):
            session.close()
        await board.wait_event("ProxyUpstream", Status="Up")
    async with await service.client("boss", Events="off") as again:
        answer = await again.action("ProxyResume", From=token)
        assert (answer.get("Response"), answer.get("Message")) == ("Error", "Gap")


@pytest.fixture
async def two_servers(tmp_path: Path) -> AsyncIterator[tuple[list[Simulator], Service]]:
    users = [User("proxy", SECRET)]
    async with (
        Simulator(users, Settings(login_delay=0.0, seed=1)) as one,
        Simulator(users, Settings(login_delay=0.0, seed=2)) as two,
    ):
        servers = {
            name: {"host": "127.0.0.1", "port": port, "username": "proxy", "secret_file": "upstream.secret"}
            for name, port in (("pbx1", one.port), ("pbx2", two.port))
        }
        built = Service(tmp_path, ("", 0, "", SECRET), WITH_HISTORY, limits=LIMITS, servers=servers)
        try:
            await built.start_up()
            await built.linked(2)
            yield [one, two], built
        finally:
            built.kill()
            assert "Traceback" not in built.stderr, built.stderr


async def test_each_of_two_servers_goes_on_where_it_was(
    two_servers: tuple[list[Simulator], Service],
) -> None:
    simulators, service = two_servers
    board = await follow(service, simulators, "")
    async with board:
        assert board.numbers == {name: list(range(-1, EVENTS)) for name in ("pbx1", "pbx2")}
