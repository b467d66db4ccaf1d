"""The swarm's clients of the HTTP doors, against servers that are not ours."""

import asyncio
import base64
import contextlib
import json
import shutil
import ssl
import subprocess
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
import websockets.asyncio.server as websockets

from tests.bench import rig
from tests.bench.accounts import EVERYTHING, SECRET
from tests.bench.rig import Tool
from tests.support.ports import free_port
from tests.support.requirements import give_up
from tests.support.waiting import until

TOP = Path(__file__).parents[2]
_SEES = EVERYTHING & ~(1 << 10)


@pytest.fixture(scope="session")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    source = TOP / "tests/bench/swarm.c"
    if shutil.which("cc") is None:
        give_up("COMPILER", "there is no C compiler")
    command = [
        "cc",
        "-std=gnu11",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        str(folder / "swarm"),
        str(source),
    ]
    made = subprocess.run([*command, "-lssl", "-lcrypto"], check=False, capture_output=True, text=True)
    if "openssl/ssl.h" in made.stderr:
        give_up("COMPILER", "there are no headers of OpenSSL")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def swarm(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Tool]]:
    monkeypatch.setattr(rig, "_BINARIES", binaries)
    made: list[Tool] = []

    def start(
        port: int, door: str, clients: int = 1, *options: object, users: Sequence[str] = ("board",)
    ) -> Tool:
        arguments: list[object] = ["--port", port, "--clients", clients, "--door", door, *options]
        for user in users:
            arguments += ["--account", f"{user}:{SECRET}:{_SEES}"]
        made.append(Tool("swarm", *arguments))
        return made[-1]

    yield start
    for tool in made:
        tool.stop()


@pytest.fixture
def context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


def mark(number: int, type_: int, within: int) -> str:
    return f"{number} {type_} {within} {time.monotonic_ns()} 0"


class Sockets:
    """A WebSocket server; ``serve`` is what it does with each connection after its hello."""

    def __init__(self, context: ssl.SSLContext, serve: Callable[[Any, str], Any]) -> None:
        self.port = free_port()
        self._context, self._serve = context, serve
        self.connection: Any = None
        self.asked: list[str] = []
        self.said: list[dict[str, Any]] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with websockets.serve(
            self._connected,
            "127.0.0.1",
            self.port,
            ssl=self._context,
            subprotocols=["ami.json"],
            compression=None,
        ):
            yield

    async def _connected(self, connection: Any) -> None:
        request = connection.request
        expected = base64.b64encode(f"board:{SECRET}".encode()).decode()
        assert request.headers["Authorization"] == f"Basic {expected}"
        assert request.headers["Host"] == "localhost"
        self.asked.append(request.path)
        self.connection = connection
        await self.send(type="hello", version=1, user="board", history=True)
        await self._serve(self, urllib.parse.unquote(request.path.partition("?last=")[2]))
        async for message in connection:
            self.said.append(json.loads(message))
            action = self.said[-1]
            await self.send(type="response", id=action["id"], data={"Response": "Success", "Ping": "Pong"})

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message, separators=(",", ":")))

    async def event(self, position: str, name: str) -> None:
        await self.send(type="event", seq=position, data={"Event": "Newchannel", "BenchMark": name})


async def heard(tool: Tool, what: str) -> dict[str, Any]:
    return await asyncio.to_thread(tool.hear, what, 20.0)


async def asked(tool: Tool, command: str, what: str) -> dict[str, Any]:
    return await asyncio.to_thread(tool.ask, command, what, 20.0)


async def _snapshot(server: Sockets, _: str) -> None:
    await server.send(type="snapshot", seq="t0", more=True, data={"channels": [{"Channel": "x" * 90_000}]})
    await server.send(type="snapshot", seq="t0", data={"queues": []})


async def test_a_websocket_swarm_counts_events_and_finds_what_is_wrong(
    swarm: Callable[..., Tool], context: ssl.SSLContext
) -> None:
    server = Sockets(context, _snapshot)
    async with server.running():
        tool = swarm(server.port, "ws")
        entered = await heard(tool, "in")
        assert (entered["inside"], entered["wrong_answers"], entered["turned_away"]) == (1, 0, 0)
        assert server.asked == ["/ws"]
        tool.say("mark")
        await asyncio.wait_for(await server.connection.ping(), 10)
        await asked(tool, "wait 1 50", "waited")  # the mark has been read
        for number in range(3):
            await server.event(f"t{number}", mark(number, 0, number))
        counted = await asked(tool, "wait 3 20000", "waited")
        assert [counted[name] for name in ("events", "gaps", "disorder", "leaks")] == [3, 0, 0, 0]
        assert counted["latency"]["n"] == 3
        await server.event("t5", mark(5, 0, 5))  # two are missing
        await server.event("t4", mark(4, 0, 4))  # it comes too late
        await server.event("t6", mark(6, 10, 0))  # the account may not see it
        await server.event("t7", mark(7, 0, 6))
        counted = await asked(tool, "wait 6 20000", "waited")
        assert [counted[name] for name in ("events", "gaps", "disorder", "leaks")] == [6, 3, 1, 1]


async def test_a_websocket_swarm_sends_actions(swarm: Callable[..., Tool], context: ssl.SSLContext) -> None:
    server = Sockets(context, _snapshot)
    async with server.running():
        tool = swarm(server.port, "ws")
        await heard(tool, "in")
        acted = await asked(tool, "act ping 0.1 0 1", "acted")
        assert acted["answers"] == len(server.said) > 0
        assert (acted["wrong_answers"], acted["dropped"]) == (0, 0)
        assert server.said[0] == {"type": "action", "id": "0/0", "data": {"Action": "Ping"}}


@pytest.mark.parametrize(("replayed", "gaps"), [(range(2, 5), 0), (range(3, 5), 1)], ids=["all", "not all"])
async def test_a_websocket_that_returns_resumes_and_finds_what_it_missed(
    swarm: Callable[..., Tool], context: ssl.SSLContext, replayed: range, gaps: int
) -> None:
    async def serve(server: Sockets, last: str) -> None:
        if not last:
            await _snapshot(server, last)
            return
        assert last == "t/1 +="
        await server.send(type="resumed")
        for number in replayed:
            made_at = 1 if number < replayed[-1] else time.monotonic_ns()  # the last one is not a missed one
            await server.event(f"t{number}", f"{number} 0 {number} {made_at} 0")

    server = Sockets(context, serve)
    async with server.running():
        tool = swarm(server.port, "ws")
        await heard(tool, "in")
        for number in range(2):
            await server.event(f"t/{number} +=", mark(number, 0, number))
        await asked(tool, "wait 2 20000", "waited")
        back = await asked(tool, "return 1", "in")
        assert (back["events"], back["gaps"], back["wrong_answers"]) == (len(replayed), gaps, 0)
        assert server.asked == ["/ws", "/ws?last=t%2F1%20%2B%3D"]


async def test_a_snapshot_instead_of_what_was_missed_is_found(
    swarm: Callable[..., Tool], context: ssl.SSLContext
) -> None:
    server = Sockets(context, _snapshot)
    async with server.running():
        tool = swarm(server.port, "ws")
        await heard(tool, "in")
        assert (await asked(tool, "return 1", "in"))["wrong_answers"] == 2


async def test_an_ajam_swarm_always_waits_for_events(
    swarm: Callable[..., Tool], context: ssl.SSLContext
) -> None:
    asked_for: list[str] = []
    bodies: asyncio.Queue[str] = asyncio.Queue()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                asked_for.append(request)
                if "action=login" in request:
                    body = "Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
                else:
                    body = await bodies.get()
                writer.write(
                    f'HTTP/1.1 200 OK\r\nSet-Cookie: mansession_id="{"ab" * 16}"; Version=1\r\n'
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
        tool = swarm(server.sockets[0].getsockname()[1], "ajam")
        await heard(tool, "in")
        tool.say("mark")
        events = "".join(
            f"Event: Newchannel\r\nBenchMark: {mark(number, 0, number)}\r\n\r\n" for number in range(3)
        )
        opening = "Response: Success\r\nMessage: Waiting for Event completed.\r\n\r\n"
        await asked(tool, "wait 1 50", "waited")  # the mark has been read
        for body in (f"{opening}{events}Event: WaitEventComplete\r\n\r\n", ""):
            bodies.put_nowait(body)
        counted = await asked(tool, "wait 3 20000", "waited")
        assert [counted[name] for name in ("events", "gaps", "disorder", "leaks")] == [3, 0, 0, 0]
        assert (counted["wrong_answers"], counted["dropped"]) == (0, 0)
        await until(lambda: len(asked_for) >= 4)
    assert asked_for[0].startswith(f"GET /rawman?action=login&username=board&secret={SECRET} HTTP/1.1\r\n")
    for request in asked_for[1:]:
        assert "action=waitevent" in request
        assert f'Cookie: mansession_id="{"ab" * 16}"\r\n' in request


async def test_a_swarm_that_is_refused_tries_again(
    swarm: Callable[..., Tool], context: ssl.SSLContext
) -> None:
    connections = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError), contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
        swarm(server.sockets[0].getsockname()[1], "ws")
        await until(lambda: connections >= 2)


@pytest.mark.parametrize(
    ("spread", "places"), [("off", list(range(10))), ("on", [0, 7, 4, 1, 8, 5, 2, 9, 6, 3])]
)
async def test_clients_log_in_in_order_or_spread(
    swarm: Callable[..., Tool], context: ssl.SSLContext, spread: str, places: list[int]
) -> None:
    users: list[str] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            writer.write(b"Asterisk Call Manager/11.0.0\r\n")
            login = (await reader.readuntil(b"\r\n\r\n")).decode()
            users.append(login.partition("Username: ")[2].partition("\r\n")[0])
            writer.write(b"Response: Success\r\n\r\n")
            await reader.read()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
        options = ("--window", 1, "--spread", spread)
        port = server.sockets[0].getsockname()[1]
        tool = swarm(port, "ami", 10, *options, users=[f"user{number}" for number in range(10)])
        assert (await heard(tool, "in"))["inside"] == 10
    assert users == [f"user{place}" for place in places]
