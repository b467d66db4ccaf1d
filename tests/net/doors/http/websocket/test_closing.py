"""How WebSockets end, and what hostile frames do."""

import asyncio
from dataclasses import replace

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.users import UserTable
from tests.net.doors.http.settings import with_
from tests.net.doors.http.websocket.conftest import USERS
from tests.support.core_doubles import event
from tests.support.socket_house import Socket, SocketHouse, basic
from tests.support.waiting import until

BOTH_LOOPS = True


async def write(client: ClientConnection, *frames: Frame | bytes) -> None:
    """Send these frames, masked, or bytes, past the client's own rules."""
    data = [frame if isinstance(frame, bytes) else frame.serialize(mask=True) for frame in frames]
    client.transport.write(b"".join(data))


async def ready(house: SocketHouse, socket: Socket) -> None:
    await socket.hear_type("hello")


async def test_a_logoff_is_1000(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic()) as socket:
        await ready(house, socket)
        await socket.say(Action="Logoff", ActionID="1")
        assert (await socket.hear())["data"]["Response"] == "Goodbye"
        assert await socket.code() == 1000
    await house.empty()


async def test_the_clients_own_close_is_echoed_behind_everything_else(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic()) as socket:
        await ready(house, socket)
        await socket.say(type="ping", id="1")
        await write(socket.client, Frame(Opcode.PING, b"x"), Frame(Opcode.CLOSE, b"\x0f\xa0bye"))
        assert (await socket.hear())["type"] == "pong"
        assert await socket.code() == 4000
    await house.empty()


async def test_the_end_of_the_service_is_1001(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        for session in house.hub.sessions:
            session.close("shutdown")
        assert await socket.code() == 1001


async def test_a_revoked_user_is_4003(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        house.hub.adopt(UserTable(user for user in USERS if user.name != "wall"))
        found = await socket.hear_type("event")
        assert found["data"]["Event"] == "ProxySessionEnd"
        assert await socket.code() == 4003


@pytest.mark.parametrize(
    "changed",
    [{"disabled": True}, {"acl": AccessList.from_lines(["deny 127.0.0.0/8"])}],
    ids=["disabled", "acl"],
)
async def test_a_user_that_may_not_connect_any_more_is_1008(
    house: SocketHouse, changed: dict[str, object]
) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        house.hub.adopt(UserTable(replace(user, **changed) for user in USERS))
        assert await socket.code() == 1008


async def test_the_end_of_its_web_session_is_4003(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        (session,) = house.hub.web._sessions.values()
        session.end("kicked")
        assert await socket.code() == 4003


async def test_the_loss_of_the_link_is_1013(house: SocketHouse) -> None:
    async with house.socket(**basic("calls")) as socket:
        await socket.hear_type("snapshot")
        house.bench.server().link_down("gone")
        assert await socket.code() == 1013


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"a":1,"a":2}', "[" * 50_000])
async def test_what_is_no_json_object_is_4004(house: SocketHouse, text: str) -> None:
    async with house.socket(**basic()) as socket:
        await socket.client.send(text)
        assert await socket.code() == 4004


async def test_a_binary_message_is_1003(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.client.send(b"{}")
        assert await socket.code() == 1003


async def test_text_that_is_not_utf_8_is_1007(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await write(socket.client, Frame(Opcode.TEXT, b'{"type":"\xff"}'))
        assert await socket.code() == 1007


@with_({"websocket_message_bytes": 1000})
@pytest.mark.parametrize(
    "frames",
    [
        [Frame(Opcode.TEXT, b" " * 1001)],
        [Frame(Opcode.TEXT, b" " * 600, fin=False), Frame(Opcode.CONT, b" " * 401)],
        [b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"],
        [Frame(Opcode.TEXT, b"", fin=False), *([Frame(Opcode.CONT, b"", fin=False)] * 300)],
    ],
    ids=["frame", "fragments", "2^63", "endless"],
)
async def test_a_message_that_is_too_big_is_1009(house: SocketHouse, frames: list[Frame]) -> None:
    async with house.socket(**basic()) as socket:
        await write(socket.client, *frames)
        assert await socket.code() == 1009
    await house.empty()


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x02{}",  # not masked
        b"\xc1\x80\0\0\0\0",  # a reserved bit
        b"\x83\x80\0\0\0\0",  # a reserved opcode
        b"\x09\x80\0\0\0\0",  # a ping in fragments
        b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126,  # a ping that is too long
        b"\x80\x80\0\0\0\0",  # a continuation of nothing
        b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0",  # a new message in another
        b"\x88\x81\0\0\0\0x",  # half of a close code
        b"\x88\x82\0\0\0\0\x03\xed",  # 1005 is not for frames
    ],
)
async def test_a_frame_against_the_protocol_is_1002(house: SocketHouse, data: bytes) -> None:
    async with house.socket(**basic()) as socket:
        await write(socket.client, data)
        assert await socket.code() == 1002
    await house.empty()


async def test_a_flood_of_pings_is_4029(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await write(socket.client, *[Frame(Opcode.PING, b"x" * 100)] * 500)
        assert await socket.code() == 4029


async def test_messages_in_fragments_and_pings_between_them_are_fine(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic()) as socket:
        await ready(house, socket)
        await write(
            socket.client,
            Frame(Opcode.TEXT, b'{"type":', fin=False),
            Frame(Opcode.PING, b"between"),
            Frame(Opcode.CONT, b'"ping","i', fin=False),
            Frame(Opcode.CONT, b'd":5}'),
        )
        assert await socket.hear() == {"type": "pong", "id": "5"}


async def test_bytes_may_come_one_by_one(house: SocketHouse) -> None:
    async with house.socket("/ws?classes=none", **basic()) as socket:
        await ready(house, socket)
        for byte in Frame(Opcode.TEXT, b'{"type":"ping"}').serialize(mask=True):
            await write(socket.client, bytes([byte]))
            await asyncio.sleep(0)
        assert (await socket.hear())["type"] == "pong"


async def test_what_follows_the_handshake_at_once_is_read(house: SocketHouse) -> None:
    async with house.peer() as peer:
        lines = (
            "GET /ws HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        )
        ping = Frame(Opcode.TEXT, b'{"type":"ping"}').serialize(mask=True)
        await peer.send("\r\n".join((*lines, "", "")).encode() + ping)
        await peer._until(b"\r\n\r\n")
        assert await peer._until(b'{"type":"pong"}') is not None


async def test_a_client_that_vanishes_leaves_nothing_behind(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        socket.client.transport.abort()
        await until(lambda: not [session for session in house.hub.sessions if not session.is_web])
    await house.empty()


async def test_the_end_of_the_stream_without_a_close_ends_the_session(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        socket.client.transport.close()
        await until(lambda: not [session for session in house.hub.sessions if not session.is_web])
    await house.empty()


@with_({"outbox_soft": 20_000, "outbox_hard": 60_000, "slow_consumer": "drop_events"})
async def test_a_slow_client_is_told_how_much_it_has_lost(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        socket.client.transport.pause_reading()
        big = event("Hangup", Pad="x" * 4000)
        (session,) = [session for session in house.hub.sessions if not session.is_web]
        sent = 0
        while not session.outbox.in_gap:
            house.bench.feed(big)
            sent += 1
            await asyncio.sleep(0)
        house.bench.feed(big)
        missed = house.hub.stats.missed.total
        assert missed
        socket.client.transport.resume_reading()
        heard = 0
        while True:
            found = await socket.hear()
            if found["type"] == "lost":
                break
            heard += found["type"] == "event" and "Pad" in found["data"]
        assert found["count"] == missed
        assert heard + missed == sent + 1
        house.bench.feed(event("Hangup", Last="1"))
        assert (await socket.hear())["data"]["Last"] == "1"


@with_({"outbox_soft": 10_000, "outbox_hard": 40_000})
async def test_a_client_past_the_hard_limit_is_cut_off(house: SocketHouse) -> None:
    async with house.socket(**basic()) as socket:
        await socket.hear_type("snapshot")
        socket.client.transport.pause_reading()
        big = event("Hangup", Pad="x" * 4000)
        while [session for session in house.hub.sessions if not session.is_web]:
            house.bench.feed(big)
            await asyncio.sleep(0)
        assert house.hub.stats.slow_consumers["wall"] == 1
        socket.client.transport.abort()
    await house.empty()
