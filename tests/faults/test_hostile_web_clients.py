"""Slow, broken and hostile clients of the HTTP doors: what neighbours notice, and what memory they cost."""

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from amiproxy.tools.simulator import Simulator
from tests.support.http_doors import HTTP_USERS, HttpClient, add_listener, frame, upgrade
from tests.support.ports import free_port
from tests.support.service import PASSWORDS, Service
from tests.support.smuggling import HIDDEN, PAIRS
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

pytestmark = pytest.mark.long

#: Seconds that a neighbour's action may take in 19 of 20 cases, on a machine that runs other tests as well.
#: On a very busy one, it may take so many times as long as the test's own loop is late meanwhile.
_PROMPT: Final = 1.0
_TIMES_LATE: Final = 10
#: Seconds between two actions of a neighbour.
_PAUSE: Final = 0.02
#: Seconds for which an attacker waits.  Only the neighbours must be answered soon.
_ATTACKERS_WAIT: Final = 40.0
#: What all attackers together may cost.
_MEMORY: Final = 48 << 20
_ATTACKERS: Final = 100
_FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
_LIMITS: dict[str, Any] = {
    "handshake_timeout": _ATTACKERS_WAIT,
    "login_timeout": _ATTACKERS_WAIT,
    "http_seconds": 1.0,
    "unauthenticated": 512,
    "unauthenticated_per_address": 512,
}

Attack = Callable[[TlsPeer], Awaitable[None]]


class Place:
    """A service with an HTTP listener on ``port``, and neighbours who use it all the time."""

    def __init__(self, service: Service, port: int) -> None:
        self.service, self.port = service, port
        self.took: list[float] = []
        self.late: list[float] = []

    @property
    def memory(self) -> int:
        """Resident bytes of the service."""
        assert self.service.process is not None
        text = Path(f"/proc/{self.service.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) << 10

    @property
    def descriptors(self) -> list[str]:
        """What the service has open."""
        assert self.service.process is not None
        return sorted(_target(one) for one in Path(f"/proc/{self.service.process.pid}/fd").iterdir())

    @contextlib.asynccontextmanager
    async def peer(self, receive_buffer: int = 0) -> AsyncIterator[TlsPeer]:
        """A connection, without its handshake."""
        address = ("127.0.0.1", self.port)
        async with TlsPeer.to(address, self.service.context, receive_buffer, "127.0.0.66") as peer:
            peer.within = _ATTACKERS_WAIT
            yield peer

    def client(self) -> HttpClient:
        return HttpClient(self.port, self.service.context)

    @contextlib.asynccontextmanager
    async def with_neighbours(self) -> AsyncIterator[None]:
        """Neighbours run actions over AMI and AJAM meanwhile: all of them must succeed, promptly."""
        over = False

        async def by_ami() -> None:
            async with await self.service.client("boss", Events="off") as client:
                while not over:
                    began = time.monotonic()
                    assert (await client.action("Ping")).get("Response") == "Success"
                    self.took.append(time.monotonic() - began)
                    await self._pause()

        async def by_ajam() -> None:
            client = self.client()
            with contextlib.closing(client):
                cookie = f"mansession_id={(await client.log_in('caller')).cookie}"
                while not over:
                    began = time.monotonic()
                    answer = await client.get("/rawman?action=ping", Cookie=cookie)
                    assert answer.body.startswith("Response: Success")
                    self.took.append(time.monotonic() - began)
                    await self._pause()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(by_ami())
            tasks.create_task(by_ajam())
            await until(lambda: len(self.took) > 10)
            self.took.clear()
            self.late.clear()
            memory = self.memory
            try:
                yield
            finally:
                over = True
            grown = self.memory - memory
        assert grown < _MEMORY, f"{grown >> 20} MiB"
        assert self.took, "the neighbours had no answer at all"
        prompt = max(_PROMPT, _TIMES_LATE * _of_most(self.late))
        assert _of_most(self.took) < prompt, (sorted(self.took)[-5:], prompt)
        assert "Traceback" not in self.service.stderr
        assert " fault " not in self.service.stderr

    async def _pause(self) -> None:
        began = time.monotonic()
        await asyncio.sleep(_PAUSE)
        self.late.append(time.monotonic() - began - _PAUSE)

    async def attacked_by(self, attack: Attack, number: int = _ATTACKERS, receive_buffer: int = 0) -> None:
        """So many connections at the same time, each of which does this."""

        async def one() -> None:
            async with self.peer(receive_buffer) as peer:
                await peer.handshake()
                await attack(peer)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(number):
                tasks.create_task(one())


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return "closed"


def _of_most(times: list[float]) -> float:
    """What 19 of 20 do not exceed; 0 without any."""
    return sorted(times)[len(times) * 19 // 20] if times else 0.0


@pytest.fixture
async def place(simulator: Simulator, make_service: Callable[..., Service]) -> Place:
    service = make_service(simulator.port, _LIMITS)
    return await _started(service)


async def _started(service: Service) -> Place:
    service.write_users(HTTP_USERS)
    port = free_port()
    add_listener(service, f"127.0.0.1:{port}", names=["localhost", "pbx.example.org"])
    await service.start_up()
    await service.linked()
    return Place(service, port)


async def _status(peer: TlsPeer) -> int:
    """The status of the answer; 0 if the connection is closed without one."""
    data = b""
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        while b"\r\n\r\n" not in data:
            more = await peer.record()
            if not more:
                break
            data += more
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", data)
    return int(found[1]) if found else 0


async def _trickle(peer: TlsPeer, data: bytes, pause: float = 0.2) -> None:
    """A byte at a time, until the other side has had enough."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        for place in range(len(data)):
            await peer.send(data[place : place + 1])
            await asyncio.sleep(pause)


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST /rawman HTTP/1.1\r\nHost: localhost\r\n" + _FORM + b"Content-Length: 500\r\n\r\n"],
    ids=["heads", "bodies"],
)
async def test_slow_requests_are_ended_in_time(place: Place, begun: bytes) -> None:
    async def attack(peer: TlsPeer) -> None:
        if begun:
            await peer.send(begun)
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_trickle(peer, b"GET /rawman HTTP/1.1\r\nX: " + b"x" * 300))
            assert await _status(peer) in {0, 408}
            sending.cancel()
        ended_after.append(time.monotonic() - began)

    ended_after: list[float] = []
    async with place.with_neighbours():
        await place.attacked_by(attack)
    # All of it would take a minute.
    assert max(ended_after) < 5 + _TIMES_LATE * _of_most(place.late)


_HEAD = b"GET /rawman?action=ping HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /" + b"x" * 200_000, {414}),
        (_HEAD + b"X: " + b"x" * 200_000, {431}),
        (_HEAD + b"X: y\r\n" * 30_000, {431}),
        (_HEAD + b"Cookie: " + b"mansession_id=%032x; " * 10_000 % tuple(range(10_000)) + b"\r\n\r\n", {431}),
        (_HEAD + b"Content-Length: 100000000\r\n\r\n", {413}),
        (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 60_000, {408, 413}),
        (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1" + b";x" * 100_000, {400, 413}),
        (b"\r\n" * 100_000, {400, 414, 431}),
    ],
    ids=["line", "header", "headers", "cookies", "length", "chunks", "chunk extensions", "empty lines"],
)
async def test_requests_without_end_are_refused(place: Place, data: bytes, statuses: set[int]) -> None:
    found = []

    async def attack(peer: TlsPeer) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_sent(peer, data))
            found.append(await _status(peer))

    async with place.with_neighbours():
        await place.attacked_by(attack, 30)
    # A connection that is ended while more is on its way may be reset before the answer is read.
    assert set(found) <= statuses | {0}, found
    assert set(found) & statuses, found


async def _sent(peer: TlsPeer, data: bytes) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        for start in range(0, len(data), 16384):
            await peer.send(data[start : start + 16384])


async def test_ten_thousand_cookies_cost_little(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    limits = {**_LIMITS, "http_seconds": _ATTACKERS_WAIT, "http_head_bytes": 1 << 20}
    service = make_service(simulator.port, limits)
    place = await _started(service)
    cookies = b"; ".join(b"mansession_id=%032x" % number for number in range(10_000))
    statuses = []

    async def attack(peer: TlsPeer) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_sent(peer, _HEAD + b"Cookie: " + cookies + b"\r\n\r\n"))
            statuses.append(await _status(peer))

    async with place.with_neighbours():
        await place.attacked_by(attack, 10)
    assert set(statuses) == {200}


async def _opened(peer: TlsPeer) -> None:
    await peer.send(upgrade())
    assert await _status(peer) == 101


async def _until_closed(peer: TlsPeer) -> None:
    with contextlib.suppress(ssl.SSLError, ConnectionError, TimeoutError):
        while await peer.record():
            pass


async def test_a_flood_of_pings_whose_pongs_nobody_reads(place: Place) -> None:
    pings = frame(9, b"x" * 125) * 400

    async def attack(peer: TlsPeer) -> None:
        await _opened(peer)
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(3):
                for _ in range(200):
                    await peer.send(pings)

    async with place.with_neighbours():
        await place.attacked_by(attack, 20, receive_buffer=4096)


@pytest.mark.parametrize(
    "fragments",
    [frame(0, b"x" * 100, final=False) * 100, frame(0, final=False) * 1000],
    ids=["with data", "empty"],
)
async def test_a_message_of_fragments_without_end(place: Place, fragments: bytes) -> None:
    async def attack(peer: TlsPeer) -> None:
        await _opened(peer)
        await peer.send(frame(1, b"{", final=False))
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_until_closed(peer))
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(3):
                    while not reading.done():
                        await peer.send(fragments)
                        await asyncio.sleep(0.01)
            reading.cancel()

    async with place.with_neighbours():
        await place.attacked_by(attack, 20)


async def test_messages_that_are_none_end_the_socket_with_a_code(place: Place) -> None:
    for name, data, code in (
        ("too long", frame(1, b"x" * 60_000, final=False) + frame(0, b"x" * 60_000), 1009),
        ("binary", frame(2, b"{}"), 1003),
        ("deep", frame(1, b"[" * 50_000), 4004),
        ("not UTF-8", frame(1, b"\xff\xfe"), 1007),
        ("no first fragment", frame(0, b"x"), 1002),
        ("not masked", b"\x81\x02{}", 1002),
        ("compressed", b"\xc1\x82\0\0\0\0{}", 1002),
    ):
        async with place.peer() as peer:
            await peer.handshake()
            await _opened(peer)
            await peer.send(data)
            received = await _everything(peer)
        assert _close_codes(received) == [code], (name, received[-200:])


def _close_codes(data: bytes) -> list[int]:
    """The codes of the close frames among a server's frames."""
    codes = []
    while len(data) >= 2:
        size, head = data[1] & 0x7F, 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[2:head])
        if data[0] & 15 == 8:
            codes.append(int.from_bytes(data[head : head + 2]))
        data = data[head + size :]
    return codes


async def test_thousands_of_sessions_of_one_user_stay_within_its_limit(place: Place) -> None:
    form = f"action=login&username=blind&secret={PASSWORDS['blind']}".encode()
    request = b"POST /rawman HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (
        _FORM,
        len(form),
        form,
    )
    cookies: list[str] = []

    async def log_in_often(peer: TlsPeer) -> None:
        for _ in range(100):
            await peer.send(request)
            data = b""
            while b"Authentication accepted" not in data:
                more = await peer.record()
                assert more, data
                data += more
            found = re.search(rb'mansession_id="(\w+)"', data)
            assert found
            cookies.append(found[1].decode())

    async with place.with_neighbours():
        await place.attacked_by(log_in_often, 20)
    assert len(set(cookies)) == 2000
    client = place.client()
    with contextlib.closing(client):
        alive = 0
        for cookie in cookies:
            answer = await client.get("/rawman?action=ping", Cookie=f"mansession_id={cookie}")
            alive += answer.body.startswith("Response: Success")
    assert 0 < alive <= 256


@pytest.mark.parametrize("said", ["nothing", "a head", "half a body", "a WebSocket", "a stream"])
async def test_clients_that_vanish_leave_nothing_behind(place: Place, said: str) -> None:
    stream = upgrade(path="/api/v1/events").replace(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"")
    begin = {
        "nothing": b"",
        "a head": b"GET /rawman HTTP/1.1\r\nHost: ",
        "half a body": b"POST /rawman HTTP/1.1\r\nHost: localhost\r\n"
        + _FORM
        + b"Content-Length: 9\r\n\r\nact",
        "a WebSocket": upgrade(),
        "a stream": stream,
    }[said]
    before = place.descriptors

    async def attack(peer: TlsPeer) -> None:
        if begin:
            await peer.send(begin)
        if begin.endswith(b"\r\n\r\n"):
            assert await _status(peer) in {101, 200}
        peer.reset()

    for _ in range(3):
        await place.attacked_by(attack, 30)
    await until(lambda: len(place.descriptors) <= len(before), lambda: (before, place.descriptors))
    assert "Traceback" not in place.service.stderr
    assert " fault " not in place.service.stderr


async def test_a_request_whose_end_is_ambiguous_is_refused_whole(place: Place) -> None:
    for name, pair in PAIRS:
        async with place.peer() as peer:
            await peer.handshake()
            await peer.send(b"POST /rawman HTTP/1.1\r\nHost: localhost\r\n" + pair + HIDDEN)
            received = await _everything(peer)
        assert re.findall(rb"HTTP/1\.1 (\d{3}) ", received) in ([b"400"], [b"501"]), (name, received)
        assert "smuggled" not in place.service.stderr, name


async def _everything(peer: TlsPeer) -> bytes:
    """All that comes until the connection is closed."""
    received = b""
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        while more := await peer.record():
            received += more
    return received


async def test_many_streams_of_one_client_that_reads_none_of_them(place: Place, simulator: Simulator) -> None:
    request = upgrade(path="/api/v1/events").replace(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"")
    big = "x" * 2000
    event = f"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Big\r\nText: {big}\r\n\r\n".encode()

    async def attack(peer: TlsPeer) -> None:
        await peer.send(request)
        assert await _status(peer) == 200
        await asyncio.sleep(3)

    async def shout() -> None:
        for _ in range(600):
            simulator.broadcast(event)
            await asyncio.sleep(0.005)

    async with place.with_neighbours(), asyncio.TaskGroup() as tasks:
        tasks.create_task(shout())
        tasks.create_task(place.attacked_by(attack, 20, receive_buffer=4096))
