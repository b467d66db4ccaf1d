import asyncio
import gc
import random
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from amiproxy.core.ports import Peer
from amiproxy.net.doors.tlsstream import TlsStream
from tests.support.tls_door import Contexts, TlsDoor, contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True


def open_descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def make_door(both: Contexts) -> AsyncIterator[Callable[..., TlsDoor]]:
    doors: list[TlsDoor] = []

    def make(**settings: int) -> TlsDoor:
        doors.append(TlsDoor(both.server, **settings))
        return doors[-1]

    yield make
    for door in doors:
        door.close()


@pytest.fixture
async def door(make_door: Callable[..., TlsDoor]) -> TlsDoor:
    return make_door()


# -- handshake -------------------------------------------------------------


async def test_the_banner_is_alone_in_the_first_write(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        last = await peer.handshake(send_last=False)
        # An action in the same packet as the end of the handshake: its answer must not join the banner.
        await peer.send_raw(last + peer.seal(b"Action: Ping\r\n\r\n"))
        session = await door.session()
        session.outbox.push(b"Response: Success\r\n\r\n")
        assert await peer.record() == door.banner
        assert await peer.record() == b"Response: Success\r\n\r\n"


async def test_closing_before_and_during_the_handshake_are_different_reasons(
    door: TlsDoor, both: Contexts
) -> None:
    """The first is a health check, the second may not accept the certificate."""
    with socket.create_connection(door.address):
        pass
    await until(lambda: door.failures == ["closed before the handshake"], lambda: door.failures)
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake(send_last=False)
    await until(lambda: door.failures[1:] == ["closed during the handshake"], lambda: door.failures)
    distrusting = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(_shake_hands, door.address, distrusting)
    await until(lambda: door.failures[2:] == ["tlsv1 alert unknown ca"], lambda: door.failures)


def _shake_hands(address: tuple[str, int], context: ssl.SSLContext) -> None:
    with socket.create_connection(address) as sock, context.wrap_socket(sock, server_hostname="localhost"):
        pass


async def test_data_that_arrives_with_the_last_flight_is_read(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        last = await peer.handshake(send_last=False)
        await peer.send_raw(last + peer.seal(b"one") + peer.seal(b"two"))
        session = await door.session()
        await until(lambda: session.received == b"onetwo")


async def test_the_peer_is_recorded_with_its_tls_version_and_suite(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        host, port = peer.socket.getsockname()
        assert session.peer._replace(tls="") == Peer(host, port)
        assert session.peer.tls.startswith("TLSv1.3/TLS_")


async def test_a_handshake_may_come_a_byte_at_a_time(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        last = await peer.handshake(send_last=False)
        for position in range(len(last)):
            await peer.send_raw(last[position : position + 1])
            await asyncio.sleep(0)
        assert await peer.record() == door.banner


@pytest.mark.parametrize(
    "said",
    [
        b"Action: Login\r\nUsername: a\r\nSecret: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(200),
        random.Random(1).randbytes(4096),
    ],
    ids=["AMI", "HTTP", "empty lines", "a broken hello", "noise"],
)
async def test_a_client_that_speaks_no_tls_gets_no_ami_byte(
    door: TlsDoor, both: Contexts, said: bytes
) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.send_raw(said)
        peer.socket.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            answer = await peer.raw_rest()
        assert b"Asterisk" not in answer
        assert b"Response" not in answer
        await until(lambda: door.gone == 1)
    assert len(door.failures) == 1
    assert not door.sessions


async def test_a_client_that_connects_and_leaves_is_a_failed_handshake(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client):
        await until(lambda: door.streams)
    await until(lambda: door.gone == 1)
    assert len(door.failures) == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_supported_tls_versions_are_spoken(
    door: TlsDoor, both: Contexts, version: ssl.TLSVersion
) -> None:
    client = contexts().client
    client.minimum_version = client.maximum_version = version
    async with TlsPeer.to(door.address, client) as peer:
        await peer.handshake()
        assert await peer.record() == door.banner
        await peer.send(b"hello")
        session = await door.session()
        await until(lambda: session.received == b"hello")


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
async def test_suites_without_forward_secrecy_or_aead_are_refused_by_alert(suite: str) -> None:
    rsa = contexts(rsa=True)
    rsa.client.maximum_version = ssl.TLSVersion.TLSv1_2
    rsa.client.set_ciphers(f"{suite}:@SECLEVEL=0")
    door = TlsDoor(rsa.server)
    try:
        async with TlsPeer.to(door.address, rsa.client) as peer:
            with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
                await peer.handshake()
            await until(lambda: door.failures == ["no shared cipher"], lambda: door.failures)
    finally:
        door.close()


async def test_tls_1_1_is_refused_by_alert(door: TlsDoor, both: Contexts) -> None:
    # OpenSSL's own client no longer speaks TLS 1.1 everywhere: version, random, no session,
    # ECDHE-RSA and RSA with AES-CBC, no compression.
    body = bytes.fromhex("0302") + bytes(32) + b"\0" + bytes.fromhex("0004c013002f") + b"\1\0"
    hello = b"\1" + len(body).to_bytes(3, "big") + body
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.send_raw(b"\x16\3\1" + len(hello).to_bytes(2, "big") + hello)
        alert = await peer.raw_rest()
    assert alert[0] == 21
    assert alert[5:] == bytes([2, 70]), "fatal, protocol_version"
    assert door.failures == ["unsupported protocol"]


async def test_aborted_handshakes_leave_nothing_behind(door: TlsDoor, both: Contexts) -> None:
    left: list[weakref.ref[TlsStream]] = []
    gc.collect()  # of other tests, before anything is counted
    descriptors = open_descriptors()
    gc.disable()  # everything must be freed at once: the collector does not see objects that OpenSSL holds
    try:
        for number in range(500):
            async with TlsPeer.to(door.address, both.client) as peer:
                if number % 3 == 0:
                    await peer.send_raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                elif number % 3 == 1:
                    await peer.handshake(send_last=False)
                await until(lambda: door.streams)
                left.append(weakref.ref(door.streams[0]))
                peer.reset()
            await until(lambda: not door.streams)
        del peer
        await until(lambda: not [ref for ref in left if ref() is not None], "streams to be freed")
    finally:
        gc.enable()
    assert door.gone == 500
    assert open_descriptors() == descriptors


async def test_a_session_that_ended_leaves_nothing_behind(door: TlsDoor, both: Contexts) -> None:
    gc.collect()
    gc.disable()
    try:
        async with TlsPeer.to(door.address, both.client) as peer:
            await peer.handshake()
            session = await door.session()
            stream = weakref.ref(session.stream)
            session.stream.abort()
        del session
        door.sessions.clear()
        await until(lambda: stream() is None, "the stream to be freed")
    finally:
        gc.enable()


# -- reading ---------------------------------------------------------------


async def test_many_records_in_one_read_arrive_in_order(door: TlsDoor, both: Contexts) -> None:
    said = [b"Action: Ping\r\nActionID: %d\r\n\r\n" % number for number in range(500)]
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        await peer.send_raw(b"".join(peer.seal(action) for action in said))
        session = await door.session()
        await until(lambda: len(session.received) == len(b"".join(said)))
        assert session.reads == said


async def test_a_client_that_sends_without_a_pause_gets_no_more_than_its_turn(
    door: TlsDoor, both: Contexts
) -> None:
    turns = 0
    most = 0
    seen = 0

    def turn() -> None:
        nonlocal turns, most, seen
        if door.sessions:
            now = len(door.sessions[0].reads)
            most, seen = max(most, now - seen), now
        turns += 1
        if seen < 2000:
            loop.call_soon(turn)

    loop = asyncio.get_running_loop()
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        sealed = b"".join(peer.seal(bytes(200)) for _ in range(2000))
        loop.call_soon(turn)
        await peer.send_raw(sealed)
        await until(lambda: seen == 2000)
    assert most <= 16, "one turn of the reader and one that was scheduled"
    assert turns > 2000 / 16


async def test_nothing_is_read_while_paused_and_everything_afterwards(door: TlsDoor, both: Contexts) -> None:
    said = [b"%05d" % number for number in range(100)]
    async with TlsPeer.to(door.address, both.client) as peer:
        last = await peer.handshake(send_last=False)
        await peer.send_raw(last)
        session = await door.session()
        session.pause_after = 3
        await peer.send_raw(b"".join(peer.seal(action) for action in said))
        await until(lambda: len(session.reads) == 3)
        for _ in range(20):  # turns in which a reader that did not pause would be seen
            await asyncio.sleep(0)
        assert session.reads == said[:3]
        session.pause_after = 0
        session.stream.resume()
        # Nothing more is sent: the rest must be found without another event from the socket.
        await until(lambda: session.reads == said)


async def test_a_pause_during_resume_takes_effect(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        session.stream.pause()
        await peer.send(b"later")
        session.stream.resume()
        session.stream.pause()
        for _ in range(20):
            await asyncio.sleep(0)
        assert session.reads == []
        session.stream.resume()
        await until(lambda: session.received == b"later")


@pytest.mark.parametrize("how", ["close_notify", "FIN", "both"])
async def test_a_client_that_stops_sending_still_gets_its_answers(
    door: TlsDoor, both: Contexts, how: str
) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        asked = peer.seal(b"Action: CoreStatus\r\n\r\n")
        await peer.send_raw(asked + (b"" if how == "FIN" else peer.seal_close()))
        if how != "close_notify":
            peer.socket.shutdown(socket.SHUT_WR)
        session = await door.session()
        await until(lambda: session.has_ended)
        assert session.received == b"Action: CoreStatus\r\n\r\n"
        assert not session.lost_for
        session.outbox.push(b"Response: Success\r\n\r\n")
        session.stream.close()
        # After its own close_notify OpenSSL's client decrypts nothing: only the length can be checked.
        assert len(await peer.raw_rest()) > len(b"Response: Success\r\n\r\n")
    await until(lambda: door.gone == 1)


async def test_a_reset_is_reported_to_the_session(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        peer.reset()
        await until(lambda: session.lost_for)
        assert session.lost_for == "connection reset by peer"
        assert door.gone == 1


async def test_a_broken_record_ends_the_session(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        sealed = bytearray(peer.seal(b"Action: Ping\r\n\r\n"))
        sealed[-1] ^= 1
        await peer.send_raw(bytes(sealed))
        await until(lambda: session.lost_for)
        assert not session.reads


# -- writing ---------------------------------------------------------------


async def test_a_slow_reader_gets_every_byte_in_order(
    make_door: Callable[..., TlsDoor], both: Contexts
) -> None:
    door = make_door(send_buffer=8192)
    rng = random.Random(7)
    said = bytearray()
    async with TlsPeer.to(door.address, both.client, receive_buffer=8192) as peer:
        await peer.handshake()
        session = await door.session()
        for _ in range(300):
            chunk = rng.randbytes(rng.choice((1, 100, 16384, 16385, 40000)))
            said += chunk
            assert session.outbox.push(chunk)
        assert session.outbox.size > 1 << 20, "it reads nothing: the bytes for it must wait here"
        got = await peer.exactly(len(door.banner) + len(said))
    assert got == door.banner + said
    assert session.outbox.size == 0
    assert session.outbox.sent == len(got)
    refused = 0
    for (taken, data), (_, following) in pairwise(session.offered):
        if taken < len(data):
            refused += 1
            assert following.startswith(data[taken : taken + 64]), "the same bytes must come again"
    assert refused > 3


async def test_writing_to_a_closed_peer_reports_the_loss_from_the_loop(
    make_door: Callable[..., TlsDoor], both: Contexts
) -> None:
    door = make_door()
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        session.stream.pause()  # otherwise the reader would notice first
        peer.reset()
        told_inside = []
        while not session.lost_for:
            session.outbox.push(b"x" * 1000)
            told_inside.append(bool(session.lost_for))
            await asyncio.sleep(0)
        assert not any(told_inside)
    assert door.gone == 1
    assert session.stream.send(b"too late") == len(b"too late")


# -- closing ---------------------------------------------------------------


async def test_close_sends_close_notify_and_then_fin(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        session.outbox.push(b"Response: Goodbye\r\n\r\n")
        session.stream.close()
        session.stream.close()
        assert await peer.rest() == door.banner + b"Response: Goodbye\r\n\r\n"
        assert await peer.raw_rest() == b""
    await until(lambda: door.gone == 1)


async def test_nothing_is_sent_in_clear_after_close(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        session.stream.close()
        assert session.stream.send(b"Response: Success\r\n\r\n") == len(b"Response: Success\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0)
        assert door.gone == 0, "nor is the end cut short"
        assert b"Response" not in await peer.raw_rest()


async def test_unread_input_does_not_destroy_the_last_answer(door: TlsDoor, both: Contexts) -> None:
    answer = b"Response: Error\r\nMessage: too much\r\n\r\n" * 1000
    # A small window: most of the answer is still in our kernel when we close.
    async with TlsPeer.to(door.address, both.client, receive_buffer=4096) as peer:
        await peer.handshake()
        session = await door.session()
        session.close_after = answer
        await peer.send_raw(b"".join(peer.seal(bytes(10000)) for _ in range(50)))
        await peer.send_raw(b"not even TLS any more")
        await until(lambda: session.reads)
        assert session.outbox.size == 0
        assert await peer.rest() == door.banner + answer
        assert len(session.reads) == 1
        assert await peer.raw_rest() == b"", "an end, not a reset"


async def test_a_client_that_never_closes_is_not_waited_for(
    door: TlsDoor, both: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amiproxy.net.doors.tlsstream._LINGER_SECONDS", 0.05)
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        (await door.session()).stream.close()
        assert door.gone == 0
        await until(lambda: door.gone == 1)


async def test_abort_resets_the_connection(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()
        session.stream.abort()
        session.stream.abort()
        with pytest.raises(ConnectionResetError):
            await peer.raw_rest()
    assert door.gone == 1


async def test_a_fault_of_the_receiver_ends_the_connection_whatever_it_does(
    door: TlsDoor, both: Contexts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await peer.handshake()
        session = await door.session()

        def broken(*_: object) -> None:
            raise RuntimeError

        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        monkeypatch.setattr(session, "receive", broken)
        monkeypatch.setattr(session, "lost", broken)
        await peer.send(b"Action: Ping\r\n\r\n")
        await until(lambda: door.gone == 1)
        assert told
    assert [r.fields["session"] for r in caplog.records if r.message == "fault"] == ["recorded"]  # type: ignore[attr-defined]


async def test_a_client_displaced_in_its_handshake_is_counted(door: TlsDoor, both: Contexts) -> None:
    async with TlsPeer.to(door.address, both.client) as peer:
        await until(lambda: door.streams)
        door.streams[0].fail("handshake timeout")
        assert door.failures == ["handshake timeout"]
        assert door.gone == 1
        with pytest.raises(ConnectionResetError):
            await peer.raw_rest()


class _Unwilling:
    """An SSL socket that must write before it can read on: no client can cause that at will."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.reads = 0
        self.fileno, self.close, self.setsockopt = sock.fileno, sock.close, sock.setsockopt
        self.willing = False

    def do_handshake(self) -> None: ...

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return "TEST", "", 0

    def getpeercert(self, binary_form: bool) -> None: ...

    def write(self, data: bytes) -> int:
        return self._sock.send(data)

    def pending(self) -> int:
        return 0

    def read(self, count: int) -> bytes:
        self.reads += 1
        if not self.willing:
            raise ssl.SSLWantWriteError
        try:
            return self._sock.recv(count)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None


async def test_a_read_that_must_write_first_waits_for_the_write(door: TlsDoor) -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    filler = b"x" * 65536
    door.banner = b""
    with here, there:
        tls = _Unwilling(here)
        there.send(b"data")
        with suppress(BlockingIOError):
            while True:
                here.send(filler)
        stream = door.enter(tls, Peer("test", 1))  # type: ignore[arg-type]
        stream.start()
        await until(lambda: tls.reads)
        reads = tls.reads
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert tls.reads == reads, "the loop found it readable again and again"
        tls.willing = True
        there.setblocking(False)
        with suppress(BlockingIOError):
            while there.recv(1 << 20):
                pass
        await until(lambda: door.sessions[0].received == b"data")
        stream.abort()
