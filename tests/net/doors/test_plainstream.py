"""Plain connections, for a reverse proxy on this machine."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.http.responses import Response, plain
from tests.support.http_peer import HttpHouse, HttpPeer
from tests.support.tls_door import contexts
from tests.support.waiting import until

BOTH_LOOPS = True
ASK = b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[HttpHouse]:
    built = HttpHouse(contexts(), getattr(request, "param", Limits()), insecure_local=True)
    built.listen()
    yield built
    built.close()
    assert built.pool.open == 0


async def test_a_request_on_a_plain_connection_is_answered(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.get("/echo")).body == b"GET b'/echo' b''\n"
        assert (await peer.get("/echo")).status == 200
        assert house.peers[0].address == "127.0.0.1"
        assert house.peers[0].tls == ""
        assert house.peers[0].certificate is None
    await house.empty()
    assert house.pool.handshakes == {}


async def test_a_large_answer_to_a_slow_client_arrives_whole_without_tls(house: HttpHouse) -> None:
    body = bytes(range(256)) * 40_000
    async with house.peer(receive_buffer=4096) as peer:
        await peer.send(ASK)
        (await house.asked()).respond(Response(200, (), body, close=True))
        assert house.pool.backlog.size > 0
        assert (await peer.reply()).body == body
        assert await peer.is_closed()


async def test_a_plain_client_that_sends_no_more_gets_its_answer(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send(ASK)
        exchange = await house.asked()
        peer.peer.shut()
        (connection,) = house.pool._clients
        await until(lambda: connection._ended)
        exchange.respond(plain(200, "late"))
        assert (await peer.reply()).body == b"late\n"
        assert await peer.is_closed()


async def test_the_start_of_tls_on_a_plain_listener_is_refused(house: HttpHouse) -> None:
    async with house.peer() as peer:
        reply = await peer.ask(b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(200))
        assert reply.status == 400
        assert await peer.is_closed()


@pytest.mark.parametrize("house", [Limits(handshake_timeout=5.0)], indirect=True, ids=[""])
async def test_a_plain_client_that_says_nothing_is_closed(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await until(lambda: house.pool.open == 1)
        house.pool.tick(house.hub.scheduler.now() + 5.1)
        assert await peer.is_closed()


async def test_clients_of_a_unix_socket_count_as_this_machine(house: HttpHouse, tmp_path: Path) -> None:
    path = str(tmp_path / "web.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.setblocking(False)
        sock.listen()
        assert house.listen(sock=sock) == (path, 0)
        async with HttpPeer.plain(path) as peer:
            assert (await peer.get("/echo")).status == 200
            assert house.peers[0].address == "127.0.0.1"
