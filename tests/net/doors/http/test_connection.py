"""Requests and answers on one connection."""

import pytest

from amiproxy.net.doors.http.responses import Response, plain
from amiproxy.net.doors.http.site import Route
from tests.net.doors.http.settings import with_
from tests.support.http_peer import HttpHouse, Taken
from tests.support.waiting import until

BOTH_LOOPS = True
HEAD = b"GET /echo HTTP/1.1\r\nHost: localhost\r\n"


async def test_a_request_is_answered_and_the_connection_stays(house: HttpHouse) -> None:
    async with house.peer() as peer:
        for number in range(3):
            reply = await peer.get(f"/echo?n={number}")
            assert (reply.status, reply.body) == (200, f"GET b'/echo?n={number}' b''\n".encode())
            assert reply.get("connection") is None
    await house.empty()


async def test_a_request_that_arrives_byte_by_byte_is_answered(house: HttpHouse) -> None:
    async with house.peer() as peer:
        for byte in b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc":
            await peer.send(bytes([byte]))
        assert (await peer.reply()).body == b"POST b'/echo' b'abc'\n"


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send((b"GET /later?%d HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3) % (0, 1, 2))
        for number in range(3):
            exchange = await house.asked(number + 1)
            assert len(house.open) == number + 1
            assert exchange.request.query == b"%d" % number
            exchange.respond(plain(200, f"answer {number}"))
            assert (await peer.reply()).body == f"answer {number}\n".encode()


async def test_many_pipelined_requests_are_answered_in_turns(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send(b"".join(b"GET /echo?%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(200)))
        for number in range(200):
            assert (await peer.reply()).body == f"GET b'/echo?{number}' b''\n".encode()


@with_({"http_head_bytes": 1024, "http_request_line": 1024})
async def test_requests_far_ahead_of_their_answers_are_not_read(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.get("/echo")
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        exchange = await house.asked()
        for _ in range(40):
            await peer.send(HEAD + b"X: " + b"x" * 900 + b"\r\n\r\n")
        (connection,) = house.pool._clients
        await until(lambda: connection._paused)
        assert connection._reader.buffered < 20_000
        exchange.respond(plain(200, "at last"))
        assert (await peer.reply()).body == b"at last\n"
        for _ in range(40):
            assert (await peer.reply()).status == 200


async def test_head_is_answered_without_a_body(house: HttpHouse) -> None:
    async with house.peer() as peer:
        reply = await peer.get("/echo", method="HEAD")
        assert reply.get("content-length") == str(len(b"HEAD b'/echo' b''\n"))
        assert (await peer.get("/echo")).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /echo HTTP/1.0\r\nHost: localhost\r\n\r\n",
        HEAD + b"Connection: close\r\n\r\n",
        HEAD + b"Connection: foo, Close\r\n\r\n",
    ],
)
async def test_the_connection_ends_if_the_client_asks_so(house: HttpHouse, request_: bytes) -> None:
    async with house.peer() as peer:
        reply = await peer.ask(request_)
        assert (reply.status, reply.get("connection")) == (200, "close")
        assert await peer.is_closed()


async def test_headers_keep_their_order_and_case(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        headers = (b"Server", b"Asterisk"), (b"Content-type", b"text/plain"), (b"Content-Length", b"2")
        (await house.asked()).respond(Response(200, headers, b"ok"))
        reply = await peer.reply()
        assert reply.headers[:3] == [
            ("Server", "Asterisk"),
            ("Content-type", "text/plain"),
            ("Content-Length", "2"),
        ]
        assert reply.body == b"ok"


async def test_a_client_is_asked_for_the_body_that_it_holds_back(house: HttpHouse) -> None:
    async with house.peer() as peer:
        start = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        assert (await peer.ask(start)).status == 100
        assert (await peer.ask(b"ab")).body == b"POST b'/echo' b'ab'\n"


async def test_a_body_that_would_be_refused_is_not_asked_for(house: HttpHouse) -> None:
    async with house.peer() as peer:
        start = (
            b"POST /echo HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert (await peer.ask(start)).status == 421
        assert await peer.is_closed()


async def test_a_chunked_body_is_read(house: HttpHouse) -> None:
    async with house.peer() as peer:
        start = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = await peer.ask(start + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
        assert reply.body == b"POST b'/echo' b'abcde'\n"
        assert (await peer.get("/echo")).status == 200


async def test_bytes_above_ascii_in_a_target_arrive_unchanged(house: HttpHouse) -> None:
    async with house.peer() as peer:
        reply = await peer.get("/echo?name=\xe9")
        assert reply.body == b"GET b'/echo?name=\\xe9' b''\n"


async def test_a_large_answer_to_a_slow_client_arrives_whole(house: HttpHouse) -> None:
    body = bytes(range(256)) * 20_000
    async with house.peer(receive_buffer=4096) as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD + b"\r\n")
        (await house.asked()).respond(Response(200, (), body))
        assert house.pool.backlog.size > 0
        assert (await peer.reply()).body == body
        assert (await peer.reply()).body == b"GET b'/echo' b''\n"


async def test_a_handler_is_told_that_its_client_has_left(house: HttpHouse) -> None:
    left: list[str] = []
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        exchange = await house.asked()
        exchange.on_gone(lambda: left.append("gone"))
        peer.peer.reset()
        await until(lambda: left)
    exchange.respond(plain(200, "nobody hears this"))
    exchange.on_gone(lambda: left.append("again"))
    assert left == ["gone", "again"]
    await house.empty()


async def test_a_client_that_sends_no_more_still_gets_an_answer(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        exchange = await house.asked()
        await peer.peer.send_raw(peer.peer.seal_close())
        (connection,) = house.pool._clients
        await until(lambda: connection._ended)
        exchange.respond(plain(200, "late"))
        assert exchange.request.path == b"/later"
    await house.empty()


async def test_a_client_that_sends_no_more_is_not_waited_for_long(house: HttpHouse) -> None:
    left: list[str] = []
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        (await house.asked()).on_gone(lambda: left.append("gone"))
        await peer.peer.send_raw(peer.peer.seal_close())
        await until(lambda: left)
        await house.empty()


async def test_a_connection_is_taken_over_with_what_follows_the_request(house: HttpHouse) -> None:
    taken = Taken()
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\nfirst")
        exchange = await house.asked()
        taken.stream = exchange.take_over(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", taken)
        assert taken.received == b""
        assert taken.stream.peer.address == "127.0.0.1"
        assert (await peer.peer.exactly(36)) == b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        await until(lambda: taken.received == b"first")
        await peer.send(b"second")
        await until(lambda: taken.received == b"firstsecond")
        taken.stream.send(b"answer")
        assert await peer.peer.exactly(6) == b"answer"
        taken.stream.close()
        assert await peer.is_closed()
    await until(lambda: "gone" in taken.events)


async def test_a_fault_of_a_handler_is_answered_and_ends_the_connection(house: HttpHouse) -> None:
    house.site.add("/fault", Route(lambda _: 1 / 0))
    async with house.peer() as peer:
        reply = await peer.get("/fault?secret=hidden")
        assert (reply.status, reply.get("connection")) == (500, "close")
        assert await peer.is_closed()


async def test_answers_are_counted_by_what_was_asked_for(house: HttpHouse) -> None:
    for asked, path, add in (
        ("ws", "/ws", house.site.add),
        ("api", "/api/v1/me", house.site.add),
        ("ajam", "rawman", house.site.add_ajam),
    ):
        add(path, Route(lambda exchange: exchange.respond(plain(403, "no")), asked=asked))
    async with house.peer() as peer:
        for path in ("/livez", "/ws", "/api/v1/me", "/RawMan/", "/nothing?/ws", "/echo"):
            await peer.get(path)
        assert (await peer.ask(b"nonsense\r\n\r\n")).status == 400
    assert house.pool.requests.answered == {
        ("ws", "4xx"): 1,
        ("api", "4xx"): 1,
        ("ajam", "4xx"): 1,
        ("other", "2xx"): 1,
        ("other", "4xx"): 2,
        ("probe", "2xx"): 1,
    }


async def test_streams_are_counted_while_they_are_open(house: HttpHouse) -> None:
    taken, streams = Taken(), house.pool.requests.streams
    house.site.add("/ws", Route(house.open.append, asked="ws"))
    async with house.peer() as peer:
        await peer.send(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken.stream = (await house.asked()).take_over(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", taken)
        assert streams["ws"] == 1
        taken.stream.abort()
        await until(lambda: streams["ws"] == 0)
    assert house.pool.requests.answered == {("ws", "1xx"): 1}


@with_(prefix="/asterisk")
async def test_paths_of_ajam_are_behind_the_prefix_and_in_any_case(house: HttpHouse) -> None:
    house.site.add_ajam(
        "rawman", Route(lambda exchange: exchange.respond(plain(200, "ajam")), wrong_method=501)
    )
    house.site.add_below("/api/v1/actions/", Route(lambda exchange: exchange.respond(plain(200, "below"))))
    async with house.peer() as peer:
        for path, status in {
            "/asterisk/rawman": 200,
            "/Asterisk/RAWMAN/": 200,
            "/asterisk/rawman?x": 200,
            "/rawman": 404,
            "/asterisk/rawman//": 404,
            "/asterisk//rawman": 404,
            "/asterisk/raw%6dan": 404,
            "/asterisk/rawman/x": 404,
            "/asteriskrawman": 404,
            "//asterisk/rawman": 404,
            "/api/v1/actions/Ping": 200,
            "/api/v1/actions": 404,
            "/API/v1/actions/Ping": 404,
            "/asterisk/api/v1/actions/Ping": 404,
        }.items():
            assert (await peer.get(path)).status == status, path
        assert (await peer.get("/asterisk/rawman", method="PUT")).status == 501
        assert (await peer.get("/echo", method="PUT")).status == 405
        assert (await peer.get("/echo", method="TRACE")).status == 501


@with_(hsts=31536000)
async def test_every_response_has_the_headers_that_protect_browsers(house: HttpHouse) -> None:
    async with house.peer() as peer:
        for path in ("/echo", "/nothing"):
            reply = await peer.get(path)
            assert reply.get("x-content-type-options") == "nosniff"
            assert reply.get("referrer-policy") == "same-origin"
            assert reply.get("x-frame-options") == "DENY"
            assert "frame-ancestors 'none'" in (reply.get("content-security-policy") or "")
            assert reply.get("strict-transport-security") == "max-age=31536000"
            assert reply.get("server") is None
        assert (await peer.ask(b"nonsense\r\n\r\n")).get("x-content-type-options") == "nosniff"


async def test_a_handler_may_set_those_headers_itself(house: HttpHouse) -> None:
    async with house.peer() as peer:
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        headers = (b"content-security-policy", b"default-src 'self'"), (b"Date", b"then")
        (await house.asked()).respond(Response(299, headers))
        reply = await peer.reply()
        assert reply.get("content-security-policy") == "default-src 'self'"
        assert reply.get("date") == "then"
        assert reply.get("strict-transport-security") is None


async def test_a_request_shows_nothing_secret_of_itself(house: HttpHouse) -> None:
    async with house.peer() as peer:
        lines = "Authorization: Basic hidden", "Cookie: a=hidden; b; =c; d = e", 'cookie: f="g"'
        await peer.send(
            "\r\n".join(["GET /later?secret=hidden HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()
        )
        request = (await house.asked()).request
        assert "hidden" not in repr(request)
        assert request.cookies == [(b"a", b"hidden"), (b"", b"c"), (b"d ", b" e"), (b"f", b'"g"')]
        assert (request.header(b"host"), request.header(b"x")) == (b"localhost", b"")
        assert (request.path, request.query, request.http10) == (b"/later", b"secret=hidden", False)
