"""The HTTP doors through nginx, HAProxy and Caddy, each with its example in deploy/examples/http."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
import websockets.asyncio.client as websockets
import yaml

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.deploy.reverse_proxies import EXAMPLES, KINDS, NAME, ReverseProxy, short_folder
from tests.support.http_doors import HTTP_USERS, HttpClient, add_listener, basic, message
from tests.support.service import LIMITS, PASSWORDS, SECRET, Service
from tests.support.smuggling import HIDDEN, PAIRS
from tests.support.waiting import until

_EVENT = b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Test\r\nNumber: %d\r\n\r\n"


class Place(NamedTuple):
    """A reverse proxy in front of a proxy in front of a simulated Asterisk."""

    front: ReverseProxy
    service: Service
    asterisk: Simulator
    context: ssl.SSLContext

    def client(self, source: str = "127.0.0.1") -> HttpClient:
        return HttpClient(self.front.port, self.context, source, NAME)

    def connect(self, source: str, path: str = "/ws", **headers: str) -> Any:
        sock = socket.create_connection(("127.0.0.1", self.front.port), 10, (source, 0))
        return websockets.connect(
            f"wss://{NAME}:{self.front.port}{path}",
            sock=sock,
            ssl=self.context,
            server_hostname=NAME,
            subprotocols=["ami.json"],
            additional_headers={**basic(), **headers},
        )

    def has_logged(self, address: str) -> bool:
        """Whether our log has a login of boss from there."""
        return any(
            f" peer={address} " in line and " user=boss" in line for line in self.service.stderr.splitlines()
        )


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    [_, ours] = yaml.safe_load((EXAMPLES / "proxy.yaml").read_text())["listeners"]
    ca = trustme.CA()
    context = ssl.create_default_context()
    ca.configure_trust(context)
    async with Simulator([User("proxy", SECRET)], Settings(login_delay=0.0)) as asterisk:
        with short_folder() as folder:
            door = folder / "http.sock"
            service = Service(
                tmp_path, ("127.0.0.1", asterisk.port, "proxy", SECRET), HTTP_USERS, limits=LIMITS
            )
            add_listener(service, **{**ours, "address": f"unix:{door}"})
            front = ReverseProxy(request.param, folder, door, ca)
            try:
                await service.start_up()
                await service.linked()
                with front.running():
                    yield Place(front, service, asterisk, context)
                    # Caddy keeps streams open whose client is gone, and would wait for them at its end.
                    service.kill()
                    assert not [secret for secret in PASSWORDS.values() if secret in front.log()]
            finally:
                service.kill()


async def test_ajam_logs_in_and_waits_for_events(place: Place) -> None:
    client = place.client("127.0.0.71")
    with contextlib.closing(client.connection):
        cookie = f'mansession_id="{(await client.log_in()).cookie}"'
        first = await client.get("/rawman?action=waitevent&timeout=0", Cookie=cookie)
        assert first.body.startswith("Response: Success")
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(client.get("/mxml?action=waitevent&timeout=20", Cookie=cookie))
            number = 0
            while not waiting.done():
                place.asterisk.broadcast(_EVENT % number)
                number += 1
                await asyncio.wait([waiting], timeout=0.1)
        body = waiting.result().body
        assert "userevent='Test'" in body
    await until(lambda: place.has_logged("127.0.0.71"), lambda: place.service.stderr[-2000:])


async def test_a_websocket_gets_its_events_and_its_answers(place: Place) -> None:
    async with place.connect("127.0.0.72") as connected:
        assert (await message(connected, "hello"))["user"] == "boss"
        await message(connected, "snapshot")
        place.asterisk.broadcast(_EVENT % 1)
        assert (await message(connected, "event"))["data"]["UserEvent"] == "Test"
        await connected.send('{"type":"action","id":"7","data":{"Action":"Ping"}}')
        answer = await message(connected, "response")
        assert (answer["id"], answer["data"]["Response"]) == ("7", "Success")
    await until(lambda: place.has_logged("127.0.0.72"), lambda: place.service.stderr[-2000:])


async def test_a_stream_of_events_is_not_held_back(place: Place) -> None:
    client = place.client("127.0.0.73")

    def opened() -> Any:
        client.connection.request("GET", "/api/v1/events", headers=basic())
        return client.connection.getresponse()

    with contextlib.closing(client.connection):
        stream = await asyncio.to_thread(opened)
        assert (stream.status, stream.getheader("Content-Type").partition(";")[0]) == (
            200,
            "text/event-stream",
        )
        await until(lambda: place.has_logged("127.0.0.73"), lambda: place.service.stderr[-2000:])
        place.asterisk.broadcast(_EVENT % 77)
        async with asyncio.timeout(10):
            line = b""
            while b'"Number":"77"' not in line:
                line = await asyncio.to_thread(stream.readline)
                assert line


async def test_what_a_client_writes_about_its_address_is_ignored(place: Place) -> None:
    client = place.client("127.0.0.74")
    with contextlib.closing(client.connection):
        forged = {"X-Forwarded-For": "10.9.8.7", "Forwarded": "for=10.9.8.7", "X-Forwarded-Proto": "http"}
        answer = await client.post(
            "/rawman", f"action=login&username=boss&secret={PASSWORDS['boss']}", **forged
        )
        assert answer.body.startswith("Response: Success")
        assert "; Secure" in answer.headers["set-cookie"]
    await until(lambda: place.has_logged("127.0.0.74"), lambda: place.service.stderr[-2000:])
    assert "10.9.8.7" not in place.service.stderr


async def test_pages_of_other_sites_are_refused(place: Place) -> None:
    client = place.client()
    with contextlib.closing(client.connection):
        cookie = f'mansession_id="{(await client.log_in()).cookie}"'
        own = f"https://{NAME}:{place.front.port}"
        for origin, status in ((own, 200), ("https://elsewhere.example", 403)):
            answer = await client.post("/rawman", "action=ping", Cookie=cookie, Origin=origin)
            assert answer.status == status, (origin, answer)


async def test_a_secret_in_a_query_is_in_no_log(place: Place) -> None:
    client = place.client()
    query = f"action=login&username=boss&secret={PASSWORDS['boss']}"
    with contextlib.closing(client.connection):
        assert (await client.get(f"/rawman?{query}")).body.startswith("Response: Success")
    # Also not when there is an error to report.
    place.service.kill()
    client = place.client()
    with contextlib.closing(client.connection):
        referer = f"https://{NAME}/?{query}"
        assert (await client.get(f"/rawman?{query}", Referer=referer)).status in {502, 503}
    assert PASSWORDS["boss"] not in place.front.log() + place.service.stderr


@pytest.mark.parametrize("place", ["nginx", "haproxy"], indirect=True)
async def test_no_request_is_smuggled_past_the_reverse_proxy(place: Place) -> None:
    for name, pair in PAIRS:
        seen = place.front.log().count("GET /rawman"), place.service.stderr.count("smuggled")
        sock = socket.create_connection(("127.0.0.1", place.front.port), 10)
        with place.context.wrap_socket(sock, server_hostname=NAME) as connection:
            head = b"POST /rawman HTTP/1.1\r\nHost: pbx.example.org\r\nConnection: keep-alive\r\n"
            await asyncio.to_thread(connection.sendall, head + pair + HIDDEN)
            answers = await asyncio.to_thread(_all_of, connection)
        assert answers.startswith(b"HTTP/1.1 "), name
        if place.front.log().count("GET /rawman") == seen[0]:
            # It has seen one request: then there may not be a second one behind it.
            assert place.service.stderr.count("smuggled") == seen[1], name


def _all_of(connection: ssl.SSLSocket) -> bytes:
    """Everything that comes within a second."""
    connection.settimeout(1.0)
    found = b""
    with contextlib.suppress(OSError):
        while more := connection.recv(65536):
            found += more
    return found
