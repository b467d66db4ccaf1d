"""What the routes answer, with an Asterisk that is a double."""

import pytest

from tests.net.doors.http.api.conftest import ApiHouse, body_of


async def test_login_gives_a_cookie_that_is_the_session_until_logout(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        begun = await peer.call("POST", "/session", {"username": "Board", "secret": "secret"})
        assert (begun.status, body_of(begun)) == (200, {"user": "board"})
        cookie = begun.get("set-cookie") or ""
        assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")
        sent = "Cookie: x=1; " + cookie.partition(";")[0]
        me = body_of(await peer.call("GET", "/me", None, sent))
        assert (me["user"], me["doors"], me["may_operate"]) == ("board", ["api"], False)
        assert me["servers"] == [{"name": "asterisk", "up": True, "read": ["call", "agent"], "write": []}]
        ended = await peer.call("DELETE", "/session", None, sent)
        assert (ended.status, "Max-Age=0" in (ended.get("set-cookie") or "")) == (204, True)
        assert (await peer.call("GET", "/me", None, sent)).status == 401


async def test_requests_by_basic_share_one_session(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        for _ in range(3):
            assert (await peer.call("GET", "/me", user="board")).status == 200
    assert len(api_house.hub.web) == 1


async def test_an_action_is_answered_with_its_events(api_house: ApiHouse) -> None:
    item = b"Event: Item\r\nOutput: a\r\nX: 1\r\nX: 2\r\n\r\n"
    last = b"Event: CoreShowChannelsComplete\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
    start = b"Response: Success\r\nEventList: start\r\nMessage: Channels will follow\r\n"
    api_house.asterisk.answers["CoreShowChannels"] = lambda _: (start, item, last)
    async with api_house.visitor() as peer:
        reply = await peer.call("POST", "/actions/CoreShowChannels", {"ActionID": "7"}, user="oper")
    found = body_of(reply)
    assert reply.status == 200
    assert found["response"] == {
        "Response": "Success",
        "EventList": "start",
        "Message": "Channels will follow",
    }
    assert found["events"][0] == {"Event": "Item", "Output": ["a"], "X": ["1", "2"]}


async def test_headers_reach_asterisk_as_they_were_sent(api_house: ApiHouse) -> None:
    body = {"Channel": "PJSIP/1", "Async": True, "Priority": 1, "Variable": {"A": "1,2"}, "Context": "c"}
    async with api_house.visitor() as peer:
        await peer.call("POST", "/actions/Originate", {**body, "Exten": "7"}, user="oper")
    (sent,) = [one for one in api_house.asterisk.asked if one.get(b"action") == b"Originate"]
    named = dict(sent.headers)
    assert (named[b"Channel"], named[b"Async"], named[b"Priority"]) == (b"PJSIP/1", b"true", b"1")
    assert named[b"Variable"] == b"A=1\\,2"


async def test_what_is_refused_says_why_as_ami_does(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        denied = await peer.call("POST", "/actions/Originate", {"Channel": "PJSIP/1"}, user="board")
        unknown = await peer.call("POST", "/actions/Nonsense", {}, user="oper")
    assert denied.status == 403
    assert body_of(denied)["response"]["Message"] == "Permission denied"
    assert (unknown.status, unknown.get("content-type")) == (404, "application/problem+json")


async def test_without_a_link_actions_may_be_tried_again_later(api_house: ApiHouse) -> None:
    api_house.hub.servers.first.link_down("gone")
    async with api_house.visitor() as peer:
        for method, path, body in (("POST", "/actions/CoreStatus", {}), ("GET", "/queues", None)):
            reply = await peer.call(method, path, body, user="oper")
            assert (reply.status, reply.get("retry-after")) == (503, "1")


async def test_an_answer_that_never_comes_is_a_timeout(api_house: ApiHouse) -> None:
    api_house.asterisk.answers["CoreStatus"] = None
    async with api_house.visitor() as peer:
        await peer.send(
            b"POST /api/v1/actions/CoreStatus HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
            b"Content-Type: application/json\r\nAuthorization: Basic b3BlcjpzZWNyZXQ=\r\n\r\n{}"
        )
        hub = api_house.hub
        from tests.support.waiting import until

        await until(lambda: any(one.get(b"action") == b"CoreStatus" for one in api_house.asterisk.asked))
        hub.tick(hub.scheduler.now() + 3600)
        reply = await peer.reply()
    assert reply.status == 504, reply


async def test_the_present_is_shown_by_read_rights(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        found = body_of(await peer.call("GET", "/snapshot?kinds=channels,queues,peers", user="board"))
        assert found["data"].keys() == {"channels", "queues", "members", "entries"}
        assert (found["kinds"], found["kindsMissing"]) == (["channels", "queues"], ["peers"])
        assert found["seq"]
        api_house.asterisk.feed(
            b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/1-1\r\nChannelState: 0\r\n"
            b"ChannelStateDesc: Down\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"
        )
        found = body_of(await peer.call("GET", "/channels", user="board"))
        assert [one["Channel"] for one in found["data"]["channels"]] == ["PJSIP/1-1"]
        assert found["data"]["bridges"] == []


async def test_the_same_picture_has_the_same_tag(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        first = await peer.call("GET", "/queues", user="board")
        tag = first.get("etag")
        reply = await peer.call("HEAD", "/queues", user="board")
        assert (reply.status, reply.get("etag"), reply.body) == (200, tag, b"")
        document = await peer.call("GET", "/openapi.json")
        assert body_of(document)["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    ("path", "body", "done"),
    [
        ("/kick", {"target": "user:board", "confirm": "kick"}, ("kick", "user:board", "oper")),
        ("/drain", {"confirm": "drain"}, ("drain", "oper")),
        ("/log-level", {"level": "debug", "confirm": "log-level"}, ("log-level", "debug", "oper")),
        (
            "/explain",
            {"user": "board", "message": {"Action": "Originate", "Priority": 1}},
            ("explain", "board", "Action: Originate\r\nPriority: 1\r\n\r\n", ""),
        ),
        (
            "/explain",
            {"user": "board", "message": {"Event": "Hangup", "Privilege": "call,all"}, "server": "pbx1"},
            ("explain", "board", "Event: Hangup\r\nPrivilege: call,all\r\n\r\n", "pbx1"),
        ),
    ],
)
async def test_operators_are_obeyed(
    api_house: ApiHouse, path: str, body: object, done: tuple[str, ...]
) -> None:
    async with api_house.visitor() as peer:
        assert (await peer.call("POST", path, body, user="board")).status == 403
        assert (await peer.call("POST", path, body, user="oper")).status == 200
    assert api_house.operator.done == [done]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/sessions", "sessions"),
        ("/upstream", "upstream"),
        ("/certificates", "certs"),
        ("/limits", "limits"),
        ("/history", "state"),
        ("/fleet", "fleet"),
    ],
)
async def test_operators_are_shown_what_ctl_shows(api_house: ApiHouse, path: str, shown: str) -> None:
    async with api_house.visitor() as peer:
        assert (await peer.call("GET", path)).status == 401
        assert (await peer.call("GET", path, user="board")).status == 403
        reply = await peer.call("GET", path, user="oper")
    assert (reply.status, body_of(reply)) == (200, {"shown": shown})
    assert reply.get("cache-control") == "no-store"


async def test_operators_are_told_what_does_not_exist(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        body = {"target": "nobody", "confirm": "kick"}
        assert (await peer.call("POST", "/kick", body, user="oper")).status == 404
        found = body_of(await peer.call("GET", "/denials?last=2", user="oper"))
        denial = body_of(await peer.call("GET", "/denials/17", user="oper"))
        gone = await peer.call("GET", "/denials/18", user="oper")
        no_number = await peer.call("GET", "/denials/x", user="oper")
        forbidden = await peer.call("GET", "/denials/17", user="board")
    assert [line["number"] for line in found["denials"]] == [0, 1]
    assert denial["change"] == {"yaml": "users: {}", "text": ""}
    assert [reply.status for reply in (gone, no_number, forbidden)] == [404, 404, 403]


async def test_a_ticket_is_new_each_time(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        found = [body_of(await peer.call("POST", "/tickets", user="board")) for _ in range(2)]
    assert found[0]["ticket"] != found[1]["ticket"]
    assert found[0]["seconds"] == 30


async def test_the_time_of_requests_is_charged_to_their_user(api_house: ApiHouse) -> None:
    async with api_house.visitor() as peer:
        await peer.call("GET", "/me", user="board")
        before = api_house.hub.ctx.shares.of_user("board").seconds
        for _ in range(5):
            await peer.call("GET", "/me", user="board")
    assert api_house.hub.ctx.shares.of_user("board").seconds > before
