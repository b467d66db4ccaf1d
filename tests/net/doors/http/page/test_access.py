"""What a user of the page may do, and when its session ends."""

import json
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.users import UserTable
from amiproxy.net.doors.http.api.table import ROUTES
from amiproxy.net.doors.http.exchange import Exchange
from amiproxy.net.doors.http.page.routes import API, OFFERED
from amiproxy.x509.identity import Identity
from tests.net.doors.http.page.conftest import BINDING, COOKIE, USERS, PageHouse, cookie
from tests.net.doors.http.page.test_static import HEADERS
from tests.net.doors.http.settings import with_
from tests.support.socket_house import basic
from tests.support.waiting import until

BOTH_LOOPS = True
FOREIGN = "Origin: https://evil.example"
READING = ("status", "sessions", "upstream", "certificates", "limits", "history", "denials")
COMMANDS = {
    "kick": {"target": "user:wall", "confirm": "kick"},
    "drain": {"confirm": "drain"},
    "log-level": {"level": "debug", "confirm": "log-level"},
}


def changed(name: str, **fields: Any) -> UserTable:
    """The users, one of them with other values."""
    return UserTable(replace(user, **fields) if user.name == name else user for user in USERS)


# -- logging in ------------------------------------------------------------------


async def test_a_login_sets_a_cookie_that_only_our_own_page_can_use(house: PageHouse) -> None:
    reply = await house.ask("POST", "/page/api/session", {"username": "wall", "secret": "x"})
    assert (reply.status, json.loads(reply.body)) == (200, {"user": "wall"})
    key, *attributes = (reply.get("set-cookie") or "").split("; ")
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}
    me = json.loads((await house.ask("GET", "/page/api/me", cookie=key.partition("=")[2])).body)
    assert (me["user"], me["doors"]) == ("wall", ["page"])
    assert (me["may_see_status"], me["may_operate"]) == (False, False)


async def test_a_user_without_the_door_is_refused_like_a_wrong_secret(house: PageHouse) -> None:
    replies = [
        await house.ask("POST", "/page/api/session", {"username": name, "secret": secret})
        for name, secret in (("robot", "x"), ("wall", "wrong"), ("nobody", "x"))
    ]
    told = {
        (one.status, one.body, *sorted(pair for pair in one.headers if pair[0] != "Date")) for one in replies
    }
    assert len(told) == 1
    assert replies[0].status == 401
    assert replies[0].get("set-cookie") is None


async def test_the_socket_refuses_a_user_without_the_door_like_a_wrong_secret(house: PageHouse) -> None:
    for who in (basic("robot"), basic("wall", "wrong")):
        with pytest.raises(InvalidStatus) as refused:
            async with house.socket("/page/ws", **who):
                pass
        assert refused.value.response.status_code == 401
    async with house.socket("/page/ws") as socket:
        await socket.say(type="login", id="1", username="robot", secret="x")
        assert (await socket.hear_type("error"))["status"] == 401
        assert await socket.code() == 4002


async def test_a_client_may_log_in_by_its_first_message(house: PageHouse) -> None:
    async with house.socket("/page/ws") as socket:
        await socket.say(type="login", id="1", username="wall", secret="x")
        assert (await socket.hear_type("hello"))["user"] == "wall"


async def test_a_logout_ends_the_session_and_its_sockets(house: PageHouse) -> None:
    key = await house.log_in()
    async with house.socket("/page/ws", **cookie(key)) as socket:
        await socket.hear_type("snapshot")
        reply = await house.ask("DELETE", "/page/api/session", cookie=key)
        assert reply.status == 204
        assert "Max-Age=0" in (reply.get("set-cookie") or "")
        assert await socket.code() in (1000, 4003)
    assert (await house.ask("GET", "/page/api/me", cookie=key)).status == 401


# -- looking and not acting --------------------------------------------------------


async def test_the_socket_shows_what_the_user_may_read(house: PageHouse) -> None:
    async with house.socket("/page/ws", "ami.json", **cookie(await house.log_in())) as socket:
        assert socket.client.subprotocol == "ami.json"
        hello = await socket.hear_type("hello")
        assert (hello["user"], hello["history"]) == ("wall", True)
        snapshot = await socket.hear_type("snapshot")
        assert "channels" in snapshot["kinds"]
        await socket.say(type="snapshot", id="2", kinds=["channels"])
        assert (await socket.hear_type("snapshot"))["id"] == "2"
        await socket.say(type="subscribe", id="3", classes=["call"])
        assert (await socket.hear_type("response"))["id"] == "3"
        await socket.say(type="resume", id="4", **{"from": snapshot["seq"]})
        assert (await socket.hear_type("resumed"))["id"] == "4"
        await socket.say(type="ping", id="5")
        assert (await socket.hear_type("pong"))["id"] == "5"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "action", "id": "a", "data": {"Action": "Originate", "Channel": "PJSIP/1"}},
        {"type": "action", "id": "a", "data": {"Action": "Ping"}},
        {"Action": "Hangup", "Channel": "PJSIP/1", "ActionID": "a"},
        {"action": "Ping", "Action": "Ping", "ActionID": "a"},
        {"ProxyAction": "Ping", "Action": "Ping", "ActionID": "a"},
        {"type": "action", "id": "a", "data": {"Action": "Logoff"}},
    ],
)
async def test_the_socket_takes_no_actions(house: PageHouse, message: dict[str, Any]) -> None:
    key = await house.log_in("oper")
    async with house.socket("/page/ws?classes=none", **cookie(key)) as socket:
        await socket.hear_type("hello")
        house.bench.upstream.take()
        await socket.say(**message)
        error = await socket.hear_type("error")
        assert (error["id"], error["status"]) == ("a", 403)
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}
    assert house.bench.upstream.take() == []


async def test_a_stranger_runs_no_action_either(house: PageHouse) -> None:
    async with house.socket("/page/ws") as socket:
        await socket.say(Action="Login", Username="wall", Secret="x", ActionID="a")
        assert (await socket.hear_type("error"))["status"] == 403


@pytest.mark.parametrize("protocol", ["ami", "binary", "chat"])
async def test_the_socket_speaks_json_only(house: PageHouse, protocol: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket("/page/ws", protocol, **basic()):
            pass
    assert refused.value.response.status_code == 400
    for name, value in HEADERS.items():
        assert refused.value.response.headers[name] == value


async def test_a_session_of_the_page_opens_no_other_door(house: PageHouse) -> None:
    key = await house.log_in("oper")
    for method, path, body in (
        ("GET", "/api/v1/me", None),
        ("POST", "/api/v1/actions/Ping", {}),
        ("POST", "/api/v1/tickets", None),
        ("GET", "/rawman?action=ping", None),
        ("GET", "/metrics", None),
    ):
        reply = await house.ask(method, path, body, cookie=key)
        assert reply.status == 401 or b"Permission denied" in reply.body or b"Response: Error" in reply.body
    async with house.socket("/ws", **cookie(key)) as socket:
        assert (await socket.hear())["type"] == "login_required"


async def test_a_session_of_another_door_does_not_open_the_page(house: PageHouse) -> None:
    reply = await house.ask("POST", "/api/v1/session", {"username": "robot", "secret": "x"})
    key = (reply.get("set-cookie") or "").partition(";")[0].removeprefix(f"{COOKIE}=")
    assert (await house.ask("GET", "/api/v1/me", cookie=key)).status == 200
    assert (await house.ask("GET", "/page/api/me", cookie=key)).status == 401
    async with house.socket("/page/ws", **cookie(key)) as socket:
        assert (await socket.hear())["type"] == "login_required"


async def test_only_the_cookie_of_the_page_counts(house: PageHouse) -> None:
    reply = await house.ask("GET", "/rawman?action=login&username=both&secret=x")
    key = (reply.get("set-cookie") or "").partition('"')[2].partition('"')[0]
    headers = {"additional_headers": {"Cookie": f'mansession_id="{key}"'}}
    async with house.socket("/ws", **headers) as socket:
        assert (await socket.hear())["user"] == "both"
    async with house.socket("/page/ws", **headers) as socket:
        assert (await socket.hear())["type"] == "login_required"


# -- the JSON interface ---------------------------------------------------------------


async def test_only_the_routes_of_the_page_are_there(house: PageHouse) -> None:
    key = await house.log_in("oper")
    assert {route.name for route in ROUTES} > OFFERED
    for route in ROUTES:
        if route.name not in OFFERED:
            path = route.path.replace("{action}", "Ping").replace("{name}", "q")
            body = {} if route.body is not None else None
            reply = await house.ask(route.method, API + path, body, cookie=key)
            assert reply.status in (404, 405), route
            assert {name: reply.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("route", READING)
async def test_the_state_of_the_service_needs_class_system(house: PageHouse, route: str) -> None:
    assert (await house.ask("GET", f"{API}/{route}")).status == 401
    for name, status in (("wall", 403), ("watch", 200), ("oper", 200)):
        reply = await house.ask("GET", f"{API}/{route}", cookie=await house.log_in(name))
        assert (reply.status, reply.get("cache-control")) == (status, "no-store")
        assert {name: reply.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("route", COMMANDS)
async def test_commands_need_class_command(house: PageHouse, route: str) -> None:
    path, body = f"{API}/{route}", COMMANDS[route]
    assert (await house.ask("POST", path, body)).status == 401
    for name in ("wall", "watch"):
        assert (await house.ask("POST", path, body, cookie=await house.log_in(name))).status == 403
    key = await house.log_in("oper")
    assert (await house.ask("POST", path, {**body, "confirm": "yes"}, cookie=key)).status == 400
    assert house.operator.done == []
    assert (await house.ask("POST", path, body, cookie=key)).status == 200
    assert [done[0] for done in house.operator.done] == [route]


async def test_an_action_is_explained_for_class_system(house: PageHouse) -> None:
    body = {"user": "wall", "message": {"Action": "Ping"}}
    assert (await house.ask("POST", f"{API}/explain", body, cookie=await house.log_in())).status == 403
    key = await house.log_in("watch")
    assert (await house.ask("POST", f"{API}/explain", body, cookie=key)).status == 200


@pytest.mark.parametrize(
    "line", [FOREIGN, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: null"]
)
async def test_a_page_of_another_site_can_do_nothing(house: PageHouse, line: str) -> None:
    key = await house.log_in("oper")
    for method, path, body in (
        ("GET", "/me", None),
        ("GET", "/status", None),
        ("DELETE", "/session", None),
        ("POST", "/session", {"username": "wall", "secret": "x"}),
        ("POST", "/drain", {"confirm": "drain"}),
    ):
        reply = await house.ask(method, API + path, body, line, cookie=key)
        assert reply.status == 403
        assert {name: reply.get(name) for name in HEADERS} == HEADERS
    name, _, value = line.partition(": ")
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket("/page/ws", additional_headers={"Cookie": f"{COOKIE}={key}", name: value}):
            pass
    assert refused.value.response.status_code == 403
    assert house.operator.done == []
    assert (await house.ask("GET", f"{API}/me", cookie=key)).status == 200


# -- certificates ------------------------------------------------------------------------


class Shown:
    """An exchange whose client has presented the certificate of user ``screen``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        certificate = Identity("CN=x", "ab", frozenset({BINDING}))
        peer = exchange.request.peer._replace(certificate=certificate)
        self.request = replace(exchange.request, peer=peer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)


def show_certificates(house: PageHouse) -> None:
    """Let every client present that certificate."""
    for table in (house.site._exact, house.site._below):
        for path, route in list(table.items()):
            handler: Any = route.handler
            table[path] = replace(route, handler=lambda it, call=handler: call(Shown(it)))


@with_(alone=True)
async def test_a_screen_with_a_certificate_needs_no_login_form(house: PageHouse) -> None:
    show_certificates(house)
    me = await house.ask("GET", f"{API}/me")
    assert json.loads(me.body)["user"] == "screen"
    async with house.socket("/page/ws") as socket:
        assert (await socket.hear_type("hello"))["user"] == "screen"
        house.hub.adopt(changed("screen", disabled=True))
        assert await socket.code() == 1008
    assert (await house.ask("GET", f"{API}/me")).status == 401


# -- the end of sessions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"disabled": True}, 1008),
        ({"acl": AccessList.from_lines(["deny 127.0.0.0/8"])}, 1008),
        ({"secret": "plain:y"}, 4003),
        ({"doors": frozenset({"ami", "api", "ws"})}, 4003),
    ],
    ids=["disabled", "acl", "secret", "door"],
)
async def test_a_session_ends_at_once_with_the_rights_of_its_user(
    house: PageHouse, fields: dict[str, Any], code: int
) -> None:
    key = await house.log_in()
    async with house.socket("/page/ws", **cookie(key)) as socket:
        await socket.hear_type("snapshot")
        house.hub.adopt(changed("wall", **fields))
        assert await socket.code() == code
    assert (await house.ask("GET", f"{API}/me", cookie=key)).status == 401
    house.hub.adopt(UserTable(USERS))
    assert (await house.ask("GET", f"{API}/me", cookie=key)).status == 401
    await house.empty()


async def test_a_user_that_is_removed_is_4003(house: PageHouse) -> None:
    key = await house.log_in()
    async with house.socket("/page/ws", **cookie(key)) as socket:
        await socket.hear_type("snapshot")
        house.hub.adopt(UserTable(user for user in USERS if user.name != "wall"))
        assert await socket.code() == 4003
    assert (await house.ask("GET", f"{API}/me", cookie=key)).status == 401


@pytest.mark.parametrize("changes", [{"read": 0, "write": 0}, {"read": 0}, {"write": 0}])
async def test_other_rights_end_the_session_so_that_nothing_of_before_stays(
    house: PageHouse, changes: dict[str, int]
) -> None:
    key = await house.log_in("oper")
    async with house.socket("/page/ws", **cookie(key)) as socket:
        await socket.hear_type("snapshot")
        house.hub.adopt(changed("oper", **changes))
        assert await socket.code() == 4003
    assert (await house.ask("GET", f"{API}/status", cookie=key)).status == 401
    again = await house.log_in("oper")
    assert (await house.ask("GET", f"{API}/me", cookie=again)).status == 200
    assert (await house.ask("POST", f"{API}/drain", COMMANDS["drain"], cookie=again)).status == (
        200 if "write" not in changes else 403
    )


async def test_a_socket_that_stays_is_told_that_the_link_is_lost_and_back(house: PageHouse) -> None:
    house.hub.link_loss.by_default = "stay"
    async with house.socket("/page/ws?classes=call", **cookie(await house.log_in())) as socket:
        await socket.hear_type("snapshot")
        house.bench.server().link_down("gone")
        assert (await socket.hear())["state"] == "down"
        house.bench.link_up()
        assert (await socket.hear())["state"] == "up"


async def test_the_end_of_the_service_is_1001(house: PageHouse) -> None:
    async with house.socket("/page/ws", **cookie(await house.log_in())) as socket:
        await socket.hear_type("snapshot")
        for session in house.hub.sessions:
            session.close("shutdown")
        assert await socket.code() == 1001


async def test_sockets_are_counted_and_shown_with_their_door(house: PageHouse) -> None:
    streams = house.pool.requests.streams
    async with house.socket("/page/ws", **cookie(await house.log_in())) as socket:
        await socket.hear_type("snapshot")
        assert streams["page"] == 1
        assert {session.entrance.door for session in house.hub.sessions} == {"page"}
    await until(lambda: streams["page"] == 0)
