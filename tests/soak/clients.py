"""The clients of a soak: watchers, askers, visitors, far clients, slow consumers and attackers."""

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count

from tests.support.far import far
from tests.support.service import PASSWORDS, Service
from tests.support.storm_reader import StormReader
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

#: Seconds to wait for an answer; after that it counts as lost.
PATIENCE = 30.0
#: The only one to which limits per address, and penalties, do not apply.
EXEMPT = "127.0.0.1"
#: The address of all attackers.
HOSTILE = "127.0.0.66"
#: Seconds of a round trip for far clients.
TRIPS = (0.03, 0.1, 0.2)
_GUESS = b"Action: Login\r\nUsername: boss\r\nSecret: wrong\r\n\r\n"
_HARM = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    _GUESS,
    b"Action: Ping\r\n\0\r\nAction: Command\r\nCommand: core stop now\r\n\r\n",
    b"Action: Login\r\nUsername: " + b"x" * 5000 + b"\r\n\r\n",
    b"\r\n" * 2000,
    b"Action: Login\r\nUsername: caller\r\nSecret: ring\r\n\r\n" + b"Action: Ping\r\n\r\n" * 500,
    b"Action: Login\r\nUsername: caller\r\nSecret: ring\r\n\r\nAction: X\r\n" + b"A: b\r\n" * 20_000,
]


class Clients:
    """All of them.  ``lost`` names what must not happen; ``counted`` counts what did."""

    def __init__(self, service: Service, seed: int) -> None:
        self._service = service
        self._chance = random.Random(seed)
        self._numbers = count()
        #: Every other visitor or asker is limited, from an address of its own.
        self._addresses = (EXEMPT if n % 2 else f"127.0.1.{n % 250 + 1}" for n in count())
        self.watchers: list[StormReader] = []
        self.counted: Counter[str] = Counter()
        self.lost: list[str] = []
        #: Places where events were missing for visitors: (the one before, the one after).
        self.gaps: set[tuple[int, int]] = set()
        self.ending = False

    async def watch(self, clients: int) -> None:
        """Log in the watchers, which stay to the end and must see everything."""
        for _ in range(clients):
            reader = await StormReader.connect(
                self._service.port, self._service.context, "boss", PASSWORDS["boss"]
            )
            self.watchers.append(reader)

    async def ask(self) -> None:
        """One action after the other, each with an answer, whatever happens to Asterisk."""
        source = next(self._addresses)
        async with await self._service.client("boss", source=source, Events="off") as client:
            while not self.ending:
                action_id = f"ask-{next(self._numbers)}"
                name = self._chance.choice(
                    ["Ping", "CoreStatus", "QueueStatus", "NoSuch", "CoreShowChannels"]
                )
                client.send(name, ActionID=action_id)
                try:
                    answer = await client.response(action_id, within=PATIENCE)
                    if (answer.get("EventList") or "").lower() == "start":
                        await client.take(
                            lambda m, wanted=action_id: (
                                m.get("ActionID") == wanted
                                and m.get("EventList") in {"Complete", "Cancelled"}
                            ),
                            within=PATIENCE,
                        )
                except (TimeoutError, ConnectionError) as error:
                    self.lost.append(f"no answer to {name} {action_id}: {str(error)[:200]}")
                    return
                others = [m for m in client.inbox if m.is_response]
                if others:
                    self.lost.append(f"answers too many: {others[:3]}")
                client.inbox.clear()
                client.log.clear()
                kind = (
                    "answers" if answer.get("Message") != "Upstream not connected" else "answers while down"
                )
                self.counted[kind] += 1
                await asyncio.sleep(self._chance.uniform(0.0, 0.05))

    async def visit(self) -> None:
        """Log in, watch for a short time, leave one way or the other."""
        await self._come_and_go(self._service.port, next(self._addresses), "logins")

    async def visit_from_far(self) -> None:
        """The same, over a slow path."""
        trip = self._chance.choice(TRIPS)
        source = f"127.0.2.{next(self._numbers) % 250 + 1}"
        async with far("127.0.0.1", self._service.port, trip, lambda: source) as port:
            await self._come_and_go(port, EXEMPT, "logins from far")

    async def _come_and_go(self, port: int, source: str, counted: str) -> None:
        while not self.ending:
            try:
                reader = await StormReader.connect(
                    port, self._service.context, "boss", PASSWORDS["boss"], source
                )
            except (OSError, TimeoutError, AssertionError) as error:
                self.lost.append(f"a good client does not get in: {error!r}")
                await asyncio.sleep(1.0)
                continue
            self.counted[counted] += 1
            await asyncio.sleep(self._chance.uniform(0.05, 2.0))
            if reader.ended:
                self.lost.append("a session that did no wrong was ended")
            self.gaps.update(reader.wrong)
            transport = reader._transport
            assert transport is not None
            if self._chance.random() < 0.3:
                transport.write(b"Action: QueueStatus\r\n\r\nAction: CoreSt")
            if self._chance.random() < 0.5:
                transport.abort()
            else:
                transport.close()

    async def not_read(self) -> None:
        """Log in and read nothing more, until it is closed."""
        source = next(self._addresses)
        while not self.ending:
            async with self._peer(source, receive_buffer=4096) as peer:
                await peer.handshake()
                await peer.send(b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\n")
                await until(lambda sock=peer.socket: self.ending or _is_over(sock), within=3600)
                self.counted["slow clients cut"] += not self.ending

    async def attack(self) -> None:
        """Nonsense before and after a login, half a handshake, a flood of actions."""
        while not self.ending:
            # As many guesses as anything else: each connection over a rate, or during a penalty, is one less.
            harm = _GUESS if self._chance.random() < 0.5 else self._chance.choice(_HARM)
            with contextlib.suppress(OSError, TimeoutError, AssertionError):
                async with asyncio.timeout(5), self._peer(HOSTILE) as peer:
                    if self._chance.random() < 0.2:
                        await asyncio.sleep(0.5)
                    else:
                        await peer.handshake()
                        await peer.send(harm)
                        self.counted["guesses"] += harm is _GUESS
                        await asyncio.sleep(self._chance.uniform(0.0, 0.3))
            self.counted["hostile connections"] += 1

    @contextlib.asynccontextmanager
    async def _peer(self, source: str, receive_buffer: int = 0) -> AsyncIterator[TlsPeer]:
        address = ("127.0.0.1", self._service.port)
        async with TlsPeer.to(address, self._service.context, receive_buffer, source) as peer:
            yield peer


def _is_over(sock: socket.socket) -> bool:
    """Whether the other side has reset or ended it; reads nothing."""
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return True
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED
