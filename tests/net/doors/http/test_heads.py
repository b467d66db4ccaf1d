"""Requests that two servers might read differently, or that are too much, are refused with their status."""

import pytest

from amiproxy.core.model.limits import Limits
from amiproxy.net.doors.http.heads import Head, Refused, take_head
from tests.net.doors.http.settings import with_
from tests.support.http_peer import HttpHouse

BOTH_LOOPS = True
H = b"Host: localhost\r\n"
GET = b"GET /echo HTTP/1.1\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + H
#: Sent behind each request: if any byte of the request were taken for its end, this would be answered.
SMUGGLED = b"GET /echo?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

REFUSED = {
    "both lengths": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "both lengths, other order": (
        400,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    "two lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n"),
    "two equal lengths": (400, POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    "a list of lengths": (400, POST + b"Content-Length: 3, 3\r\n\r\nabc"),
    "a signed length": (400, POST + b"Content-Length: +3\r\n\r\nabc"),
    "a negative length": (400, POST + b"Content-Length: -1\r\n\r\n"),
    "a hexadecimal length": (400, POST + b"Content-Length: 0x3\r\n\r\nabc"),
    "a length of other digits": (400, POST + b"Content-Length: \xc2\xb2\r\n\r\n"),
    "no length": (400, POST + b"Content-Length:\r\n\r\n"),
    "two codings": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a coding twice": (501, POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "a coding before chunked": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "another coding": (501, POST + b"Transfer-Encoding: identity\r\n\r\n"),
    "a coding with a vertical tab": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "a coding in HTTP/1.0": (
        400,
        b"POST /echo HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "a blank before the colon": (400, POST + b"Content-Length : 3\r\n\r\nabc"),
    "a folded line": (400, POST + b"X: a\r\n b\r\n\r\n"),
    "a folded coding": (400, POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    "a line folded by a tab": (400, POST + b"X: a\r\n\tContent-Length: 3\r\n\r\nabc"),
    "a first header that is folded": (400, GET + b" X: a\r\n" + H + b"\r\n"),
    "bare line feeds": (400, b"GET /echo HTTP/1.1\nHost: localhost\n\n"),
    "one bare line feed": (400, GET + H + b"X: a\nY: b\r\n\r\n"),
    "a bare line feed at the end": (400, GET + H + b"X: a\r\n\n"),
    "a bare carriage return": (400, GET + H + b"X: a\rY: b\r\n\r\n"),
    "a bare carriage return before the end": (400, GET + H + b"X: a\r\r\n\r\n"),
    "NUL in a value": (400, GET + H + b"X: a\0b\r\n\r\n"),
    "NUL in the target": (400, b"GET /ec\0ho HTTP/1.1\r\n" + H + b"\r\n"),
    "a control character in a value": (400, GET + H + b"X: a\x07b\r\n\r\n"),
    "a header without a colon": (400, GET + H + b"nonsense\r\n\r\n"),
    "a header without a name": (400, GET + H + b": x\r\n\r\n"),
    "a name with a blank": (400, GET + H + b"X Y: z\r\n\r\n"),
    "two hosts": (400, GET + H + b"Host: evil.example\r\n\r\n"),
    "two equal hosts": (400, GET + H + H + b"\r\n"),
    "an absolute target": (400, b"GET http://localhost/echo HTTP/1.1\r\n" + H + b"\r\n"),
    "an authority as target": (400, b"CONNECT localhost:443 HTTP/1.1\r\n" + H + b"\r\n"),
    "an asterisk as target": (400, b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n"),
    "a blank in the target": (400, b"GET /echo x HTTP/1.1\r\n" + H + b"\r\n"),
    "two blanks": (400, b"GET  /echo HTTP/1.1\r\n" + H + b"\r\n"),
    "a tab": (400, b"GET\t/echo HTTP/1.1\r\n" + H + b"\r\n"),
    "no version": (400, b"GET /echo\r\n" + H + b"\r\n"),
    "HTTP/1.2": (505, b"GET /echo HTTP/1.2\r\n" + H + b"\r\n"),
    "HTTP/2": (505, b"GET /echo HTTP/2.0\r\n" + H + b"\r\n"),
    "the preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a lower-case version": (400, b"GET /echo http/1.1\r\n" + H + b"\r\n"),
    "a version of two digits": (400, b"GET /echo HTTP/1.11\r\n" + H + b"\r\n"),
    "no method": (400, b" /echo HTTP/1.1\r\n" + H + b"\r\n"),
    "AMI": (400, b"Action: Login\r\nUsername: a\r\n\r\n"),
    "two empty lines first": (400, b"\r\n\r\n" + GET + H + b"\r\n"),
    "a long first line": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + H + b"\r\n"),
    "a long first line without an end": (414, b"GET /" + b"a" * 9000),
    "long headers": (431, GET + H + b"X: " + b"a" * 17_000 + b"\r\n\r\n"),
    "headers without an end": (431, GET + H + b"X: " + b"a" * 17_000),
    "many headers": (431, GET + H + b"X: a\r\n" * 100 + b"\r\n"),
    "many headers without an end": (431, GET + H + b"X: a\r\n" * 101),
    "ten thousand cookies": (431, GET + H + b"Cookie: a=b\r\n" * 10_000 + b"\r\n"),
    "a long body": (413, POST + b"Content-Length: 40961\r\n\r\n"),
    "a body longer than any": (400, POST + b"Content-Length: 9999999999999999999\r\n\r\n"),
    "a long chunk": (
        413,
        POST + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + b"a" * 0xFFFF + b"\r\n0\r\n\r\n",
    ),
    "many small chunks": (
        413,
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 200 + b"\r\na\r\n") * 800,
    ),
    "a chunk whose size is no number": (400, POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"),
    "a negative chunk": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n"),
    "a chunk longer than it says": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
    "a long line between chunks": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5000),
    "a header behind the body": (400, POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"),
    "another expectation": (417, POST + b"Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_served_is_refused_and_nothing_behind_it(house: HttpHouse, name: str) -> None:
    status, request = REFUSED[name]
    async with house.peer() as peer:
        complete = "without an end" not in name and "line between" not in name
        reply = await peer.ask(request + (SMUGGLED if complete else b""))
        assert (reply.status, reply.get("connection")) == (status, "close")
        assert reply.get("content-type") == "text/plain; charset=utf-8"
        assert await peer.is_closed()
    assert house.peers == []


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_served_is_refused_byte_by_byte_too(name: str) -> None:
    """The same heads through the parser alone, one byte after the other."""
    status, request = REFUSED[name]
    if status in (413, 417) or "chunk" in name or "behind the body" in name:
        return  # the head is good
    with pytest.raises(Refused) as refused:
        take_bytes(request)
    assert refused.value.status == status


def take_bytes(request: bytes) -> None:
    buffer, limits = bytearray(), Limits()
    for byte in request:
        buffer.append(byte)
        if take_head(buffer, limits) is not None:
            return


ACCEPTED = {
    "an empty line first": (b"\r\n" + GET + H + b"\r\n", b"GET b'/echo' b''\n"),
    "a lower-case method": (b"get /echo HTTP/1.1\r\n" + H + b"\r\n", b"GET b'/echo' b''\n"),
    "no blank behind a colon": (GET + b"Host:localhost\r\n\r\n", b"GET b'/echo' b''\n"),
    "blanks around a value": (GET + b"Host: \t localhost \t\r\n\r\n", b"GET b'/echo' b''\n"),
    "an empty value": (GET + H + b"X:\r\n\r\n", b"GET b'/echo' b''\n"),
    "bytes above ASCII in a value": (GET + H + b"X: \xe9\r\n\r\n", b"GET b'/echo' b''\n"),
    "a length of zero": (POST + b"Content-Length: 0\r\n\r\n", b"POST b'/echo' b''\n"),
    "a body of GET": (GET + H + b"Content-Length: 3\r\n\r\nabc", b"GET b'/echo' b'abc'\n"),
    "chunked in capitals": (
        POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"POST b'/echo' b'a'\n",
    ),
    "99 more headers": (GET + H + b"X: a\r\n" * 99 + b"\r\n", b"GET b'/echo' b''\n"),
    "a number sign": (b"GET /echo#x HTTP/1.1\r\n" + H + b"\r\n", b"not found"),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_is_unusual_but_clear_is_served(house: HttpHouse, name: str) -> None:
    request, expected = ACCEPTED[name]
    async with house.peer() as peer:
        reply = await peer.ask(request)
        assert (reply.status == 404) if expected == b"not found" else (reply.body == expected)
        assert (await peer.get("/echo")).status == 200


@with_({"http_request_line": 1024, "http_head_bytes": 2048, "http_body_bytes": 1024})
async def test_the_limits_are_exact(house: HttpHouse) -> None:
    line = b"GET /echo?%s HTTP/1.1\r\n"
    async with house.peer() as peer:
        fits = line % (b"a" * (1024 - len(line % b"") + 2)) + H + b"\r\n"
        assert (await peer.ask(fits)).status == 200
        long = GET + H + b"X: " + b"a" * (2048 - len(GET + H) - 3) + b"\r\n\r\n"
        assert (await peer.ask(long)).status == 200
        assert (await peer.ask(POST + b"Content-Length: 1024\r\n\r\n" + b"a" * 1024)).status == 200
    for request, status in (
        (line % (b"a" * (1024 - len(line % b"") + 3)) + H + b"\r\n", 414),
        (GET + H + b"X: " + b"a" * (2048 - len(GET + H) - 2) + b"\r\n\r\n", 431),
        (POST + b"Content-Length: 1025\r\n\r\n", 413),
    ):
        async with house.peer() as peer:
            assert (await peer.ask(request)).status == status


def test_a_head_is_taken_from_the_start_of_what_was_received() -> None:
    buffer = bytearray(GET + H + b"\r\nrest")
    head = take_head(buffer, Limits())
    assert isinstance(head, Head)
    assert (head.method, head.target, head.headers) == ("GET", b"/echo", ((b"host", b"localhost"),))
    assert buffer == b"rest"
