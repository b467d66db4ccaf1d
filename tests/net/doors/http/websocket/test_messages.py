"""What a client hears and says in JSON."""

import pytest

from amiproxy import __version__
from tests.support.core_doubles import event
from tests.support.socket_house import COMMANDS, SocketHouse, basic
from tests.support.waiting import until

BOTH_LOOPS = True


async def test_a_client_is_greeted_and_sent_what_there_is(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        hello = await socket.hear()
        assert hello.pop("time") > 1.7e9
        assert hello == {
            "type": "hello",
            "version": 1,
            "product": f"amiproxy/{__version__}",
            "user": "wall",
            "servers": [{"name": "asterisk", "up": True}],
            "heartbeat": 15.0,
            "history": True,
        }
        snapshot = await socket.hear_type("snapshot")
        assert snapshot["data"] == {}
        assert "channels" in snapshot["kinds"]
        house.bench.feed(event("Hangup", Channel="PJSIP/1", Cause="16"))
        found = await socket.hear()
        assert found.pop("seq") not in ("", snapshot["seq"])
        data = {"Event": "Hangup", "Privilege": "call,all", "Channel": "PJSIP/1", "Cause": "16"}
        assert found == {"type": "event", "data": data}
    await house.empty()


async def test_the_greeting_says_since_when_asterisk_runs(house: SocketHouse) -> None:
    house.bench.feed(event("FullyBooted", Privilege="system,all", Uptime="100", LastReload="100"))
    async with house.socket(**basic()) as socket:
        hello = await socket.hear()
        (server,) = hello["servers"]
        assert server.pop("started") == pytest.approx(hello["time"] - 100, abs=2)
        assert server == {"name": "asterisk", "up": True}


async def test_a_client_logs_in_with_its_first_message(house: SocketHouse) -> None:
    async with house.socket() as socket:
        assert await socket.hear() == {"type": "login_required", "timeout": 10.0}
        await socket.say(type="login", id=7, username="wall", secret="x")
        assert (await socket.hear())["type"] == "hello"
        await socket.hear_type("snapshot")


async def test_an_action_and_its_answer(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic()) as socket:
        assert (await socket.hear())["type"] == "hello"
        await socket.say(type="action", id="a", data={"Action": "Ping"})
        found = await socket.hear()
        assert found["data"].pop("Timestamp")
        assert found == {"type": "response", "id": "a", "data": {"Response": "Success", "Ping": "Pong"}}
        await socket.say(Action="CoreStatus", ActionID="b")
        await until(lambda: house.bench.upstream.actions)
        house.bench.answer(*house.bench.upstream.take(), b"CoreCurrentCalls: 3\r\n")
        data = {"Response": "Success", "CoreCurrentCalls": "3"}
        assert await socket.hear() == {"type": "response", "id": "b", "data": data}
        await socket.say(type="ping", id=1)
        assert await socket.hear() == {"type": "pong", "id": "1"}
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}


async def test_a_client_resumes_where_it_was(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        last = (await socket.hear_type("snapshot"))["seq"]
    house.bench.feed(event("Hangup", Channel="PJSIP/1"), event("Hangup", Channel="PJSIP/2"))
    async with house.socket(f"/ws?last={last}", **basic()) as socket:
        assert (await socket.hear())["type"] == "hello"
        assert await socket.hear() == {"type": "resumed"}
        channels = [(await socket.hear())["data"].get("Channel") for _ in range(2)]
        assert channels == ["PJSIP/1", "PJSIP/2"]
        house.bench.feed(event("Hangup", Channel="PJSIP/3"))
        assert (await socket.hear())["data"]["Channel"] == "PJSIP/3"


async def test_a_client_whose_position_is_unknown_is_sent_a_snapshot(house: SocketHouse) -> None:
    async with house.socket("/ws?last=nonsense", **basic()) as socket:
        assert (await socket.hear())["type"] == "hello"
        await socket.hear_type("snapshot")


# -- what a client asks --------------------------------------------------------------


async def test_a_list_has_its_items(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic()) as socket:
        await socket.hear()
        await socket.say(type="action", id="l", data={"Action": "CoreShowChannels"})
        await until(lambda: house.bench.upstream.actions)
        (asked,) = house.bench.upstream.take()
        house.bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
        mark = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
        items = [b"Event: CoreShowChannel\r\n" + mark + b"Pad: " + b"x" * 900 + b"\r\n\r\n"] * 1000
        complete = b"Event: CoreShowChannelsComplete\r\n" + mark
        house.bench.feed(*items, complete + b"EventList: Complete\r\nListItems: 1000\r\n\r\n")
        parts = [await socket.hear()]
        while parts[-1].get("more"):
            parts.append(await socket.hear())
        assert len(parts) > 2
        assert {(part["type"], part["id"]) for part in parts} == {("response", "l")}
        assert parts[0]["data"]["Message"] == "Channels will follow"
        assert not any("data" in part for part in parts[1:])
        found = [one["Event"] for part in parts for one in part["events"]]
        assert found == ["CoreShowChannel"] * 1000 + ["CoreShowChannelsComplete"]


async def test_no_event_overtakes_an_answer_or_is_lost_behind_it(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        await socket.say(type="action", id="l", data={"Action": "CoreShowChannels"})
        await until(lambda: house.bench.upstream.actions)
        (asked,) = house.bench.upstream.take()
        house.bench.feed(event("Hangup", Nr="1"))
        house.bench.answer(asked, b"EventList: start\r\n")
        house.bench.feed(event("Hangup", Nr="2"))
        mark = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
        complete = b"Event: CoreShowChannelsComplete\r\n" + mark
        house.bench.feed(complete + b"EventList: Complete\r\nListItems: 0\r\n\r\n")
        heard = [await socket.hear() for _ in range(3)]
        assert [one["data"].get("Nr") for one in heard] == ["1", None, "2"]


async def test_an_event_that_follows_an_action_has_its_id(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        call = {
            "Action": "Originate",
            "Channel": "Local/a@b",
            "Application": "Wait",
            "Data": 1,
            "Async": True,
        }
        await socket.say(type="action", id="o", data=call)
        await until(lambda: house.bench.upstream.actions)
        (asked,) = house.bench.upstream.take()
        assert asked.get(b"data") == b"1"
        house.bench.answer(asked, b"Message: Originate successfully queued\r\n")
        assert (await socket.hear())["id"] == "o"
        mark = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
        house.bench.feed(
            b"Event: OriginateResponse\r\nPrivilege: call,all\r\n" + mark + b"Response: Success\r\n\r\n"
        )
        found = await socket.hear()
        assert (found["type"], found["id"], found["data"]["Event"]) == ("event", "o", "OriginateResponse")


async def test_a_denied_action_is_answered_so(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic("calls")) as socket:
        await socket.hear()
        await socket.say(Action="Command", Command="core show uptime", ActionID="1")
        assert (await socket.hear())["data"]["Response"] == "Error"
        assert house.bench.upstream.take() == []


async def test_what_is_not_fit_is_told_and_the_connection_stays(house: SocketHouse) -> None:
    unfit = [
        {"type": "dance", "id": "1"},
        {"type": ["action"], "id": "1"},
        {"type": "action", "id": "1"},
        {"type": "action", "id": "1", "data": []},
        {"type": "action", "id": "1", "data": {"Action": "Ping", "X": "a\r\nAction: Logoff"}},
        {"type": "action", "id": "1", "data": {"Action": "Ping", "X": None}},
        {"type": "action", "id": "1", "data": {"Action": "Ping", "ActionID": "2"}},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "1", "events": ["a,b"]},
        {"type": "subscribe", "id": "1", "events": [1, []]},
        {"type": "subscribe", "id": "1", "filter": ["x\n"]},
        {"type": "subscribe", "id": "1", "filter": ["\ud800"]},
        {"type": "subscribe", "id": "1", "filter": ["["]},
        {"type": "subscribe", "id": "1", "filter": ["x"] * 40},
        {"type": "resume", "id": "1"},
        {"type": "snapshot", "id": "1", "kinds": 5.5, "x": {}, "kind": []} | {"kinds": {}},
    ]
    async with house.socket("/ws?classes=all", **basic()) as socket:
        await socket.hear_type("snapshot")
        for message in unfit:
            await socket.say(**message)
            found = await socket.hear()
            assert (found["type"], found["id"], found["status"]) == ("error", "1", 400), message
        for id_ in (None, [], {}, "x" * 300, "a\n", "\ud800"):
            await socket.say(type="ping", id=id_)
            found = await socket.hear()
            assert (found["type"], found["status"], "id" in found) == ("error", 400, False), id_
        await socket.say(nothing="at all")
        assert (await socket.hear())["status"] == 400
        assert house.bench.upstream.take() == []


async def test_subscribe_narrows(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        await socket.say(type="subscribe", id="s", classes=["call"], events=["Hangup", "Hold"])
        ok = {"type": "response", "id": "s", "data": {"Response": "Success"}}
        assert await socket.hear_type("response") == ok
        house.bench.feed(event("Alarm", "system"), event("HangupRequest"), event("Hold"), event("Hangup"))
        names = [(await socket.hear())["data"]["Event"] for _ in range(2)]
        assert names == ["Hold", "Hangup"]
        await socket.say(type="subscribe", classes=[])
        await socket.hear_type("response")
        house.bench.feed(event("Hold"))
        await socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"
        await socket.say(type="subscribe", id="t", classes=["nonsense"])
        assert (await socket.hear())["type"] in ("error", "response")


async def test_seeing_less_needs_no_right(house: SocketHouse) -> None:
    async with house.socket(**basic("calls")) as socket:
        await socket.hear_type("snapshot")
        await socket.say(type="subscribe", id="s", events=["Hold"], filter=["!Channel: Local/"])
        ok = {"type": "response", "id": "s", "data": {"Response": "Success"}}
        assert await socket.hear() == ok
        held = event("Hold", Channel="PJSIP/1")
        house.bench.feed(event("Hangup"), event("Hold", Channel="Local/1@x"), held)
        assert (await socket.hear())["data"]["Channel"] == "PJSIP/1"
        await socket.say(type="subscribe", id="t", filter=["x"] * 31)
        assert (await socket.hear())["status"] == 400


async def test_a_client_may_resume_or_take_a_snapshot_at_any_time(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        last = (await socket.hear_type("snapshot"))["seq"]
        house.bench.feed(event("Hold", Nr="1"))
        assert (await socket.hear())["data"]["Nr"] == "1"
        await socket.say(type="resume", id="r", **{"from": last})
        assert await socket.hear() == {"type": "resumed", "id": "r"}
        assert (await socket.hear())["data"]["Nr"] == "1"
        await socket.say(type="resume", id="r", **{"from": "nonsense"})
        found = await socket.hear()
        assert (found["type"], found["id"], found["status"]) == ("error", "r", 410)
        await socket.say(type="snapshot", id="x", kinds=["channels"])
        found = await socket.hear()
        assert (found["type"], found["id"], found["kinds"]) == ("snapshot", "x", ["channels"])
        await socket.say(type="snapshot", id="x", kinds=["nonsense"])
        assert (await socket.hear())["status"] == 503


async def test_without_a_link_there_is_no_snapshot_until_it_is_back(house: SocketHouse) -> None:
    house.bench.server().link_down("gone")
    async with house.socket(**basic()) as socket:
        assert (await socket.hear())["servers"] == [{"name": "asterisk", "up": False}]
        found = await socket.hear()
        assert (found["type"], found["status"]) == ("error", 503)
        house.bench.link_up(COMMANDS)
        await socket.hear_type("snapshot")
