"""Another kind of door: a class derived from TlsConnection, and a factory.  This one echoes lines."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.tlsconnection import TlsConnection
from tests.support.house import House, was_cut
from tests.support.tls_door import Contexts, contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True


class EchoConnection(TlsConnection):
    """Sends back each line in upper case; ``QUIT`` ends it."""

    is_authenticated = False
    id = "echo"

    def established(self) -> "EchoConnection":
        self._unread = b""
        self._unsent = bytearray()
        return self

    def receive(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if line == b"LOGIN":
                self.is_authenticated = True
            self._unsent += line.upper() + b"\n"
            if line == b"QUIT":
                self.writable()
                self._stream.close()
                return
        self.writable()

    def writable(self) -> bool:
        del self._unsent[: self._stream.send(bytes(self._unsent))]
        return False

    def ended(self) -> None:
        self._stream.close()

    def lost(self, _reason: str) -> None:
        self._stream.abort()

    def displaced(self, _reason: str) -> None:
        self._stream.abort()

    def certificate_refused(self, _reason: str) -> None:
        self._stream.close()


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    built = House(both.server, getattr(request, "param", Limits()))
    built.accept = partial(EchoConnection, built.acceptor)
    yield built
    built.close()
    assert built.pool.open == 0


def limits(**changed: float) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("house", [Limits(**changed)], indirect=True, ids=[""])  # type: ignore[arg-type]


async def test_another_protocol_is_served_without_an_ami_session(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen(), both.client) as peer:
        await peer.handshake()
        await peer.send(b"one\ntwo\nthr")
        assert await peer.exactly(8) == b"ONE\nTWO\n"
        await peer.send(b"ee\nQUIT\nfour\n")
        assert await peer.rest() == b"THREE\nQUIT\n"
    await until(lambda: house.pool.open == 0)
    assert sum(house.pool.handshakes.values()) == 1
    assert not house.hub.sessions


async def test_a_slow_client_gets_everything(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen(), both.client, receive_buffer=4096) as peer:
        await peer.handshake()
        said = b"".join(b"%d" % number * 1000 + b"\n" for number in range(1000))
        await peer.send(said)
        assert await peer.exactly(len(said)) == said


@limits(unauthenticated=1)
async def test_connections_of_another_protocol_count_in_the_same_pool(house: House, both: Contexts) -> None:
    address = house.listen()
    async with TlsPeer.to(address, both.client) as first:
        await first.handshake()
        await first.send(b"a\n")
        assert await first.exactly(2) == b"A\n"
        async with TlsPeer.to(address, both.client) as second:
            await second.handshake()
            await second.send(b"b\n")
            assert await second.exactly(2) == b"B\n"
        assert await was_cut(first)
        assert house.hub.stats.limits == {"unauthenticated": 1}


@limits(login_timeout=5.0)
async def test_clients_of_another_protocol_must_log_in_in_time(house: House, both: Contexts) -> None:
    address = house.listen()
    async with TlsPeer.to(address, both.client) as one, TlsPeer.to(address, both.client) as other:
        for peer in (one, other):
            await peer.handshake()
            await peer.send(b"LOGIN\n" if peer is one else b"a\n")
            await peer.record()
        house.pool.tick(house.hub.scheduler.now() + 5.1)
        assert await was_cut(other)
        assert house.pool.open == 1


async def test_a_load_balancer_in_front_of_another_protocol_works(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", "127.0.0.0/8"), both.client) as peer:
        await peer.send_raw(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 5039\r\n")
        await peer.handshake()
        await peer.send(b"a\n")
        assert await peer.exactly(2) == b"A\n"
        (connection,) = house.pool._clients
        assert connection.peer.address == "192.0.2.7"
        assert connection.peer.tls.startswith("TLSv1.3/")
