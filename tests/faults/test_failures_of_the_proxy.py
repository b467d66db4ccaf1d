"""Failures of the proxy itself and of its machine: which part is affected, and what keeps working."""

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from amiproxy.core.model.phc import hash_secret
from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.calls.storm import storm_event
from tests.faults.failing import STUCK
from tests.support.ami_client import AmiClient
from tests.support.service import Service
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until, wait_until

pytestmark = pytest.mark.long

Make = Callable[..., Service]


@pytest.fixture
def with_fault(simulator: Simulator, make_service: Make) -> Callable[..., Awaitable[Service]]:
    """The proxy with a fault of failing.py built in, up and linked."""

    async def started(fault: str, **environment: str) -> Service:
        service = make_service(simulator.port, {"login_timeout": 3.0})
        service.program = ("-m", "tests.faults.failing", fault)
        service.environment = environment
        await service.start_up()
        await service.linked()
        return service

    return started


async def test_a_link_task_that_crashes_is_restarted(
    simulator: Simulator, with_fault: Callable[..., Awaitable[Service]]
) -> None:
    service = await with_fault("link_crashes")
    async with await service.client("boss") as boss:
        simulator.faults.reset()
        await boss.wait_event("ProxyUpstream", Status="Down")
        await boss.wait_event("ProxyUpstream", Status="Up", within=20)
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
    await until(lambda: service.stderr.count(" task-crashed task=link ") == 2)
    await service.said("the fault that was built in")


async def test_a_tick_that_crashes_is_restarted(with_fault: Callable[..., Awaitable[Service]]) -> None:
    service = await with_fault("tick_crashes")
    await service.said(" task-crashed task=tick ")
    async with await service.client("boss") as boss, await service.connect() as silent:
        # Only the tick ends this: a login that does not come.
        await silent.ended(within=20)
        assert (await boss.action("CoreStatus")).get("Response") == "Success"


async def test_an_error_in_a_session_ends_only_that_session(
    with_fault: Callable[..., Awaitable[Service]],
) -> None:
    service = await with_fault("session_crashes")
    async with await service.client("boss") as boss, await service.client("boss") as victim:
        victim.send("Ping", **{"X-Crash": "1"})
        await victim.ended()
        assert (await boss.action("CoreStatus")).get("Response") == "Success"
    await service.said("fault session=")
    await service.said("reason=fault")


async def test_a_stuck_loop_does_not_feed_the_watchdog(
    tmp_path: Path, with_fault: Callable[..., Awaitable[Service]]
) -> None:
    address = tmp_path / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)
        service = await with_fault("loop_sticks", NOTIFY_SOCKET=str(address), WATCHDOG_USEC="1000000")
        fed: list[float] = []

        def collect() -> bool:
            while True:
                try:
                    datagram = manager.recv(4096)
                except BlockingIOError:
                    return len(fed) >= 3
                if b"WATCHDOG=1" in datagram:
                    fed.append(time.monotonic())

        await until(collect)
        async with await service.client("boss") as boss:
            fed.clear()
            sent = time.monotonic()
            boss.send("Ping", **{"X-Stick": "1"})
            await until(collect, within=STUCK + 5)
        gaps = [later - earlier for earlier, later in zip([sent, *fed], fed, strict=False)]
        assert max(gaps) > STUCK - 0.7, "twice and more the time a watchdog would have waited"


def jump_by(file: Path, seconds: str) -> None:
    """Replace the file at once: the proxy reads it each time it needs the time, and fails if it is empty."""
    after = file.with_name("after")
    after.write_text(seconds)
    after.replace(file)


async def test_a_jump_of_the_wall_clock_changes_nothing_but_the_log(
    tmp_path: Path, simulator: Simulator, with_fault: Callable[..., Awaitable[Service]]
) -> None:
    jump = tmp_path / "jump"
    jump.write_text("0")
    service = await with_fault("clock_jumps", CLOCK_JUMP=str(jump))
    async with await service.client("boss") as boss:
        for seconds, year_day in (("86400", 1), ("-86400", -1)):
            simulator.faults.answer_delay = 1.5
            pending = boss.send("CoreStatus")
            jump_by(jump, seconds)
            # Two ticks with the changed time: no timer may be affected.
            assert (await boss.response(pending)).get("Response") == "Success"
            simulator.faults.clear()
            async with await service.client("caller") as caller:
                assert (await caller.action("Ping")).get("Ping") == "Pong"
            today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * year_day))
            await service.said(f"{today}T")
        assert " upstream-down " not in service.stderr
        assert "limit-hit" not in service.stderr
        assert service.stderr.count("session-end") + service.stderr.count(" logoff") <= 2


_LOGINS = 60


@pytest.mark.parametrize("gone", [False, True], ids=["that nobody reads", "whose reader is gone"])
async def test_a_stalled_or_closed_log_pipe_does_not_affect_clients(
    make_service: Make, simulator: Simulator, gone: bool
) -> None:
    """The journal hangs, or died: no client notices, and waiting lines are written when possible."""
    service = make_service(simulator.port)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    service.log_to = writer
    await service.start_up()
    os.close(writer)
    async with await service.client("boss") as boss:
        if gone:
            os.close(reader)
        for _ in range(_LOGINS // 10):
            for client in await asyncio.gather(*(service.client("caller") for _ in range(10))):
                await client.close()
            assert (await boss.action("Ping")).get("Response") == "Success"
        if not gone:
            said = b""
            while said.count(b" login ") < _LOGINS:
                said += await asyncio.to_thread(os.read, reader, 65536)
            assert len(said) > 4096, "it was full"
            os.close(reader)
        assert (await boss.action("Ping")).get("Response") == "Success"


@pytest.mark.timeout(120)
async def test_memory_is_bounded_however_much_clients_leave_unread(
    simulator: Simulator, make_service: Make
) -> None:
    """Forty clients that never read, and 60 MB of events for each; an address space of 1 GiB."""
    service = make_service(simulator.port, {"outbox_total": 16 << 20, "outbox_stall": 60.0})
    service.wrapper = ("prlimit", f"--as={1 << 30}")
    await service.start_up()
    await service.linked()
    assert service.process is not None
    pid = service.process.pid
    address = ("127.0.0.1", service.port)
    async with await service.client("blind") as asker:
        before = resident(pid)
        peers = [TlsPeer.to(address, service.context, receive_buffer=4096) for _ in range(40)]
        entered = [await peer.__aenter__() for peer in peers]
        try:
            for peer in entered:
                await peer.handshake()
                await peer.send(b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\n")
            await until(lambda: service.stderr.count(" login ") >= len(entered))
            highest = 0
            burst = b"".join(storm_event(n, 0.0) for n in range(2000))
            for _ in range(60):
                for session in simulator.sessions:
                    session.inject(burst)
                assert (await asker.action("CoreStatus")).get("Response") == "Success"
                highest = max(highest, resident(pid))
        finally:
            for peer in peers:
                await peer.__aexit__(None, None, None)
    assert highest - before < 96 << 20, f"{(highest - before) >> 20} MiB more"
    assert " upstream-down " not in service.stderr


def resident(pid: int) -> int:
    """Bytes of memory that the process uses."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """The number of files that the process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.serial
@pytest.mark.timeout(120)
async def test_clients_that_vanish_at_any_stage_leave_nothing_behind(
    simulator: Simulator, make_service: Make
) -> None:
    service = make_service(simulator.port)
    await service.start_up()
    await service.linked()
    assert service.process is not None
    pid = service.process.pid
    address = ("127.0.0.1", service.port)
    stages: list[tuple[bytes, bool]] = [
        (b"", False),
        (b"", True),
        (b"Action: Login\r\nUsername: boss\r\nSec", True),
        (b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\n", True),
        (b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\nAction: CoreStatus\r\n\r\n", True),
        (b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\nAction: QueueStatus\r\n\r\n", True),
    ]

    async def vanish(number: int) -> None:
        said, greeted = stages[number % len(stages)]
        async with TlsPeer.to(address, service.context) as peer:
            if greeted:
                await peer.handshake()
                await peer.send(said)
            if number % 2:
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with await service.client("blind") as witness:
        for round_ in range(60):
            await asyncio.gather(*(vanish(number) for number in range(round_, round_ + 10)))
            if round_ == 10:
                memory = resident(pid)
        assert (await witness.action("CoreStatus")).get("Response") == "Success"
        await until(lambda: service.stderr.count(" upstream-") == 1)
        assert len(simulator.sessions) == 1
    wait_until(lambda: descriptors(pid) <= 32, lambda: descriptors(pid), within=20)
    assert resident(pid) - memory < 16 << 20, (resident(pid) - memory) >> 20


@pytest.mark.serial
@pytest.mark.timeout(120)
async def test_five_hundred_clients_reconnect_at_once(simulator: Simulator, make_service: Make) -> None:
    service = make_service(simulator.port, {"unauthenticated": 600, "unauthenticated_per_address": 600})
    await service.start_up()
    await service.linked()
    began = time.monotonic()
    clients = await asyncio.gather(*(service.client("caller") for _ in range(500)))
    took = time.monotonic() - began
    await asyncio.gather(*(client.close() for client in clients))
    assert took < 15.0
    assert "penalty" not in service.stderr


#: The number of users, each with a hash of its own at the default cost, and their clients.
_USERS, _CLIENTS = 40, 150


@pytest.mark.serial
@pytest.mark.timeout(120)
async def test_users_with_hashes_of_their_own_reconnect_at_once(
    simulator: Simulator, make_service: Make
) -> None:
    """With the default limits: a displaced client tries again, and no right secret is refused."""
    service = make_service(simulator.port)
    service.change(limits={})
    users = {f"u{n}": {"secret": hash_secret(f"secret {n}".encode())} for n in range(_USERS)}
    service.write_users(users)
    await service.start_up()
    await service.linked()
    came_again = 0

    async def come_back(number: int) -> AmiClient:
        nonlocal came_again
        user = number % _USERS
        while True:
            try:
                client = await service.connect()
                answer = await client.login(f"u{user}", f"secret {user}")
            except OSError:
                came_again += 1
                await asyncio.sleep(0.1 + number / _CLIENTS)
            else:
                assert answer.get("Message") == "Authentication accepted", answer
                return client

    began = time.monotonic()
    clients = await asyncio.gather(*map(come_back, range(_CLIENTS)))
    took = time.monotonic() - began
    await asyncio.gather(*(client.close() for client in clients))
    assert took < 15.0, came_again
    assert "login-failed" not in service.stderr
