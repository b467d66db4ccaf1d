"""Listeners with ``door: http`` in the whole service."""

import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.responses import plain
from amiproxy.net.doors.http.site import Route
from amiproxy.service import app as module
from amiproxy.service.app import App
from tests.service.running import certificate, change, connect, running, start_fails
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


@pytest.mark.parametrize("doors", [["page"], ["ajam", "api", "page", "ws"]])
async def test_the_page_is_served_alone_and_beside_other_doors(files: ProxyProcess, doors: list[str]) -> None:
    http_listener(files, doors=doors)
    async with running(files) as app, HttpPeer.to(web(app), client(files.directory)) as peer:
        reply = await peer.get("/")
        assert (reply.status, reply.get("content-type")) == (200, "text/html; charset=utf-8")
        for path, status in (("/page/api/me", 401), ("/page/ws", 426), ("/page/x", 404)):
            assert (await peer.get(path)).status == status
        assert tuple(doors) == app.doors[1]


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


def plain_listener(files: ProxyProcess, address: str, **settings: Any) -> None:
    """Add a listener of plain HTTP."""
    configured = yaml.safe_load(files.config.read_text())["listeners"][:1]
    plain = {"address": address, "door": "http", "doors": ["ajam"], "insecure_local": True, **settings}
    change(files, listeners=[*configured, plain])


async def test_a_unix_socket_serves_a_reverse_proxy_until_the_end(files: ProxyProcess) -> None:
    path = files.directory / "web.sock"
    plain_listener(files, "unix:web.sock")
    async with running(files) as app:
        assert app.addresses[1] == (str(path), 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        async with HttpPeer.plain(str(path)) as peer:
            assert (await peer.get("/livez")).status == 200
    assert not path.exists()


async def test_plain_http_is_served_on_loopback(files: ProxyProcess) -> None:
    plain_listener(files, "127.0.0.1:0")
    async with running(files) as app, HttpPeer.plain(web(app)) as peer:
        assert (await peer.get("/readyz")).body == b"ready\n"
        plain_listener(files, "127.0.0.1:0", names=["web.example"], ajam={"timeout": 30})
        assert (await app.reload("test")).succeeded
        assert (await peer.get("/readyz")).status == 421
        assert app._listeners._entrances[1]["ajam"].idle == 30
        plain_listener(files, "127.0.0.1:0", doors=["ws"])
        report = await app.reload("test")
        assert [problem.partition("listeners[1].doors")[1] for problem in report.problems] == [
            "listeners[1].doors"
        ]


async def test_a_path_where_something_else_lies_is_named(files: ProxyProcess) -> None:
    (files.directory / "web.sock").write_text("not a socket")
    plain_listener(files, "unix:web.sock")
    assert "web.sock exists and is not a socket" in await start_fails(files)


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
async def test_sockets_of_the_service_manager_serve_plain_http_to_this_machine(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily
) -> None:
    plain_listener(files, "fd:web")
    with socket.socket(family) as sock:
        sock.bind(str(files.directory / "web.sock") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        sock.setblocking(False)
        sock.listen()
        address = sock.getsockname()
        monkeypatch.setattr(module, "inherited_sockets", lambda: {"web": [sock]})
        async with running(files), HttpPeer.plain(address) as peer:
            assert (await peer.get("/livez")).status == 200


async def test_a_socket_that_others_can_reach_is_refused_for_plain_http(
    files: ProxyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_listener(files, "fd:web")
    with socket.create_server(("0.0.0.0", 0)) as sock:
        monkeypatch.setattr(module, "inherited_sockets", lambda: {"web": [sock]})
        assert "the socket 'web' is open to other machines" in await start_fails(files)


async def test_what_waits_for_asterisk_is_still_answered_when_the_service_stops(files: ProxyProcess) -> None:
    http_listener(files)
    waiting: list[Exchange] = []
    async with running(files) as app, HttpPeer.to(web(app), client(files.directory)) as peer:
        site = app._listeners._sites[1]
        assert site is not None
        site.add("/later", Route(waiting.append))
        await peer.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: waiting)
        app.stop()
        (connection,) = app.pool._clients
        await until(lambda: connection._draining)
        waiting[0].respond(plain(200, "the last one"))
        reply = await peer.reply()
        assert (reply.body, reply.get("connection")) == (b"the last one\n", "close")
        assert await peer.is_closed()
