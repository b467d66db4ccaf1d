"""HTTP connections have the places, limits, certificates and PROXY headers that AMI connections have."""

from amiproxy.core.admission.networks import NetworkSet
from amiproxy.net.doors.http.responses import Response, plain
from tests.net.doors.http.settings import with_
from tests.support.house import was_cut, was_refused
from tests.support.http_peer import HttpHouse, HttpPeer, Taken, loop_time
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

BOTH_LOOPS = True
LATER = b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"


@with_({"unauthenticated": 1, "unauthenticated_per_address": 1})
async def test_a_newcomer_makes_room_for_another(house: HttpHouse) -> None:
    async with house.peer() as first:
        assert (await first.get("/echo")).status == 200
        async with house.peer() as second:
            assert (await second.get("/echo")).status == 200
            assert await was_cut(first.peer)
    assert house.hub.stats.limits == {"unauthenticated": 1}


@with_({"unauthenticated": 1, "unauthenticated_per_address": 1})
async def test_a_connection_that_has_proved_itself_keeps_its_place(house: HttpHouse) -> None:
    async with house.peer() as first:
        await first.send(LATER)
        exchange = await house.asked()
        exchange.authenticated()
        async with house.peer() as second:
            assert (await second.get("/echo")).status == 200
        exchange.respond(Response(200, (), b"still here"))
        assert (await first.reply()).body == b"still here"


@with_({"unauthenticated": 1, "unauthenticated_per_address": 1})
async def test_a_connection_whose_secret_is_being_compared_makes_no_room(house: HttpHouse) -> None:
    async with house.peer() as first:
        await first.send(LATER)
        exchange = await house.asked()
        exchange.judged()
        async with house.peer() as second:
            assert (await second.get("/echo")).status == 200
        exchange.respond(Response(200, (), b"still here"))
        assert (await first.reply()).body == b"still here"


@with_({"unauthenticated": 1, "unauthenticated_per_address": 1})
async def test_a_connection_whose_login_was_refused_makes_room_again(house: HttpHouse) -> None:
    async with house.peer() as first:
        for number in range(3):
            await first.send(LATER)
            exchange = await house.asked(number + 1)
            exchange.judged()
            assert len(house.hub.limit_state.newcomers) == 0
            exchange.respond(plain(401, "no"))
            assert (await first.reply()).status == 401
            assert len(house.hub.limit_state.newcomers) == 1
        async with house.peer() as second:
            assert (await second.get("/echo")).status == 200
            assert await was_cut(first.peer)
    await house.empty()
    assert len(house.hub.limit_state.newcomers) == 0


@with_({"login_timeout": 5.0})
async def test_a_health_check_that_keeps_its_connection_is_closed_in_good_order(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.get("/livez")).status == 200
        house.pool.tick(loop_time() + 5.1)
        assert await peer.peer.record() == b""


@with_({"connections_per_address": 2, "exempt": ()})
async def test_connections_of_one_address_are_limited(house: HttpHouse) -> None:
    async with house.peer() as one, house.peer() as other:
        assert (await one.get("/echo")).status == (await other.get("/echo")).status == 200
        assert await was_refused(house.address, house.client)
    assert house.hub.stats.limits == {"connections_per_address": 1}


@with_({"connections_per_address": 2, "exempt": ()}, trusted_proxies=("127.0.0.1/32",))
async def test_connections_of_a_trusted_proxy_are_not_counted_as_one_client(house: HttpHouse) -> None:
    house.listeners[0].relays = NetworkSet(("127.0.0.1/32",))
    async with house.peer() as one, house.peer() as other, house.peer() as third:
        for peer in (one, other, third):
            assert (await peer.get("/echo")).status == 200
    assert house.hub.stats.limits == {}


@with_({"exempt": (), "login_failure_burst": 1})
async def test_an_address_under_a_penalty_cannot_connect(house: HttpHouse) -> None:
    for _ in range(2):
        house.hub.limit_state.login_failed("127.0.0.1", loop_time())
    assert await was_refused(house.address, house.client)
    assert house.hub.stats.limits["penalty"] == 1


async def test_the_client_of_a_load_balancer_is_the_one_that_it_names(house: HttpHouse) -> None:
    address = house.listen("127.0.0.1", "127.0.0.0/8")
    async with TlsPeer.to(address, house.client) as raw:
        await raw.send_raw(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 8089\r\n")
        await raw.handshake()
        assert (await HttpPeer(raw).get("/echo")).status == 200
        assert house.peers[0].address == "192.0.2.7"


async def test_a_certificate_that_is_refused_later_ends_the_connection_without_its_answer(
    house: HttpHouse,
) -> None:
    async with house.peer() as peer, house.peer() as taken_peer:
        taken = Taken()
        await taken_peer.send(LATER)
        taken.stream = (await house.asked()).take_over(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", taken)
        await peer.send(LATER)
        exchange = await house.asked(2)
        left: list[str] = []
        exchange.on_gone(lambda: left.append("gone"))
        for connection in list(house.pool._clients):
            connection.certificate_refused("client certificate has been revoked")
        assert taken.events == ["dismiss: client certificate has been revoked"]
        assert left == ["gone"]
        exchange.respond(plain(200, "an event that happened later"))
        assert await peer.is_closed()


@with_({"unauthenticated": 1, "unauthenticated_per_address": 1})
async def test_many_secrets_that_are_judged_do_not_take_all_connections(house: HttpHouse) -> None:
    async with house.peer() as first:
        await first.send(LATER)
        (await house.asked()).judged()
        async with house.peer() as second:
            await second.send(LATER)
            (await house.asked(2)).judged()
            assert house.pool.open == 2
            async with house.peer() as third:
                await third.send(LATER)
                (await house.asked(3)).judged()
                assert await first.is_closed()
                assert house.pool.open == 2
    assert house.hub.stats.limits == {"unauthenticated": 1}


async def test_a_drain_ends_idle_connections_and_lets_others_answer(house: HttpHouse) -> None:
    async with house.peer() as idle, house.peer() as busy, house.peer() as half:
        assert (await idle.get("/echo")).status == 200
        await busy.send(LATER + LATER)
        exchange = await house.asked()
        await half.send(b"GET /echo HTTP/1.1\r\nHos")
        await until(lambda: any(one._reader.buffered for one in house.pool._clients))
        house.pool.drain()
        assert await idle.is_closed()
        assert await half.is_closed()
        exchange.respond(plain(200, "the last one"))
        reply = await busy.reply()
        assert (reply.body, reply.get("connection")) == (b"the last one\n", "close")
        assert await busy.is_closed()
        assert len(house.open) == 1


async def test_a_taken_connection_that_is_cut_tells_its_taker(house: HttpHouse) -> None:
    taken = Taken()
    async with house.peer() as peer:
        await peer.send(LATER)
        taken.stream = (await house.asked()).take_over(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", taken)
        peer.peer.reset()
        await until(lambda: "gone" in taken.events)
    assert taken.events == ["lost: connection reset by peer", "gone"]


async def test_a_taken_connection_that_is_displaced_tells_its_taker(house: HttpHouse) -> None:
    taken = Taken()
    async with house.peer() as peer:
        await peer.send(LATER)
        taken.stream = (await house.asked()).take_over(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", taken)
        house.pool.tick(loop_time() + 20)
        assert await was_cut(peer.peer)
        await until(lambda: "gone" in taken.events)
    assert taken.events == ["lost: login timeout", "gone"]


async def test_a_taker_whose_client_has_left_already_is_told(house: HttpHouse) -> None:
    taken = Taken()
    async with house.peer() as peer:
        await peer.send(LATER)
        exchange = await house.asked()
        peer.peer.reset()
        await house.empty()
    taken.stream = exchange.take_over(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", taken)
    assert taken.stream.write(b"abc") == 3
    assert taken.stream.send(b"abc") == 3
    taken.stream.pause()
    taken.stream.resume()
    taken.stream.charge(house.hub.ctx.shares.unknown)
    taken.stream.close()
    await until(lambda: taken.events == ["lost: client closed"])
