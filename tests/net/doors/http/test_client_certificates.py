"""Clients of HTTP that present a certificate: a request names it, and a revoked one ends the connection."""

from functools import partial
from pathlib import Path

from amiproxy.net.doors.http.connection import HttpConnection
from amiproxy.net.doors.http.responses import plain
from tests.net.tls.test_clientcertificate import MIDDLE, ROOT, Site, client
from tests.support.http_peer import HttpHouse, HttpPeer
from tests.support.tls_door import contexts

BOTH_LOOPS = True


async def test_a_request_names_the_certificate_until_it_is_revoked(tmp_path: Path) -> None:
    # Its site and handlers, on a listener that asks for certificates.
    site = Site(tmp_path, [ROOT, MIDDLE], lists=True)
    house = HttpHouse(contexts(), site.hub.limits)
    shown = client("web")
    site.accept = partial(HttpConnection, house.site, site.acceptor)
    site.listen()
    site.listeners.reverse()
    try:
        async with site.peer([shown]) as raw, site.peer() as without:
            peer, other = HttpPeer(raw), HttpPeer(without)
            assert (await peer.get("/echo")).status == (await other.get("/echo")).status == 200
            [with_certificate, none] = [one.certificate for one in house.peers]
            assert none is None
            assert with_certificate is not None
            assert "web" in str(with_certificate)
            await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
            exchange = await house.asked()
            site.revoke_now(shown)
            assert await peer.is_closed()
            exchange.respond(plain(200, "an event that happened later"))
            assert (await other.get("/echo")).status == 200
    finally:
        site.close()
