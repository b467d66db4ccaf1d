"""Who may open a WebSocket, and how it is refused."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from amiproxy.core.clients.web.websession import WebSession
from amiproxy.net.doors.http.site import Route
from amiproxy.x509.identity import Binding, Identity
from tests.net.doors.http.settings import with_
from tests.net.doors.http.websocket.conftest import BINDING, OTHER
from tests.support.socket_house import SocketHouse, basic
from tests.support.waiting import until

BOTH_LOOPS = True
HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
OURS = "Origin: https://localhost"
FOREIGN = "Origin: https://evil.example"


async def logged_in(house: SocketHouse, name: str = "wall") -> WebSession:
    """A web session, as the page's login makes one."""
    done: asyncio.Future[WebSession | None] = asyncio.get_running_loop().create_future()
    async with house.peer() as peer:
        await peer.get("/echo")
        house.hub.web.basic(
            house.peers[-1], house.entrance, name.encode(), b"x", lambda session, _: done.set_result(session)
        )
        session = await done
    assert session is not None
    return session


async def status(house: SocketHouse, path: str, *lines: str) -> int:
    async with house.peer() as peer:
        await peer.send(
            "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *HANDSHAKE, *lines, "", ""]).encode()
        )
        start = await peer._until(b"\r\n")
        return int(start.split(b" ")[1])


async def test_the_handshake_is_that_of_the_rfc(house: SocketHouse) -> None:
    async with house.peer() as peer:
        await peer.send("\r\n".join(["GET /ws HTTP/1.1", "Host: localhost", *HANDSHAKE, "", ""]).encode())
        head = (await peer._until(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 101 Switching Protocols\r\n")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert "Sec-WebSocket-Protocol" not in head


async def test_compression_is_never_agreed_on(house: SocketHouse) -> None:
    async with house.socket(compression="deflate", **basic()) as socket:
        assert socket.client.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.client.response.headers


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [
        ((), None),
        (("ami.json",), "ami.json"),
        (("ami",), "ami"),
        (("binary",), "binary"),
        (("x", "ami"), "ami"),
        (("ami.json", "ami"), "ami.json"),
    ],
)
async def test_the_first_subprotocol_that_is_known_is_spoken(house, offered, spoken) -> None:
    async with house.socket("/ws", *offered) as socket:
        assert socket.client.subprotocol == spoken


@pytest.mark.parametrize(
    ("lines", "answered"),
    [
        (["Sec-WebSocket-Protocol: soap"], 400),
        (["Sec-WebSocket-Version: 8"], 400),
        (["Sec-WebSocket-Key: short"], 400),
    ],
)
async def test_another_handshake_is_refused(house: SocketHouse, lines: list[str], answered: int) -> None:
    named = [line.partition(":")[0] for line in lines]
    others = [line for line in HANDSHAKE if line.partition(":")[0] not in named]
    async with house.peer() as peer:
        assert (await peer.get("/ws", *others, *lines)).status == answered


async def test_an_ordinary_request_is_told_to_upgrade(house: SocketHouse) -> None:
    async with house.peer() as peer:
        reply = await peer.get("/ws")
        assert (reply.status, reply.get("upgrade")) == (426, "websocket")
        assert (await peer.get("/ws", method="POST")).status == 405


@pytest.mark.parametrize(
    "query", ["x=1", "last=a&last=b", "last=%ff", "last=a%0d%0aAction:x", "classes=a%00"]
)
async def test_other_parameters_are_refused(house: SocketHouse, query: str) -> None:
    assert await status(house, f"/ws?{query}") == 400


# -- tickets ---------------------------------------------------------------------


async def test_a_ticket_is_good_once_from_any_page(house: SocketHouse) -> None:
    ticket = house.hub.web.ticket(await logged_in(house)).decode()
    async with house.socket(f"/ws?ticket={ticket}", origin="https://evil.example") as socket:
        assert (await socket.hear())["user"] == "wall"
    assert await status(house, f"/ws?ticket={ticket}") == 401
    assert await status(house, "/ws?ticket=") == 401


# -- what browsers send by themselves ----------------------------------------------


@pytest.mark.parametrize("name", ["mansession_id", "__Host-amiproxy_session"])
@pytest.mark.parametrize("quote", ["", '"'])
async def test_a_cookie_counts_for_our_own_pages(house: SocketHouse, name: str, quote: str) -> None:
    cookie = f"Cookie: {name}={quote}{(await logged_in(house)).key.decode()}{quote}"
    assert await status(house, "/ws", cookie, FOREIGN) == 403
    assert await status(house, "/ws", cookie, OURS, "Sec-Fetch-Site: cross-site") == 403
    host, port = house.address
    headers = {"Cookie": cookie.partition(": ")[2]}
    async with house.socket(additional_headers=headers, origin=f"https://{host}:{port}") as socket:
        assert (await socket.hear())["user"] == "wall"
    async with house.socket(additional_headers=headers) as socket:  # a program, no page
        assert (await socket.hear())["user"] == "wall"


@with_(allowed_origins=("https://dash.example.org",))
async def test_a_cookie_counts_for_pages_of_allowed_origins(house: SocketHouse) -> None:
    cookie = {"Cookie": f"mansession_id={(await logged_in(house)).key.decode()}"}
    async with house.socket(additional_headers=cookie, origin="https://dash.example.org") as socket:
        assert (await socket.hear())["user"] == "wall"


async def test_an_unknown_cookie_is_no_login(house: SocketHouse) -> None:
    async with house.socket(additional_headers={"Cookie": "mansession_id=" + "0" * 32}) as socket:
        assert (await socket.hear())["type"] == "login_required"


async def test_basic_counts_for_our_own_pages(house: SocketHouse) -> None:
    header = "Authorization: Basic d2FsbDp4"
    assert await status(house, "/ws", header) == 101
    assert await status(house, "/ws", header, FOREIGN) == 403


async def test_a_wrong_secret_is_refused_after_a_second(house: SocketHouse) -> None:
    begun = asyncio.get_running_loop().time()
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket(**basic("wall", "wrong")):
            pass
    assert refused.value.response.status_code == 401
    assert asyncio.get_running_loop().time() - begun >= 1.0


async def test_a_user_without_this_door_is_refused(house: SocketHouse) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket(**basic("plain")):
            pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("value", ["Basic !", "Basic d2FsbA==", "Bearer x", "Digest x"])
async def test_an_authorization_that_cannot_be_read_is_no_login(house: SocketHouse, value: str) -> None:
    async with house.socket(additional_headers={"Authorization": value}) as socket:
        assert (await socket.hear())["type"] == "login_required"


class Shown:
    """An exchange whose client has presented a certificate with this binding."""

    def __init__(self, exchange: Any, binding: Binding) -> None:
        self._exchange = exchange
        certificate = Identity("CN=x", "ab", frozenset({binding}))
        peer = exchange.request.peer._replace(certificate=certificate)
        self.request = replace(exchange.request, peer=peer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)


async def test_a_certificate_that_is_enough_to_log_in_counts_for_our_own_pages(house: SocketHouse) -> None:
    door = house.site._exact[b"/ws"]
    for path, binding in (("/robot", BINDING), ("/absent", OTHER)):
        house.site.add(
            path, Route(lambda it, b=binding: door.handler(Shown(it, b)), ("GET",), checks_origin=False)
        )
    async with house.socket("/robot") as socket:
        assert (await socket.hear())["user"] == "robot"
    assert await status(house, "/robot", FOREIGN) == 403
    begun = asyncio.get_running_loop().time()
    assert await status(house, "/absent") == 401
    assert asyncio.get_running_loop().time() - begun >= 1.0


# -- the login message ---------------------------------------------------------------


async def test_a_wrong_login_is_told_and_closed_with_4002(house: SocketHouse) -> None:
    async with house.socket() as socket:
        await socket.say(type="login", id="1", username="wall", secret="wrong")
        error = await socket.hear_type("error")
        assert (error["id"], error["status"]) == ("1", 401)
        assert await socket.code() == 4002


async def test_an_action_login_counts_as_well(house: SocketHouse) -> None:
    async with house.socket() as socket:
        await socket.hear()
        await socket.say(Action="Login", Username="wall", Secret="x", ActionID="1")
        assert (await socket.hear())["data"]["Response"] == "Success"
        assert (await socket.hear())["type"] == "hello"
        await socket.hear_type("snapshot")


@with_({"login_timeout": 1.0, "handshake_timeout": 1.0})
async def test_a_late_login_is_closed_with_4001(house: SocketHouse) -> None:
    async with house.socket() as socket:
        loop = asyncio.get_running_loop()
        late = loop.create_task(_tick_until_late(house))
        assert await socket.code() == 4001
        late.cancel()


async def _tick_until_late(house: SocketHouse) -> None:
    while True:
        house.pool.tick(asyncio.get_running_loop().time())
        await asyncio.sleep(0.05)


async def test_before_the_login_nothing_else_is_done(house: SocketHouse) -> None:
    async with house.socket() as socket:
        await socket.hear()
        await socket.say(Action="CoreStatus", ActionID="1")
        assert (await socket.hear())["data"]["Response"] == "Error"
        for kind in ("subscribe", "resume", "snapshot"):
            await socket.say(type=kind, id="2", **{"from": "x", "classes": ["call"]})
            assert (await socket.hear())["status"] == 401
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"
        assert house.bench.upstream.take() == []


async def test_much_before_the_login_is_closed_with_1008(house: SocketHouse) -> None:
    async with house.socket() as socket:
        for _ in range(300):
            await socket.client.send('{"type":"ping"}')
        assert await socket.code() == 1008


async def test_a_client_leaves_the_newcomers_when_it_has_logged_in(house: SocketHouse) -> None:
    async with house.socket() as socket:
        assert len(house.hub.limit_state.newcomers) == 1
        await socket.say(type="login", username="wall", secret="x")
        await socket.hear_type("snapshot")
        await until(lambda: len(house.hub.limit_state.newcomers) == 0)


async def test_so_does_one_that_logs_in_as_on_the_port_of_ami(house: SocketHouse) -> None:
    async with house.socket("/ws", "ami") as socket:
        assert await socket.client.recv() == b"Asterisk Call Manager/11.0.0\r\n"
        await socket.client.send("Action: Login\r\nUsername: wall\r\nSecret: x\r\n\r\n")
        assert b"Authentication accepted" in await socket.client.recv(decode=False)
        await until(lambda: len(house.hub.limit_state.newcomers) == 0)
        (connection,) = house.pool._clients
        assert connection.is_authenticated


# -- limits ----------------------------------------------------------------------------


@with_({"sessions_authenticated": 1})
async def test_a_socket_past_a_limit_is_told_and_closed(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none") as first:
        await first.say(type="login", username="wall", secret="x")
        await first.hear_type("hello")
        async with house.socket() as second:
            await second.say(type="login", username="wall", secret="x")
            assert (await second.hear_type("error"))["title"] == "Too many sessions"
            assert await second.code() == 4002
    await house.empty()


@with_({"sessions_authenticated": 1})
async def test_a_socket_of_a_web_session_past_a_limit_is_closed_with_1013(house: SocketHouse) -> None:
    async with house.socket(**basic()) as first, house.socket(**basic()) as second:
        await first.hear_type("hello")
        assert await second.code() == 1013
    await house.empty()


async def test_a_user_who_may_log_in_once_has_its_socket_beside_its_web_session(house: SocketHouse) -> None:
    async with house.socket(**basic("once")) as socket:
        assert (await socket.hear())["user"] == "once"
