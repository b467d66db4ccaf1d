"""AMI itself in binary frames."""

from tests.support.core_doubles import event
from tests.support.socket_house import SocketHouse, basic
from tests.support.waiting import until

BOTH_LOOPS = True


async def test_each_message_is_a_frame_with_the_bytes_of_ami(house: SocketHouse) -> None:
    async with house.socket("/ws", "ami") as socket:
        client = socket.client
        assert await client.recv() == b"Asterisk Call Manager/11.0.0\r\n"
        await client.send(b"Action: Login\r\nUsername: wall\r\nSecret: x\r\nAct")
        await client.send("ionID: 1\r\n\r\n")
        accepted = b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
        assert await client.recv() == accepted
        while not (await client.recv()).startswith(b"Event: SuccessfulAuth"):
            pass
        odd = b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: \xff\r\n\r\n"
        house.bench.feed(odd, event("Hold"))
        assert await client.recv() == odd
        assert await client.recv() == event("Hold")
        await client.send("Action: CoreShowChannels\r\nActionID: 2\r\n\r\n")
        await until(lambda: house.bench.upstream.actions)
        (asked,) = house.bench.upstream.take()
        house.bench.answer(asked, b"EventList: start\r\n")
        mark = b"ActionID: " + asked.get(b"actionid") + b"\r\n"
        house.bench.feed(
            b"Event: CoreShowChannel\r\n" + mark + b"Channel: a\r\n\r\n",
            b"Event: CoreShowChannelsComplete\r\n" + mark + b"EventList: Complete\r\nListItems: 1\r\n\r\n",
        )
        first = [(await client.recv()).split(b"\r\n")[0] for _ in range(3)]
        assert first == [
            b"Response: Success",
            b"Event: CoreShowChannel",
            b"Event: CoreShowChannelsComplete",
        ]


async def test_a_client_that_has_proved_itself_is_logged_in(house: SocketHouse) -> None:
    async with house.socket("/ws", "binary", **basic()) as socket:
        assert (await socket.client.recv()).startswith(b"Asterisk Call Manager/")
        await socket.client.send("Action: Login\r\nUsername: wall\r\nSecret: x\r\nActionID: 5\r\n\r\n")
        while b"ActionID: 5\r\n" not in (heard := await socket.client.recv()):
            pass
        assert heard.startswith(b"Response: Success")
        await socket.client.send("Action: Logoff\r\n\r\n")
        assert await socket.code() == 1000


async def test_what_is_not_ami_ends_the_connection(house: SocketHouse) -> None:
    async with house.socket("/ws", "ami") as socket:
        await socket.client.send("GET / HTTP/1.1\r\n\r\n")
        assert await socket.code() == 4004
