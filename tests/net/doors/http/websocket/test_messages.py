"""What a client hears and says in JSON."""

from amiproxy import __version__
from tests.support.core_doubles import event
from tests.support.socket_house import SocketHouse, basic
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
