"""The demo's AMI client, against the simulator behind a TLS socket."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest

from amiproxy.tools.demo.client import Client, Received
from amiproxy.tools.demo.folder import opened


@pytest.fixture
def folder(tmp_path):
    with opened(tmp_path / "state") as folder:
        folder.write_certificates()
        yield folder


@asynccontextmanager
async def door(folder, script):
    """A TLS server on loopback that serves one client with ``script(reader, writer)``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder.directory / "server.crt", folder.directory / "server.key")

    async def serve(reader, writer):
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_the_first_line_gives_the_kind_of_message_and_the_second_its_classes():
    lines = [b"Event: UserEvent", b"Privilege: user,all", b"Event: Forged", b"Privilege: call", b"X:"]
    raw = b"\r\n".join([*lines, b"Response: y", b"", b""])
    message = Received.parse(raw)
    assert message.event == "UserEvent"
    assert message.classes == {"user"}
    assert message.get("response") == "y"
    assert message.get("absent") == ""
    assert Received.parse(b"Response: Success\r\nEvent: x\r\n\r\n").event == ""


async def test_on_answer_is_called_before_the_events_after_the_response(folder):
    async def script(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        assert asked == b"Action: Originate\r\nActionID: demo-1\r\nChannel: X/1\r\n\r\n"
        # One write, so one read: the order must still be that of the wire.
        writer.write(
            b"Event: Before\r\nPrivilege: call,all\r\n\r\n"
            b"Response: Success\r\nActionID: other\r\n\r\n"
            b"Response: Success\r\nActionID: demo-1\r\n\r\n"
            b"Event: After\r\nPrivilege: call,all\r\n\r\n"
        )
        await reader.read()

    order = []
    after = asyncio.Event()

    def on_event(event):
        order.append(event.event)
        if event.event == "After":
            after.set()

    async with door(folder, script) as port:
        client = await Client.connect("127.0.0.1", port, folder.cafile, on_event)
        assert client.banner == "Asterisk Call Manager/11.0.0"
        async with asyncio.TaskGroup() as tasks:
            receiving = tasks.create_task(client.receive())
            answer = await client.action(
                "Originate", ("Channel", "X/1"), on_answer=lambda _: order.append("answer")
            )
            async with asyncio.timeout(10):
                await after.wait()
            receiving.cancel()
        await client.close()
    assert answer.get("Response") == "Success"
    assert order == ["Before", "answer", "After"]


async def test_a_session_that_the_proxy_ends_is_an_error(folder):
    async def script(_reader, writer):
        writer.write(b"Event: Cut\r\n")

    async with door(folder, script) as port:
        client = await Client.connect("127.0.0.1", port, folder.cafile, lambda _: None)
        with pytest.raises(ConnectionError, match="the proxy ended the session"):
            await client.receive()
        await client.close()


async def test_a_certificate_of_another_ca_is_refused(folder, tmp_path):
    async def script(reader, _writer):
        await reader.read()

    with opened(tmp_path / "other") as other:
        other.write_certificates()
        async with door(folder, script) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await Client.connect("127.0.0.1", port, other.cafile, lambda _: None)
