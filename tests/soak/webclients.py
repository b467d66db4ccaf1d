"""The clients of a soak that come over HTTP: sockets that resume, scripts that wait, callers, attackers."""

import asyncio
import contextlib
import random
import re
from collections.abc import Mapping
from itertools import count
from typing import Any

import websockets.asyncio.client as websockets
from websockets.exceptions import WebSocketException

from tests.soak.clients import EXEMPT, HOSTILE, PATIENCE, Clients
from tests.support.http_doors import basic, frame, upgrade
from tests.support.http_stream import HttpStream
from tests.support.service import PASSWORDS, Service
from tests.support.tls_peer import TlsPeer

_JSON = re.compile(r'"Variable":"STORM","Value":"(\d{10}) ')
_RAW = re.compile(rb"Variable: STORM\r\nValue: (\d{10}) ")
_POSITION = re.compile(r'"seq":"([^"]+)"')
_KIND = re.compile(r'"type":"(\w+)"')
_LOGIN = f"action=login&username=boss&secret={PASSWORDS['boss']}"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_HEAD = b"POST /rawman HTTP/1.1\r\nHost: localhost\r\n"
_HARM = [
    b"Action: Login\r\nUsername: boss\r\nSecret: wrong\r\n\r\n",
    b"GET /rawman?action=login&username=boss&secret=wrong HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"x" * 20_000,
    _HEAD + b"X: y\r\n" * 5000,
    _HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 60_000,
    _HEAD + b"Content-Length: 100\r\n\r\naction=",
    upgrade("caller") + frame(9, b"x" * 100) * 2000,
    upgrade("caller") + frame(1, b"{", final=False) + frame(0, b"x" * 100, final=False) * 2000,
    upgrade("caller") + b"\x81\x02{}",
]


class Seen:
    """The numbers of the events that one client has seen."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self.last = -1

    def forget(self) -> None:
        """The client has been told that events are missing here."""
        self.last = -1

    def note(self, number: int) -> None:
        """The next event; one that is not the next is noted as a gap."""
        if self.last >= 0 and number != self.last + 1:
            self._clients.gaps.add((self.last, number))
        self.last = number


class WebClients:
    """All of them; what they lose and count is that of ``clients``."""

    def __init__(self, service: Service, port: int, clients: Clients, seed: int) -> None:
        self._service, self._port, self._clients = service, port, clients
        self._chance = random.Random(seed)
        self._sources = (EXEMPT if n % 2 else f"127.0.3.{n % 250 + 1}" for n in count())

    async def watch(self) -> None:
        """A WebSocket that is cut off again and again, and resumes each time."""
        seen, position, source = Seen(self._clients), "", next(self._sources)
        while not self._clients.ending:
            try:
                async with self._socket(source, position) as connected:
                    position = await self._read(connected, seen, position)
                    if self._chance.random() < 0.5:
                        connected.transport.abort()
            except (OSError, TimeoutError, WebSocketException) as error:
                self._clients.lost.append(f"a WebSocket does not get in: {error!r}")
                await asyncio.sleep(1.0)

    def _socket(self, source: str, position: str) -> Any:
        return websockets.connect(
            f"wss://localhost:{self._port}/ws{f'?last={position}' if position else ''}",
            host="127.0.0.1",
            local_addr=(source, 0),
            ssl=self._service.context,
            subprotocols=["ami.json"],
            additional_headers=basic(),
            compression=None,
            max_size=None,
        )

    async def _read(self, connected: Any, seen: Seen, position: str) -> str:
        """Read for a short time; the last position."""
        kinds: set[str] = set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._chance.uniform(0.5, 3.0)):
                while True:
                    text = await connected.recv()
                    found = _KIND.search(text)
                    kind = found[1] if found else text[:40]
                    # It has been told that events may be missing: it did not resume, or the link was down.
                    if kind in {"lost", "link"} or (kind == "event" and not kinds & {"resumed", "event"}):
                        seen.forget()
                    kinds.add(kind)
                    if (at := _POSITION.search(text)) is not None:
                        position = at[1]
                    if (number := _JSON.search(text)) is not None:
                        seen.note(int(number[1]))
        if not kinds & {"snapshot", "resumed", "error"}:
            self._clients.lost.append(f"a WebSocket got neither a snapshot nor what it missed: {kinds}")
        self._clients.counted["WebSockets resumed" if "resumed" in kinds else "WebSockets"] += 1
        return position

    async def poll(self) -> None:
        """A script that logs in by AJAM, waits for events in a loop, and mostly forgets to log off."""
        while not self._clients.ending:
            stream = await HttpStream.connect(self._port, self._service.context, next(self._sources))
            try:
                async with asyncio.timeout(PATIENCE + 10):
                    await self._wait_for_events(stream)
            except (OSError, TimeoutError, EOFError, AssertionError) as error:
                self._clients.lost.append(f"a script is not answered: {error!r}"[:300])
                await asyncio.sleep(1.0)
            finally:
                stream.close()

    async def _wait_for_events(self, stream: HttpStream) -> None:
        reply = await stream.ask("POST", "/rawman", _LOGIN, _FORM)
        assert b"Authentication accepted" in reply.body, reply
        cookie = {"Cookie": f'mansession_id="{reply.cookie}"'}
        seen = Seen(self._clients)
        for _ in range(self._chance.randint(1, 40)):
            reply = await stream.ask("GET", "/rawman?action=waitevent&timeout=2", headers=cookie)
            assert reply.status == 200, reply
            assert reply.body.startswith(b"Response: Success"), reply
            if b"\r\nEvent: EventsLost\r\n" in reply.body or b"\r\nEvent: ProxyUpstream\r\n" in reply.body:
                seen.forget()
                self._clients.counted["times that scripts were told of missing events"] += 1
            for number in _RAW.findall(reply.body):
                seen.note(int(number))
            self._clients.counted["WaitEvents"] += 1
        if self._chance.random() < 0.2:
            await stream.ask("GET", "/rawman?action=logoff", headers=cookie)

    async def call(self) -> None:
        """Actions by REST, each with an answer, whatever happens to Asterisk."""
        headers: Mapping[str, str] = {"Content-Type": "application/json", **basic()}
        stream = await HttpStream.connect(self._port, self._service.context, EXEMPT)
        try:
            while not self._clients.ending:
                name = self._chance.choice(["Ping", "CoreStatus", "CoreShowChannels", "QueueStatus"])
                async with asyncio.timeout(PATIENCE):
                    reply = await stream.ask("POST", f"/api/v1/actions/{name}", "{}", headers)
                assert reply.status in {200, 503, 504}, reply
                self._clients.counted["REST calls"] += 1
                await asyncio.sleep(self._chance.uniform(0.0, 0.1))
        except (OSError, TimeoutError, EOFError, AssertionError) as error:
            self._clients.lost.append(f"no answer by REST: {error!r}"[:300])
        finally:
            stream.close()

    async def attack(self) -> None:
        """Nonsense over HTTP, before and after a login."""
        while not self._clients.ending:
            harm = self._chance.choice(_HARM)
            with contextlib.suppress(OSError, TimeoutError, AssertionError):
                address = ("127.0.0.1", self._port)
                async with asyncio.timeout(5), TlsPeer.to(address, self._service.context, 0, HOSTILE) as peer:
                    await peer.handshake()
                    await peer.send(harm)
                    await asyncio.sleep(self._chance.uniform(0.0, 0.3))
            self._clients.counted["hostile connections over HTTP"] += 1
