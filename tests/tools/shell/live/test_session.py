"""One AMI session, against scripted servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import md5

import pytest

from amiproxy.ami.errors import TooManyHeaders
from amiproxy.ami.message import Message
from amiproxy.tools.shell.language.actions import read_line
from amiproxy.tools.shell.live import session as session_module
from amiproxy.tools.shell.live.session import ConnectionLost, LoginRefused, Server, Session
from amiproxy.tools.tlsclient import ConnectError, Destination
from tests.support.ports import free_port

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
Script = Callable[["Far"], Awaitable[None]]


class Far:
    """The server's end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> dict[str, str]:
        """The headers of the next action."""
        raw = await self._reader.readuntil(b"\r\n\r\n")
        lines = raw.decode().strip().split("\r\n")
        return dict(line.split(": ", 1) for line in lines)

    def write(self, *lines: str) -> None:
        """Send a message."""
        self._writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    def raw(self, data: bytes) -> None:
        self._writer.write(data)


@asynccontextmanager
async def serving(script: Script, banner: bytes = BANNER) -> AsyncIterator[Server]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        try:
            await script(Far(reader, writer))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Server(Destination("127.0.0.1", server.sockets[0].getsockname()[1]), plain=True)
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def opened(script: Script) -> AsyncIterator[tuple[Session, list[bytes]]]:
    """A session, and the names of the events that it has received."""
    seen: list[bytes] = []

    def saw(event: Message) -> None:
        seen.append(event.get(b"event"))

    async with serving(script) as server:
        session = await Session.open(server, saw)

        async def receive() -> None:
            with pytest.raises(ConnectionLost):
                await session.receive()

        async with asyncio.TaskGroup() as group:
            group.create_task(receive())
            yield session, seen
            await session.close()


async def test_a_list_is_collected_among_events() -> None:
    async def script(far: Far) -> None:
        asked = await far.read()
        own = f"ActionID: {asked['ActionID']}"
        far.write("Event: Newchannel", "Channel: a")
        far.write("Response: Success", own, "EventList: start")
        far.write("Event: CoreShowChannel", own, "Channel: a")
        far.write("Event: Hangup", "Channel: b")
        far.write("Event: CoreShowChannelsComplete", own, "EventList: Complete", "ListItems: 1")
        await far.read()

    async with opened(script) as (session, seen):
        assert session.banner == "Asterisk Call Manager/11.0.0"
        assert session.tls == "plain text"
        answer = await session.ask(read_line("CoreShowChannels").action)
        assert [item.get(b"channel") for item in answer.items] == [b"a"]
        assert seen == [b"Newchannel", b"Hangup"]


async def test_an_answer_without_an_end_is_followed_by_a_ping() -> None:
    async def script(far: Far) -> None:
        await far.read()
        far.raw(b"IAX2/a 1 2\r\n\r\n")
        ping = await far.read()
        assert ping["Action"] == "Ping"
        far.write("Response: Success", f"ActionID: {ping['ActionID']}")
        await far.read()

    async with opened(script) as (session, _):
        assert (await session.ask(read_line("IAXnetstats").action)).rows == [b"IAX2/a 1 2\r\n\r\n"]


async def test_the_users_own_actionid_is_kept() -> None:
    async def script(far: Far) -> None:
        asked = await far.read()
        assert asked["ActionID"] == "mine"
        far.write("Response: Success", "ActionID: mine")
        await far.read()

    async with opened(script) as (session, _):
        answer = await session.ask(read_line("Ping ActionID=mine").action)
        assert answer.action_id == b"mine"


async def test_what_comes_after_the_wait_was_ended_is_dropped() -> None:
    async def script(far: Far) -> None:
        first = await far.read()
        second = await far.read()
        far.write("Response: Success", f"ActionID: {first['ActionID']}", "EventList: start")
        far.write("Event: CoreShowChannel", f"ActionID: {first['ActionID']}")
        far.write("Event: CoreShowChannelsComplete", f"ActionID: {first['ActionID']}", "EventList: Complete")
        far.write("Response: Success", f"ActionID: {second['ActionID']}", "Ping: Pong")
        await far.read()

    async with opened(script) as (session, seen):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.ask(read_line("CoreShowChannels").action)
        answer = await session.ask(read_line("Ping").action)
        assert answer.response is not None
        assert answer.response.get(b"ping") == b"Pong"
        assert seen == []


async def test_the_old_form_of_output_is_read_only_with_our_own_mark() -> None:
    async def script(far: Far) -> None:
        asked = await far.read()
        far.write("Response: Follows", "ActionID: of-a-caller")
        head = f"Response: Follows\r\nPrivilege: Command\r\nActionID: {asked['ActionID']}\r\n"
        far.raw(f"{head}one\n\ntwo\n--END COMMAND--\r\n\r\n".encode())
        await far.read()

    async with opened(script) as (session, _):
        answer = await session.ask(read_line("Command x").action)
        assert answer.response is not None
        assert b"one\n\ntwo\n" in answer.response.raw


async def test_over_plain_text_the_secret_is_not_sent() -> None:
    async def script(far: Far) -> None:
        asked = await far.read()
        assert asked["Action"] == "Challenge"
        far.write("Response: Success", f"ActionID: {asked['ActionID']}", "Challenge: 12345")
        login = await far.read()
        assert "Secret" not in login
        assert login["Key"] == md5(b"12345hunter2").hexdigest()
        assert login["Events"] == "off"
        far.write("Response: Success", f"ActionID: {login['ActionID']}")
        await far.read()

    async with opened(script) as (session, _):
        assert not (await session.login("desk", b"hunter2", events=False)).failed


async def test_without_a_challenge_there_is_no_login_over_plain_text() -> None:
    async def script(far: Far) -> None:
        asked = await far.read()
        far.write("Response: Error", f"ActionID: {asked['ActionID']}", "Message: Must specify AuthType")
        assert (await far.read())["Action"] == "Logoff"

    async with opened(script) as (session, _):
        with pytest.raises(LoginRefused):
            await session.login("desk", b"hunter2", events=True)


async def test_the_reason_why_the_proxy_ends_a_session_is_passed_on() -> None:
    async def script(far: Far) -> None:
        await far.read()
        far.write("Event: ProxySessionEnd", "Reason: kicked")

    async with serving(script) as server:
        session = await Session.open(server, lambda _: None)

        async def ask() -> None:
            with pytest.raises(ConnectionLost, match="kicked"):
                await session.ask(read_line("Ping").action)

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())
            with pytest.raises(ConnectionLost, match="kicked"):
                await session.receive()
        session.abort()


@pytest.mark.parametrize(
    ("banner", "part"),
    [
        (b"", "without sending anything"),
        (b"HTTP/1.1 400 \x1b[2JBad\r\n", "does not speak AMI"),
        (b"x" * 100_000, "does not speak AMI"),
    ],
)
async def test_a_server_that_does_not_speak_ami_is_named(banner: bytes, part: str) -> None:
    async def script(_: Far) -> None:
        pass

    async with serving(script, banner) as server:
        with pytest.raises(ConnectError, match=part) as refused:
            await Session.open(server, lambda _: None)
        assert "\x1b" not in str(refused.value)


async def test_a_refused_connection_is_an_error_in_plain_words() -> None:
    with pytest.raises(ConnectError, match="cannot be reached"):
        await Session.open(Server(Destination("127.0.0.1", free_port()), plain=True), lambda _: None)


def test_plain_text_is_for_this_machine_only() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        Server(Destination(host, 5038), plain=True)
    for host in ("192.0.2.1", "pbx.example.org", "0.0.0.0", "localhost.example.org"):
        with pytest.raises(ConnectError):
            Server(Destination(host, 5038), plain=True)


async def test_a_message_that_is_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_SHOWN", 1000)

    async def script(far: Far) -> None:
        asked = await far.read()
        far.write("Response: Success", f"ActionID: {asked['ActionID']}", *["Line: x"] * 1000)
        await far.read()

    async with opened(script) as (session, _):
        assert (await session.ask(read_line("GetConfig Filename=a").action)).is_cut


async def test_an_action_that_asterisk_would_refuse_is_not_sent() -> None:
    async def script(far: Far) -> None:
        assert (await far.read())["Action"] == "Ping"

    async with opened(script) as (session, _):
        headers = " ".join(f"H{number}=1" for number in range(127))
        with pytest.raises(TooManyHeaders):
            await session.ask(read_line(f"OfAnotherModule {headers}").action)
        with pytest.raises(ConnectionLost):
            await session.ask(read_line("Ping").action)
