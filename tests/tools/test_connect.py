"""The plain port forwards bytes unchanged, and only to the server that the certificate names."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from amiproxy.config.address import Address
from amiproxy.tools.connect import PlainPort
from amiproxy.tools.tlsclient import ConnectError, Destination, client_context
from amiproxy.x509.issuing.authority import CaFiles, create_ca
from amiproxy.x509.issuing.issue import KeyPairFiles, issue
from tests.support.ports import free_port
from tests.support.waiting import until

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANY = Address("127.0.0.1", 0)
DEADLINE = 15.0


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CaFiles:
    return create_ca(tmp_path_factory.mktemp("x") / "ca")


@pytest.fixture(scope="module")
def pair(ca: CaFiles, tmp_path_factory: pytest.TempPathFactory) -> KeyPairFiles:
    return issue(ca, ["pbx.example", "127.0.0.1"], tmp_path_factory.mktemp("pair"))


def closing(serve: Serve) -> Serve:
    """``serve``, and then the end of the connection."""

    async def finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return finish


@asynccontextmanager
async def bridged(
    serve: Serve, destination: Callable[[int], Destination], context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of a plain port that leads to a server, TLS or not."""

    async with asyncio.timeout(DEADLINE):
        server = await asyncio.start_server(closing(serve), "127.0.0.1", 0, ssl=context)
        plain = PlainPort(ANY, destination(server.sockets[0].getsockname()[1]), linger=0.1)
        address = await plain.start()
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            await plain.close()
            server.close()


def server_context(pair: KeyPairFiles, clients: CaFiles | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.chain, pair.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.certificate)
    return context


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"Asterisk Call Manager/9.0.0\r\n")
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()


async def test_bytes_pass_both_ways(ca: CaFiles, pair: KeyPairFiles) -> None:
    def there(port: int) -> Destination:
        return Destination("127.0.0.1", port, ca=ca.certificate)

    async with bridged(greet, there, server_context(pair)) as (reader, writer):
        assert await reader.readline() == b"Asterisk Call Manager/9.0.0\r\n"
        for line in (b"action: ping\r\n", b"\xff\x00\x80 any byte\n"):
            writer.write(line)
            assert await reader.readline() == line.upper()


async def test_the_end_of_the_server_reaches_the_client(ca: CaFiles, pair: KeyPairFiles) -> None:
    async def goodbye(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Response: Goodbye\r\n\r\n")

    def there(port: int) -> Destination:
        return Destination("127.0.0.1", port, ca=ca.certificate)

    async with bridged(goodbye, there, server_context(pair)) as (reader, _):
        assert await reader.read() == b"Response: Goodbye\r\n\r\n"


async def test_a_pending_answer_reaches_a_client_that_stopped_sending(
    ca: CaFiles, pair: KeyPairFiles
) -> None:
    def there(port: int) -> Destination:
        return Destination("127.0.0.1", port, ca=ca.certificate)

    async with bridged(greet, there, server_context(pair)) as (reader, writer):
        await reader.readline()
        writer.write(b"last words\r\n")
        writer.write_eof()
        assert await reader.read() == b"LAST WORDS\r\n"


async def test_a_slow_client_makes_the_server_wait(ca: CaFiles, pair: KeyPairFiles) -> None:
    sent, total = [0], 64 * 1024 * 1024
    stalled = asyncio.Event()

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        block = b"x" * 65536
        while sent[0] < total:
            writer.write(block)
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                stalled.set()
                await writer.drain()
            sent[0] += len(block)

    def there(port: int) -> Destination:
        return Destination("127.0.0.1", port, ca=ca.certificate)

    async with bridged(flood, there, server_context(pair)) as (reader, _):
        await stalled.wait()
        assert sent[0] < total / 2
        received = 0
        while received < total:
            received += len(await reader.read(1 << 20))


async def test_a_client_certificate_is_presented(ca: CaFiles, pair: KeyPairFiles, tmp_path: Path) -> None:
    mine = issue(ca, ["wallboard"], tmp_path, "client")

    def there(port: int) -> Destination:
        return Destination("127.0.0.1", port, "pbx.example", ca.certificate, mine.chain, mine.key)

    async with bridged(greet, there, server_context(pair, ca)) as (reader, _):
        assert await reader.readline() == b"Asterisk Call Manager/9.0.0\r\n"


class Far:
    """A server that counts its connections, and keeps the bytes they sent."""

    def __init__(self) -> None:
        self.open = 0
        self.all = 0
        self.received = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.all += 1
        try:
            writer.write(b"Asterisk Call Manager/9.0.0\r\n")
            while data := await reader.read(65536):
                self.received += data
        except OSError:
            pass
        finally:
            self.open -= 1


@asynccontextmanager
async def led_to_far(
    ca: CaFiles, pair: KeyPairFiles, **options: Any
) -> AsyncIterator[tuple[Far, PlainPort, Address]]:
    """A plain port on which leftover connections would be noticed."""
    far = Far()
    server = await asyncio.start_server(closing(far.serve), "127.0.0.1", 0, ssl=server_context(pair))
    there = Destination("127.0.0.1", server.sockets[0].getsockname()[1], ca=ca.certificate)
    plain = PlainPort(ANY, there, linger=3600, **options)
    try:
        yield far, plain, await plain.start()
    finally:
        await plain.close()
        server.close()


async def greeted(address: Address) -> socket.socket:
    sock = socket.create_connection((address.host, address.port))
    sock.setblocking(False)
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.get_running_loop().sock_recv(sock, 100) == b"Asterisk Call Manager/9.0.0\r\n"
    return sock


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
async def test_no_server_session_outlives_a_client_that_vanishes(
    ca: CaFiles, pair: KeyPairFiles, leave: Callable[[socket.socket], None]
) -> None:
    async with led_to_far(ca, pair) as (far, plain, address):
        clients = [await greeted(address) for _ in range(20)]
        for client in clients:
            client.sendall(b"Action: Login\r\n")
        await until(lambda: far.received.count(b"Login") == 20)
        for client in clients:
            leave(client)
        await until(lambda: not far.open)
        await until(lambda: not plain.visits)
        assert far.all == 20


async def test_bytes_sent_before_a_client_left_arrive(ca: CaFiles, pair: KeyPairFiles) -> None:
    async with led_to_far(ca, pair) as (far, _, address):
        client = await greeted(address)
        client.setblocking(True)
        await asyncio.to_thread(client.sendall, b"x" * 1_000_000)
        client.close()
        await until(lambda: far.all and not far.open)
        assert len(far.received) == 1_000_000


async def test_a_client_that_vanishes_after_it_stopped_sending_is_noticed(
    ca: CaFiles, pair: KeyPairFiles
) -> None:
    async with led_to_far(ca, pair) as (far, plain, address):
        client = await greeted(address)
        client.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)
        assert (far.open, plain.visits) == (1, 1), "it still reads"
        client.close()
        await until(lambda: not far.open)


async def test_a_server_that_reads_nothing_is_disconnected_too(ca: CaFiles, pair: KeyPairFiles) -> None:
    gone = asyncio.Event()

    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        await gone.wait()

    server = await asyncio.start_server(closing(deaf), "127.0.0.1", 0, ssl=server_context(pair))
    there = Destination("127.0.0.1", server.sockets[0].getsockname()[1], ca=ca.certificate)
    plain = PlainPort(ANY, there, linger=3600)
    client = await greeted(await plain.start())
    with contextlib.suppress(BlockingIOError):
        while True:
            client.send(bytes(1 << 20))
            await asyncio.sleep(0)
    reset(client)
    await until(lambda: not plain.visits)
    gone.set()
    await plain.close()
    server.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
async def test_the_handshake_for_a_client_that_vanished_is_given_up(
    ca: CaFiles, leave: Callable[[socket.socket], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        there = Destination("127.0.0.1", silent.getsockname()[1], ca=ca.certificate)
        plain = PlainPort(ANY, there, timeout=3600)
        address = await plain.start()
        client = socket.create_connection((address.host, address.port))
        client.sendall(b"Action: Login\r\n")
        loop = asyncio.get_running_loop()
        far = (await loop.sock_accept(silent))[0]
        assert (await loop.sock_recv(far, 5))[0] == 22, "a ClientHello"
        leave(client)
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionResetError):
                while await loop.sock_recv(far, 65536):
                    pass
        far.close()
        await until(lambda: not plain.visits)
        await plain.close()


async def test_a_client_that_never_sent_anything_is_displaced_by_a_new_one(
    ca: CaFiles, pair: KeyPairFiles, caplog: pytest.LogCaptureFixture
) -> None:
    async with led_to_far(ca, pair, connections=3) as (far, plain, address):
        clients = [await greeted(address) for _ in range(3)]
        clients[0].sendall(b"Action: Login\r\n")
        await until(lambda: far.received)
        clients.append(await greeted(address))
        async with asyncio.timeout(DEADLINE):
            assert await asyncio.get_running_loop().sock_recv(clients[1], 1) == b""
        await until(lambda: far.open == 3)
        for client in (clients[2], clients[3]):
            client.sendall(b"Action: Login\r\n")
        await until(lambda: far.received.count(b"Login") == 3)
        refused_one = socket.create_connection((address.host, address.port))
        refused_one.setblocking(False)
        async with asyncio.timeout(DEADLINE):
            assert await asyncio.get_running_loop().sock_recv(refused_one, 1) == b""
        assert plain.visits == far.open == 3
        told = [record.getMessage() for record in caplog.records if record.name == "amiproxy.tools.connect"]
        assert len(told) == 1
        assert told[0].startswith("all 3 connections are in use")
        for client in (*clients, refused_one):
            client.close()


class Server:
    """A TLS server on a plain socket, as ami-proxy is one: asyncio's would send no alert when it refuses."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._socket.accept()[0]
                with client, contextlib.suppress(OSError):
                    client.settimeout(DEADLINE)
                    with self._context.wrap_socket(client, server_side=True) as far:
                        far.sendall(b"Asterisk Call Manager/9.0.0\r\n")
                        far.recv(1)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(DEADLINE)


@asynccontextmanager
async def plain_port(destination: Destination, **times: float) -> AsyncIterator[Address]:
    plain = PlainPort(ANY, destination, **times)
    try:
        async with asyncio.timeout(DEADLINE):
            yield await plain.start()
    finally:
        await plain.close()


async def first_line(address: Address) -> bytes:
    """The first line that a client of the plain port gets; empty when it is closed."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        with contextlib.suppress(ConnectionError):
            return await reader.readline()
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def refused(destination: Destination, log: pytest.LogCaptureFixture, **times: float) -> str:
    """The log's text when the client is closed without having got a byte."""
    async with plain_port(destination, **times) as address:
        assert await first_line(address) == b""
    (record,) = [record for record in log.records if record.name == "amiproxy.tools.connect"]
    return record.getMessage()


async def test_a_server_of_another_ca_is_refused(
    pair: KeyPairFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = create_ca(tmp_path / "ca")
    with Server(server_context(pair)) as server:
        text = await refused(Destination("127.0.0.1", server.port, ca=other.certificate), caplog)
    assert f"is not issued by a CA in {other.certificate}; give the CA that issued it with --ca" in text


async def test_a_server_of_another_name_is_refused(
    ca: CaFiles, pair: KeyPairFiles, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(server_context(pair)) as server:
        there = Destination("127.0.0.1", server.port, "other.example", ca.certificate)
        text = await refused(there, caplog)
    assert "is not valid for other.example; " in text
    assert "--server-name" in text


async def test_a_missing_client_certificate_is_reported(
    ca: CaFiles, pair: KeyPairFiles, caplog: pytest.LogCaptureFixture
) -> None:
    with Server(server_context(pair, ca)) as server:
        text = await refused(Destination("127.0.0.1", server.port, ca=ca.certificate), caplog)
    assert "requires a client certificate; give it with --cert and --key" in text


async def test_a_client_certificate_of_another_ca_is_reported(
    ca: CaFiles, pair: KeyPairFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = issue(create_ca(tmp_path / "ca"), ["wallboard"], tmp_path, "client")
    with Server(server_context(pair, ca)) as server:
        there = Destination("127.0.0.1", server.port, "", ca.certificate, mine.chain, mine.key)
        text = await refused(there, caplog)
    assert "refused the connection (unknown ca); see its log" in text


async def test_the_port_of_asterisk_itself_is_reported(ca: CaFiles, caplog: pytest.LogCaptureFixture) -> None:
    server = await asyncio.start_server(closing(greet), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    text = await refused(Destination("127.0.0.1", port, ca=ca.certificate), caplog)
    server.close()
    assert "does not speak TLS; name the port of ami-proxy, not that of Asterisk" in text


async def test_a_server_that_cannot_be_reached_is_reported(
    ca: CaFiles, caplog: pytest.LogCaptureFixture
) -> None:
    text = await refused(Destination("127.0.0.1", free_port(), ca=ca.certificate), caplog)
    assert "cannot be reached: Connection refused" in text
    assert "check that ami-proxy runs there" in text


async def test_a_name_that_cannot_be_resolved_is_reported_as_one(
    ca: CaFiles, caplog: pytest.LogCaptureFixture
) -> None:
    text = await refused(Destination("no-such-host.invalid", 1, ca=ca.certificate), caplog)
    assert "check the spelling of the name" in text
    assert "runs there" not in text


async def test_a_silent_server_is_given_up(ca: CaFiles, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = Destination("127.0.0.1", silent.getsockname()[1], ca=ca.certificate)
        text = await refused(there, caplog, timeout=0.05)
    assert "does not answer within 0.05 s" in text


async def test_a_server_that_closes_without_a_banner_is_reported(
    ca: CaFiles, pair: KeyPairFiles, caplog: pytest.LogCaptureFixture
) -> None:
    async def nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    def there(port: int) -> Destination:
        return Destination("127.0.0.1", port, ca=ca.certificate)

    async with bridged(nothing, there, server_context(pair)) as (reader, _):
        assert await reader.read() == b""
    assert "closed the connection without sending anything; see its log" in caplog.text


async def test_a_renewed_ca_needs_no_restart(ca: CaFiles, pair: KeyPairFiles, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(create_ca(tmp_path / "old").certificate.read_bytes())
    with Server(server_context(pair)) as server:
        async with plain_port(Destination("127.0.0.1", server.port, ca=trusted)) as address:
            assert await first_line(address) == b""
            trusted.write_bytes(ca.certificate.read_bytes())
            assert await first_line(address) == b"Asterisk Call Manager/9.0.0\r\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_plain_text_stays_on_this_machine(host: str) -> None:
    with pytest.raises(ConnectError, match="in plain text; listen on 127"):
        PlainPort(Address(host, 5038), Destination("x", 1))


async def test_a_port_in_use_is_reported(ca: CaFiles) -> None:
    first = PlainPort(ANY, Destination("x", 1, ca=ca.certificate))
    address = await first.start()
    with pytest.raises(ConnectError, match=r"cannot listen on 127\.0\.0\.1:\d+: .*choose another port"):
        await PlainPort(address, Destination("x", 1, ca=ca.certificate)).start()
    await first.close()


def test_files_are_checked_before_the_first_client(ca: CaFiles, pair: KeyPairFiles, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    for there, text in (
        (Destination("x", 1, ca=tmp_path / "gone"), "CA file .*gone cannot be used .*No such file"),
        (Destination("x", 1, ca=tmp_path / "junk"), "CA file .*junk cannot be used"),
        (
            Destination("x", 1, chain=pair.chain, key=ca.key),
            "cannot be used .*key values mismatch",
        ),
        (Destination("x", 1, chain=tmp_path / "junk"), "client certificate .*junk"),
    ):
        with pytest.raises(ConnectError, match=text):
            PlainPort(ANY, there)


def test_the_context_verifies_certificate_and_name(ca: CaFiles) -> None:
    context = client_context(Destination("x", 1, ca=ca.certificate))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
