"""Listeners with ``door: http`` in the whole service."""

import ssl
from pathlib import Path
from typing import Any

import trustme
import yaml

from amiproxy.service.app import App
from tests.service.running import certificate, change, connect, running
from tests.support.http_peer import HttpPeer
from tests.support.proxy_process import ProxyProcess
from tests.support.waiting import until


def http_listener(files: ProxyProcess, **settings: Any) -> None:
    """Add a listener with ``door: http`` and a certificate of its own, ``web.crt``, for localhost."""
    configured = yaml.safe_load(files.config.read_text())["listeners"][:1]
    web = files.directory / "web.crt"
    pair = {"chain": "web.crt", "key": "web.key"} if web.exists() else certificate(files.directory, "web")
    http = {"address": "127.0.0.1:0", "door": "http", "doors": ["ajam"], "certificates": [pair], **settings}
    change(files, listeners=[*configured, http])


def client(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "web.crt"))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def web(app: App) -> tuple[str, int]:
    return app.addresses[1]


async def test_probes_are_answered_on_a_listener_with_door_http(files: ProxyProcess) -> None:
    http_listener(files)
    async with running(files) as app, HttpPeer.to(web(app), client(files.directory)) as peer:
        assert peer.peer._tls.selected_alpn_protocol() == "http/1.1"
        reply = await peer.get("/livez")
        assert (reply.status, reply.body) == (200, b"alive\n")
        reply = await peer.get("/readyz")
        assert (reply.status, reply.body) == (200, b"ready\n")
        assert (await peer.get("/")).status == 404


async def test_a_listener_for_ami_still_speaks_ami_beside_it(files: ProxyProcess) -> None:
    http_listener(files)
    async with running(files) as app:
        ami = await connect(files)
        assert app.hub.authenticated == 1
        await ami.close()


async def test_hosts_follow_the_certificate(files: ProxyProcess) -> None:
    http_listener(files)
    async with running(files) as app:
        async with HttpPeer.to(web(app), client(files.directory)) as peer:
            assert (await peer.ask(b"GET /livez HTTP/1.1\r\nHost: web.example\r\n\r\n")).status == 421
        leaf = trustme.CA().issue_cert("localhost", "web.example")
        leaf.private_key_pem.write_to_path(str(files.directory / "web.key"))
        leaf.cert_chain_pems[0].write_to_path(str(files.directory / "web.crt"))
        assert (await app.reload("test")).succeeded
        async with HttpPeer.to(web(app), client(files.directory)) as peer:
            assert (await peer.ask(b"GET /livez HTTP/1.1\r\nHost: web.example\r\n\r\n")).status == 200
            assert (await peer.ask(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).status == 421


async def test_a_reload_changes_names_for_later_requests(files: ProxyProcess) -> None:
    http_listener(files)
    asked = b"GET /livez HTTP/1.1\r\nHost: dash.example\r\n\r\n"
    async with running(files) as app, HttpPeer.to(web(app), client(files.directory)) as peer:
        assert (await peer.ask(asked)).status == 421
        http_listener(files, names=["dash.example"])
        assert (await app.reload("test")).succeeded
        assert (await peer.ask(asked)).status == 200


async def test_a_stop_ends_idle_connections_and_closes_the_others_behind_their_answer(
    files: ProxyProcess,
) -> None:
    http_listener(files)
    async with running(files) as app, HttpPeer.to(web(app), client(files.directory)) as peer:
        assert (await peer.get("/livez")).status == 200
        await until(lambda: app.pool.open == 1)
        app.stop()
        assert await peer.is_closed()
