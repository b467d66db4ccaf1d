"""TlsStreams, each with a receiver that only records what happens to it."""

import asyncio
import functools
import socket
import ssl
from pathlib import Path
from typing import NamedTuple

import trustme

from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.limits.shares import Shares
from amiproxy.core.ports import Peer
from amiproxy.net.doors.tlsstream import TlsStream
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.loop.scheduler import LoopScheduler
from amiproxy.net.tls.tlspolicy import ChainAndKey, ClientTrust, server_context, tls_policy
from tests.support.waiting import until


class Contexts(NamedTuple):
    """Both ends: the listener's, and that of a client which trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@functools.cache
def authority() -> trustme.CA:
    """One CA for the whole run."""
    return trustme.CA()


def contexts(policy: str = "intermediate", rsa: bool = False) -> Contexts:
    """New contexts under a policy of ours."""
    kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
    leaf = authority().issue_cert("localhost", "127.0.0.1", "::1", key_type=kind)
    pair = ChainAndKey(b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes())
    client = ssl.create_default_context()
    authority().configure_trust(client)
    return Contexts(server_context(tls_policy(policy), [pair], ClientTrust()), client)


def install(directory: Path) -> tuple[Path, Path]:
    """A new chain and key as files, the key with mode 0600; their paths."""
    leaf = authority().issue_cert("localhost", "127.0.0.1", "::1")
    chain, key = directory / "server.crt", directory / "server.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.touch(mode=0o600)
    key.write_bytes(leaf.private_key_pem.bytes())
    return chain, key


class _Sends:
    """The outbox's way to the client, with a list of how much each took."""

    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream
        self.offered: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        return self.send(data)

    def send(self, data: bytes) -> int:
        taken = self._stream.send(data)
        self.offered.append((taken, bytes(data)))
        return taken


class Recorded:
    """The DataReceiver: a session with an outbox, but without AMI."""

    id = "recorded"

    def __init__(self, stream: TlsStream, peer: Peer, limit: int, banner: bytes) -> None:
        self.stream = stream
        self.peer = peer
        self._sends = _Sends(stream)
        self.outbox = Outbox(self._sends, limit)  # type: ignore[arg-type]
        self.reads: list[bytes] = []
        self.has_ended = False
        self.lost_for = ""
        self.pause_after = 0
        self.close_after = b""
        self.outbox.push(banner)

    @property
    def offered(self) -> list[tuple[int, bytes]]:
        """The bytes that the outbox offered to the stream in one send, and how many of them were taken."""
        return self._sends.offered

    @property
    def received(self) -> bytes:
        return b"".join(self.reads)

    def receive(self, data: bytes) -> None:
        self.reads.append(data)
        if self.pause_after and len(self.reads) >= self.pause_after:
            self.stream.pause()
        if self.close_after:
            self.outbox.push(self.close_after)
            self.stream.close()

    def writable(self) -> bool:
        return self.outbox.drain()

    def ended(self) -> None:
        self.has_ended = True

    def lost(self, reason: str) -> None:
        self.lost_for = reason
        self.stream.abort()


class _Owner:
    """The StreamOwner of one connection of a TlsDoor."""

    is_authenticated = False

    def __init__(self, door: "TlsDoor") -> None:
        self._door = door
        self.stream: TlsStream

    def begun(self) -> None: ...

    def secured(self, peer: Peer) -> Recorded:
        self._door.sessions.append(Recorded(self.stream, peer, self._door.limit, self._door.banner))
        return self._door.sessions[-1]

    def failed(self, reason: str) -> None:
        self._door.failures.append(reason)

    def gone(self) -> None:
        self._door.gone += 1
        self._door.streams.remove(self.stream)


class TlsDoor:
    """A listening socket; each connection becomes a TlsStream with a Recorded receiver."""

    def __init__(self, context: ssl.SSLContext, *, limit: int = 1 << 30, send_buffer: int = 0) -> None:
        self.context = context
        self.limit = limit
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.streams: list[TlsStream] = []
        self.sessions: list[Recorded] = []
        self.failures: list[str] = []
        self.gone = 0
        self._loop = asyncio.get_running_loop()
        self._poller = FairPoller(Shares(LoopScheduler(self._loop)))
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._socket.setblocking(False)
        if send_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            sock, (host, port) = self._socket.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        tls = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.enter(tls, Peer(host, port)).start()

    def enter(self, tls: ssl.SSLSocket, peer: Peer) -> TlsStream:
        """Make a stream of a connection."""
        owner = _Owner(self)
        owner.stream = TlsStream(self._loop, tls, peer, owner, self._poller)
        self.streams.append(owner.stream)
        return owner.stream

    async def session(self) -> Recorded:
        """The first receiver, once it is there."""
        await until(lambda: self.sessions, "a session")
        return self.sessions[0]

    def close(self) -> None:
        """End it and everything that was accepted by it."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for stream in list(self.streams):
            stream.abort()
