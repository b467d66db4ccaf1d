"""Clients that send slowly, or nothing, or do not read."""

import logging

import pytest

from amiproxy.net.doors.http.responses import Response
from tests.net.doors.http.settings import with_
from tests.support.http_peer import HttpHouse, loop_time
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
LATER = b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"
START = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("part", [b"G", START[:-1], START, START + b"abc"])
@with_({"http_seconds": 0.2, "http_keepalive": 60.0})
async def test_a_request_that_does_not_come_in_time_is_answered_408(house: HttpHouse, part: bytes) -> None:
    async with house.peer() as peer:
        reply = await peer.ask(part)
        assert (reply.status, reply.get("connection")) == (408, "close")
        assert await peer.is_closed()
    assert house.hub.stats.limits == {"http_seconds": 1}
    assert house.peers == []


@with_({"http_seconds": 0.3})
async def test_a_client_that_trickles_its_headers_does_not_get_more_time(house: HttpHouse) -> None:
    async with house.peer() as peer:
        start = loop_time()
        await peer.send(b"GET /echo HTTP/1.1\r\n")
        timer = house.pool.poller  # the loop itself: the next line is sent when the one before has arrived
        assert timer.watched
        (connection,) = house.pool._clients
        for number in range(10):
            await peer.send(b"X-%d: y\r\n" % number)
            await until(
                lambda least=20 + 8 * number: connection._reader.buffered >= least or connection._over
            )
        assert (await peer.reply()).status == 408
        assert loop_time() - start < 30


@with_({"http_seconds": 0.2})
async def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert await peer.is_closed()
    assert house.hub.stats.limits == {}


@with_({"http_keepalive": 0.2, "http_seconds": 60.0})
async def test_a_connection_is_closed_if_no_other_request_comes(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.get("/echo")).status == 200
        assert await peer.is_closed()


@with_({"http_keepalive": 0.1, "http_seconds": 0.1, "outbox_stall": 0.1})
async def test_an_answer_may_take_any_time(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        exchange = await house.asked()
        async with house.peer() as other:  # whose time runs out meanwhile
            assert await other.is_closed()
        exchange.respond(Response(200, (), b"at last"))
        assert (await peer.reply()).body == b"at last"


@with_({"outbox_stall": 0.3})
async def test_a_client_that_does_not_read_its_answer_is_cut(house: HttpHouse) -> None:
    async with house.peer(receive_buffer=4096) as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        (await house.asked()).respond(Response(200, (), b"x" * 20_000_000))
        assert house.pool.backlog.size > 0
        await house.empty()
    assert house.pool.backlog.size == 0
    assert house.hub.stats.limits == {"outbox_stall": 1}


@with_({"outbox_total": 1 << 20, "outbox_hard": 1 << 20})
async def test_answers_that_wait_count_with_all_other_bytes_that_wait(house: HttpHouse) -> None:
    async with house.peer(receive_buffer=4096) as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        (await house.asked()).respond(Response(200, (), b"x" * 20_000_000))
        await house.empty()
    assert house.hub.stats.limits == {"outbox_total": 1}


@with_({"outbox_total": 4 << 20, "outbox_hard": 1 << 20})
async def test_the_longest_answer_that_waits_makes_room_for_others(house: HttpHouse) -> None:
    async with house.peer(receive_buffer=4096) as hog, house.peer(receive_buffer=4096) as other:
        await hog.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        (await house.asked()).respond(Response(200, (), b"x" * (4 << 20)))
        await other.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        exchange = await house.asked(2)
        exchange.respond(Response(200, (), b"y" * (3 << 20)))
        await until(lambda: house.pool.open == 1)
        assert house.hub.stats.limits == {"outbox_total": 1}
        assert (await other.reply()).body == b"y" * (3 << 20)
    assert house.pool.backlog.size == 0
    assert not house.pool.backlog.others


@with_({"login_timeout": 5.0})
async def test_a_connection_that_proves_nothing_ends_with_the_time_for_a_login(house: HttpHouse) -> None:
    async with house.peer() as peer, house.peer() as proved:
        await peer.send(LATER)
        unproved = await house.asked()
        await proved.send(LATER)
        exchange = await house.asked(2)
        exchange.judged()
        exchange.authenticated()
        exchange.authenticated()
        house.pool.tick(loop_time() + 5.1)
        await until(lambda: house.pool.open == 1)
        unproved.respond(Response(204))
        exchange.respond(Response(204))
        assert (await proved.reply()).status == 204
    assert house.hub.stats.limits == {"login_timeout": 1}


@with_({"login_timeout": 5.0})
async def test_connections_without_a_request_end_in_good_order_and_reach_no_limit(
    house: HttpHouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "amiproxy")
    async with house.peer() as spare, house.peer() as between:
        assert (await between.get("/echo")).status == 200
        house.pool.tick(loop_time() + 5.1)
        assert await spare.peer.record() == await between.peer.record() == b""
    await house.empty()
    assert house.hub.stats.limits == {}
    assert house.pool.handshake_failures == {}
    assert [record.getMessage() for record in caplog.records] == []


@with_({"login_timeout": 5.0, "http_seconds": 0.1})
async def test_a_closed_connection_whose_client_stays_reaches_no_limit(house: HttpHouse) -> None:
    async with house.peer() as spare:
        assert await spare.peer.record() == b""
        house.pool.tick(loop_time() + 5.1)
        await house.empty()
    assert house.hub.stats.limits == {}


@pytest.mark.parametrize("part", [b"G", START[:-1], START, START + b"abc"])
@with_({"login_timeout": 5.0})
async def test_a_request_that_has_begun_when_the_time_for_a_login_ends_is_counted(
    house: HttpHouse, part: bytes
) -> None:
    async with house.peer() as peer:
        await peer.send(part)
        (connection,) = house.pool._clients
        await until(lambda: connection._reader.buffered or connection._head is not None)
        house.pool.tick(loop_time() + 5.1)
        await house.empty()
    assert house.hub.stats.limits == {"login_timeout": 1}


@with_({"login_timeout": 5.0, "handshake_timeout": 60.0})
async def test_a_handshake_that_outlasts_the_time_for_a_login_is_counted(house: HttpHouse) -> None:
    async with TlsPeer.to(house.address, house.client):
        await until(lambda: house.pool.handshaking == 1)
        house.pool.tick(loop_time() + 5.1)
        await house.empty()
    assert house.hub.stats.limits == {"login_timeout": 1}
    assert house.pool.handshake_failures == {"login timeout": 1}
