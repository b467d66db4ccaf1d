"""Requests that no honest client sends: each is refused with its status, and nothing reaches Asterisk."""

from typing import Any

import pytest

from tests.net.doors.http.api.conftest import ApiHouse, body_of


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'"text"',
        b"null",
        b'{"Variable":NaN}',
        b'{"Channel":"a","Channel":"b"}',
        b'{"channel":"a","Channel":"b"}',
        b'{"Action":"Command"}',
        b'{"action":"Command"}',
        b'{"Channel":{"a":"b"}}',
        b'{"Channel":[["a"]]}',
        b'{"Channel":null}',
        b'{"Bad Name":"a"}',
        b'{"":"a"}',
        b'{"A:B":"a"}',
        b'{"Channel":"a\\r\\nAction: Command"}',
        b'{"Channel":"a\\nb"}',
        b'{"Channel":"a\\u0000b"}',
        b'{"Channel":"\\ud800"}',
        b'{"Variable":{"A,B":"c"}}',
        b'{"Variable":{"A":"b\\r\\nX: y"}}',
        b'{"Channel":"\xff"}',
        b'{"a":' * 8000,
        b"[" * 30000,
        b'{"ActionID":["a","b"]}',
    ],
)
async def test_a_body_that_is_no_action_is_refused(api_house: ApiHouse, body: bytes) -> None:
    async with api_house.visitor() as peer:
        type_ = "Content-Type: application/json"
        reply = await peer.call("POST", "/actions/Originate", body, type_, user="oper")
        assert reply.status == 400, reply
        assert reply.get("content-type") == "application/problem+json"
        assert body_of(reply)["status"] == 400
    asked = {action.get(b"action") for action in api_house.asterisk.asked}
    assert asked.isdisjoint({b"Originate", b"Command"})


async def test_ten_thousand_headers_are_refused(api_house: ApiHouse) -> None:
    body = b"{%b}" % b",".join(b'"%x":1' % number for number in range(10_000))
    async with api_house.visitor() as peer:
        assert (await peer.call("POST", "/actions/Ping", body, user="oper")).status == 413
    few = {f"Header{number}": "x" for number in range(200)}
    async with api_house.visitor() as peer:
        reply = await peer.call("POST", "/actions/Originate", few, user="oper")
        assert (reply.status, body_of(reply)["response"]["Response"]) == (400, "Error")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "", "x"]
)
async def test_a_body_of_another_type_is_refused(api_house: ApiHouse, media: str) -> None:
    # Such as a form of another page can send without asking the browser's permission.
    async with api_house.visitor() as peer:
        reply = await peer.call("POST", "/drain", {"confirm": "drain"}, f"Content-Type: {media}", user="oper")
    assert (reply.status, api_house.operator.done) == (415, [])


@pytest.mark.parametrize(
    "lines",
    [
        ["Origin: https://evil.example"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
        ["Origin: null"],
        ["Origin: http://localhost"],
    ],
)
async def test_a_foreign_page_can_do_nothing(api_house: ApiHouse, lines: list[str]) -> None:
    async with api_house.visitor() as peer:
        begun = await peer.call("POST", "/session", {"username": "oper", "secret": "secret"})
        cookie = "Cookie: " + (begun.get("set-cookie") or "").partition(";")[0]
        for method, path, body in (
            ("POST", "/drain", {"confirm": "drain"}),
            ("POST", "/actions/Ping", {}),
            ("GET", "/me", None),
            ("DELETE", "/session", None),
            ("POST", "/session", {"username": "oper", "secret": "secret"}),
        ):
            reply = await peer.call(method, path, body, cookie, *lines)
            assert reply.status == 403, (method, path)
        assert (await peer.call("GET", "/me", None, cookie)).status == 200
    assert api_house.operator.done == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/drain", {}),
        ("/drain", {"confirm": True}),
        ("/drain", {"confirm": "kick"}),
        ("/drain", {"confirm": "drain", "more": 1}),
        ("/kick", {"target": "a"}),
        ("/kick", {"target": 1, "confirm": "kick"}),
        ("/kick", {"target": "", "confirm": "kick"}),
        ("/kick", {"target": "a" * 300, "confirm": "kick"}),
        ("/log-level", {"level": "trace", "confirm": "log-level"}),
        ("/log-level", {"level": ["debug"], "confirm": "log-level"}),
        ("/explain", {"user": "board", "message": {"Channel": "a"}}),
        ("/explain", {"user": "board", "message": {"Action": "Ping", "Event": "x"}}),
        ("/explain", {"user": "board", "message": {"Action": "Ping\r\nX: y"}}),
        ("/explain", {"user": "board", "message": []}),
    ],
)
async def test_operators_must_say_exactly_what_they_mean(api_house: ApiHouse, path: str, body: Any) -> None:
    async with api_house.visitor() as peer:
        reply = await peer.call("POST", path, body, user="oper")
    assert (reply.status, api_house.operator.done) == (400, []), reply


@pytest.mark.parametrize("path", ["/status", "/denials", "/sessions", "/history"])
async def test_the_status_is_not_for_everybody(api_house: ApiHouse, path: str) -> None:
    async with api_house.visitor() as peer:
        assert (await peer.call("GET", path)).status == 401
        assert (await peer.call("GET", path, user="board")).status == 403
        assert (await peer.call("GET", path, user="oper")).status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/nothing", 404),
        ("/", 404),
        ("", 404),
        ("/me/", 404),
        ("/queues/", 404),
        ("/queues/a/b", 404),
        ("/me?x=1", 400),
        ("/snapshot?kinds=queues&kinds=channels", 400),
        ("/snapshot?kinds=Queues", 400),
        ("/snapshot?kinds=queues%0d%0aX:%20y", 400),
        ("/snapshot?server=a%00b", 400),
        ("/snapshot?server=../x", 400),
        ("/queues/a%zz", 400),
        ("/queues/a%0d%0ab", 400),
        ("/queues/%ff", 400),
        ("/denials?last=-1", 400),
        ("/denials?last=99999", 400),
        ("/openapi.json/x", 404),
    ],
)
async def test_a_target_that_means_nothing_is_refused(api_house: ApiHouse, target: str, status: int) -> None:
    async with api_house.visitor() as peer:
        assert (await peer.call("GET", target, user="oper")).status == status


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/me", "GET"),
        ("POST", "/queues", "GET"),
        ("GET", "/kick", "POST"),
        ("HEAD", "/events", "GET"),
    ],
)
async def test_a_wrong_method_is_refused_with_the_right_one(
    api_house: ApiHouse, method: str, path: str, allowed: str
) -> None:
    async with api_house.visitor() as peer:
        reply = await peer.call(method, path, user="oper")
    assert (reply.status, reply.get("allow")) == (405, allowed)


@pytest.mark.parametrize(
    "value", ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic Ym9hcmQ6YQ0KYg==", "Bearer abc", "Digest x"]
)
async def test_credentials_that_are_none_are_refused(api_house: ApiHouse, value: str) -> None:
    async with api_house.visitor() as peer:
        reply = await peer.call("GET", "/me", None, f"Authorization: {value}")
    assert reply.status in (400, 401)
    assert len(api_house.hub.sessions) == 0


async def test_a_user_without_the_door_is_refused_like_a_wrong_secret(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        reply = await peer.call("POST", "/session", {"username": "script", "secret": "secret"})
        other = await peer.call("POST", "/session", {"username": "board", "secret": "wrong"})
    assert (reply.status, body_of(reply)) == (401, body_of(other))
    assert reply.get("set-cookie") is None


async def test_ten_thousand_cookies_do_no_harm(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        cookies = "; ".join(f"__Host-amiproxy_session={number:032x}" for number in range(200))
        assert (await peer.call("GET", "/me", None, f"Cookie: {cookies}")).status == 401
    async with api_house.visitor() as peer:
        cookies = "; ".join(f"c{number}=1" for number in range(10_000))
        assert (await peer.call("GET", "/me", None, f"Cookie: {cookies}")).status == 431


async def test_a_script_of_a_page_gets_no_login_window(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        plain = await peer.call("GET", "/me")
        script = await peer.call("GET", "/me", None, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors")
    assert (plain.get("www-authenticate") or "").startswith("Basic ")
    assert (script.get("www-authenticate") or "").startswith("Session ")
