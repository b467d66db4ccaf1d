import asyncio
import errno
import logging
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.doors.binding import await_first_byte, bind
from tests.support.house import House, was_cut, was_refused
from tests.support.ipv6 import needs_ipv6
from tests.support.tls_door import Contexts, contexts, install
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
LOGIN = b"Action: Login\r\nUsername: anna\r\nSecret: s\r\n\r\n"
ANNA = User("anna", read=privilege.ALL, secret="plain:s")


@pytest.fixture(scope="module")
def both() -> Contexts:
    return contexts()


@pytest.fixture
async def house(both: Contexts, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    built = House(both.server, getattr(request, "param", Limits()), ANNA)
    yield built
    built.close()
    assert built.pool.open == 0


def limits(**changed: float) -> pytest.MarkDecorator:
    """A house with these limits."""
    return pytest.mark.parametrize("house", [Limits(**changed)], indirect=True, ids=[""])  # type: ignore[arg-type]


# -- addresses -------------------------------------------------------------


@pytest.mark.parametrize(
    ("listen", "connect", "shown"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        pytest.param("::1", "::1", "::1", marks=needs_ipv6),
        pytest.param("::", "::1", "::1", marks=needs_ipv6),
        pytest.param("::", "127.0.0.1", "127.0.0.1", marks=needs_ipv6),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ],
)
async def test_connections_of_both_families_are_accepted_with_their_address(
    house: House, both: Contexts, listen: str, connect: str, shown: str
) -> None:
    host, port = house.listen(listen)
    assert host == listen
    async with TlsPeer.to((connect, port), both.client) as peer:
        await peer.handshake()
        assert await peer.record() == house.hub.servers.first.banner
        (session,) = house.hub.sessions
        peer_name = session.transport.peer
        assert (peer_name.address, peer_name.port) == (shown, peer.socket.getsockname()[1])
        assert (peer_name.local_address, peer_name.local_port) == (shown, port)


@needs_ipv6
async def test_a_single_ipv6_address_does_not_accept_ipv4(house: House, both: Contexts) -> None:
    _, port = house.listen("::1")
    with pytest.raises(ConnectionRefusedError):
        async with TlsPeer.to(("127.0.0.1", port), both.client):
            pass


async def test_several_listeners_share_the_pool_of_connections(house: House, both: Contexts) -> None:
    first, second = house.listen(), house.listen()
    async with TlsPeer.to(first, both.client) as here, TlsPeer.to(second, both.client) as there:
        for peer in (here, there):
            await peer.handshake()
            assert await peer.record() == house.hub.servers.first.banner
        assert house.pool.open == 2
        house.listeners[0].stop()
        house.listeners[0].stop()
        with pytest.raises(ConnectionRefusedError):
            async with TlsPeer.to(first, both.client):
                pass
        await here.send(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
        assert b"Response: Error" in await here.record(), "existing connections stay"


async def test_an_address_in_use_is_named() -> None:
    with bind("127.0.0.1", 0) as sock, pytest.raises(OSError) as caught:
        bind("127.0.0.1", sock.getsockname()[1])
    assert caught.value.strerror is not None
    assert caught.value.strerror.startswith("cannot listen on 127.0.0.1 port ")
    assert caught.value.strerror.endswith(": Address already in use")


async def test_each_connection_uses_the_context_current_at_its_accept(house: House, both: Contexts) -> None:
    address = house.listen()
    other = contexts()
    async with TlsPeer.to(address, both.client) as before:
        await before.handshake()
        house.context = other.server
        async with TlsPeer.to(address, both.client) as after:
            await after.handshake()
            serials = [peer._tls.getpeercert()["serialNumber"] for peer in (before, after)]  # type: ignore[index]
            assert serials[0] != serials[1]
            assert await before.record() == house.hub.servers.first.banner


@limits(keepalive_idle=61, unacknowledged_timeout=32.0)
async def test_accepted_sockets_have_keepalive_and_nodelay(house: House, both: Contexts) -> None:
    async with TlsPeer.to(house.listen(), both.client) as peer:
        await peer.handshake()
        await until(lambda: house.hub.sessions)
        sock = house.hub.sessions[0].transport._stream._socket  # type: ignore[attr-defined]
        tcp = socket.IPPROTO_TCP
        assert sock.getsockopt(tcp, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(tcp, socket.TCP_KEEPIDLE) == 61
        assert sock.getsockopt(tcp, socket.TCP_KEEPINTVL) == 16
        assert sock.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 32_000


async def test_a_connection_is_accepted_with_its_first_byte_or_its_end(house: House, both: Contexts) -> None:
    address = house.listen()
    await_first_byte(house.listeners[0]._socket)
    async with TlsPeer.to(address, both.client) as silent, TlsPeer.to(address, both.client) as good:
        await good.handshake()
        assert await good.record() == house.hub.servers.first.banner
        assert house.pool.open == 1, "the first connection sent nothing and is not accepted yet"
        async with TlsPeer.to(address, both.client):
            pass  # as a health check does that only connects
        await until(lambda: sum(house.pool.handshake_failures.values()) == 1)
        await until(lambda: house.pool.open == 2, "after a second it is, all the same")
        await silent.handshake()
        assert await silent.record() == house.hub.servers.first.banner


# -- limits ----------------------------------------------------------------


@limits(connections=2, unauthenticated=2)
async def test_a_connection_over_the_total_is_closed_before_tls(house: House, both: Contexts) -> None:
    address = house.listen()
    async with AsyncExitStack() as stack:
        inside = [await stack.enter_async_context(TlsPeer.to(address, both.client)) for _ in range(2)]
        for peer in inside:
            await peer.handshake()
            await peer.record()
            await peer.send(LOGIN)
            await peer.record()
        assert await was_refused(address, both.client)
        assert house.pool.open == 2
        inside[0].socket.close()
        await until(lambda: house.pool.open == 1)
        async with TlsPeer.to(address, both.client) as fourth:
            await fourth.handshake()
            assert await fourth.record() == house.hub.servers.first.banner


async def test_records_without_data_leave_the_loop_its_turns(house: House, both: Contexts) -> None:
    address = house.listen()
    assert house.pool.disable_auto_retry.available
    async with TlsPeer.to(address, both.client) as peer, TlsPeer.to(address, both.client) as other:
        for one in (peer, other):
            await one.handshake()
            await one.record()
        updates = peer.seal_key_updates(8000)
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            asyncio.get_running_loop().call_soon(turn)

        turn()
        await peer.send_raw(updates)
        assert await was_cut(peer)
        # A turn has time for some of them.
        assert turns > 50, "one read went on for many records"
        await other.send(LOGIN)
        assert b"Authentication accepted" in await other.record()


@limits(connections=3, unauthenticated=3)
async def test_connections_that_linger_after_close_shut_no_client_out(house: House, both: Contexts) -> None:
    address = house.listen()
    async with AsyncExitStack() as stack:
        for _ in range(3):
            peer = await stack.enter_async_context(TlsPeer.to(address, both.client))
            await peer.handshake()
            await peer.record()
            await peer.send(b"GET / HTTP/1.1\r\n\r\n")
            # The proxy closed its side, and the client does not close.
        await until(lambda: (house.hub.unauthenticated, house.pool.open) == (0, 3))
        good = await stack.enter_async_context(TlsPeer.to(address, both.client))
        await good.handshake()
        assert await good.record() == house.hub.servers.first.banner
        assert house.pool.open == 3


@limits(connections=1, unauthenticated=1, exempt=(), unauthenticated_per_address=1)
async def test_a_connection_that_is_refused_anyway_takes_no_place(house: House, both: Contexts) -> None:
    address = house.listen()
    async with TlsPeer.to(address, both.client) as peer:
        await peer.handshake()
        await peer.record()
        assert await was_refused(address, both.client)
        await peer.send(LOGIN)
        assert b"Authentication accepted" in await peer.record()


async def test_reserved_descriptors_are_used_for_no_client(house: House, both: Contexts) -> None:
    address = house.listen()
    async with AsyncExitStack() as stack:
        user, stranger = [await stack.enter_async_context(TlsPeer.to(address, both.client)) for _ in range(2)]
        for peer in (user, stranger):
            await peer.handshake()
            await peer.record()
        await user.send(LOGIN)
        await user.record()
        all_of_them = house.pool.reserved
        house.pool.reserved = 0
        assert await was_refused(address, both.client)
        assert await was_cut(stranger), "an unauthenticated client makes room"
        await user.send(b"Action: Challenge\r\nAuthType: MD5\r\n\r\n")
        assert await user.record(), "a logged-in client is served"
        with pytest.MonkeyPatch.context() as patched:

            def none(_: socket.socket) -> socket.socket:
                raise OSError(errno.EMFILE, "Too many open files")

            patched.setattr(socket.socket, "dup", none)
            await until(lambda: house.listeners[0]._resume is None)
            assert await was_refused(address, both.client), "not even for that is there one"
        house.pool.reserved = all_of_them
        late = await stack.enter_async_context(TlsPeer.to(address, both.client))
        await late.handshake()
        assert await late.record() == house.hub.servers.first.banner


@limits(unauthenticated=3)
async def test_the_pool_before_login_displaces_silent_connections_then_the_oldest(
    house: House, both: Contexts
) -> None:
    address = house.listen()
    async with AsyncExitStack() as stack:

        async def connect(*, greeted: bool) -> TlsPeer:
            before = house.pool.open
            peer = await stack.enter_async_context(TlsPeer.to(address, both.client))
            await until(lambda: house.pool.open > before or house.pool.open >= 4)
            if greeted:
                await peer.handshake()
                await peer.record()
            return peer

        user = await connect(greeted=True)
        await user.send(LOGIN)
        await user.record()
        oldest, second, third = (
            await connect(greeted=True),
            await connect(greeted=False),
            await connect(greeted=True),
        )
        assert (house.pool.handshaking, house.hub.unauthenticated) == (1, 2)

        # The pool is full: the silent connection is displaced, though another is older.
        fourth = await connect(greeted=True)
        assert await was_cut(second)
        # Now all have reached the same stage: the oldest is displaced.
        fifth = await stack.enter_async_context(TlsPeer.to(address, both.client))
        assert await was_cut(oldest)
        await fifth.handshake()
        assert await fifth.record() == house.hub.servers.first.banner
        for peer in (third, fourth, fifth):
            await peer.send(LOGIN)
            assert b"Authentication accepted" in await peer.record()
        await user.send(b"Action: Logoff\r\n\r\n")
        assert b"Goodbye" in await user.rest(), "a logged-in client is never displaced"


@limits(unauthenticated=8, exempt=())
@pytest.mark.parametrize("greeted", [False, True], ids=["at its handshake", "greeted"])
async def test_a_flood_from_one_network_displaces_its_own_connections(
    house: House, both: Contexts, greeted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    address = house.listen()
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(TlsPeer.to(address, both.client, source="127.200.0.1"))
        await until(lambda: house.pool.open == 1)
        if greeted:
            await good.handshake()
            await good.record()
        for number in range(40):
            await stack.enter_async_context(TlsPeer.to(address, both.client, source=f"127.7.{number}.1"))
            await until(lambda count=number: house.pool.open == min(count + 2, 8))  # type: ignore[misc]
        await until(lambda: house.hub.stats.limits["unauthenticated"] == 33)
        if not greeted:
            await good.handshake()
            await good.record()
        await good.send(LOGIN)
        assert b"Authentication accepted" in await good.record()
    told = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "limit-hit"]
    assert {(fields["limit"], fields["stage"]) for fields in told} == {("unauthenticated", "silent")}
    assert all(fields["peer"].startswith("127.7.") for fields in told), "the displaced one, not the new one"


@limits(unauthenticated=2, exempt=(), unauthenticated_per_address=2)
async def test_a_client_whose_login_was_refused_holds_no_place(house: House, both: Contexts) -> None:
    address = house.listen()
    wrong = LOGIN.replace(b"Secret: s", b"Secret: x")
    async with AsyncExitStack() as stack:
        refused = []
        for number in range(6):
            source = f"127.3.0.{number + 1}"
            peer = await stack.enter_async_context(TlsPeer.to(address, both.client, source=source))
            await peer.handshake()
            await peer.record()
            await peer.send(wrong)
            refused.append(peer)
            await until(lambda count=number: house.hub.stats.login_failures == count + 1)  # type: ignore[misc]
        assert "unauthenticated" not in house.hub.stats.limits, "none made room for another"
        good = await stack.enter_async_context(TlsPeer.to(address, both.client))
        await good.handshake()
        assert await good.record() == house.hub.servers.first.banner
        # Two may wait for their delay; the others were answered when a third one came.
        for peer in refused:
            assert b"Authentication failed" in await peer.record()


@limits(unauthenticated=1)
async def test_a_displaced_handshake_is_counted(house: House, both: Contexts) -> None:
    address = house.listen()
    async with TlsPeer.to(address, both.client) as first:
        await until(lambda: house.pool.handshaking == 1)
        async with TlsPeer.to(address, both.client) as second:
            await second.handshake()
            assert await was_cut(first)
            assert house.pool.handshake_failures == {"displaced before login": 1}


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384"])
async def test_a_client_too_old_for_our_tls_is_counted_and_the_log_names_the_remedy(
    suite: str, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "amiproxy")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(f"{suite}:@SECLEVEL=0")
    async with TlsPeer.to(house.listen(), client) as old:
        with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
            await old.handshake()
    await until(lambda: house.pool.handshake_failures == {"no shared cipher": 1})
    [told] = [record for record in caplog.records if record.getMessage() == "tls-failed"]
    assert told.__dict__["fields"]["reason"] == "no shared cipher"
    assert "run ami-proxy connect on its machine" in told.__dict__["fields"]["remedy"]


@limits(handshake_timeout=5.0, login_timeout=10.0)
async def test_the_login_timeout_runs_from_the_accept(house: House, both: Contexts) -> None:
    address = house.listen()
    loop = asyncio.get_running_loop()
    async with (
        TlsPeer.to(address, both.client) as silent,
        TlsPeer.to(address, both.client) as greeted,
        TlsPeer.to(address, both.client) as user,
    ):
        for peer in (greeted, user):
            await peer.handshake()
            await peer.record()
        await user.send(LOGIN)
        await user.record()
        await until(lambda: house.pool.open == 3)
        accepted = loop.time()
        house.pool.tick(accepted + 4.0)
        assert house.pool.open == 3
        house.pool.tick(accepted + 5.1)
        assert house.pool.open == 2
        assert await was_cut(silent)
        assert house.pool.handshake_failures == {"handshake timeout": 1}
        house.pool.tick(accepted + 9.0)
        assert house.pool.open == 2
        house.pool.tick(accepted + 10.1)
        assert house.pool.open == 1
        assert await was_cut(greeted)
        house.pool.tick(accepted + 100.0)
        await user.send(b"Action: Logoff\r\n\r\n")
        assert b"Goodbye" in await user.rest()


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns do not grow with the time that the loop was busy, which depends on the machine."""
    monkeypatch.setattr("amiproxy.core.limits.shares._LONGEST_TURN", 0.0)


async def test_a_storm_of_connects_is_accepted_in_bounded_portions(
    house: House, both: Contexts, short_turns: None
) -> None:
    loop = asyncio.get_running_loop()
    host, port = house.listen()
    most = seen = 0
    running = True

    def turn() -> None:
        nonlocal most, seen
        most, seen = max(most, house.contexts_asked - seen), house.contexts_asked
        if running:
            loop.call_soon(turn)

    # Connected while the loop does not run: all of them wait for one accept.
    sockets = [socket.create_connection((host, port)) for _ in range(100)]
    loop.call_soon(turn)
    await until(lambda: seen == 100)
    running = False
    assert most <= 50, "a turn has a millisecond, and each takes a tenth of one"
    for sock in sockets:
        sock.close()
    await until(lambda: house.pool.open == 0)


async def test_a_storm_of_handshakes_leaves_the_loop_its_turns(
    house: House, both: Contexts, short_turns: None
) -> None:
    loop = asyncio.get_running_loop()
    # One step in each turn, so that they can be counted.
    house.hub.ctx.shares.turn_seconds = 0.0
    address = house.listen()
    steps: list[tuple[int, int, int]] = []

    def turn() -> None:
        steps.append((house.contexts_asked, sum(house.pool.handshakes.values()), house.hub.stats.logins))
        if running:
            loop.call_soon(turn)

    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(TlsPeer.to(address, both.client)) for _ in range(20)]
        lasts = [await peer.handshake(send_last=False) for peer in peers]
        running = True
        turn()
        # Sent while the loop does not run: all of them become ready at the same time.
        for peer, last in zip(peers, lasts, strict=True):
            peer.socket.send(last)
        await until(lambda: house.hub.unauthenticated == 20)
        logins = [peer.seal(LOGIN) for peer in peers]
        for peer, login in zip(peers, logins, strict=True):
            peer.socket.send(login)
        await until(lambda: house.hub.authenticated == 20)
        running = False
        for before, after in pairwise(steps):
            done = sum(now - then for now, then in zip(after, before, strict=True))
            # Left-over work runs by a timer, new work when it arrives: both may happen in one round.
            assert done <= 2, "timers and Asterisk have their turn after that"
        for peer in peers:
            peer.reset()
        await until(lambda: house.pool.open == 0)


async def test_a_connection_displaced_while_it_waits_for_its_turn_is_skipped(
    house: House, both: Contexts, short_turns: None
) -> None:
    house.hub.ctx.shares.turn_seconds = 0.0
    address = house.listen()
    async with TlsPeer.to(address, both.client) as first, TlsPeer.to(address, both.client) as second:
        lasts = [await peer.handshake(send_last=False) for peer in (first, second)]
        for peer, last in zip((first, second), lasts, strict=True):
            peer.socket.send(last)
        house.pool.displace("displaced before login")
        assert await second.record() == house.hub.servers.first.banner
        assert await was_cut(first)
    assert house.pool.handshake_failures == {"displaced before login": 1}


async def test_a_connection_reset_before_the_accept_is_harmless(house: House, both: Contexts) -> None:
    host, port = house.listen()
    for _ in range(50):
        sock = socket.create_connection((host, port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    async with TlsPeer.to((host, port), both.client) as peer:
        await peer.handshake()
        assert await peer.record() == house.hub.servers.first.banner
        await until(lambda: house.pool.open == 1)


# -- out of descriptors ----------------------------------------------------

_CHILD = """
    import asyncio, resource, socket, ssl, sys, time
    from pathlib import Path
    from amiproxy import log
    from functools import partial
    from amiproxy.net.doors.ami import AmiConnection
    from amiproxy.net.doors.binding import bind
    from amiproxy.net.doors.listener import Listener
    from amiproxy.net.doors.pool import ConnectionPool
    from amiproxy.net.doors.tlsconnection import TlsAcceptor
    from amiproxy.net.tls.tlspolicy import ChainAndKey, ClientTrust, server_context, tls_policy
    from tests.support.live_hub import live_hub

    async def main():
        directory = Path(sys.argv[1])
        pair = ChainAndKey((directory / "server.crt").read_bytes(), (directory / "server.key").read_bytes())
        context = server_context(tls_policy(), [pair], ClientTrust())
        log.configure("text", "info")
        hub = live_hub()
        pool = ConnectionPool(hub.limit_state, hub.ctx.shares)
        accept = partial(AmiConnection, hub.attach, TlsAcceptor(pool, lambda: context))
        listener = Listener(pool, bind("127.0.0.1", 0), accept)
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        listener.start(asyncio.get_running_loop())
        print(listener.address[1], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(time.process_time(), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        listener.stop()
        pool.close_all()

    asyncio.run(main())
"""


def test_without_descriptors_it_pauses_and_recovers(tmp_path: Path, both: Contexts) -> None:
    install(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_CHILD), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        port = int(child.stdout.readline())
        flood = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(80)]
        # A new client is still served: connections that only hold descriptors are closed for it.
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            both.client.wrap_socket(plain, server_hostname="localhost") as door,
        ):
            assert door.recv(100).startswith(b"Asterisk Call Manager/")
        for sock in flood:
            sock.close()
        child.stdin.write("\n")
        child.stdin.flush()
        assert float(child.stdout.readline()) < 3.0, "seconds of CPU: it spun"
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            both.client.wrap_socket(plain, server_hostname="localhost") as door,
        ):
            assert door.recv(100).startswith(b"Asterisk Call Manager/")
        _, said = child.communicate("\n", timeout=20)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 0, said
    assert "accept-paused" in said
    assert "Traceback" not in said, said
