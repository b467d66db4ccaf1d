"""Requests that pages of other sites have a browser send, with the user's cookie."""

import pytest

from tests.net.doors.http.settings import with_
from tests.support.http_peer import HttpHouse

BOTH_LOOPS = True
OURS = "https://localhost"
DASH = "https://dash.example.org"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 200),
        (["Sec-Fetch-Site: same-origin"], 200),
        (["Sec-Fetch-Site: none"], 200),
        (["Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: same-site"], 403),
        (["Sec-Fetch-Site: Same-Origin"], 403),
        (["Sec-Fetch-Site:"], 403),
        (["Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: cross-site", f"Origin: {OURS}"], 403),
        (["Sec-Fetch-Site: same-origin", f"Origin: {OURS}"], 200),
        ([f"Origin: {OURS}"], 200),
        ([f"Origin: {OURS}:443"], 200),
        (["Origin: HTTPS://LOCALHOST"], 200),
        (["Origin: http://localhost"], 403),
        ([f"Origin: {OURS}:8443"], 403),
        ([f"Origin: {OURS}.evil.example"], 403),
        (["Origin: https://evil.example"], 403),
        (["Origin: null"], 403),
        ([f"Origin: {OURS}", "Origin: https://evil.example"], 403),
        ([f"Origin: {DASH}"], 403),
    ],
)
async def test_only_pages_of_ours_may_send_requests(
    house: HttpHouse, method: str, lines: list[str], status: int
) -> None:
    async with house.peer() as peer:
        reply = await peer.get("/echo", *lines, method=method)
        assert reply.status == status
        assert reply.get("access-control-allow-origin") is None
    assert len(house.peers) == (status == 200)


async def test_the_port_of_an_origin_is_that_of_the_host(house: HttpHouse) -> None:
    ask = "GET /echo HTTP/1.1\r\nHost: localhost:8089\r\nOrigin: https://localhost{}\r\n\r\n"
    async with house.peer() as peer:
        assert (await peer.ask(ask.format(":8089").encode())).status == 200
        assert (await peer.ask(ask.format("").encode())).status == 403


@with_(allowed_origins=(DASH,))
async def test_a_page_of_an_allowed_origin_may_send_requests_and_read_the_answers(house: HttpHouse) -> None:
    async with house.peer() as peer:
        reply = await peer.get("/echo", f"Origin: {DASH}", "Sec-Fetch-Site: cross-site")
        assert reply.status == 200
        assert reply.get("access-control-allow-origin") == DASH
        assert reply.get("access-control-allow-credentials") == "true"
        assert reply.get("vary") == "Origin"
        for origin in ("https://evil.example", "null", f"{DASH}.evil.example", DASH.upper()):
            reply = await peer.get("/echo", f"Origin: {origin}", "Sec-Fetch-Site: cross-site")
            assert reply.status == 403
            assert reply.get("access-control-allow-origin") is None
            assert reply.get("vary") == "Origin"


@with_(allowed_origins=(DASH,))
async def test_a_preflight_is_answered_to_allowed_origins_only(house: HttpHouse) -> None:
    asks = "Access-Control-Request-Method: POST"
    async with house.peer() as peer:
        reply = await peer.get(
            "/echo", f"Origin: {DASH}", asks, "Sec-Fetch-Site: cross-site", method="OPTIONS"
        )
        assert reply.status == 204
        assert reply.get("access-control-allow-origin") == DASH
        assert reply.get("access-control-allow-methods") == "GET, HEAD, POST"
        assert "Authorization" in (reply.get("access-control-allow-headers") or "")
        assert reply.get("content-length") is None
        for lines in ([asks], ["Origin: https://evil.example", asks], ["Origin: null", asks]):
            reply = await peer.get("/echo", *lines, method="OPTIONS")
            assert reply.status == 405
            assert reply.get("access-control-allow-origin") is None
        assert (await peer.get("/echo", f"Origin: {DASH}", method="OPTIONS")).status == 405
        assert (await peer.get("/nothing", f"Origin: {DASH}", asks, method="OPTIONS")).status == 404
    assert house.peers == []


async def test_without_allowed_origins_there_is_no_preflight(house: HttpHouse) -> None:
    async with house.peer() as peer:
        lines = f"Origin: {DASH}", "Access-Control-Request-Method: POST"
        assert (await peer.get("/echo", *lines, method="OPTIONS")).status == 405


@with_(insecure_local=True, trusted_proxies=("127.0.0.0/8",))
async def test_behind_a_reverse_proxy_the_scheme_is_that_of_its_client(house: HttpHouse) -> None:
    async with house.peer() as peer:
        client = "X-Forwarded-For: 192.0.2.1"
        for proto, origin, status in (
            ("https", "https://localhost", 200),
            ("https", "http://localhost", 403),
            ("http", "http://localhost", 200),
            ("http", "https://localhost", 403),
        ):
            reply = await peer.get("/echo", client, f"X-Forwarded-Proto: {proto}", f"Origin: {origin}")
            assert reply.status == status, (proto, origin)
