"""What an engine sends, as it is cut into messages and commands."""

import asyncio
import json

import pytest
from nats.errors import ProtocolError

from amiproxy.net.fleet.natsparser import NatsParser


class Client:
    """Notes what the parser calls."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes, bytes, bytes, bytes]] = []
        self.calls: list[str] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        self.messages.append((sid, subject, reply, data, headers))

    async def _process_ping(self) -> None:
        self.calls.append("ping")

    async def _process_pong(self) -> None:
        self.calls.append("pong")

    async def _process_err(self, text: str) -> None:
        self.calls.append(text)


class World:
    def __init__(self) -> None:
        self.client = Client()
        self.now = 0.0
        self.parser = NatsParser(self.client, lambda: self.now)

    async def read(self, *pieces: bytes) -> list[tuple[int, bytes, bytes, bytes, bytes]]:
        for piece in pieces:
            await self.parser.parse(piece)
        return self.client.messages


@pytest.fixture
def world() -> World:
    return World()


STREAM = (
    b"MSG a.b 1 5\r\nhello\r\n"
    b"PING\r\n"
    b"MSG a.b 12 _INBOX.edge1.7 0\r\n\r\n"
    b"+OK\r\n"
    b"HMSG a.b 3 12 17\r\nNATS/1.0\r\n\r\nhello\r\n"
    b"INFO " + json.dumps({"connect_urls": ["[" * 9]}).encode() + b" \r\n"
    b"HMSG _INBOX.edge1.7 4 to.me 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"
    b"PONG\r\n"
    b"-ERR 'Permissions Violation for Publish to \"\xff\"'\r\n"
    b"MSG a.b 1 2\r\n\r\n\r\n"
)
MESSAGES = [
    (1, b"a.b", b"", b"hello", b""),
    (12, b"a.b", b"_INBOX.edge1.7", b"", b""),
    (3, b"a.b", b"", b"hello", b"NATS/1.0\r\n\r\n"),
    (4, b"_INBOX.edge1.7", b"to.me", b"", b"NATS/1.0 503\r\n\r\n"),
    (1, b"a.b", b"", b"\r\n", b""),
]
CALLS = ["ping", "pong", "'permissions violation for publish to \"\ufffd\"'"]


async def test_messages_and_commands(world: World) -> None:
    assert await world.read(STREAM) == MESSAGES
    assert world.client.calls == CALLS


async def test_they_may_arrive_in_pieces(world: World) -> None:
    assert await world.read(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == MESSAGES
    assert world.client.calls == CALLS


@pytest.mark.parametrize("odd", [b"a\x0b5", b"\x0c", b"a\x0b\x0b", b"\xff\xfe", b"\x00", b"x" * 4000, b"'"])
async def test_a_sender_may_choose_any_subject_for_the_answer(world: World, odd: bytes) -> None:
    assert await world.read(b"MSG a.b 1 %s 5\r\nhello\r\n" % odd) == [(1, b"a.b", odd, b"hello", b"")]


@pytest.mark.parametrize(
    "wrong",
    [
        b"\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"MSG a.b 1\r\n",
        b"MSG a.b 1 x y 5\r\n",
        b"MSG a.b x 5\r\n",
        b"MSG a.b 1 -5\r\n",
        b"MSG a.b 1 \xb2\r\n",
        b"MSG a.b 1 67108865\r\n",
        b"MSG a.b 1 " + b"9" * 5000 + b"\r\n",
        b"HMSG a.b 1 5\r\n",
        b"HMSG a.b 1 6 5\r\n",
        b"x" * 70_000,
    ],
)
async def test_what_no_nats_server_says_ends_the_connection(world: World, wrong: bytes) -> None:
    with pytest.raises(ProtocolError):
        await world.read(wrong)
    assert world.client.messages == []


async def test_everything_else_gets_its_turn_between_many_messages(world: World) -> None:
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(len(world.client.messages))
            await asyncio.sleep(0)

    async def slowly(*message: object) -> None:
        world.now += 0.0004
        world.client.messages.append(message)

    world.client._process_msg = slowly
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(others())
        await world.read(b"MSG a.b 1 0\r\n\r\n" * 9)
        task.cancel()
    assert turns == [3, 6, 9]


async def test_after_a_reset_it_begins_with_a_new_line(world: World) -> None:
    await world.read(b"MSG a.b 1 5\r\nhel")
    world.parser.reset()
    assert await world.read(b"MSG a.b 1 0\r\n\r\n") == [(1, b"a.b", b"", b"", b"")]
