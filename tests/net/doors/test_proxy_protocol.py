"""Clients behind a load balancer that passes TLS through and announces their addresses."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest

from amiproxy.ami import privilege
from amiproxy.core.admission.networks import NetworkSet
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.doors.proxyhandshake import NO_HEADER, ProxyProtocolHandshake
from tests.support.house import House, was_cut
from tests.support.ipv6 import needs_ipv6
from tests.support.tls_door import Contexts, contexts
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
LOGIN = b"Action: Login\r\nUsername: anna\r\nSecret: s\r\n\r\n"
LOOPBACK = "127.0.0.0/8"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(address: str, port: int = 40000) -> bytes:
    return f"PROXY TCP4 {address} 198.51.100.1 {port} 5039\r\n".encode()


def v2(address: str, port: int = 40000) -> bytes:
    body = socket.inet_aton(address) + socket.inet_aton("198.51.100.1") + struct.pack("!HH", port, 5039)
    body += b"\x04\0\x02ok"
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x11, len(body)) + body


MAPPED = b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 40000 5039\r\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    acl = AccessList.from_lines(["deny 0.0.0.0/0", "permit 192.0.2.0/24"])
    anna = User("anna", read=privilege.ALL, secret="plain:s", acl=acl)
    built = House(both.server, getattr(request, "param", Limits()), anna)
    yield built
    built.close()
    assert built.pool.open == 0
    assert len(built.hub.limit_state.admission._present) == 0


def limits(**changed: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("house", [Limits(**changed)], indirect=True, ids=[""])  # type: ignore[arg-type]


def peer_of(house: House) -> tuple[str, int, str, int]:
    (session,) = house.hub.sessions
    peer = session.transport.peer
    return peer.address, peer.port, peer.local_address, peer.local_port


async def greeted(peer: TlsPeer, house: House) -> None:
    await peer.handshake()
    assert await peer.record() == house.hub.servers.first.banner


@pytest.mark.parametrize("header", [v1("192.0.2.7"), v2("192.0.2.7"), MAPPED], ids=["v1", "v2", "mapped"])
async def test_the_client_has_the_address_in_the_header(house: House, both: Contexts, header: bytes) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        await peer.send_raw(header)
        await greeted(peer, house)
        assert peer_of(house) == ("192.0.2.7", 40000, "198.51.100.1", 5039)
        assert house.pool.open == 1
        await peer.send(LOGIN)
        assert b"Authentication accepted" in await peer.record()


@pytest.mark.parametrize("header", [v1("192.0.2.7"), v2("192.0.2.7")], ids=["v1", "v2"])
async def test_header_and_first_flight_may_come_in_one_packet(
    house: House, both: Contexts, header: bytes
) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        with pytest.raises(ssl.SSLWantReadError):
            peer._tls.do_handshake()
        await peer.send_raw(header + peer._out.read())
        await greeted(peer, house)
        assert peer_of(house)[0] == "192.0.2.7"


@pytest.mark.parametrize("header", [v1("192.0.2.7"), v2("192.0.2.7")], ids=["v1", "v2"])
async def test_a_header_may_come_byte_by_byte(house: House, both: Contexts, header: bytes) -> None:
    address = house.listen("127.0.0.1", LOOPBACK)
    async with TlsPeer.to(address, both.client) as peer:
        await until(lambda: house.pool.handshaking == 1)
        (waiting,) = house.pool._handshaking
        assert isinstance(waiting, ProxyProtocolHandshake)
        for count in range(1, len(header)):
            await peer.send_raw(header[count - 1 : count])
            await until(lambda count=count: waiting._read == header[:count])  # type: ignore[misc]
        assert house.contexts_asked == 0, "no TLS before the header is whole"
        await peer.send_raw(header[-1:])
        await greeted(peer, house)
        assert peer_of(house)[0] == "192.0.2.7"


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"], ids=["v2", "v1"])
async def test_a_header_without_client_leaves_the_address(
    house: House, both: Contexts, header: bytes
) -> None:
    address = house.listen("127.0.0.1", LOOPBACK)
    async with TlsPeer.to(address, both.client) as peer:
        await peer.send_raw(header)
        await greeted(peer, house)
        assert peer_of(house) == (*peer.socket.getsockname(), *address)


@needs_ipv6
async def test_a_trusted_ipv4_address_is_recognised_on_a_dual_stack_socket(
    house: House, both: Contexts
) -> None:
    _, port = house.listen("::", LOOPBACK)
    async with TlsPeer.to(("127.0.0.1", port), both.client) as peer:
        await peer.send_raw(v2("192.0.2.7"))
        await greeted(peer, house)
        assert peer_of(house)[0] == "192.0.2.7"


@pytest.mark.parametrize("trusted", [(), ("192.0.2.0/24",)], ids=["nobody", "others"])
async def test_an_untrusted_peer_cannot_send_a_header(
    house: House, both: Contexts, trusted: tuple[str, ...]
) -> None:
    address = house.listen("127.0.0.1", *trusted)
    for header in (v1("192.0.2.7"), v2("192.0.2.7")):
        async with TlsPeer.to(address, both.client) as peer:
            await peer.send_raw(header)
            with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
                await peer.handshake()
    await until(lambda: house.pool.open == 0)
    assert sum(house.pool.handshake_failures.values()) == 2
    async with TlsPeer.to(address, both.client) as peer:
        await greeted(peer, house)
        assert peer_of(house)[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\0", b"PROXY TCP4 nobody\r\n", SIGNATURE + b"\x31\x11\0\0", b"Action: Login\r\n"],
    ids=["TLS", "v1", "v2", "AMI"],
)
async def test_a_trusted_peer_without_a_good_header_is_closed_without_an_answer(
    house: House, both: Contexts, sent: bytes
) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        await peer.send_raw(sent)
        got = b""
        with suppress(ConnectionResetError):
            got = await peer.raw_rest()
        assert got == b""
        await until(lambda: house.pool.open == 0)
    assert house.pool.handshake_failures == {NO_HEADER: 1}
    assert house.contexts_asked == 0


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 192.0.2.7"], ids=["nothing", "a part"])
async def test_an_end_before_the_header_is_complete_is_counted(
    house: House, both: Contexts, sent: bytes
) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        await peer.send_raw(sent)
        peer.socket.shutdown(socket.SHUT_WR)
        assert await was_cut(peer)
    assert house.pool.handshake_failures == {NO_HEADER: 1}


async def test_a_reset_before_the_header_is_harmless(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        await until(lambda: house.pool.open == 1)
        peer.reset()
        await until(lambda: house.pool.open == 0)
    assert house.pool.handshake_failures == {NO_HEADER: 1}


async def test_an_acl_applies_to_the_client_and_not_to_the_load_balancer(
    house: House, both: Contexts
) -> None:
    address = house.listen("127.0.0.1", LOOPBACK)
    for client, verdict in (
        ("192.0.2.7", b"Authentication accepted"),
        ("203.0.113.9", b"Authentication failed"),
    ):
        async with TlsPeer.to(address, both.client) as peer:
            await peer.send_raw(v2(client))
            await greeted(peer, house)
            await peer.send(LOGIN)
            assert verdict in await peer.record()


@limits(connections_per_address=2, exempt=())
async def test_limits_count_by_client_and_the_load_balancer_is_not_one(house: House, both: Contexts) -> None:
    address = house.listen("127.0.0.1", LOOPBACK)
    async with AsyncExitStack() as stack:

        async def connect(client: str) -> TlsPeer:
            peer = await stack.enter_async_context(TlsPeer.to(address, both.client))
            await peer.send_raw(v2(client))
            return peer

        for number in range(4):
            await greeted(await connect(f"192.0.2.{number // 2}"), house)
        assert await was_cut(await connect("192.0.2.0"))
        assert house.hub.stats.limits["connections_per_address"] == 1
        assert house.pool.open == 4
        await greeted(await connect("192.0.2.2"), house)
        # Connections without a header yet do not count against the load balancer's address either.
        for number in range(5):
            await stack.enter_async_context(TlsPeer.to(address, both.client))
            await until(lambda count=number: house.pool.handshaking == count + 1)  # type: ignore[misc]


@limits(unauthenticated=1)
async def test_a_connection_without_header_yet_is_in_the_pool_before_login(
    house: House, both: Contexts
) -> None:
    address = house.listen("127.0.0.1", LOOPBACK)
    async with TlsPeer.to(address, both.client) as silent:
        await until(lambda: house.pool.handshaking == 1)
        async with TlsPeer.to(address, both.client) as second:
            assert await was_cut(silent)
            assert house.pool.handshake_failures == {"displaced before login": 1}
            await second.send_raw(v2("192.0.2.7"))
            await greeted(second, house)


@limits(unauthenticated=4, exempt=())
async def test_a_flood_through_a_load_balancer_does_not_affect_its_other_clients(
    house: House, both: Contexts
) -> None:
    address = house.listen("127.0.0.1", LOOPBACK)
    async with AsyncExitStack() as stack:

        async def connect(client: str) -> TlsPeer:
            peer = await stack.enter_async_context(TlsPeer.to(address, both.client))
            await peer.send_raw(v2(client))
            return peer

        good = await connect("192.0.2.7")
        await until(lambda: house.pool.handshaking == 1)
        for number in range(12):
            await connect(f"198.51.100.{number}")
        await until(lambda: house.hub.stats.limits["unauthenticated"] == 9)
        await greeted(good, house)


@limits(handshake_timeout=5.0)
async def test_a_header_must_come_in_time(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        await peer.send_raw(b"PROXY TCP4 ")
        await until(lambda: house.pool.handshaking == 1)
        now = asyncio.get_running_loop().time()
        house.pool.tick(now + 4.0)
        assert house.pool.open == 1
        house.pool.tick(now + 5.1)
        assert await was_cut(peer)
        assert house.pool.handshake_failures == {"handshake timeout": 1}


async def test_the_trusted_addresses_may_change(house: House, both: Contexts) -> None:
    address = house.listen()
    house.listeners[0].trusted = NetworkSet((LOOPBACK,))
    async with TlsPeer.to(address, both.client) as peer:
        await peer.send_raw(v1("192.0.2.7"))
        await greeted(peer, house)
        assert peer_of(house)[0] == "192.0.2.7"


async def test_a_connection_without_header_yet_is_served_after_the_listener_stops(
    house: House, both: Contexts
) -> None:
    async with TlsPeer.to(house.listen("127.0.0.1", LOOPBACK), both.client) as peer:
        await until(lambda: house.pool.handshaking == 1)
        house.listeners[0].stop()
        await peer.send_raw(v1("192.0.2.7"))
        await greeted(peer, house)
