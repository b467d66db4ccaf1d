"""The actions of operators and Asterisk meanwhile: events, good and bad reloads, rotations, restarts."""

import asyncio
import copy
import signal
import time
from collections import Counter
from typing import Any

import trustme

from amiproxy.ami import privilege
from amiproxy.tools.simulator import Settings, Simulator, User
from amiproxy.tools.simulator.calls.storm import storm_event
from tests.soak.clients import Clients
from tests.support.http_doors import HTTP_USERS
from tests.support.service import SECRET, Service
from tests.support.waiting import until

_DIALPLAN = privilege.required_classes(b"dialplan,all")
_BURST_SECONDS = 0.01


class Asterisk:
    """A simulator that is restarted on the same port, and numbers its events across restarts."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._paused = False
        self.sent = 0
        self.simulator: Simulator | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self.simulator = Simulator([User("proxy", SECRET)], Settings(login_delay=0.0))
        await self.simulator.start(port=self.port)
        self.port = self.simulator.port

    async def stop(self) -> None:
        """End, as a killed Asterisk does."""
        assert self.simulator is not None
        await self.simulator.stop()

    async def pump(self) -> None:
        """Events at the rate, whenever a watcher can see them."""
        began, base = time.monotonic(), self.sent
        while True:
            await asyncio.sleep(_BURST_SECONDS)
            assert self.simulator is not None
            listening = [s for s in self.simulator.sessions if s.user is not None]
            if self._paused or not listening:
                began, base = time.monotonic(), self.sent
                continue
            now = time.monotonic()
            due = base + int((now - began) * self._rate)
            burst = b"".join(storm_event(number, now) for number in range(self.sent, due))
            self.sent = max(self.sent, due)
            for session in listening:
                session.deliver(burst, _DIALPLAN)

    async def quiet(self, clients: Clients) -> None:
        """No more events, and every watcher has seen all that were sent."""
        self._paused = True
        await until(
            lambda: all(w.last == self.sent - 1 or w.ended for w in clients.watchers),
            lambda: f"{self.sent} sent, seen {Counter(w.last for w in clients.watchers).most_common(5)}",
            within=30,
        )

    def go_on(self) -> None:
        """Events again."""
        self._paused = False


class Operators:
    """Each method is one operation that is repeated."""

    def __init__(self, service: Service, asterisk: Asterisk, clients: Clients) -> None:
        self._service, self._asterisk, self._clients = service, asterisk, clients
        self._ca = trustme.CA()
        self._ca.configure_trust(service.context)
        self.done: Counter[str] = Counter()

    async def reload(self) -> None:
        """Alternately: another user in the table, or a bad table that must not be applied."""
        users: dict[str, Any] = copy.deepcopy(HTTP_USERS)
        if self.done["reloads"] % 2:
            users[f"extra-{self.done['reloads']}"] = dict(HTTP_USERS["blind"])
        self._service.write_users(users)
        await self._signalled(" reloaded ")
        self.done["reloads"] += 1
        (self._service.directory / "users.yaml").write_text("users: {boss: {secret: [}\n")
        await self._signalled(" reload-failed ")
        self._service.write_users(users)
        self.done["bad reloads refused"] += 1

    async def rotate(self) -> None:
        """Another certificate, and a client that is shown it."""
        leaf = self._ca.issue_cert("localhost", "127.0.0.1")
        folder = self._service.directory
        leaf.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
        leaf.private_key_pem.write_to_path(str(folder / "server.key"))
        self.done["rotations"] += 1

    async def restart(self) -> None:
        """Asterisk ends: alternately while idle, when nothing may be lost, and under load."""
        number = self.done["upstream restarts"]
        ups = self._service.links_made
        if number % 2:
            simulator = self._asterisk.simulator
            assert simulator is not None
            simulator.faults.reset()
            self.done["of these under load"] += 1
        else:
            await self._asterisk.quiet(self._clients)
            await self._asterisk.stop()
            await asyncio.sleep(0.5)
            await self._asterisk.start()
        await until(lambda: self._service.links_made > ups, "the link", within=30)
        self._asterisk.go_on()
        self.done["upstream restarts"] += 1

    async def _signalled(self, expected: str) -> None:
        before = self._service.stderr.count(expected)
        self._service.signal(signal.SIGHUP)
        await until(
            lambda: self._service.stderr.count(expected) > before,
            lambda: f"{expected} in {self._service.stderr[-1000:]}",
            within=20,
        )
