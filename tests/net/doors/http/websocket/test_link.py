"""Clients that stay are told that the link is lost and that it is back, whatever they may read."""

from dataclasses import replace

import pytest

from amiproxy.core.model.users import User, UserTable
from tests.net.doors.http.websocket.conftest import USERS
from tests.support.core_doubles import event
from tests.support.socket_house import COMMANDS, Socket, SocketHouse, basic

BOTH_LOOPS = True
ALL = "/ws?classes=call"


def adopt(house: SocketHouse, **changed: object) -> None:
    """Change the user ``calls``, who may not read class system."""
    users: list[User] = [replace(user, **changed) if user.name == "calls" else user for user in USERS]
    house.hub.adopt(UserTable(users))


async def told(socket: Socket) -> list[str]:
    """The states of the link that the client was told of until it is answered, each once."""
    await socket.say(type="ping")
    states = []
    while (found := await socket.hear())["type"] != "pong":
        if found["type"] == "link":
            states.append(found["state"])
    return states


@pytest.mark.parametrize(
    ("user", "query"),
    [
        ("calls", "?classes=call"),
        ("calls", "?classes=none"),
        ("wall", "?classes=call"),
        ("wall", "?classes=none"),
        ("wall", ""),
    ],
)
async def test_a_client_that_stays_is_told_once(house: SocketHouse, user: str, query: str) -> None:
    house.hub.link_loss.by_default = "stay"
    async with house.socket(f"/ws{query}", **basic(user)) as socket:
        await socket.hear_type("hello")
        if "none" not in query:
            await socket.hear_type("snapshot")
        house.bench.server().link_down("gone")
        assert await told(socket) == ["down"]
        house.bench.link_up(COMMANDS)
        assert await told(socket) == ["up"]
        await socket.say(type="snapshot", id="now", kinds=["channels"])
        assert (await socket.hear_type("snapshot"))["id"] == "now"


async def test_filters_do_not_keep_it_away(house: SocketHouse) -> None:
    house.hub.link_loss.by_default = "stay"
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        await socket.say(type="subscribe", id="s", events=["Hangup"])
        await socket.hear_type("response")
        house.bench.server().link_down("gone")
        assert await told(socket) == ["down"]


async def test_a_client_that_is_brought_up_to_date_is_told_after_that(house: SocketHouse) -> None:
    adopt(house, upstream_lost="repair")
    house.bench.answer_lists()
    channel = {"Channel": "a", "Uniqueid": "1.1", "Linkedid": "1.1", "ChannelState": "6"}
    async with house.socket(ALL, **basic("calls")) as socket:
        await socket.hear_type("snapshot")
        house.bench.feed(event("Newchannel", **channel))
        await socket.hear_type("event")
        house.bench.server().link_down("gone")
        assert await told(socket) == ["down"]
        house.bench.link_up(COMMANDS, booted=False)
        house.bench.server().serve()
        assert await told(socket) == []
        await socket.say(type="snapshot", id="now", kinds=["channels"])
        house.bench.answer_lists()
        heard = [await socket.hear() for _ in range(3)]
        assert [one["type"] for one in heard] == ["event", "link", "snapshot"]
        assert heard[0]["data"]["Event"] == "Hangup"
        assert heard[1]["state"] == "up"
        assert (heard[2]["id"], heard[2]["kinds"], heard[2]["data"]) == ("now", ["channels"], {})


async def test_a_client_that_comes_while_the_link_is_down_is_told_when_it_is_up(house: SocketHouse) -> None:
    house.bench.server().link_down("gone")
    async with house.socket(ALL, **basic("calls")) as socket:
        assert (await socket.hear())["servers"] == [{"name": "asterisk", "up": False}]
        assert (await socket.hear())["status"] == 503
        assert await told(socket) == []
        house.bench.link_up(COMMANDS)
        assert await told(socket) == ["up"]


async def test_a_client_before_its_login_is_not_told(house: SocketHouse) -> None:
    house.hub.link_loss.by_default = "stay"
    async with house.socket(ALL) as socket:
        await socket.hear_type("login_required")
        house.bench.server().link_down("gone")
        house.bench.link_up(COMMANDS)
        assert await told(socket) == []
        await socket.say(type="login", username="calls", secret="x")
        assert (await socket.hear())["servers"] == [{"name": "asterisk", "up": True}]


async def test_a_client_of_ami_in_frames_is_sent_nothing_more(house: SocketHouse) -> None:
    house.hub.link_loss.by_default = "stay"
    async with house.socket("/ws", "ami", **basic("calls")) as socket:
        assert (await socket.client.recv()).startswith(b"Asterisk Call Manager/")
        await socket.client.send(b"Action: Login\r\nUsername: calls\r\nSecret: x\r\n\r\n")
        while b"Response: Success" not in await socket.client.recv():
            pass
        house.bench.server().link_down("gone")
        house.bench.link_up(COMMANDS)
        await socket.client.send(b"Action: Ping\r\nActionID: p\r\n\r\n")
        heard = b""
        while b"ActionID: p\r\n" not in heard:
            heard += await socket.client.recv()
        assert b"ProxyUpstream" not in heard


async def test_a_client_of_several_servers_without_events_is_told(several: SocketHouse) -> None:
    async with several.socket("/ws?classes=none", **basic("both")) as socket:
        await socket.hear_type("hello")
        several.bench.server("pbx2").link_down("gone")
        found = await socket.hear_type("link")
        assert (found["server"], found["state"]) == ("pbx2", "down")
        assert await told(socket) == []
