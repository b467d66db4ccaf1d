"""The proxy's side of one TLS connection, with a session that only writes down what happens to it."""

import asyncio
import functools
import socket
import ssl
from pathlib import Path
from typing import NamedTuple

import trustme

from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.ports import Peer
from amiproxy.net.doors.client import Client
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
    """Fresh contexts under a policy of ours."""
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
    """The outbox's way to the client, with a list of who took how much."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.offered: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        return self.send(data)

    def send(self, data: bytes) -> int:
        taken = self._client.send(data)
        self.offered.append((taken, bytes(data)))
        return taken


class Recorded:
    """In a session's place."""

    def __init__(self, client: Client, limit: int, banner: bytes) -> None:
        self.client = client
        self._sends = _Sends(client)
        self.outbox = Outbox(self._sends, limit)  # type: ignore[arg-type]
        self.reads: list[bytes] = []
        self.has_ended = False
        self.lost_for = ""
        self.pause_after = 0
        self.user = None
        self.close_after = b""
        self.outbox.push(banner)

    @property
    def offered(self) -> list[tuple[int, bytes]]:
        """What the outbox offered to the client in one send, and how much of it was taken."""
        return self._sends.offered

    @property
    def received(self) -> bytes:
        return b"".join(self.reads)

    def receive(self, data: bytes) -> None:
        self.reads.append(data)
        if self.pause_after and len(self.reads) >= self.pause_after:
            self.client.pause()
        if self.close_after:
            self.outbox.push(self.close_after)
            self.client.close()

    def writable(self) -> None:
        self.outbox.drain()

    def ended(self) -> None:
        self.has_ended = True

    def lost(self, reason: str) -> None:
        self.lost_for = reason
        self.client.abort()

    def close(self, reason: str, *, abort: bool = False) -> None:
        self.lost_for = reason
        self.client.abort() if abort else self.client.close()


class TlsDoor:
    """A listening socket; what comes in becomes a Client with a Recorded session."""

    def __init__(self, context: ssl.SSLContext, *, limit: int = 1 << 30, send_buffer: int = 0) -> None:
        self.context = context
        self.limit = limit
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.clients: list[Client] = []
        self.sessions: list[Recorded] = []
        self.failures: list[str] = []
        self.gone = 0
        self._loop = asyncio.get_running_loop()
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
        client = Client(
            self._loop,
            tls,
            Peer(host, port),
            self._established,
            lambda _, why: self.failures.append(why),
            self._left,
        )
        self.clients.append(client)
        client.start()

    def _established(self, client: Client) -> Recorded:
        self.sessions.append(Recorded(client, self.limit, self.banner))
        return self.sessions[-1]

    def _left(self, client: Client) -> None:
        self.gone += 1
        self.clients.remove(client)

    async def session(self) -> Recorded:
        """The first session, once it is there."""
        await until(lambda: self.sessions, "a session")
        return self.sessions[0]

    def close(self) -> None:
        """End it and everything that came in by it."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for client in list(self.clients):
            client.abort()
