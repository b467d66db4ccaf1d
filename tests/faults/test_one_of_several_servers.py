"""One of several servers fails in every way; the others' clients notice nothing, and wait no longer."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.faults.failing import HANGING
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.servercert import ServerCertificate
from tests.support.service import LIMITS, SECRET, USERS, Service
from tests.support.waiting import until

Entry = dict[str, Any]
#: Sets up a server that fails, and returns its entry in ``servers``.
Fault = Callable[[Path, AsyncExitStack], Awaitable[Entry]]

#: Answers of which the time is taken, in each phase.
ASKED = 400
#: Seconds below which a 99th percentile is not judged.
NOISE = 0.01
#: Attempts to find the machine quiet enough.
TRIES = 6


def at(port: int, **more: Any) -> Entry:
    entry = {"host": "127.0.0.1", "port": port, "username": "proxy", "secret_file": "upstream.secret"}
    return {**entry, **more}


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process with its output piped, ended by its pid."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        await running.wait()


async def simulated(
    folder: Path, stack: AsyncExitStack, number: int, *more: str
) -> tuple[list[int], asyncio.subprocess.Process]:
    """The ports of so many simulated Asterisks, and the process of them all."""
    ports = [free_port() for _ in range(number)]
    secret = folder / "simulated.secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    listen = [word for n, port in enumerate(ports) for word in ("--listen", f"s{n}=127.0.0.1:{port}")]
    command = ("-m", "amiproxy", "simulate", *listen, "--user", "proxy", "--secret-file", str(secret))
    running = await stack.enter_async_context(process(*command, "--calls-per-minute", "0", *more))
    for port in ports:
        await until(lambda port=port: answers(port))
    return ports, running


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


# -- faults ------------------------------------------------------------------


async def refused(folder: Path, stack: AsyncExitStack) -> Entry:
    return at(free_port())


async def black_hole(folder: Path, stack: AsyncExitStack) -> Entry:
    """A full backlog: the kernel drops the SYN, as a firewall does."""
    full = stack.enter_context(socket.socket())
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())
    return at(full.getsockname()[1])


async def silent(folder: Path, stack: AsyncExitStack) -> Entry:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    stack.push_async_callback(server.wait_closed)
    stack.callback(server.close)
    return at(server.sockets[0].getsockname()[1])


def by_tls(trusted: str = "", name: str = "127.0.0.1", *, expired: bool = False, tls: str = "") -> Fault:
    """A server whose certificate has this name, and does not suit the settings."""

    async def fault(folder: Path, stack: AsyncExitStack) -> Entry:
        for one in ("own", "other"):
            (folder / one).mkdir()
        own = ServerCertificate(folder / "own", name, expired=expired)
        other = ServerCertificate(folder / "other")
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=own.context(asks=tls == "asks")
        )
        stack.push_async_callback(server.wait_closed)
        stack.callback(server.close)
        ca = other.ca_file if trusted == "other" else own.ca_file
        return at(server.sockets[0].getsockname()[1], tls={"ca": str(ca)})

    return fault


async def wrong_secret(folder: Path, stack: AsyncExitStack) -> Entry:
    [port], _ = await simulated(folder, stack, 1)
    (folder / "wrong.secret").write_text("wrong\n")
    (folder / "wrong.secret").chmod(0o600)
    return at(port, secret_file=str(folder / "wrong.secret"))


def misbehaving(fault: str) -> Fault:
    async def begin(folder: Path, stack: AsyncExitStack) -> Entry:
        [port], _ = await simulated(folder, stack, 1, "--fault", fault)
        return at(port)

    return begin


async def flood(folder: Path, stack: AsyncExitStack) -> Entry:
    running = await stack.enter_async_context(process("-m", "tests.faults.flooding"))
    assert running.stdout is not None
    return at(int(await running.stdout.readline()))


async def hanging_name(folder: Path, stack: AsyncExitStack) -> Entry:
    return at(5039, host=f"pbx{HANGING}", tls={"ca": str(ServerCertificate(folder).ca_file)})


FAULTS: dict[str, Fault] = {
    "connection refused": refused,
    "black hole": black_hole,
    "wrong CA": by_tls("other"),
    "wrong name": by_tls(name="pbx.example.org"),
    "expired certificate": by_tls(expired=True),
    "client certificate required": by_tls(tls="asks"),
    "wrong secret": wrong_secret,
    "accepts and says nothing": silent,
    "hangs after the login": misbehaving("deaf:1"),
    "floods": flood,
    "garbage": misbehaving("garbage:0.1"),
    "restarts": misbehaving("reset:0.3"),
    "name that hangs": hanging_name,
}
#: Those in which the link is up at least for a while.
COMES_UP = {"hangs after the login", "floods", "garbage", "restarts"}


# -- the others ----------------------------------------------------------------


def waited(processes: list[int]) -> float:
    """Seconds for which the main threads of these processes were ready to run, and had no CPU."""
    files = [Path(f"/proc/{number}/schedstat") for number in processes]
    # Some kernels do not count them; then an attempt on a busy machine fails more often.
    return sum(int(file.read_text().split()[1]) for file in files if file.exists()) / 1e9


class Others:
    """The clients of the servers that work, one session bound to each.

    An answer needs these ``processes``: the proxy's, the servers', and our own.
    """

    def __init__(self, clients: list[AmiClient], processes: list[int]) -> None:
        self._clients = clients
        self._processes = processes
        self._told = 0

    async def p99(self) -> float:
        """The 99th percentile of the seconds until an answer, over all of them.

        Time in which a process waited for a CPU is left out: a machine that has other work takes it from a
        proxy that has much to do, as the flood of one server gives it.
        """
        took: list[float] = []
        for number in range(ASKED):
            client = self._clients[number % len(self._clients)]
            before, began = waited(self._processes), time.perf_counter()
            if number % 2:
                answer = await client.action("Getvar", Variable="LAB")
            else:
                answer = await client.action("Ping")
            seconds = time.perf_counter() - began
            took.append(seconds - (waited(self._processes) - before))
            assert answer.get("Response") == "Success", answer
        return sorted(took)[int(len(took) * 0.99)]

    async def get_their_events(self) -> None:
        """Each gets its own server's event, in order, and no other server's."""
        for client in self._clients:
            client.log.clear()
        self._told += 1
        for number, client in enumerate(self._clients):
            for part in ("a", "b"):
                await client.action("UserEvent", UserEvent="Seen", Number=f"{self._told}-{number}{part}")
        for number, client in enumerate(self._clients):
            for part in ("a", "b"):
                seen = await client.wait_event("UserEvent", UserEvent="Seen")
                assert seen.get("Number") == f"{self._told}-{number}{part}"
            assert sum(message.event == "UserEvent" for message in client.log) == 2
            assert not [message for message in client.log if message.event == "ProxyUpstream"]
            assert not [message for message in client.log if message.get("Server") is not None]


class Standing(NamedTuple):
    """A service whose servers all work, and their clients."""

    service: Service
    others: Others
    servers: dict[str, Entry]

    async def adopt(self, **more: Entry) -> None:
        """Reload with these servers besides those that work."""
        before = self.service.stderr.count(" reloaded ")
        self.service.change(servers={**self.servers, **more})
        self.service.signal(signal.SIGHUP)
        await until(
            lambda: self.service.stderr.count(" reloaded ") > before, lambda: self.service.stderr[-2000:]
        )


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[[int], Awaitable[Standing]]]:
    """Starts a service with so many servers."""
    (tmp_path / "etc").mkdir(mode=0o700)
    async with AsyncExitStack() as stack:

        async def standing(number: int) -> Standing:
            ports, simulator = await simulated(tmp_path, stack, number)
            good = {f"pbx{n}": at(port) for n, port in enumerate(ports)}
            short = {"upstream_connect_timeout": 1.0, "upstream_login_timeout": 1.0}
            users = {name: {**entry, "servers": ["*"]} for name, entry in USERS.items()}
            upstream = ("127.0.0.1", 1, "proxy", SECRET)
            service = Service(tmp_path / "etc", upstream, users, limits={**LIMITS, **short})
            service.change(servers=good)
            service.drop("upstream")
            service.program = ("-m", "tests.faults.failing", "dns_hangs")
            stack.callback(service.kill)
            await service.start_up()
            await service.linked(number)
            clients = []
            for name in good:
                client = await stack.enter_async_context(await service.connect())
                answer = await client.login(f"boss/{name}", "chief")
                assert answer.get("Message") == "Authentication accepted", answer
                clients.append(client)
            assert service.process is not None
            processes = [service.process.pid, simulator.pid, os.getpid()]
            return Standing(service, Others(clients, processes), good)

        yield standing


Make = Callable[[int], Awaitable[Standing]]


@pytest.mark.serial
@pytest.mark.timeout(400)
@pytest.mark.parametrize("servers", [2, 5])
async def test_one_that_fails_does_not_affect_the_others(tmp_path: Path, make: Make, servers: int) -> None:
    service, others, _ = standing = await make(servers - 1)
    quiet = await others.p99()
    for number, (fault, begin) in enumerate(FAULTS.items()):
        folder = tmp_path / "etc" / str(number)
        await asyncio.to_thread(folder.mkdir, 0o700)
        name = f"bad{number}"
        async with AsyncExitStack() as stack:
            await standing.adopt(**{name: await begin(folder, stack)})
            await service.said(f" upstream-{'up' if fault in COMES_UP else 'down'} server={name} ")
            for attempt in range(1, TRIES + 1):
                await others.get_their_events()
                disturbed = await others.p99()
                if disturbed <= max(3 * quiet, NOISE):
                    break
                told = f"{fault}: {disturbed * 1000:.1f} ms, {quiet * 1000:.1f} ms when quiet"
                assert attempt < TRIES, told
            await others.get_their_events()
            await standing.adopt()  # removed as quietly
            await others.get_their_events()
    for number in range(servers - 1):
        assert f" upstream-down server=pbx{number} " not in service.stderr
    service.stop()


@pytest.mark.parametrize("fault", ["connection refused", "wrong name", "accepts and says nothing"])
async def test_actions_for_the_one_that_is_down_fail_at_once(tmp_path: Path, make: Make, fault: str) -> None:
    service, others, _ = standing = await make(1)
    async with AsyncExitStack() as stack:
        await standing.adopt(bad=await FAULTS[fault](tmp_path / "etc", stack))
        await service.said(" upstream-down server=bad ")
        client = await stack.enter_async_context(await service.connect())
        assert (await client.login("boss/bad", "chief")).get("Response") == "Success"
        for action in ("CoreStatus", "QueueStatus", "Ping"):
            answer = await client.action(action)
            assert answer.get("Message") == "Upstream not connected", answer
        await others.get_their_events()
    service.stop()
